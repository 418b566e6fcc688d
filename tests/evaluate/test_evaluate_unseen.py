"""Log losses and Brier scores of nearly separable classes, where no wrong row may have been seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.evaluate.conftest import bounds

from holdfast.evaluate import estimate as subject
from holdfast.evaluate import sealed, wording
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.evaluate.unseen import KINDS, loss_if_wrong
from holdfast.records import RowScores

LOG_LOSS, BRIER = metric_named("log_loss", "binary", 2), metric_named("brier", "binary", 2)
N_ROWS = 60


def probabilities(rng: np.random.Generator, n_rows: int, count: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Classes (N,), and probabilities (N, C) of calibrated models that differ a little, of one feature."""
    y = (rng.random(n_rows) < 0.1).astype(int)
    odds = apart * (apart * y + rng.standard_normal(n_rows)) - apart**2 / 2 - np.log(9)
    return y, 1 / (1 + np.exp(-odds[:, None] * np.linspace(0.9, 1.1, count)))


def row_scores(metric: Metric, y: np.ndarray, p: np.ndarray) -> list[RowScores]:
    rows = [metric.rows(y, column) for column in p.T]
    return [each for each in rows if each is not None]


def estimated(rows: list[RowScores], metric: Metric | None, **changes: Any) -> subject.Estimate:
    return subject.estimate(rows, **{"direction": "minimize", "estimand": "scored", "metric": metric, **changes})


@pytest.mark.parametrize("metric", [LOG_LOSS, BRIER], ids=lambda metric: metric.name)
@pytest.mark.parametrize("estimand", ["scored", "refit"])
@pytest.mark.parametrize("count", [1, 4])
def test_what_no_row_has_shown_is_covered(metric: Metric, estimand: str, count: int) -> None:
    rng = np.random.default_rng(0)
    y, p = probabilities(rng, 200_000, 1, 4.0)
    truth = float(metric.value(y, p[:, 0]))
    held = {"known": 0, "unknown": 0}
    for repetition in range(40):
        rows = row_scores(metric, *probabilities(rng, N_ROWS, count, 4.0))
        for name, known in (("known", metric), ("unknown", None)):
            low, high = bounds(estimated(rows, known, estimand=estimand, seed=repetition))
            held[name] += low <= truth <= high
    assert held["unknown"] < 32
    assert held["known"] >= 37


def test_the_test_score_covers_what_no_row_has_shown() -> None:
    rng = np.random.default_rng(1)
    y, p = probabilities(rng, 200_000, 1, 4.0)
    truth, held, methods = LOG_LOSS.value(y, p[:, 0]), 0, set()
    for _ in range(200):
        y, p = probabilities(rng, N_ROWS, 1, 4.0)
        score = sealed.test_score(y, p[:, 0], LOG_LOSS)
        assert score.low is not None
        assert score.high is not None
        held += score.low <= truth <= score.high
        methods.add(score.method)
    assert held >= 185
    assert methods == {wording.STUDENT, f"{wording.STUDENT}; {wording.UNSEEN}"}


def test_nothing_changes_where_losses_are_not_near_their_floor() -> None:
    rng = np.random.default_rng(2)
    for n_rows, apart in ((120, 0.2), (240, 1.0)):
        rows = row_scores(LOG_LOSS, *probabilities(rng, n_rows, 4, apart))
        assert estimated(rows, LOG_LOSS) == estimated(rows, None)


def test_the_estimate_says_that_it_was_widened() -> None:
    rows = row_scores(LOG_LOSS, *probabilities(np.random.default_rng(4), N_ROWS, 4, 5.0))
    found, before = estimated(rows, LOG_LOSS), estimated(rows, None)
    assert found.score.method == f"{wording.RMX}; {wording.UNSEEN}"
    assert wording.UNSEEN_WHY in found.sentences
    assert wording.UNSEEN_WHY not in before.sentences
    assert bounds(found)[1] > 2 * bounds(before)[1]
    assert found.score.value == before.score.value
    grouped = estimated(rows, LOG_LOSS, groups=np.arange(N_ROWS) // 2)
    assert wording.UNSEEN not in grouped.score.method


@pytest.mark.parametrize("name", KINDS)
def test_a_wrong_row_costs_what_the_probabilities_say(name: str) -> None:
    metric, rng = metric_named(name, "binary", 2), np.random.default_rng(4)
    p = rng.beta(0.3, 0.3, N_ROWS)
    rows = [metric.rows(np.full(N_ROWS, label), p) for label in (0, 1)]
    if_0, if_1 = (each.values for each in rows if each is not None)
    mean, square = ((1 - p) * if_0**power + p * if_1**power for power in (1, 2))
    for label in (0, 1), (1, 0):  # which labels were drawn says nothing of it
        drawn = np.where(np.arange(N_ROWS) % 2 == label[0], if_0, if_1)
        assert loss_if_wrong(metric, drawn[:, None], 0) == pytest.approx(square.sum() / mean.sum())


def test_the_better_half_says_how_probable_a_wrong_row_is() -> None:
    sure, unsure, useless = np.full(50, 0.001), np.full(50, 0.02), np.full(50, 2.0)
    alone = loss_if_wrong(LOG_LOSS, sure[:, None], 0)
    assert alone is not None
    two = loss_if_wrong(LOG_LOSS, np.stack([sure, unsure, useless], axis=1), 0)
    assert two is not None
    assert two > alone
    assert loss_if_wrong(LOG_LOSS, np.stack([sure, useless], axis=1), 0) == alone
    assert loss_if_wrong(metric_named("mae", "regression"), sure[:, None], 0) is None
    assert loss_if_wrong(LOG_LOSS, np.zeros((50, 1)), 0) == pytest.approx(36.8, abs=0.1)


def test_brier_scores_of_several_classes_cost_up_to_two() -> None:
    metric, y = metric_named("brier", "multiclass", 3), np.zeros(50, int)
    p = np.tile([0.98, 0.02, 0.0], (50, 1))
    rows = metric.rows(y, p)
    assert rows is not None
    if_wrong = 2 * 0.98**2
    assert loss_if_wrong(metric, rows.values[:, None], 0) == pytest.approx(if_wrong * 0.98, rel=0.05)
