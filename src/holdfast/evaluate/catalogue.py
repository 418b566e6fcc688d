"""The metrics that have a name: what scikit-learn's scorers are called here, what they need, what they fit."""

from __future__ import annotations

import inspect
import math
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from holdfast.errors import MetricError, RequestError, nearest
from holdfast.evaluate import contributions
from holdfast.stats import weighted

Task = Literal["binary", "multiclass", "regression", "clustering"]
Needs = Literal["predict", "predict_proba", "score"]
Plain = Callable[..., float]
RowTerm = Callable[[np.ndarray, np.ndarray], np.ndarray]
UnderWeights = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

SCORERS = {
    "auc": "roc_auc",
    "log_loss": "neg_log_loss",
    "rmse": "neg_root_mean_squared_error",
    "mse": "neg_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "msle": "neg_mean_squared_log_error",
    "rmsle": "neg_root_mean_squared_log_error",
    "median_absolute_error": "neg_median_absolute_error",
    "max_error": "neg_max_error",
    "brier": "neg_brier_score",
    "poisson_deviance": "neg_mean_poisson_deviance",
    "gamma_deviance": "neg_mean_gamma_deviance",
    "negative_likelihood_ratio": "neg_negative_likelihood_ratio",
}
"""Natural names and the scikit-learn scorers they stand for."""

EXTREMES = frozenset({"max_error"})
"""Metrics that are the error of one row, the worst: no bootstrap says how bad a row to come may be."""

CLUSTERING = {
    "silhouette": "maximize",
    "davies_bouldin": "minimize",
    "calinski_harabasz": "maximize",
}
"""Metrics of a clustering that need no true labels, and their directions."""

ROW_TERMS: dict[str, RowTerm] = {
    "accuracy": contributions.correct,
    "log_loss": contributions.negative_log_likelihood,
    "brier": contributions.brier,
    "mse": contributions.squared_error,
    "rmse": contributions.squared_error,
    "mae": contributions.absolute_error,
    "mape": contributions.absolute_percentage_error,
    "msle": contributions.squared_log_error,
    "rmsle": contributions.squared_log_error,
    "poisson_deviance": contributions.poisson_deviance,
    "gamma_deviance": contributions.gamma_deviance,
}
"""Metrics that are a mean over rows, or the root of one."""

ROOTS = {"rmse", "rmsle"}
"""Metrics that are the root of a mean over rows."""

PER_CLASS = {
    "f1": weighted.f1,
    "jaccard": weighted.jaccard,
    "precision": weighted.precision,
    "recall": weighted.recall,
}
"""Metrics of a class against the rest, averaged over classes."""

TWO_CLASSES_ONLY = {
    "roc_auc": "roc_auc_ovr",
    "f1": "f1_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "jaccard": "jaccard_macro",
    "positive_likelihood_ratio": "balanced_accuracy",
    "negative_likelihood_ratio": "balanced_accuracy",
}
"""Metrics of a binary target, and what to use for more classes."""

SUGGESTED = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse", "clustering": "silhouette"}
"""A metric that fits each task."""


def shown_name(name: str) -> str:
    """The name a metric is shown under: natural where there is one, without scikit-learn's 'neg_' otherwise."""
    if name == "auc":
        return "roc_auc"
    for natural, scorer in SCORERS.items():
        if name == scorer and natural != "auc":
            return natural
    bare = name.removesuffix("_score")
    return bare if bare in CLUSTERING else name.removeprefix("neg_")


def known_names() -> list[str]:
    """Every name that a metric can be asked for by."""
    from sklearn.metrics import get_scorer_names

    return sorted({*get_scorer_names(), *SCORERS, *CLUSTERING})


def scorer_named(name: str) -> Any:
    """The scikit-learn scorer behind a name.

    Raises:
        RequestError: if there is none; names the nearest.
    """
    from sklearn.metrics import get_scorer, get_scorer_names

    scorer = SCORERS.get(name, name)
    if scorer not in get_scorer_names():
        raise RequestError(
            f"there is no metric named '{name}'{nearest(name, known_names())}; "
            "any scikit-learn scorer name or 'module:function' will do"
        )
    return get_scorer(scorer)


def refuse_misfit(name: str, scorer: Any, task: Task) -> None:
    """Raise one sentence if a scorer cannot serve the task."""
    home = scorer._score_func.__module__
    shown = shown_name(name)
    instead = f"use '{SUGGESTED[task]}' or another metric of {_task_words(task)}"
    if ".cluster" in home:
        raise RequestError(
            f"the metric '{name}' compares two clusterings, which a {task} study does not have; {instead}"
        )
    fits = "regression" if home.endswith("_regression") else "classification"
    if task == "clustering" or (task == "regression") != (fits == "regression"):
        raise RequestError(f"the metric '{name}' is one of {fits}, but the task is {_task_words(task)}; {instead}")
    if name.endswith("_samples"):
        raise RequestError(f"the metric '{name}' is for several labels per row, but each row has one class; {instead}")
    if task == "binary" and shown == "top_k_accuracy":
        raise RequestError(f"the metric '{name}' is always 1 with two classes; use 'accuracy'")
    if task == "multiclass" and shown in TWO_CLASSES_ONLY:
        raise RequestError(
            f"the metric '{name}' needs two classes, but the target has more; use '{TWO_CLASSES_ONLY[shown]}'"
        )


