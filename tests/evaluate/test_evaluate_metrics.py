"""Metrics by name: natural sense, agreement with scikit-learn, row scores, and what each refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from holdfast.errors import MetricError, RequestError
from holdfast.evaluate.catalogue import SCORERS, Task
from holdfast.evaluate.metrics import Metric, metric_named

CLASSES: dict[Task, int | None] = {"binary": 2, "multiclass": 4, "regression": None}


def fitting() -> list[tuple[Task, str]]:
    """Every scikit-learn scorer with every task that it fits."""
    pairs = []
    for task, classes in CLASSES.items():
        for name in sklearn_metrics.get_scorer_names():
            try:
                metric_named(name, task, classes)
            except RequestError:
                continue
            pairs.append((task, name))
    return pairs


def example(task: Task, needs: str, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = CLASSES[task]
    if classes is None:
        return rng.lognormal(size=n), rng.lognormal(size=n)
    y = np.r_[np.arange(classes), rng.integers(classes, size=n - classes)]
    probability = rng.dirichlet(np.ones(classes), n)
    return y, probability.argmax(axis=1) if needs == "predict" else probability


def by_scikit_learn(name: str, task: Task, y: np.ndarray, prediction: np.ndarray, **extra: Any) -> float:
    scorer = sklearn_metrics.get_scorer(SCORERS.get(name, name))
    given_to = prediction[:, 1] if task == "binary" and prediction.ndim == 2 else prediction
    return float(scorer._score_func(y, given_to, **scorer._kwargs, **extra))


@pytest.mark.parametrize(("task", "name"), fitting())
def test_every_scorer_gives_what_scikit_learn_gives(task: Task, name: str) -> None:
    metric = metric_named(name, task, CLASSES[task])
    y, prediction = example(task, metric.needs)
    assert metric.value(y, prediction) == pytest.approx(by_scikit_learn(name, task, y, prediction), rel=1e-10)
    counts = np.random.default_rng(1).integers(1, 4, size=len(y))
    repeated = by_scikit_learn(name, task, np.repeat(y, counts), np.repeat(prediction, counts, axis=0))
    assert metric.value(y, prediction, counts.astype(float)) == pytest.approx(repeated, rel=1e-10)


def test_at_least_forty_scorers_fit_some_task() -> None:
    assert len({name for _, name in fitting()}) >= 40


@pytest.mark.parametrize(
    ("name", "task", "shown", "direction", "needs"),
    [
        ("neg_root_mean_squared_error", "regression", "rmse", "minimize", "predict"),
        ("rmse", "regression", "rmse", "minimize", "predict"),
        ("auc", "binary", "roc_auc", "maximize", "score"),
        ("neg_log_loss", "multiclass", "log_loss", "minimize", "predict_proba"),
        ("brier", "binary", "brier", "minimize", "predict_proba"),
        ("r2", "regression", "r2", "maximize", "predict"),
        ("mape", "regression", "mape", "minimize", "predict"),
        ("median_absolute_error", "regression", "median_absolute_error", "minimize", "predict"),
        ("davies_bouldin", "clustering", "davies_bouldin", "minimize", "predict"),
        ("silhouette_score", "clustering", "silhouette", "maximize", "predict"),
    ],
)
def test_names_are_natural(name: str, task: Task, shown: str, direction: str, needs: str) -> None:
    metric = metric_named(name, task, 3 if task == "multiclass" else 2)
    assert (metric.name, metric.direction, metric.needs) == (shown, direction, needs)


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("acuracy", "binary", "did you mean 'accuracy'"),
        ("rmse", "binary", "use 'roc_auc'"),
        ("accuracy", "regression", "use 'rmse'"),
        ("auc", "multiclass", "use 'roc_auc_ovr'"),
        ("f1", "multiclass", "use 'f1_macro'"),
        ("f1_samples", "multiclass", "several labels"),
        ("rand_score", "binary", "two clusterings"),
        ("silhouette", "regression", "use 'rmse'"),
        ("accuracy", "clustering", "use 'silhouette'"),
        ("top_k_accuracy", "binary", "use 'accuracy'"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_in_one_sentence(name: str, task: Task, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        metric_named(name, task, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "brier"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_row_scores_of_a_classifier_average_to_the_metric(name: str, task: Task) -> None:
    metric = metric_named(name, task, CLASSES[task])
    y, prediction = example(task, metric.needs)
    rows = metric.rows(y, prediction)
    assert rows is not None
    assert (rows.kind, rows.aggregate) == ("score", "mean")
    assert rows.values.mean() == pytest.approx(by_scikit_learn(name, task, y, prediction))
    if name == "accuracy":
        assert rows.values.dtype == np.uint8


@pytest.mark.parametrize("name", ["mse", "mae", "mape", "rmse", "msle", "rmsle", "poisson_deviance", "gamma_deviance"])
def test_row_scores_of_a_regression_average_to_the_metric(name: str) -> None:
    metric = metric_named(name, "regression")
    y, prediction = example("regression", "predict")
    rows = metric.rows(y, prediction, np.arange(60) + 5)
    assert rows is not None
    assert rows.rows is not None
    mean = rows.values.mean()
    assert (math.sqrt(mean) if rows.aggregate == "root_mean" else mean) == pytest.approx(metric.value(y, prediction))
    assert (rows.aggregate == "root_mean") == (name in {"rmse", "rmsle"})


def test_other_metrics_keep_the_prediction() -> None:
    metric = metric_named("roc_auc", "binary", 2)
    y, prediction = example("binary", "score")
    rows = metric.rows(y, prediction)
    assert rows is not None
    assert rows.kind == "prediction"
    np.testing.assert_array_equal(rows.values, prediction)


def test_log_loss_clips_as_scikit_learn_does() -> None:
    metric = metric_named("log_loss", "binary", 2)
    y = np.array([0, 1, 1])
    for kind in (np.float64, np.float32):
        sure = np.array([1, 0, 1], dtype=kind)
        expected = sklearn_metrics.log_loss(y, np.stack([1 - sure, sure], axis=1))
        assert metric.value(y, sure) == pytest.approx(expected)


def test_both_forms_of_a_binary_probability_are_one() -> None:
    y, table = example("binary", "predict_proba")
    for name in ("log_loss", "brier", "roc_auc", "average_precision", "roc_auc_ovr"):
        metric = metric_named(name, "binary", 2)
        assert metric.value(y, table) == pytest.approx(metric.value(y, table[:, 1]))


@pytest.mark.parametrize("name", ["roc_auc", "f1", "average_precision", "accuracy", "log_loss"])
@given(seed=st.integers(0, 500))
@settings(max_examples=10, deadline=None)
def test_values_under_weights_are_values_of_repeated_rows(name: str, seed: int) -> None:
    metric = metric_named(name, "binary", 2)
    y, prediction = example("binary", metric.needs, seed=seed)
    counts = np.random.default_rng(seed).integers(0, 3, size=(4, 60))
    got = metric.values_under(y, prediction, counts.astype(float))
    expected = [metric.value(np.repeat(y, c), np.repeat(prediction, c, axis=0)) for c in counts]
    np.testing.assert_allclose(got, expected)


def test_folds_average_what_is_no_mean_over_rows() -> None:
    metric = metric_named("auc", "binary", 2)
    y, prediction = example("binary", "score", n=90)
    folds = np.repeat([0, 1, 2], [20, 30, 40])
    shifted = prediction[:, 1] + 10.0 * folds
    parts = [metric.value(y[folds == f], shifted[folds == f]) for f in range(3)]
    assert metric.value(y, shifted, folds=folds) == pytest.approx(np.average(parts, weights=[20, 30, 40]))
    assert metric.value(y, shifted, folds=folds) == pytest.approx(metric.value(y, prediction, folds=folds))
    accuracy = metric_named("accuracy", "binary", 2)
    classes = prediction.argmax(axis=1)
    assert accuracy.value(y, classes, folds=folds) == pytest.approx((y == classes).mean())


def test_a_fold_of_one_class_is_left_out() -> None:
    metric = metric_named("auc", "binary", 2)
    y, score = np.array([0, 1, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.6, 0.4, 0.5, 0.6])
    folds = np.array([0, 0, 0, 0, 1, 1])
    assert metric.value(y, score, folds=folds) == metric.value(y[:4], score[:4])


def test_undefined_is_nan() -> None:
    auc, ap = metric_named("auc", "binary", 2), metric_named("roc_auc_ovo", "multiclass", 3)
    assert math.isnan(auc.value(np.ones(4, int), np.arange(4.0)))
    assert math.isnan(auc.value(np.array([0, 1]), np.array([np.nan, 1.0])))
    assert math.isnan(ap.value(np.array([0, 1, 1]), np.full((3, 3), 1 / 3)))
    assert math.isnan(metric_named("rmse", "regression").value(np.ones(2), np.array([np.nan, 1.0])))


@pytest.mark.parametrize(
    "name",
    [name for name in sklearn_metrics.get_scorer_names() if "likelihood_ratio" in name or name == "d2_brier_score"],
)
def test_scikit_learn_divides_by_0_on_the_rows_of_a_bootstrap_without_a_warning(name: str) -> None:
    y, chances = np.array([1, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.3, 0.2, 0.6, 0.1])
    metric = metric_named(name, "binary", 2)
    said = (chances > 0.5).astype(int) if metric.needs == "predict" else chances
    weights = np.array([[1.0] * 6, [1.0, 1, 1, 0, 0, 0], [0.0, 0, 0, 1, 1, 1]])
    values = metric.values_under(y, said, weights)
    assert math.isfinite(values[0])
    assert not np.isfinite(values[1:]).all()


def test_clustering() -> None:
    rng = np.random.default_rng(0)
    table = np.r_[rng.normal(0, 1, (20, 2)), rng.normal(6, 1, (20, 2))]
    labels = np.repeat([0, 1], 20)
    for name in ("silhouette", "davies_bouldin", "calinski_harabasz"):
        metric = metric_named(name, "clustering")
        expected = getattr(sklearn_metrics, f"{name}_score")(table, labels)
        assert metric.value(table, labels) == pytest.approx(expected)
        assert math.isnan(metric.value(table, np.zeros(40, int)))
    rows = metric_named("silhouette", "clustering").rows(table, labels)
    assert rows is not None
    np.testing.assert_allclose(rows.values, sklearn_metrics.silhouette_samples(table, labels))
    assert metric_named("davies_bouldin", "clustering").rows(table, labels) is None


def cost(y: np.ndarray, prediction: np.ndarray) -> float:
    """A false negative costs five."""
    return float(np.mean(np.where(y == 1, 5.0, 1.0) * (y != prediction)))


def test_a_users_function() -> None:
    better = metric_named("cost", "binary", 2, function=lambda y, p: -cost(y, p))
    assert (better.direction, better.needs) == ("maximize", "predict")
    cost.greater_is_better = False  # type: ignore[attr-defined]
    metric: Metric = metric_named("cost", "binary", 2, function=cost)
    y, prediction = example("binary", "predict")
    assert metric.direction == "minimize"
    assert metric.value(y, prediction) == cost(y, prediction)
    counts = np.random.default_rng(0).integers(0, 3, size=(3, 60))
    np.testing.assert_allclose(
        metric.values_under(y, prediction, counts.astype(float)),
        [cost(np.repeat(y, c), np.repeat(prediction, c)) for c in counts],
    )
    with pytest.raises(RequestError, match="whole numbers"):
        metric.value(y, prediction, np.full(60, 0.5))


def test_a_users_functions_own_error_passes_on_but_not_in_a_bootstrap() -> None:
    def picky(y: np.ndarray, prediction: np.ndarray) -> float:
        if len(y) < 10:
            raise IndexError("too few")
        return float((y == prediction).mean())

    metric = metric_named("picky", "binary", 2, function=picky)
    said = r"'picky' cannot score 5 rows; it ended in IndexError: too few \(test_evaluate_metrics\.py, line \d+\)"
    with pytest.raises(MetricError, match=said) as caught:
        metric.value(np.ones(5, int), np.ones(5, int))
    assert isinstance(caught.value.__cause__, IndexError)
    some = np.r_[np.ones(5), np.zeros(15)]
    assert np.isnan(metric.values_under(np.ones(20, int), np.ones(20, int), some[None, :])).all()


def test_what_a_function_needs_is_checked() -> None:
    def wrong(y: np.ndarray, prediction: np.ndarray) -> float:
        return 0.0

    wrong.needs = "logits"  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match="'predict', 'predict_proba' or 'score'"):
        metric_named("wrong", "binary", 2, function=wrong)


@pytest.mark.parametrize(
    ("name", "task", "y", "prediction", "words"),
    [
        ("accuracy", "binary", [0, 1], [0, 1, 1], "one each"),
        ("accuracy", "binary", ["a", "b"], [0, 1], "encode the labels"),
        ("accuracy", "binary", [0, 1], [0.2, 0.7], "encode the labels"),
        ("accuracy", "binary", [0, 1], [[0.1, 0.9], [0.1, 0.9]], "one prediction per row"),
        ("rmse", "regression", [0.0, 1.0], ["x", "y"], "needs numbers"),
        ("log_loss", "multiclass", [0, 2], [[0.5, 0.5], [0.5, 0.5]], "one column per class"),
        ("accuracy", "binary", [], [], "one each"),
    ],
)
def test_bad_arrays_get_a_sentence(name: str, task: Task, y: list[Any], prediction: list[Any], words: str) -> None:
    metric = metric_named(name, task, 2 if task == "binary" else 3)
    with pytest.raises(RequestError, match=words):
        metric.value(np.array(y), np.array(prediction))


def test_bad_weights_and_folds_get_a_sentence() -> None:
    metric = metric_named("auc", "binary", 2)
    with pytest.raises(RequestError, match=r"\(B, rows\)"):
        metric.values_under(np.array([0, 1]), np.array([0.0, 1.0]), np.ones((2, 3)))
    with pytest.raises(RequestError, match="folds"):
        metric.value(np.array([0, 1]), np.array([0.0, 1.0]), folds=np.zeros(3))


@pytest.mark.parametrize(("name", "task"), [("r2", "regression"), ("f1", "binary"), ("matthews_corrcoef", "binary")])
def test_classes_and_numbers_of_all_folds_are_put_together(name: str, task: Any) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60).astype(float if task == "regression" else int)
    said = np.where(rng.random(60) < 0.2, 1 - y, y)
    metric, folds = metric_named(name, task, None if task == "regression" else 2), np.arange(60) // 6
    weights = rng.integers(0, 3, (4, 60)).astype(float)
    assert metric.value(y, said, folds=folds) == metric.value(y, said)
    assert metric.values_under(y, said, weights, folds).tolist() == metric.values_under(y, said, weights).tolist()
