"""Scores of rows that weigh unevenly: the same as of repeated rows, and intervals that hold with heavy rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from holdfast.evaluate.bounded import units_of_metric
from holdfast.evaluate.estimate import Estimate, naive
from holdfast.evaluate.linear import of_linear_form, to_linear_form
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.evaluate.sealed import test_score as score_of_test
from holdfast.evaluate.uneven import HEAVY
from holdfast.evaluate.weighted import weighted_estimate
from holdfast.records import RowScores, Score

BINARY = ["accuracy", "log_loss", "brier", "roc_auc", "f1", "balanced_accuracy", "matthews_corrcoef"]
NUMBERS = ["rmse", "mse", "mae", "r2", "median_absolute_error"]


def metric(name: str) -> Metric:
    return metric_named(name, "regression") if name in NUMBERS else metric_named(name, "binary", 2)


def draw(name: str, n: int, configurations: int, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Targets, and what each configuration predicts: all alike good, and correlated."""
    noise = np.sqrt(0.7) * rng.normal(size=n) + np.sqrt(0.3) * rng.normal(size=(configurations, n))
    if name in NUMBERS:
        y = rng.normal(size=n)
        return y, list(y + 0.7 * noise)
    y = (rng.random(n) < 0.4).astype(int)
    signal = 1.2 * y + noise
    if metric(name).needs == "predict":
        return y, list((signal > 0.8).astype(int))
    return y, list(1 / (1 + np.exp(0.9 - 1.2 * signal)))


def rows_of(found: Metric, y: np.ndarray, said: np.ndarray, weights: np.ndarray) -> RowScores:
    rows = found.rows(y, said)
    assert rows is not None
    return to_linear_form(rows, weights)


def estimated(name: str, y: np.ndarray, said: list[np.ndarray], weights: np.ndarray, **asked: Any) -> Estimate:
    found = metric(name)
    rows = [rows_of(found, y, own, weights) for own in said]
    values = [found.value(y, own, weights) for own in said]
    winner = int(np.argmax(values) if found.direction == "maximize" else np.argmin(values))
    settled: dict[str, Any] = {"estimand": "scored", "groups": None, "y": y, "seed": 0, **asked}
    if rows[0].kind == "score":
        settled["y"] = None
    return weighted_estimate(rows, weights, found, winner=winner, direction=found.direction, **settled)


def ends(score: Score) -> tuple[float, float]:
    assert score.low is not None
    assert score.high is not None
    return score.low, score.high


@pytest.mark.parametrize("name", [*BINARY, *NUMBERS])
def test_whole_weights_are_repeated_rows(name: str) -> None:
    rng = np.random.default_rng(0)
    y, (said,) = draw(name, 80, 1, rng)
    weights = rng.integers(1, 5, size=80)
    found, again = metric(name), np.repeat(np.arange(80), weights)
    expected = found.value(y[again], said[again])
    assert found.value(y, said, weights.astype(float)) == pytest.approx(expected)
    made = estimated(name, y, [said], weights.astype(float))
    assert made.naive == pytest.approx(expected)
    assert score_of_test(y, said, found, weights=weights.astype(float)).value == pytest.approx(expected)


@pytest.mark.parametrize("name", [*BINARY, *NUMBERS])
def test_equal_weights_change_nothing(name: str) -> None:
    rng = np.random.default_rng(1)
    y, (said,) = draw(name, 80, 1, rng)
    plain = score_of_test(y, said, metric(name))
    even = score_of_test(y, said, metric(name), weights=np.full(80, 7.0))
    assert even.value == pytest.approx(plain.value)
    assert ends(even) == pytest.approx(ends(plain))
    assert even.method == plain.method


def test_the_linear_form_has_the_weighted_mean_and_leads_back() -> None:
    rng = np.random.default_rng(2)
    scores, weights = RowScores(rng.normal(size=50), np.arange(50)), rng.lognormal(0, 1.5, size=50)
    form = to_linear_form(scores, weights)
    assert form.values.mean() == pytest.approx(np.average(scores.values, weights=weights))
    assert of_linear_form(form, weights).values / (weights / weights.mean()) == pytest.approx(scores.values)
    said = RowScores(np.arange(50) % 3, kind="prediction")
    assert to_linear_form(said, weights) is said


def test_which_way_is_better_makes_no_difference() -> None:
    rng = np.random.default_rng(3)
    y, said = draw("mae", 100, 4, rng)
    weights = rng.lognormal(0, 1.2, size=100)
    losses = [rows_of(metric("mae"), y, own, weights) for own in said]
    gains = [RowScores(-own.values, own.rows) for own in losses]
    gain = Metric("gain", "maximize", "predict", "regression", "mean", None, lambda *_: np.zeros(1), fast=True)
    winner = int(np.argmin([own.values.mean() for own in losses]))
    asked: dict[str, Any] = {"winner": winner, "estimand": "refit", "groups": None}
    down = weighted_estimate(losses, weights, metric("mae"), direction="minimize", **asked)
    up = weighted_estimate(gains, weights, gain, direction="maximize", **asked)
    assert down.score.value == pytest.approx(-up.score.value)
    assert ends(down.score) == pytest.approx(tuple(-end for end in reversed(ends(up.score))))
    assert down.luck == pytest.approx(up.luck)
    assert down.score.method == up.score.method
    assert HEAVY in down.score.method


