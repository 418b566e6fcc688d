"""Metrics that are totals over rows: their estimate is that of the mean, times the number of rows."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import metric_named
from holdfast.evaluate.totals import is_total, of_all_rows
from holdfast.records import RowScores

Y = np.random.default_rng(0).integers(0, 2, 120)
PREDICTIONS = [np.where(np.random.default_rng(c).random(120) < 0.8, Y, 1 - Y) for c in range(1, 9)]


def profit(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.where(y == predicted, 10, -25).sum())


def profit_a_row(y: np.ndarray, predicted: np.ndarray) -> float:
    return profit(y, predicted) / len(y)


@pytest.mark.parametrize("groups", [None, np.resize(np.repeat(np.arange(30), [1, 2, 3, 4, 5, 3] * 5), 120)])
@pytest.mark.parametrize("count", [1, 8])
def test_a_total_is_corrected_as_the_mean_of_its_rows(count: int, groups: np.ndarray | None) -> None:
    rows = [RowScores(predicted, np.arange(120), "prediction") for predicted in PREDICTIONS[:count]]
    made = {
        function.__name__: estimate(
            rows,
            direction="maximize",
            estimand="scored",
            metric=metric_named(function.__name__, "binary", 2, function=function),
            y=Y,
            groups=groups,
        )
        for function in (profit, profit_a_row)
    }
    total, mean = made["profit"].score, made["profit_a_row"].score
    assert total.low is not None
    assert total.high is not None
    assert mean.low is not None
    assert mean.high is not None
    assert (total.value / 120, total.low / 120, total.high / 120) == pytest.approx((mean.value, mean.low, mean.high))
    assert made["profit"].naive == pytest.approx(max(profit(Y, predicted) for predicted in PREDICTIONS[:count]))
    assert any("is a total: twice the rows score twice as much" in item for item in made["profit"].sentences)
    assert not any("is a total" in item for item in made["profit_a_row"].sentences)


def test_what_is_a_total_is_seen_by_the_first_score_that_is_not_0() -> None:
    metric = metric_named("profit", "binary", 2, function=profit)
    weights = np.array([[1.0] * 100 + [0.0] * 20, [0.0] * 120])
    assert is_total(metric, Y, PREDICTIONS)
    assert not is_total(metric_named("mean", "binary", 2, function=profit_a_row), Y, PREDICTIONS)
    assert not is_total(metric_named("none", "binary", 2, function=lambda _y, _p: 0.0), Y, PREDICTIONS)
    assert not is_total(metric_named("nan", "binary", 2, function=lambda _y, _p: np.nan), Y, PREDICTIONS)
    assert not is_total(metric_named("f1_macro", "binary", 2), Y, PREDICTIONS)
    some, none = of_all_rows(metric).values_under(Y, PREDICTIONS[0], weights)
    assert some == pytest.approx(profit(Y[:100], PREDICTIONS[0][:100]) * 1.2)
    assert np.isnan(none)
