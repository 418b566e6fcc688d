"""Refits whose graded scores are near the ceiling, where a standard error says little: of rows, and of groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.evaluate.conftest import bounds

from holdfast.evaluate import estimate as subject
from holdfast.evaluate import wording
from holdfast.evaluate.bootstraps import BOOTSTRAPS
from holdfast.records import RowScores
from holdfast.rng import Streams
from holdfast.stats import bootstrap, intervals


def corrected(scores: np.ndarray, **changes: Any) -> subject.Estimate:
    rows = [RowScores(column) for column in scores.T]
    return subject.estimate(rows, **{"direction": "maximize", "estimand": "refit", **changes})


def test_percentiles_are_not_trusted_near_the_ceiling() -> None:
    scores = np.ones((60, 8))
    for c in range(1, 8):
        scores[5 * c : 5 * c + 4, c] = 0.5  # the first is without errors, and wins (nearly) every bootstrap
    found = corrected(scores)
    drawn = bootstrap.bbc(scores, Streams(0).generator(0, "estimate/bootstrap"), BOOTSTRAPS)
    assert intervals.percentile(drawn.estimates, 0.95).low > 0.99
    assert 0.9 < bounds(found)[0] < 0.975
    assert bounds(found)[1] == 1.0
    assert found.score.method == wording.RMX_CEILING
    assert wording.why(wording.RMX_CEILING) in found.sentences
    loss = corrected(1 - scores, direction="minimize")
    assert loss.score.method == wording.RMX_CEILING
    assert bounds(loss)[1] >= 1 - bounds(found)[0] - 1e-9
    grouped = corrected(scores, groups=np.arange(60) // 3)
    assert bounds(grouped)[0] < bounds(found)[0]
    scores -= np.random.default_rng(23).integers(2, size=scores.shape) / 2  # far from it
    assert corrected(scores).score.method == wording.RMX


def test_a_refit_is_covered_near_the_ceiling() -> None:
    rng = np.random.default_rng(24)
    held = {"percentiles": 0, "now": 0}
    for repetition in range(40):
        scores = 1 - (rng.random((50, 8)) > 0.977) * rng.choice([0.5, 1.0], size=(50, 8))
        found = corrected(scores, seed=repetition)
        drawn = bootstrap.bbc(scores, Streams(repetition).generator(0, "estimate/bootstrap"), 200)
        for name, (low, high) in (("percentiles", intervals.percentile(drawn.estimates, 0.95)), ("now", bounds(found))):
            held[name] += low <= 1 - 0.023 * 0.75 <= high
    assert held["percentiles"] < 34
    assert held["now"] >= 38


def test_one_extreme_row_in_groups_is_no_ceiling() -> None:
    losses = np.random.default_rng(0).normal(size=(600, 8)) ** 2
    shared: dict[str, Any] = {"direction": "minimize", "groups": np.arange(600) % 30}
    scored, refitted = (corrected(losses, estimand=name, **shared) for name in ("scored", "refit"))
    assert refitted.score.method == wording.RMX
    assert np.subtract(*bounds(refitted)) > 1.5 * np.subtract(*bounds(scored))


def test_groups_of_very_different_sizes_are_no_ceiling() -> None:
    rng = np.random.default_rng(1)
    groups = np.concatenate([np.zeros(400, int), np.repeat(np.arange(1, 25), 8), [25]])
    losses = rng.normal(size=(len(groups), 8)) ** 2
    losses[-1] = 30  # a group of one row
    found = corrected(losses, direction="minimize", groups=groups)
    assert found.score.method == f"{wording.RMX}; {wording.FEW_CARRY}"  # that of 400 rows


def test_one_wrong_group_among_right_ones_is_near_the_ceiling() -> None:
    scores, groups = np.ones((200, 6)), np.arange(200) // 10
    for c in range(6):
        scores[groups == c, c] = 0.5
    found = corrected(scores, groups=groups)
    assert found.score.method == f"{wording.RMX_CEILING}; {wording.FEW_CARRY}"
    assert bounds(found)[0] < 0.95
    assert bounds(found)[1] > 0.999


def test_a_refit_on_groups_is_covered_near_the_ceiling() -> None:
    groups, held = np.repeat(np.arange(30), 5), 0
    for repetition in range(40):
        rng = np.random.default_rng(repetition)
        wrong = rng.random((30, 8)) < 0.03
        scores = 1 - wrong[groups] * rng.choice([0.5, 1.0], size=(150, 8))
        found = corrected(scores, groups=groups, seed=repetition)
        held += bounds(found)[0] <= 1 - 0.03 * 0.75 <= bounds(found)[1]
    assert held >= 38
