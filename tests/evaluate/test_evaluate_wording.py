"""What has to be known of a score stands in its method, which is all that most readers see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import holdfast
from holdfast.evaluate import wording
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import metric_named
from holdfast.evaluate.sealed import test_score as sealed_score
from holdfast.records import RowScores
from holdfast.sklearn import HoldfastSearchCV

COMMON: dict[str, Any] = {"direction": "maximize", "estimand": "refit"}


@pytest.mark.parametrize("value", [0.1, 0.5, 3.0, -1e6, 1e-9])
@pytest.mark.parametrize("n_configurations", [1, 4])
@pytest.mark.parametrize("aggregate", ["mean", "root_mean"])
def test_equal_scores_have_no_interval(value: float, n_configurations: int, aggregate: Any) -> None:
    value = abs(value) if aggregate == "root_mean" else value
    for groups in (None, np.arange(51) // 3):
        rows = [RowScores(np.full(51, value), aggregate=aggregate) for _ in range(n_configurations)]
        found = estimate(rows, groups=groups, **{**COMMON, "direction": "minimize"})
        assert (found.score.low, found.score.high) == (None, None)
        assert found.score.value == pytest.approx(value**0.5 if aggregate == "root_mean" else value)
        assert found.score.method == wording.NO_SPREAD
        assert wording.DEGENERATE in found.sentences
        assert str(found.score) == f"{found.score.value:.4g}"


@pytest.mark.parametrize("value", [0, 1])
def test_rows_that_are_all_right_or_all_wrong_keep_their_interval(value: int) -> None:
    for groups in (None, np.arange(50) // 2):
        for count in (1, 4):
            found = estimate([RowScores(np.full(50, value)) for _ in range(count)], groups=groups, **COMMON)
            low, high = found.score.low, found.score.high
            assert low is not None
            assert high is not None
            assert high - low > 0.02
            assert wording.DEGENERATE not in found.sentences


def test_equal_errors_on_test_rows_have_no_interval() -> None:
    y = np.arange(30.0)
    error = metric_named("mae", "regression", None)
    for groups in (None, np.arange(30) // 3):
        score = sealed_score(y, y + 0.5, error, groups=groups)
        assert (score.value, score.low, score.high, score.method) == (0.5, None, None, wording.NO_SPREAD)
    varied = sealed_score(y, y + 0.5 + 0.1 * (np.arange(30) % 2), error)
    assert varied.low is not None
    right = sealed_score(np.arange(30) % 2, np.arange(30) % 2, metric_named("accuracy", "binary", 2))
    assert right.low == pytest.approx(0.884, abs=1e-3)


def test_a_study_and_a_search_say_so_too() -> None:
    study = holdfast.Study({"a": holdfast.Float(0, 1)}, direction="maximize", strategy="random")
    for _ in range(4):
        study.tell(study.ask(), 0.5, rows=RowScores(np.full(50, 0.5)))
    score = study.estimate()
    assert (score.value, score.low, score.high, score.method) == (0.5, None, None, wording.NO_SPREAD)
    X = np.random.default_rng(0).normal(size=(60, 3))
    search = HoldfastSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, strategy="grid", random_state=0).fit(X, np.full(60, 7.0))
    assert (search.estimate_.low, search.estimate_.high) == (None, None)
    assert search.estimate_.method.startswith(wording.NO_SPREAD)


def test_many_undefined_bootstraps_are_named_with_the_score() -> None:
    y = np.r_[1, 1, np.zeros(20, int)]
    draw = np.random.default_rng(14)
    shared: dict[str, Any] = {**COMMON, "metric": metric_named("auc", "binary", 2)}
    found = estimate([RowScores(draw.normal(size=22), kind="prediction") for _ in range(4)], y=y, **shared)
    share = found.undefined / found.bootstraps
    assert share > 0.1
    words = f"{wording.RMX_METRIC}; without the {share:.0%} of bootstraps in which the metric is undefined"
    assert found.score.method == words
    y = np.r_[np.ones(8, int), np.zeros(14, int)]
    seldom = estimate([RowScores(draw.normal(size=22), kind="prediction") for _ in range(4)], y=y, **shared)
    assert seldom.undefined < 0.05 * seldom.bootstraps
    assert seldom.score.method == wording.RMX_METRIC
