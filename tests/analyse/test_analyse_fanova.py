"""Shares of variance against functions whose shares are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

import holdfast
from holdfast.analyse.fanova import Variances, fanova
from holdfast.analyse.observed import Observed
from holdfast.errors import RequestError
from holdfast.space import Domain

WEIGHTS = np.array([2.0, 1.0, 0.5, 0.0, 0.0])
WHOLE = float((WEIGHTS**2).sum()) + 1.0
CUBE: dict[str, Domain] = {f"x{i}": holdfast.Float(0, 1) for i in range(5)}


def additive_with_a_product(units: np.ndarray) -> np.ndarray:
    """Variance 4 + 1 + 0.25 of single hyperparameters, and 1 of the first two together."""
    product = 12 * (units[:, 0] - 0.5) * (units[:, 1] - 0.5)
    return np.asarray(math.sqrt(12) * units @ WEIGHTS + product)


def trials_of(space: holdfast.Space, units: np.ndarray, losses: np.ndarray, seed: int = 0) -> Observed:
    return Observed(space, np.arange(len(units)), units, losses, 1.0, 0, seed)


def analysed(n: int, seed: int, noise: float = 0.3) -> Variances:
    draw = np.random.default_rng(seed)
    units = draw.random((n, 5))
    losses = additive_with_a_product(units) + noise * draw.normal(size=n)
    return fanova(trials_of(holdfast.Space(CUBE), units, losses, seed))


def test_known_shares_are_recovered() -> None:
    found = analysed(300, seed=1)
    assert [share.value for share in found.single] == pytest.approx(WEIGHTS**2 / WHOLE, abs=0.03)
    assert found.pairs[0, 1].value == pytest.approx(1 / WHOLE, abs=0.04)
    assert found.pairs[0, 1].sure
    others = [share for pair, share in found.pairs.items() if pair != (0, 1)]
    assert max(share.value for share in others) < 0.01
    assert found.explained > 0.9


def test_what_has_no_effect_has_an_interval_from_nothing() -> None:
    for seed in range(3):
        found = analysed(60, seed)
        assert all(share.low == 0 and share.high < 0.2 for share in found.single[3:])


def test_shares_are_parts_of_one_whole() -> None:
    for seed in range(4, 8):  # with few and noisy trials the estimates of the parts and of the whole do not agree
        found = analysed(30, seed, noise=2.0)
        assert sum(share.value for share in (*found.single, *found.pairs.values())) <= 1 + 1e-9


def test_equal_trials_and_seed_give_equal_shares() -> None:
    assert analysed(40, seed=5).single == analysed(40, seed=5).single


def test_a_conditional_hyperparameter_counts_where_it_is_active() -> None:
    space = holdfast.Space(
        {
            "optimizer": holdfast.Categorical(["sgd", "rmsprop", "adam", "lbfgs"]),
            "momentum": holdfast.Float(0, 1, when={"optimizer": ["sgd", "rmsprop"]}),
            "x": holdfast.Float(0, 1),
        }
    )
    draw = np.random.default_rng(0)
    units = space.snap(draw.random((400, 3)))
    losses = np.where(np.isnan(units[:, 1]), 1.0, 2 * units[:, 1]) + units[:, 2] + 0.1 * draw.normal(size=400)
    found = fanova(trials_of(space, units, losses))
    of_momentum, of_x = 0.5 * 4 / 12, 1 / 12  # half of the space has a momentum, of the same mean
    assert found.single[1].value == pytest.approx(of_momentum / (of_momentum + of_x), abs=0.06)
    assert found.single[2].value == pytest.approx(of_x / (of_momentum + of_x), abs=0.06)
    assert found.single[0].value < 0.02
    assert found.space.active(1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("domain", "at_most"),
    [
        (holdfast.Categorical(["a", "b"]), 0.5),
        (holdfast.Int(1, 3), 0.4),
        (holdfast.Int(1, 8, log=True), 0.5),
        (holdfast.Int(1, 40), 0.5),
        (holdfast.Categorical(list("abcde")), 0.2),
    ],
)
def test_a_discrete_hyperparameter_has_its_whole_share(domain: Domain, at_most: float) -> None:
    """A step of 1 between two of its values, and next to it a term of known variance; nothing comes from both."""
    space = holdfast.Space({"n": domain, "y": holdfast.Float(0, 1)})
    units = space.snap(np.random.default_rng(0).random((150, 2)))
    even = space.snap(np.random.default_rng(1).random((50_000, 2)))
    found = fanova(trials_of(space, units, (units[:, 0] > at_most) + 0.5 * units[:, 1]))
    of_n, of_y = float(np.var(even[:, 0] > at_most)), 0.25 / 12
    assert found.single[0].value == pytest.approx(of_n / (of_n + of_y), abs=0.03)
    assert found.single[1].value == pytest.approx(of_y / (of_n + of_y), abs=0.03)
    assert found.pairs[0, 1].value < 0.01
    assert found.single[0].high - found.single[0].low < 0.15


def test_noise_has_no_shares() -> None:
    draw = np.random.default_rng(0)
    with pytest.raises(RequestError, match="no hyperparameter has an effect that could be told from noise"):
        fanova(trials_of(holdfast.Space(CUBE), draw.random((50, 5)), draw.normal(size=50)))


@pytest.mark.long
def test_intervals_cover_the_known_shares() -> None:
    """At 150 trials nine of ten intervals and more hold the known shares; those of what has no effect nearly all."""
    runs = [analysed(150, seed) for seed in range(30)]
    known = WEIGHTS**2 / WHOLE
    covered = np.array([[s.low <= k <= s.high for s, k in zip(run.single, known, strict=True)] for run in runs])
    assert covered[:, :3].mean() > 0.9
    assert covered[:, 3:].mean() > 0.95
    assert not any(share.sure for run in runs for pair, share in run.pairs.items() if pair != (0, 1))
