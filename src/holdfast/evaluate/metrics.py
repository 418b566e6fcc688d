"""A metric in its natural, positive sense: what it needs from a model, which way is better, what it says of rows."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import catalogue
from holdfast.evaluate.catalogue import Needs, RowTerm, Task, UnderWeights
from holdfast.evaluate.ranges import UNBOUNDED, Range, range_named
from holdfast.records import Direction, RowScores
from holdfast.stats import weighted

HIGHER = {"score", "accuracy", "auc", "precision", "recall", "f1", "r2", "gain", "profit", "reward", "utility"}
"""Words in the name of a function that say that higher is better."""


@dataclass(frozen=True)
class Metric:
    """A metric, made by `metric_named`.

    Targets of a classification are the integers 0 to K-1, 1 the positive class of two. A prediction is, by ``needs``:

    - ``"predict"``: shape (N,), classes or numbers;
    - ``"predict_proba"``: shape (N, K), or (N,) for class 1 of two;
    - ``"score"``: the same, with ``decision_function`` standing in where a model has no ``predict_proba``.

    A clustering metric has the table, shape (N, d), in the place of y and the cluster labels as the prediction.

    One that is a user's function raises `MetricError` where that fails on all the rows it is given.

    Args:
        name: what it is called on pages.
        direction: which way is better.
        needs: what a model has to give.
        task: what it was made for.
        aggregate: how it follows from row terms, where it has them.
        row_term: what a row adds to it, None where it is no mean over rows.
        under_weights: the metric under weights of shape (B, N), as shape (B,).
        fast: whether thousands of weight vectors cost little.
        range: its least and its greatest value, as far as that is known.
        calls: how many times a slow metric calls its function for one weight vector: once for each fold, if it does so.
        weighs: whether weights of rows may be any numbers, and not only how often a row counts.
    """

    name: str
    direction: Direction
    needs: Needs
    task: Task
    aggregate: Literal["mean", "root_mean"]
    row_term: RowTerm | None
    under_weights: UnderWeights
    fast: bool
    range: Range = UNBOUNDED
    calls: int = 1
    weighs: bool = True

    @property
    def decomposable(self) -> bool:
        """Whether the metric is a mean over rows, or the root of one."""
        return self.row_term is not None

    @property
    def ends(self) -> Range:
        """Its range where higher is better: that of ``-value`` of a metric to minimize."""
        low, high = self.range
        return (low, high) if self.direction == "maximize" else (-high, -low)

    @property
    def has_two_ends(self) -> bool:
        """Whether its least and its greatest value are known, as those of metrics of classes are."""
        return math.isfinite(self.range[0]) and math.isfinite(self.range[1])

    @property
    def pools_folds(self) -> bool:
        """Whether predictions of different models can be put together: classes and numbers."""
        return self.needs == "predict" and self.task != "clustering"

    def value(
        self,
        y: np.ndarray,
        prediction: np.ndarray,
        sample_weight: np.ndarray | None = None,
        folds: np.ndarray | None = None,
    ) -> float:
        """The metric; NaN where it is undefined (one class only, a prediction that is not finite).

        Args:
            y: shape (N,).
            prediction: shape (N,) or (N, K).
            sample_weight: shape (N,), not negative.
            folds: shape (N,), see `values_under`.

        Raises:
            RequestError: if shapes or classes do not fit.
        """
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        return float(self.values_under(y, prediction, weights[None, :], folds)[0])

    def rows(
        self,
        y: np.ndarray,
        prediction: np.ndarray,
        rows: np.ndarray | None = None,
        folds: np.ndarray | None = None,
    ) -> RowScores | None:
        """Row scores for the record: row terms where the metric has them, the prediction itself otherwise.

        None for a clustering metric that does not come from rows. ``rows``, shape (N,), names the rows; ``folds``,
        shape (N,), says which model predicted each of them: clusters of different models are not the same.
        """
        target, checked = self._checked(y, prediction)
        if self.row_term is not None:
            return RowScores(self._terms(target, checked, folds), rows, "score", self.aggregate)
        return None if self.task == "clustering" else RowScores(np.asarray(prediction), rows, "prediction")

    def values_under(
        self, y: np.ndarray, prediction: np.ndarray, weights: np.ndarray, folds: np.ndarray | None = None
    ) -> np.ndarray:
        """The metric under each of B weight vectors, shape (B, N), as shape (B,); NaN where it is undefined.

        With ``folds``, shape (N,), a metric of scores, probabilities or clusters that is no mean over rows is computed
        in each fold and averaged, weighted by the folds' weights; a fold in which it is undefined is left out. Scores
        of different fold models are not comparable, so that a metric of the pooled ones would be another quantity.
        Classes and numbers are, and are put together: R², F1 or Matthews' correlation of few rows are biased, and of
        the few that a bootstrap leaves out of one fold say nothing (Forman and Scholz, SIGKDD Explorations 12:49,
        2010).

        Raises:
            RequestError: if shapes or classes do not fit.
        """
        target, checked = self._checked(y, prediction)
        weights = np.asarray(weights, dtype=float)
        if weights.ndim != 2 or weights.shape[1] != len(target):
            raise RequestError(
                f"there are {len(target)} rows but weights of shape {weights.shape}; (B, rows) is needed"
            )
        if self.row_term is not None:
            mean = weighted.mean(self._terms(target, checked, folds), weights)
            return np.sqrt(mean) if self.aggregate == "root_mean" else mean
        if checked.dtype.kind == "f" and not np.isfinite(checked).all():
            return np.full(len(weights), np.nan)
        if folds is None or self.pools_folds:
            return self.under_weights(target, checked, weights)
        return self._fold_average(target, checked, weights, np.asarray(folds))

    def _terms(self, y: np.ndarray, prediction: np.ndarray, folds: np.ndarray | None) -> np.ndarray:
        """The row terms; those of a clustering depend on the other rows of the same model."""
        assert self.row_term is not None
        if folds is None or self.task != "clustering":
            return self.row_term(y, prediction)
        terms = np.empty(len(y))
        for fold in np.unique(folds):
            terms[folds == fold] = self.row_term(y[folds == fold], prediction[folds == fold])
        return terms

    def _fold_average(
        self, y: np.ndarray, prediction: np.ndarray, weights: np.ndarray, folds: np.ndarray
    ) -> np.ndarray:
        if folds.shape != (len(y),):
            raise RequestError(f"there are {len(y)} rows but folds of shape {folds.shape}; one per row is needed")
        total, size = np.zeros(len(weights)), np.zeros(len(weights))
        for fold in np.unique(folds):
            mine = folds == fold
            share = weights[:, mine]
            values = self.under_weights(y[mine], prediction[mine], share)
            defined = np.isfinite(values)
            total += np.where(defined, values, 0.0) * share.sum(axis=1)
            size += np.where(defined, share.sum(axis=1), 0.0)
        return np.where(size > 0, total / np.where(size > 0, size, 1.0), np.nan)

    def _checked(self, y: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The target and the prediction as arrays of the form that the metric works on."""
        target, prediction = np.asarray(y), np.asarray(prediction)
        if len(target) == 0 or len(target) != len(prediction):
            raise RequestError(
                f"there are {len(target)} rows but {len(prediction)} predictions of them; one each is needed"
            )
        if prediction.ndim == 2 and prediction.shape[1] == 1:
            prediction = prediction[:, 0]
        if self.task == "clustering":
            return target, prediction
        if self.needs == "predict" and prediction.ndim != 1:
            raise RequestError(
                f"the metric '{self.name}' needs one prediction per row, but got an array of shape {prediction.shape}"
            )
        if self.task == "regression":
            return _numbers(target, self.name), _numbers(prediction, self.name)
        target = _codes(target, self.name, "targets")
        if self.needs == "predict":
            return target, _codes(prediction, self.name, "predictions")
        prediction = _numbers(prediction, self.name)
        if self.task == "binary" and prediction.ndim == 2:
            prediction = prediction[:, 1]
        if prediction.ndim == 2 and target.max() >= prediction.shape[1]:
            raise RequestError(
                f"the metric '{self.name}' got {prediction.shape[1]} columns for classes up to {target.max()}; "
                "one column per class is needed"
            )
        return target, prediction


