"""What a learning rate range test says of losses with known shapes."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.train.rate_range import Sweep, geometric, read_sweeps

RATES = geometric(1e-6, 10.0, 200)


def valley(lowest: float, noise: float = 0.0, seed: int = 0, shift: float = 0.0) -> Sweep:
    """A loss of 2 that falls to 0.5 over two decades before ``lowest``, and rises after it until it explodes."""
    place = np.log10(RATES / lowest) + shift
    fall = 2.0 - 1.5 / (1.0 + np.exp(-5.0 * (place + 1.0)))
    losses = fall + np.where(place > 0.0, 6.0 * place**2, 0.0)
    losses += noise * np.random.default_rng(seed).normal(size=len(RATES))
    exploded = np.flatnonzero(losses > 8.0)
    return Sweep(RATES, losses[: exploded[0] if len(exploded) else None])


@pytest.mark.parametrize("lowest", [1e-3, 0.1])
def test_finds_the_edge_within_a_factor_of_two_whatever_the_noise(lowest: float) -> None:
    found = read_sweeps([valley(lowest, noise=0.15, seed=seed) for seed in range(3)])
    assert found.edge is not None
    assert lowest / 2 < found.edge < lowest * 2
    assert found.steepest is not None
    assert lowest / 30 < found.steepest < lowest / 3  # a decade below it is the middle of the fall
    assert found.exploded is not None
    assert lowest < found.exploded < 30 * lowest
    assert not found.open_end


def test_suggests_two_decades_that_end_above_the_edge() -> None:
    found = read_sweeps([valley(1e-2)])
    assert found.edge is not None
    assert found.suggested is not None
    low, high = found.suggested
    assert high == pytest.approx(2 * found.edge, rel=0.05)
    assert low == pytest.approx(high / 100, rel=0.05)
    assert found.first == pytest.approx(found.edge / 3, rel=0.05)


def test_does_not_lag_behind_the_loss() -> None:
    step = np.where(RATES < 1e-3, 2.0, 1.0)
    found = read_sweeps([Sweep(RATES, step)])
    halfway = RATES[int(np.argmax(found.losses < 1.5))]
    assert 0.8e-3 < halfway < 1.25e-3


def test_a_loss_that_never_falls_gets_no_range() -> None:
    flat = 2.0 + 0.01 * np.random.default_rng(0).normal(size=len(RATES))
    found = read_sweeps([Sweep(RATES, flat)])
    assert found.edge is None
    assert found.suggested is None
    assert found.first is None


def test_a_loss_that_still_falls_at_the_end_says_so() -> None:
    found = read_sweeps([Sweep(RATES, np.linspace(2.0, 0.5, len(RATES)))])
    assert found.open_end


def test_most_sweeps_decide_where_the_loss_explodes() -> None:
    early, late = valley(1e-2, shift=1.0), valley(1e-2)
    found = read_sweeps([early, late, late])
    assert found.exploded == pytest.approx(RATES[len(late.losses)])


def test_a_loss_that_is_no_number_at_once_is_refused() -> None:
    with pytest.raises(RequestError, match="no number before the first update"):
        read_sweeps([Sweep(RATES, np.array([]))])


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 0.1), (1.0, float("inf")), (float("nan"), 1.0)])
def test_rates_have_to_rise_from_above_zero(ends: tuple[float, float]) -> None:
    with pytest.raises(RequestError, match="have to rise"):
        geometric(*ends, 100)