def needs_of(scorer: Any) -> Needs:
    """What a scorer wants from a model; ``"score"`` is a probability or, if there is none, a decision value."""
    response = scorer._response_method
    if response in {"predict", "predict_proba"}:
        return "predict" if response == "predict" else "predict_proba"
    return "score"


def fast_form(name: str, task: Task, n_classes: int | None) -> UnderWeights | None:
    """The metric under many weight vectors at once, where holdfast has that; ``name`` is the shown name."""
    kind, _, suffix = name.partition("_")
    if kind in PER_CLASS and suffix in {"", "macro", "micro", "weighted"}:
        return _per_class(kind, suffix or "binary", n_classes)
    if name == "balanced_accuracy":
        return lambda y, p, w: weighted.balanced_accuracy(weighted.class_counts(y, p, _classes(y, p, n_classes), w))
    if name == "matthews_corrcoef":
        return lambda y, p, w: weighted.matthews(weighted.class_counts(y, p, _classes(y, p, n_classes), w))
    if name in {"r2", "explained_variance"}:
        return weighted.r2 if name == "r2" else weighted.explained_variance
    if name == "average_precision" and task == "binary":
        return lambda y, p, w: weighted.average_precision(y == 1, p, w)
    if task == "binary" and name.startswith("roc_auc"):
        return lambda y, p, w: weighted.auc(y == 1, p, w)
    if name == "roc_auc_ovr":
        return lambda y, p, w: weighted.auc_one_against_rest(y, p, w, "macro")
    if name == "roc_auc_ovr_weighted":
        return lambda y, p, w: weighted.auc_one_against_rest(y, p, w, "weighted")
    return None


def slow_form(function: Plain, *, accepts_weights: bool, own: str | None = None) -> UnderWeights:
    """Any metric under many weight vectors, one call each on the rows whose weight is not 0.

    A metric that takes no ``sample_weight`` gets each row as often as its weight, an integer, says. A call that ends in
    a ValueError or ZeroDivisionError (one class only, too few rows) gives NaN: the metric is undefined there.

    A user's ``own`` metric, of that name, may raise anything: where rows were left out it is undefined there, and where
    none was, the function itself fails, which is a `MetricError`.
    """
    undefined = (ValueError, ZeroDivisionError) if own is None else Exception

    def under(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
        values = np.full(len(weights), np.nan)
        for b, row in enumerate(weights):
            picked, extra = _picked(row, accepts_weights=accepts_weights)
            if len(picked) == 0:
                continue
            try:
                values[b] = _quietly(function, y[picked], prediction[picked], extra)
            except undefined as exc:
                if own is not None and (row > 0).all():
                    raise MetricError(_raised(own, exc, len(picked))) from exc
        return values

    return under


def _raised(name: str, exc: Exception, n_rows: int) -> str:
    """One sentence of what a metric raised, and where."""
    frames = [frame for frame in traceback.extract_tb(exc.__traceback__) if frame.filename != __file__]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    said = " ".join(f"{type(exc).__name__}: {exc}".split())
    return f"the metric '{name}' cannot score {n_rows:,} rows; it ended in {said}{where}"


def takes_weights(function: Callable[..., Any]) -> bool:
    """Whether a metric function has a parameter ``sample_weight``."""
    return "sample_weight" in inspect.signature(function).parameters


def cluster_value(name: str, table: np.ndarray, labels: np.ndarray) -> float:
    """A clustering metric of labels, shape (N,), of a table, shape (N, d); NaN if there are not 2 to N-1 clusters."""
    from sklearn import metrics

    if not 2 <= len(np.unique(labels)) < len(labels):
        return math.nan
    return float(getattr(metrics, f"{name}_score")(table, labels))


def cluster_rows(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The silhouette of each row, shape (N,); NaN if there are not 2 to N-1 clusters."""
    from sklearn.metrics import silhouette_samples

    if not 2 <= len(np.unique(labels)) < len(labels):
        return np.full(len(labels), np.nan)
    return np.asarray(silhouette_samples(table, labels))


def _picked(weights: np.ndarray, *, accepts_weights: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The indices of the rows to score, and ``sample_weight`` if the metric takes it."""
    kept = np.flatnonzero(weights > 0)
    if accepts_weights:
        return kept, {"sample_weight": weights[kept]}
    whole = np.rint(weights).astype(int)
    if not np.array_equal(whole, weights):
        raise RequestError("this metric takes no sample_weight, so that row weights have to be whole numbers")
    return np.repeat(kept, whole[kept]), {}


def _quietly(function: Plain, y: np.ndarray, prediction: np.ndarray, extra: dict[str, np.ndarray]) -> float:
    """The metric without scikit-learn's warnings that a part of it is undefined or that one class only is there."""
    with warnings.catch_warnings():
        for category in (UserWarning, RuntimeWarning):  # the second where it divides by 0, as for d2_brier_score
            warnings.filterwarnings("ignore", category=category, module=r"sklearn\.")
        return float(function(y, prediction, **extra))


def _per_class(kind: str, average: str, n_classes: int | None) -> UnderWeights:
    function = PER_CLASS[kind]

    def under(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
        counts = weighted.class_counts(y, prediction, _classes(y, prediction, n_classes), weights)
        return function(counts, average)  # type: ignore[arg-type]  # one of the four averages, by fast_form

    return under


def _classes(y: np.ndarray, prediction: np.ndarray, n_classes: int | None) -> int:
    return max(n_classes or 2, int(y.max()) + 1, int(prediction.max()) + 1)


def _task_words(task: Task) -> str:
    return f"{task} classification" if task in {"binary", "multiclass"} else task