def metric_named(
    name: str, task: Task, n_classes: int | None = None, *, function: Callable[..., float] | None = None
) -> Metric:
    """The metric of that name, or of a user's function.

    Args:
        name: a natural name (``accuracy``, ``auc``, ``log_loss``, ``rmse``, ``mae``, ``brier`` ...), any scikit-learn
            scorer name, or for clustering ``silhouette``, ``davies_bouldin`` or ``calinski_harabasz``.
        task: what the study is about.
        n_classes: how many classes the target has.
        function: ``function(y_true, y_pred) -> float``, which may take ``sample_weight``. Higher is better unless it
            has an attribute ``greater_is_better = False``; an attribute ``needs`` (``"predict"``, ``"predict_proba"``
            or ``"score"``) says what ``y_pred`` is, ``"predict"`` if there is none.

    Raises:
        RequestError: if no metric has that name (the nearest is given) or it does not fit the task.
    """
    if function is not None:
        return _custom(name, task, function)
    shown = catalogue.shown_name(name)
    if shown in catalogue.CLUSTERING:
        return _clustering(name, shown, task)
    scorer = catalogue.scorer_named(name)
    catalogue.refuse_misfit(name, scorer, task)
    fast = catalogue.fast_form(shown, task, n_classes)
    row_term = catalogue.ROW_TERMS.get(shown)
    return Metric(
        name=shown,
        direction="maximize" if scorer._sign > 0 else "minimize",
        needs=catalogue.needs_of(scorer),
        task=task,
        aggregate="root_mean" if shown in catalogue.ROOTS else "mean",
        row_term=row_term,
        under_weights=fast or _plain(scorer),
        fast=fast is not None or row_term is not None,
        range=range_named(shown, 2 if task == "binary" else n_classes),
        weighs=fast is not None or row_term is not None or _accepts_weights(scorer),
    )


