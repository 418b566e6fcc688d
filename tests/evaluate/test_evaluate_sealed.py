"""The score on the sealed rows: exact where it can be, wider at a second opening."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.evaluate import sealed, wording
from holdfast.evaluate.metrics import metric_named
from holdfast.records import Score
from holdfast.stats import intervals

RNG = np.random.default_rng(0)
Y = RNG.integers(2, size=200)
CLASSES = np.where(RNG.random(200) < 0.85, Y, 1 - Y)
SCORES = Y + RNG.standard_normal(200)


def width(score: Score) -> float:
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high
    return score.high - score.low


def test_accuracy_gets_the_exact_interval() -> None:
    score = sealed.test_score(Y, CLASSES, metric_named("accuracy", "binary", 2))
    assert (score.low, score.high) == pytest.approx(intervals.clopper_pearson(int((Y == CLASSES).sum()), 200))
    assert (score.method, score.n) == (wording.CLOPPER_PEARSON, 200)
    assert score.estimand == "the very model that was scored"


def test_rmse_gets_the_root_of_the_interval_of_squared_errors() -> None:
    score = sealed.test_score(Y, SCORES, metric_named("rmse", "regression"))
    errors = (Y - SCORES) ** 2
    assert score.value == pytest.approx(errors.mean() ** 0.5)
    assert (score.low, score.high) == pytest.approx(tuple(np.sqrt(intervals.mean_interval(errors))))


def test_auc_gets_a_logit_interval() -> None:
    score = sealed.test_score(Y, SCORES, metric_named("auc", "binary", 2))
    assert score.method == wording.LOGIT
    assert 0.05 < width(score) < 0.2


def test_metrics_with_one_end_get_an_interval_of_the_logarithm() -> None:
    score = sealed.test_score(Y.astype(float), SCORES, metric_named("r2", "regression"))
    assert score.method == wording.LOG
    assert score.low is not None
    assert score.high is not None
    assert width(score) > 0.1
    assert score.value - score.low > score.high - score.value > 0


def test_metrics_without_ends_get_bootstrap_percentiles() -> None:
    own = metric_named("own:bias", "regression", function=lambda y, predicted: float(np.mean(y - predicted)))
    score = sealed.test_score(Y.astype(float), SCORES, own)
    assert score.method == wording.PERCENTILE
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value < score.high


def test_a_perfect_matthews_correlation_is_no_certainty() -> None:
    y = np.repeat([0, 1], [60, 15])
    score = sealed.test_score(y, y, metric_named("matthews_corrcoef", "binary", 2))
    assert (score.value, score.high) == (1.0, 1.0)
    assert score.low == pytest.approx(2 * intervals.clopper_pearson(15, 15).low - 1)


def test_r2_of_few_groups_is_covered() -> None:
    rng = np.random.default_rng(5)
    metric, groups = metric_named("r2", "regression"), np.repeat(np.arange(8), 20)
    held = 0
    for _ in range(150):
        y = (rng.standard_normal((8, 1)) + rng.standard_normal((8, 20))).ravel()
        errors = 0.6 * (rng.standard_normal((8, 1)) + rng.standard_normal((8, 20))).ravel()
        score = sealed.test_score(y, y - errors, metric, groups=groups)
        assert score.low is not None
        assert score.high is not None
        held += score.low <= 1 - 0.36 <= score.high
    assert held >= 139  # of percentiles of 8 groups 132 and less hold


def test_a_perfect_auc_is_no_certainty() -> None:
    score = sealed.test_score(np.repeat([0, 1], [60, 15]), np.arange(75.0), metric_named("auc", "binary", 2))
    assert score.value == 1.0
    assert score.low == pytest.approx(intervals.clopper_pearson(15, 15).low)
    reverse = sealed.test_score(np.repeat([0, 1], [60, 15]), -np.arange(75.0), metric_named("auc", "binary", 2))
    assert (reverse.low, reverse.high) == pytest.approx((0.0, 1 - intervals.clopper_pearson(15, 15).low))


def test_auc_is_covered_near_its_ceiling() -> None:
    rng = np.random.default_rng(3)
    metric = metric_named("auc", "binary", 2)
    y = np.repeat([0, 1], [42, 18])
    held = 0
    for _ in range(150):
        score = sealed.test_score(y, 2.326 * y + rng.standard_normal(60), metric)
        assert score.low is not None
        assert score.high is not None
        held += score.low <= 0.95 <= score.high
    assert held >= 138


@pytest.mark.parametrize("name", ["accuracy", "auc", "log_loss"])
def test_every_further_opening_widens_the_interval(name: str) -> None:
    metric = metric_named(name, "binary", 2)
    prediction = {"accuracy": CLASSES, "auc": SCORES, "log_loss": 1 / (1 + np.exp(-SCORES))}[name]
    widths = [width(sealed.test_score(Y, prediction, metric, openings=k)) for k in (1, 2, 3)]
    assert widths[0] < widths[1] < widths[2]
    assert "opening number 2" in sealed.test_score(Y, prediction, metric, openings=2).method


def test_the_second_opening_is_read_at_half_the_error() -> None:
    metric = metric_named("accuracy", "binary", 2)
    second = sealed.test_score(Y, CLASSES, metric, openings=2)
    strict = sealed.test_score(Y, CLASSES, metric, level=0.975)
    assert (second.low, second.high) == (strict.low, strict.high)
    assert second.level == 0.95


def test_groups_widen() -> None:
    groups = np.repeat(np.arange(20), 10)
    classes = np.where(np.random.default_rng(1).random(20)[groups] < 0.7, Y, 1 - Y)
    for name, prediction in (("accuracy", classes), ("balanced_accuracy", classes), ("mse", classes.astype(float))):
        metric = metric_named(name, "regression" if name == "mse" else "binary", 2)
        plain = sealed.test_score(Y, prediction, metric)
        assert width(sealed.test_score(Y, prediction, metric, groups=groups)) > 1.5 * width(plain)


def test_no_row_scores_no_interval() -> None:
    points = np.random.default_rng(2).normal(size=(30, 2))
    labels = (points[:, 0] > 0).astype(int)
    score = sealed.test_score(points, labels, metric_named("davies_bouldin", "clustering"))
    assert (score.low, score.high) == (None, None)
    assert score.method == wording.NO_INTERVAL
    assert width(sealed.test_score(points, labels, metric_named("silhouette", "clustering"))) > 0


def test_the_worst_error_has_no_interval() -> None:
    score = sealed.test_score(Y, SCORES, metric_named("max_error", "regression"))
    assert score.value == pytest.approx(np.abs(Y - SCORES).max())
    assert (score.low, score.high, score.method) == (None, None, wording.EXTREME)


def test_that_few_groups_carry_the_loss_is_said_with_the_score() -> None:
    groups, far = np.arange(200) // 20, SCORES.copy()
    metric = metric_named("mse", "regression")
    assert sealed.test_score(Y, SCORES, metric, groups=groups).method == wording.CLUSTERED
    far[:20] += 9
    assert sealed.test_score(Y, far, metric, groups=groups).method == f"{wording.CLUSTERED}; {wording.FEW_CARRY}"


def test_undefined_is_said() -> None:
    score = sealed.test_score(np.ones(5, int), np.arange(5.0), metric_named("auc", "binary", 2))
    assert np.isnan(score.value)
    assert score.method == wording.UNDEFINED
    score = sealed.test_score(np.ones(2), np.array([np.nan, 1.0]), metric_named("mse", "regression"))
    assert score.method == wording.UNDEFINED


def test_bad_requests_get_a_sentence() -> None:
    metric = metric_named("accuracy", "binary", 2)
    with pytest.raises(RequestError, match="at least two"):
        sealed.test_score(Y[:1], CLASSES[:1], metric)
    with pytest.raises(RequestError, match="first is number 1"):
        sealed.test_score(Y, CLASSES, metric, openings=0)


def test_errors_that_cannot_be_squared_have_no_interval() -> None:
    score = sealed.test_score(SCORES, SCORES + 1e90, metric_named("mse", "regression"))
    assert (score.low, score.high, score.method) == (None, None, wording.TOO_LARGE)
    assert score.value == pytest.approx(1e180)