def test_a_root_has_the_root_of_the_interval_of_the_mean() -> None:
    rng = np.random.default_rng(4)
    y, said = draw("rmse", 100, 3, rng)
    weights = rng.lognormal(0, 1.2, size=100)
    root, square = (estimated(name, y, said, weights) for name in ("rmse", "mse"))
    assert root.score.value**2 == pytest.approx(square.score.value)
    assert [end**2 for end in ends(root.score)] == pytest.approx(list(ends(square.score)))
    tests = [score_of_test(y, said[0], metric(name), weights=weights) for name in ("rmse", "mse")]
    assert [end**2 for end in ends(tests[0])] == pytest.approx(list(ends(tests[1])))


def test_the_order_of_rows_makes_no_difference() -> None:
    rng = np.random.default_rng(5)
    order = rng.permutation(90)
    weights = rng.lognormal(size=90)
    for name in ("accuracy", "roc_auc"):
        y, said = draw(name, 90, 3, rng)
        found, values = metric(name), []
        for at in (np.arange(90), order):
            rows = []
            for own in said:
                made = found.rows(y[at], own[at], at)
                assert made is not None
                rows.append(to_linear_form(made, weights[at]))
            asked: dict[str, Any] = {"direction": "maximize", "estimand": "scored", "groups": None, "y": None}
            if rows[0].kind == "prediction":
                asked["y"] = y[at]
            score = weighted_estimate(rows, weights[at], found, winner=0, **asked).score
            values.append((score.value, *ends(score)))
            own_score = naive(rows[0], metric=found, y=asked["y"], weights=None if asked["y"] is None else weights[at])
            assert own_score.value == pytest.approx(found.value(y, said[0], weights))
        assert values[0] == pytest.approx(values[1])


def test_an_interval_rests_on_what_the_rows_of_a_class_are_worth() -> None:
    y = np.arange(40) % 2
    groups = np.arange(40) // 4
    weights = np.where(np.arange(40) < 4, 100.0, 1.0)
    auc, r2 = metric("roc_auc"), metric("r2")
    assert units_of_metric(auc, y, None, np.ones(40)) == units_of_metric(auc, y, None) == 20
    assert units_of_metric(auc, y, groups, np.ones(40)) == units_of_metric(auc, y, groups) == 10
    assert units_of_metric(auc, y, None, weights) == 2
    assert units_of_metric(r2, y, None, weights) == 4
    assert units_of_metric(r2, y, groups, weights) == 1


def test_what_rows_are_worth_is_said() -> None:
    rng = np.random.default_rng(6)
    y, said = draw("roc_auc", 60, 3, rng)
    heavy = estimated("roc_auc", y, said, rng.lognormal(0, 1.5, size=60))
    assert "counting unevenly, 60 rows are worth" in heavy.score.method
    assert "worth" not in estimated("roc_auc", y, said, rng.uniform(0.8, 1.2, size=60)).score.method


def covered(name: str, configurations: int, repeats: int, true: float, n: int = 60) -> float:
    """How often the interval of the best holds the truth, with lognormal weights."""
    hits = []
    for seed in range(repeats):
        rng = np.random.default_rng([7, seed])
        y, said = draw(name, n, configurations, rng)
        weights = rng.lognormal(0, 1.5, size=n)
        low, high = ends(estimated(name, y, said, weights).score)
        hits.append(low <= true <= high)
        if configurations == 1:
            low, high = ends(score_of_test(y, said[0], metric(name), weights=weights))
            hits.append(low <= true <= high)
    return float(np.mean(hits))


RIGHT = 0.4 * norm.cdf(0.4) + 0.6 * norm.cdf(0.8)


@pytest.mark.parametrize(
    ("name", "true"),
    [("accuracy", RIGHT), ("rmse", 0.7), ("mae", 0.7 * np.sqrt(2 / np.pi)), ("roc_auc", norm.cdf(1.2 / np.sqrt(2)))],
)
def test_heavy_rows_are_covered(name: str, true: float) -> None:
    assert covered(name, 6, 25, true) >= 0.92


@pytest.mark.long
@pytest.mark.parametrize("configurations", [1, 10])
@pytest.mark.parametrize(
    ("name", "true"),
    [
        ("accuracy", RIGHT),
        ("rmse", 0.7),
        ("mae", 0.7 * np.sqrt(2 / np.pi)),
        ("roc_auc", norm.cdf(1.2 / np.sqrt(2))),
    ],
)
@pytest.mark.parametrize("n", [60, 200])
def test_heavy_rows_are_covered_at_length(name: str, true: float, configurations: int, n: int) -> None:
    assert covered(name, configurations, 150, true, n) >= 0.92
