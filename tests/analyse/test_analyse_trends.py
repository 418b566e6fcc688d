from __future__ import annotations

import numpy as np
import pytest

from holdfast.analyse.trends import FEWEST_POINTS, ending, jitter, smoothed, turn

THINNED = np.array([1.0, *range(5, 61, 5)])


def falling_then(rise: float, at: float, steps: np.ndarray) -> np.ndarray:
    return np.asarray(0.2 + 2.0 * np.exp(-steps / 4.0) + rise * np.maximum(steps - at, 0.0))


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("n", [FEWEST_POINTS, 12, 60])
def test_flat_noise_is_called_flat(n: int, noise: float) -> None:
    draw = np.random.default_rng(n)
    steps = np.arange(1.0, n + 1)
    for values in (draw.normal(1.0, noise, (1000, n)), 1.0 + noise * draw.standard_t(3, (1000, n))):
        assert np.mean([ending(steps, row) != "flat" for row in values]) < 0.04


@pytest.mark.parametrize("steps", [np.arange(1.0, 61.0), THINNED], ids=["every step", "thinned"])
@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_the_three_endings_are_told_apart(steps: np.ndarray, noise: float) -> None:
    draw = np.random.default_rng(0)
    hits = {"rising": 0, "flat": 0, "falling": 0}
    for _ in range(100):
        jolt = draw.normal(0.0, noise, len(steps))
        hits["rising"] += ending(steps, falling_then(0.005, 25, steps) + jolt) == "rising"
        hits["flat"] += ending(steps, falling_then(0.0, 0, steps) + jolt) == "flat"
        hits["falling"] += ending(steps, falling_then(-0.005, 5, steps) + 0.4 + jolt) == "falling"
    assert min(hits.values()) >= 95, hits


def test_the_noise_of_a_curve_is_found_beside_its_course() -> None:
    draw = np.random.default_rng(1)
    for steps in (np.arange(1.0, 201.0), np.geomspace(1.0, 60.0, 200)):
        values = falling_then(0.01, 20, steps) + draw.normal(0.0, 0.05, 200)
        assert jitter(steps, values) == pytest.approx(0.05, rel=0.3)
    assert jitter(np.arange(9.0), 3.0 - 0.2 * np.arange(9.0)) == pytest.approx(0.0, abs=1e-12)


def test_one_wild_value_moves_nothing() -> None:
    values = np.full(20, 0.5)
    for at in (0, 10, 19):
        spiked = values.copy()
        spiked[at] = 50.0
        np.testing.assert_allclose(smoothed(spiked), 0.5)
        assert ending(np.arange(20.0), spiked) == "flat"


def test_the_turn_is_where_the_loss_was_lowest_last() -> None:
    steps = np.arange(1.0, 61.0)
    assert 23 <= steps[turn(steps, falling_then(0.01, 25, steps))] <= 28
