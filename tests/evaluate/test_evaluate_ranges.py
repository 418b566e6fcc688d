"""What scikit-learn's functions give lies in the range that is said of them, and nothing shown lies beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics import get_scorer, get_scorer_names

from holdfast.evaluate import sealed
from holdfast.evaluate.catalogue import CLUSTERING, cluster_value, shown_name
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import metric_named
from holdfast.evaluate.ranges import (
    CENTRED,
    NOT_NEGATIVE,
    TWICE,
    UNBOUNDED,
    UNIT,
    Range,
    in_words,
    possible,
    range_named,
    range_of,
)
from holdfast.records import RowScores, Score

ROUNDING = 1e-12
UNLIMITED = {"positive_likelihood_ratio", "mutual_info_score"}
"""Those of which more is better without an end."""

Called = tuple[Callable[..., Any], dict[str, Any]]
Case = tuple[np.ndarray, np.ndarray]

WITH_SETTINGS: list[Called] = [
    (metrics.accuracy_score, {"normalize": False}),
    (metrics.zero_one_loss, {}),
    (metrics.zero_one_loss, {"normalize": False}),
    (metrics.hamming_loss, {}),
    (metrics.balanced_accuracy_score, {"adjusted": True}),
    (metrics.cohen_kappa_score, {}),
    (metrics.cohen_kappa_score, {"weights": "linear"}),
    (metrics.cohen_kappa_score, {"weights": "quadratic"}),
    (metrics.fbeta_score, {"beta": 2.0, "average": "macro"}),
    (metrics.f1_score, {"average": "macro", "zero_division": 1.0}),
    (metrics.mean_pinball_loss, {"alpha": 0.9}),
    (metrics.d2_pinball_score, {"alpha": 0.9}),
    (metrics.mean_tweedie_deviance, {"power": 1.5}),
    (metrics.d2_tweedie_score, {"power": 1.5}),
    (metrics.r2_score, {"force_finite": True}),
]


def classes_of(rng: np.random.Generator, count: int) -> Iterator[Case]:
    """Targets and predictions of up to ``count`` classes: at random, as they are, all wrong, all one."""
    y = np.concatenate([np.arange(count), rng.integers(count, size=rng.integers(1, 30))])
    yield y, rng.integers(count, size=len(y))
    yield y, np.where(rng.random(len(y)) < 0.7, y, 0)
    yield y, y
    yield y, (y + 1) % count
    yield y, np.zeros(len(y), dtype=int)


def probabilities_of(rng: np.random.Generator, count: int) -> Iterator[Case]:
    for y, predicted in classes_of(rng, count):
        sure = np.eye(count)[predicted]
        yield y, sure
        mixed = rng.random() * sure + rng.dirichlet(np.full(count, 0.3), size=len(y))
        yield y, mixed / mixed.sum(axis=1, keepdims=True)


def numbers_of(rng: np.random.Generator, *, positive: bool) -> Iterator[Case]:
    """Targets and predictions that are numbers of very different sizes: near, unrelated, as they are."""
    size, scale = int(rng.integers(2, 30)), 10.0 ** rng.integers(-4, 5)
    y, other = scale * rng.normal(size=size) ** 3, scale * rng.normal(size=size) ** 3
    y, other = (np.abs(y) + 1e-3, np.abs(other) + 1e-3) if positive else (y, other)
    yield y, other
    yield y, y + 0.01 * np.abs(other)
    yield y, y


def cases(
    function: Callable[..., Any], settings: dict[str, Any], how: Any, count: int, times: int = 1
) -> Iterator[Case]:
    """Random data of the kind that a function takes."""
    rng = np.random.default_rng(count)
    name, home = function.__name__, function.__module__
    for _ in range(times):
        if home.endswith("_regression"):
            positive = any(word in name for word in ("log", "deviance", "tweedie"))
            yield from numbers_of(rng, positive=positive)
        elif settings.get("average") == "samples":
            yield from ((np.eye(count)[y], np.eye(count)[predicted]) for y, predicted in classes_of(rng, count))
        elif how != "predict" and name in {"roc_auc_score", "average_precision_score"}:
            several = "multi_class" in settings and count > 2
            found = probabilities_of(rng, count if several else 2)
            yield from ((y, table if several else table[:, 1]) for y, table in found)
        elif how != "predict":
            found = probabilities_of(rng, count)
            one = name == "top_k_accuracy_score" and count == 2
            yield from ((y, table[:, 1] if one else table) for y, table in found)
        else:
            two = settings.get("average") == "binary" or "likelihood" in name
            yield from classes_of(rng, 2 if two else count)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("count", [2, 3, 5])
def test_what_every_function_gives_lies_in_its_range(count: int) -> None:
    called: list[tuple[Callable[..., Any], dict[str, Any], Any]]
    scorers = [get_scorer(name) for name in get_scorer_names()]
    called = [(scorer._score_func, scorer._kwargs, scorer._response_method) for scorer in scorers]
    called += [(function, settings, "predict") for function, settings in WITH_SETTINGS]
    called += [(metrics.brier_score_loss, {"scale_by_half": halved}, "predict_proba") for halved in (True, False)]
    for function, settings, how in called:
        low, high = range_of(function, settings, count)
        assert (low, high) != UNBOUNDED, f"nothing is said of {function.__name__}"
        given = [float(function(y, said, **settings)) for y, said in cases(function, settings, how, count, times=4)]
        values = np.array([value for value in given if math.isfinite(value)])
        assert len(values) >= 6
        slack = ROUNDING * max(np.abs(values).max(), 1.0)
        assert low - slack <= values.min(), (function.__name__, settings, values.min())
        assert values.max() <= high + slack, (function.__name__, settings, values.max())


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_the_better_end_of_a_range_is_what_a_perfect_prediction_gets() -> None:
    """Where there is one, a range is not wider than it has to be on that side, which is the one that matters."""
    for name in get_scorer_names():
        scorer = get_scorer(name)
        function, settings = scorer._score_func, scorer._kwargs
        better = range_of(function, settings, 3)[1 if scorer._sign > 0 else 0]
        data = list(cases(function, settings, scorer._response_method, 3))
        best = max(scorer._sign * float(function(y, said, **settings)) for y, said in data)
        if name in UNLIMITED:
            assert better == math.inf
        else:
            assert scorer._sign * best == pytest.approx(better, abs=1e-6), name


@pytest.mark.parametrize("count", [2, 3])
def test_a_name_says_the_same_as_the_function(count: int) -> None:
    for name in get_scorer_names():
        scorer = get_scorer(name)
        wanted = range_of(scorer._score_func, scorer._kwargs, count)
        assert (name, range_named(name, count)) == (name, wanted)
        assert (name, range_named(shown_name(name), count)) == (name, wanted)


@pytest.mark.parametrize("name", CLUSTERING)
def test_metrics_of_a_clustering_lie_in_their_range(name: str) -> None:
    rng, (low, high) = np.random.default_rng(0), metric_named(name, "clustering").range
    assert (low, high) == (CENTRED if name == "silhouette" else NOT_NEGATIVE)
    for _ in range(50):
        table = rng.normal(size=(20, 2)) ** 3
        assert low <= cluster_value(name, table, rng.integers(3, size=20)) <= high


def test_of_metrics_of_ones_own_nobody_knows() -> None:
    def share(y: np.ndarray, predicted: np.ndarray) -> float:
        return float((y == predicted).mean())

    assert metric_named("my:share", "binary", 2, function=share).range == UNBOUNDED
    assert range_of(share, {}) == range_named("share") == UNBOUNDED


def test_the_brier_score_of_three_classes_goes_up_to_two() -> None:
    assert metric_named("brier", "binary").range == UNIT
    assert metric_named("brier", "multiclass", 3).range == TWICE
    assert metric_named("brier", "multiclass", 3).value(np.array([0, 1]), np.eye(3)[[2, 2]]) == 2.0


@pytest.mark.parametrize(
    ("name", "ends", "two"),
    [("roc_auc", UNIT, True), ("matthews_corrcoef", (-1.0, 1.0), True), ("log_loss", (-math.inf, 0.0), False)],
)
def test_the_ends_of_a_metric_are_those_where_higher_is_better(name: str, ends: Range, two: bool) -> None:
    metric = metric_named(name, "binary", 2)
    assert metric.ends == ends
    assert metric.has_two_ends is two


def test_a_score_is_cut_off_where_its_metric_ends() -> None:
    score = Score(1.2, -0.1, 1.4, 0.95, "", "", 9)
    cut = possible(score, UNIT)
    assert (cut.value, cut.low, cut.high) == (1.0, 0.0, 1.0)
    assert possible(score, UNBOUNDED) == score
    bare = possible(Score(0.5, None, None, 0.95, "", "", 9), UNIT)
    assert (bare.value, bare.low, bare.high) == (0.5, None, None)
    assert [in_words(bounds) for bounds in (CENTRED, NOT_NEGATIVE)] == ["lies between -1 and 1", "is never below 0"]


def few_errors() -> tuple[np.ndarray, np.ndarray, list[RowScores]]:
    """Targets of five rows, one far from the others, predictions of them, and the row scores of five models."""
    rng, metric = np.random.default_rng(5), metric_named("mae", "regression")
    y = rng.normal(size=5) * rng.exponential(size=5) ** 2
    models = [rng.normal(size=5) * 0.05 * k for k in range(1, 6)]
    rows = [metric.rows(y, said) for said in models]
    return y, models[0], [item for item in rows if item is not None]


def test_an_error_has_no_estimate_below_zero() -> None:
    rows, metric = few_errors()[2], metric_named("mae", "regression")
    common: dict[str, Any] = {"direction": "minimize", "estimand": "refit", "adaptive": True}
    free, cut = estimate(rows, **common), estimate(rows, metric=metric, **common)
    assert free.score.low is not None
    assert free.score.low < 0
    assert (cut.score.low, cut.score.value, cut.score.high) == (0.0, free.score.value, free.score.high)
    assert (cut.naive, cut.luck) == (free.naive, free.luck)


def test_an_error_has_no_test_score_below_zero() -> None:
    y, said, _ = few_errors()
    score = sealed.test_score(y, said, metric_named("mae", "regression"))
    assert score.low == 0.0
    assert score.high is not None
    assert 0 < score.value < score.high


def test_a_coefficient_of_any_choice_is_one_at_most() -> None:
    """Bounds for a winner that is not the best are those of a maxT, which ends nowhere."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=12)
    rows = [RowScores(y + scale * rng.normal(size=12), kind="prediction") for scale in (0.1, 0.3, 1.0)]
    metric = metric_named("r2", "regression")
    found = estimate(rows, winner=1, direction="maximize", estimand="scored", metric=metric, y=y)
    assert found.score.high == 1.0
    assert found.luck == found.naive - found.score.value
