"""What is resampled in the place of rows, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluate import wording
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.series import series_of
from holdfast.protocol.units import units_of
from holdfast.records import RowScores


def test_groups_come_first_and_rows_without_order_are_on_their_own() -> None:
    groups, times = np.array([0, 0, 1, 1]), np.arange(4.0)
    assert units_of(groups, times, None) == (groups, None) or units_of(groups, times, None).names is groups
    assert units_of(None, None, np.ones(4)) == (None, None)


def test_rows_that_are_alike_in_time_are_resampled_in_blocks() -> None:
    rng = np.random.default_rng(0)
    alike = np.convolve(rng.normal(size=420), np.ones(21) / 21, mode="valid")
    order = rng.permutation(400)  # rows do not stand in the order of time
    names, sentence = units_of(None, order.astype(float), alike[order])
    assert names is not None
    blocks = len(np.unique(names))
    assert 8 <= blocks < 100
    assert sentence is not None
    assert f"{blocks} blocks of" in sentence
    in_time = names[np.argsort(order)]
    assert (np.diff(in_time) >= 0).all()


def test_rows_whose_scores_do_not_vary_are_resampled_one_by_one() -> None:
    assert units_of(None, np.arange(400.0), np.ones(400)) == (None, wording.BLOCKS_OF_ONE)


def test_one_moment_makes_no_blocks() -> None:
    assert units_of(None, np.zeros(50), np.arange(50.0)) == (None, wording.NO_BLOCKS)


def test_without_scores_the_number_of_rows_sets_the_length() -> None:
    names, sentence = units_of(None, np.arange(64.0), None)
    assert names is not None
    assert len(np.unique(names)) == 16
    assert sentence == wording.time_blocks(16, 4)


def test_predictions_say_how_far_off_they_are() -> None:
    y = np.array([0, 1, 1])
    assert series_of(RowScores(np.array([1.0, 0.0, 1.0])), None) is not None
    off = series_of(RowScores(np.array([0.5, 0.0, 3.0]), kind="prediction"), y)
    assert off is not None
    assert off.tolist() == [0.5, 1.0, 2.0]
    chance = series_of(RowScores(np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 1.0]]), kind="prediction"), y)
    assert chance is not None
    assert chance.tolist() == [0.25, 0.5, 0.0]
    assert series_of(RowScores(np.ones((3, 2)), kind="prediction"), y + 1.5) is None
    assert series_of(RowScores(np.array(["a", "b", "c"]), kind="prediction"), y) is None


@pytest.mark.long
def test_blocks_cover_where_rows_do_not() -> None:
    """15 configurations whose row scores follow an AR(1) with 0.8, all equally good: the interval is to hold 2."""
    from scipy.signal import lfilter

    covered, reps, n = {"rows": 0, "blocks": 0}, 120, 200
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        noise = lfilter([0.6], [1, -0.8], rng.normal(size=(16, n + 100)), axis=1)[:, 100:]
        losses = 2 + 0.8 * noise[0] + 0.6 * noise[1:]
        rows = [RowScores(own) for own in losses]
        units = units_of(None, np.arange(float(n)), losses[losses.mean(axis=1).argmin()])
        for what, groups in (("rows", None), ("blocks", units.names)):
            found = estimate(rows, direction="minimize", estimand="scored", groups=groups, seed=seed).score
            assert found.low is not None
            assert found.high is not None
            covered[what] += found.low <= 2 <= found.high
    assert covered["rows"] < 0.7 * reps
    assert covered["blocks"] > 0.9 * reps