def says_direction(function: Callable[..., float]) -> bool:
    """Whether a metric of one's own says which way is better: by its attribute, or as higher in its name or docstring.

    >>> from sklearn.metrics import balanced_accuracy_score, mean_pinball_loss
    >>> says_direction(balanced_accuracy_score), says_direction(mean_pinball_loss)
    (True, False)
    """
    if hasattr(function, "greater_is_better"):
        return True
    name = re.split(r"[\W_]+", getattr(function, "__name__", "").lower())
    said = (inspect.getdoc(function) or "").lower()
    return bool(HIGHER & set(name)) or "higher is better" in said or "greater is better" in said


def _plain(scorer: Any) -> UnderWeights:
    function = functools.partial(scorer._score_func, **scorer._kwargs)
    return catalogue.slow_form(function, accepts_weights=_accepts_weights(scorer))


def _accepts_weights(scorer: Any) -> bool:
    one_against_one = scorer._kwargs.get("multi_class") == "ovo"
    return catalogue.takes_weights(scorer._score_func) and not one_against_one


def _custom(name: str, task: Task, function: Callable[..., float]) -> Metric:
    needs: Needs = getattr(function, "needs", "predict")
    if needs not in {"predict", "predict_proba", "score"}:
        raise RequestError(
            f"the metric '{name}' has needs = {needs!r}; it has to be 'predict', 'predict_proba' or 'score'"
        )
    return Metric(
        name=name,
        direction="maximize" if getattr(function, "greater_is_better", True) else "minimize",
        needs=needs,
        task=task,
        aggregate="mean",
        row_term=None,
        under_weights=catalogue.slow_form(function, accepts_weights=catalogue.takes_weights(function), own=name),
        fast=False,
        weighs=catalogue.takes_weights(function),
    )


def _clustering(name: str, shown: str, task: Task) -> Metric:
    if task != "clustering":
        raise RequestError(
            f"the metric '{name}' is one of clustering, but the task is {task}; use '{catalogue.SUGGESTED[task]}'"
        )

    def value(table: np.ndarray, labels: np.ndarray) -> float:
        return catalogue.cluster_value(shown, table, labels)

    return Metric(
        name=shown,
        direction="maximize" if catalogue.CLUSTERING[shown] == "maximize" else "minimize",
        needs="predict",
        task="clustering",
        aggregate="mean",
        row_term=catalogue.cluster_rows if shown == "silhouette" else None,
        under_weights=catalogue.slow_form(value, accepts_weights=False),
        fast=shown == "silhouette",
        range=range_named(shown),
        weighs=False,
    )


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise RequestError(f"the metric '{name}' needs numbers, but got values of type {values.dtype}")
    return values if values.dtype.kind == "f" else values.astype(float)


def _codes(values: np.ndarray, name: str, what: str) -> np.ndarray:
    whole = values.dtype.kind in "iub" or (values.dtype.kind == "f" and bool(np.all(values == np.rint(values))))
    if not whole or values.min() < 0:
        raise RequestError(
            f"the metric '{name}' needs {what} that are classes coded 0, 1, 2 ...; encode the labels first"
        )
    return values.astype(np.int64)
