"""Which metric a search selects by, and what it says of rows: it makes an estimate possible, or a sentence why not."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import catalogue, wording
from holdfast.evaluate.catalogue import Task
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.evaluate.ranges import Range, range_of
from holdfast.sklearn.folds import Said
from holdfast.sklearn.together import APART, Together


@dataclass(frozen=True)
class Design:
    """Which rows the folds score.

    Args:
        rows: shape (M,), the rows that any fold scores, ascending.
        places: one array of shape (n,) a fold, where its rows stand among these.
        turns: one array of shape (n,) a fold, how many folds before have scored the row.
    """

    rows: np.ndarray
    places: tuple[np.ndarray, ...]
    turns: tuple[np.ndarray, ...]

    @property
    def repeats(self) -> int:
        """How often the row that is scored most often is scored."""
        return 1 + max(int(turn.max()) for turn in self.turns)

    def shares(self, weights: np.ndarray | None) -> list[np.ndarray]:
        """How much each row of a fold counts in the mean over folds, shape (n,) each; their mean over M rows is 1.

        scikit-learn's score is a mean over folds of a (weighted) mean over the rows of the fold.
        """
        own = [np.ones(len(place)) if weights is None else weights[self.rows[place]] for place in self.places]
        return [a * (len(self.rows) / (len(self.places) * a.sum())) for a in own]

    def counts(self, weights: np.ndarray | None) -> np.ndarray:
        """How much each of the M rows counts in the mean over folds, shape (M,), their mean being 1."""
        found = np.zeros(len(self.rows))
        for place, share in zip(self.places, self.shares(weights), strict=True):
            np.add.at(found, place, share)  # a row may stand in a fold more than once
        return found


def design_of(tests: Sequence[np.ndarray], n_rows: int) -> Design:
    """The design of folds that score the rows ``tests``, each an array of indices under ``n_rows``."""
    counts = np.zeros(n_rows, dtype=np.int64)
    turns = []
    for test in tests:
        turns.append(counts[test])
        counts[test] += 1
    rows = np.flatnonzero(counts)
    return Design(rows, tuple(np.searchsorted(rows, test) for test in tests), tuple(turns))


@dataclass(frozen=True)
class Scored:
    """How a search scores rows.

    Args:
        name: of the metric, among several.
        scorer: scikit-learn's scorer: a function of targets and predictions, and its sign.
        task: what is learned.
        y: shape (N,), numbers; of a classification the classes' places among the labels.
        labels: shape (K,), the classes themselves, of two the positive one last; None in a regression.
        design: which rows the folds score.
        weights: shape (N,), what the scorer weighs rows by; None for all alike.
        groups: shape (N,), rows that belong together; None where all are on their own.
        times: shape (N,), the moments of rows where every fold learns from rows before those that it scores; else None.
        clusters: whether predictions are clusters, whose numbers mean nothing beyond the fold's own model.
    """

    name: str
    scorer: Any
    task: Task
    y: np.ndarray
    labels: np.ndarray | None
    design: Design
    weights: np.ndarray | None
    groups: np.ndarray | None
    times: np.ndarray | None = None
    clusters: bool = False

    @property
    def sign(self) -> int:
        """1 where more is better by the metric itself, -1 where the scorer turns it round."""
        return 1 if self.scorer._sign > 0 else -1

    @property
    def range(self) -> Range:
        """The least and the greatest value that the scorer may give."""
        return range_of_scorer(self.scorer, None if self.labels is None else len(self.labels))

    def metrics(self) -> list[Metric]:
        """The metric as holdfast knows it, if it does, and as scikit-learn's function called again and again."""
        known = registered_name(self.scorer)
        own = [self._called()]
        if known is None:
            return own
        try:
            return [metric_named(known, self.task, None if self.labels is None else len(self.labels)), *own]
        except RequestError:  # one of other tasks: scikit-learn lets it be used, and so do we
            return own

    def predicted(self, said: Said) -> np.ndarray | None:
        """Predictions as numbers: classes as 0 to K-1, probabilities with a column for every class; None if unfit."""
        by_class = catalogue.needs_of(self.scorer) == "predict"
        response = _raveled(said.response) if self.labels is None or by_class else said.response
        if self.labels is None or not by_class:
            numbers = response if response.dtype.kind in "fiub" else None
            if numbers is None or numbers.ndim == 1 or self.labels is None or numbers.shape[1] == len(self.labels):
                return numbers
            return _all_columns(numbers, said.classes, self.labels)
        if response.ndim != 1:
            return None
        return codes(response, self.labels)

    def _called(self) -> Metric:
        function = functools.partial(self.scorer._score_func, **self.scorer._kwargs)
        labels, of_sklearn = self.labels, function.func.__module__.startswith("sklearn.")
        classes = catalogue.needs_of(self.scorer) == "predict"

        def on_labels(y: np.ndarray, predicted: np.ndarray, **extra: Any) -> float:
            if labels is None:
                return float(function(y, predicted, **extra))
            said = labels[predicted.astype(int)] if classes else predicted
            return float(function(labels[y.astype(int)], said, **extra))

        return Metric(
            name=self.name,
            direction="maximize" if self.sign > 0 else "minimize",
            needs="score",
            task="regression",  # so that the numbers pass as they are
            aggregate="mean",
            row_term=None,
            under_weights=catalogue.slow_form(
                on_labels,
                accepts_weights=catalogue.takes_weights(self.scorer._score_func),
                own=None if of_sklearn else getattr(function.func, "__name__", self.name),
            ),
            fast=False,
        )


def codes(values: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Labels as their places among ``labels``; None if one is not among them."""
    order = np.argsort(labels)
    places = order[np.minimum(np.searchsorted(labels, values, sorter=order), len(labels) - 1)]
    return places if bool((labels[places] == values).all()) else None


def _all_columns(numbers: np.ndarray, classes: np.ndarray | None, labels: np.ndarray) -> np.ndarray | None:
    """Columns of a fold that lacks a class, among those of all classes; 0 where it has none."""
    if classes is None or numbers.shape[1] != len(classes):
        return None
    places = codes(np.asarray(classes), labels)
    if places is None:
        return None
    whole = np.zeros((len(numbers), len(labels)), dtype=numbers.dtype)
    whole[:, places] = numbers
    return whole


def scored_by(
    estimator: Any,
    scorers: Any,
    metric: str | None,
    y: Any,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    params: Mapping[str, Any],
    together: Together = APART,
) -> Scored | str:
    """How a search scores rows, or why no estimate can be made of it.

    Args:
        estimator: what is tuned.
        scorers: scikit-learn's scorer, several of them in one, or a function.
        metric: the name of the metric that the search selects by, None where no one metric does.
        y: the targets.
        splits: the rows that each fold learns from and those that it scores, as indices.
        params: what the scorer gets besides.
        together: which rows go together.
    """
    from sklearn.base import is_classifier, is_clusterer
    from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer

    if metric is None:
        return "several metrics are scored and no one of them selects; refit='NAME OF A METRIC' would say which"
    if y is None:
        return "there is no y that predictions could be compared with"
    scorer = scorer_named(scorers, metric, estimator)
    if isinstance(scorers, _PassthroughScorer) and scorer is None:
        return (
            f"{type(estimator).__name__} scores itself and is neither a classifier nor a regressor; a metric such as "
            "scoring='accuracy' says what it makes of each row"
        )
    if not isinstance(scorer, _BaseScorer):
        return (
            f"'{metric}' is a function of a fitted estimator, which does not say what it makes of each row; a name "
            "such as scoring='accuracy', or sklearn.metrics.make_scorer, does"
        )
    if scorer._score_func.__name__ in catalogue.EXTREMES:
        return wording.extreme(metric)
    target = _target_of(y)
    if isinstance(target, str):
        return target
    tests = [test for _, test in splits]
    bare = [k for k, test in enumerate(tests) if not len(test)]
    if bare:
        return f"split {bare[0]} of {len(tests)} scores no rows (the first is split 0)"
    if len(np.unique(np.concatenate(tests))) < 2:
        return "the folds score fewer than two rows"
    weights = _weights_of(scorers, scorer, metric, params)
    if isinstance(weights, str):
        return weights
    labels = None
    if is_classifier(estimator) or _tells_outliers(estimator, scorer, target):
        labels, target = _labels_of(target, scorer)
    elif target.dtype.kind not in "fiub":
        return f"y is of type {target.dtype}, and the estimator is no classifier"
    return Scored(
        name=metric,
        scorer=scorer,
        task="regression" if labels is None else "binary" if len(labels) == 2 else "multiclass",
        y=target,
        labels=labels,
        design=design_of(tests, len(target)),
        weights=weights,
        groups=together.groups,
        times=together.times,
        clusters=is_clusterer(estimator),
    )


def _tells_outliers(estimator: Any, scorer: Any, target: np.ndarray) -> bool:
    """Whether predictions of an outlier detector, -1 and 1 or a score, are of two classes as those of a classifier."""
    from sklearn.base import is_outlier_detector

    classes = np.unique(target)
    by_class = catalogue.needs_of(scorer) == "predict"
    return is_outlier_detector(estimator) and len(classes) == 2 and (not by_class or classes.tolist() == [-1, 1])


def _labels_of(target: np.ndarray, scorer: Any) -> tuple[np.ndarray, np.ndarray]:
    """The classes, shape (K,), and the places of the targets among them; of two the positive one comes last."""
    labels, places = np.unique(target, return_inverse=True)
    positive = scorer._get_pos_label()
    if len(labels) == 2 and positive is not None and labels[0] == positive:
        return labels[::-1], 1 - places
    return labels, places


def _target_of(y: Any) -> np.ndarray | str:
    """The targets as an array of shape (N,), or why they are not one class or one number a row."""
    from sklearn.utils.multiclass import type_of_target

    try:
        target = _raveled(np.asarray(y))
        if target.ndim != 1:
            return f"y has shape {target.shape}; one class or number a row is needed"
        if target.dtype.kind == "f" and not np.isfinite(target).all():
            return "y has numbers that are not finite"
        kind = type_of_target(target)
    except (TypeError, ValueError) as exc:  # whether they can be learned all the same is for the estimator to say
        return f"y cannot be understood ({exc})"
    return target if kind in {"binary", "multiclass", "continuous"} else f"y is of the kind '{kind}'"


def _raveled(values: np.ndarray) -> np.ndarray:
    """A column, shape (N, 1), as shape (N,), as scikit-learn takes it; anything else as it is."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def scorer_named(scorers: Any, metric: str, estimator: Any) -> Any:
    """The scorer of a metric; of an estimator that scores itself, accuracy or R², as what it says is compared with."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.metrics import get_scorer
    from sklearn.metrics._scorer import _MultimetricScorer, _PassthroughScorer

    if isinstance(scorers, _MultimetricScorer):
        return scorers._scorers.get(metric)
    if not isinstance(scorers, _PassthroughScorer):
        return scorers
    usual = "accuracy" if is_classifier(estimator) else "r2" if is_regressor(estimator) else None
    return get_scorer(usual) if usual and hasattr(estimator, "predict") else None


def scores_as_usual(estimator: Any) -> bool:
    """Whether the estimator's ``score`` is accuracy or R² by its class."""
    from sklearn.base import ClassifierMixin, RegressorMixin
    from sklearn.pipeline import Pipeline

    while type(estimator) is Pipeline and estimator.steps:
        estimator = estimator.steps[-1][1]
    return getattr(type(estimator), "score", None) in {ClassifierMixin.score, RegressorMixin.score}


def range_of_scorer(scorer: Any, n_classes: int | None = None) -> Range:
    """The least and the greatest value that a scorer may give, as far as that is known: of scikit-learn's functions.

    >>> from sklearn.metrics import cohen_kappa_score, make_scorer, mean_pinball_loss
    >>> range_of_scorer(make_scorer(cohen_kappa_score, weights="quadratic"))
    (-1.0, 1.0)
    >>> range_of_scorer(make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False))
    (-inf, 0.0)
    """
    low, high = range_of(scorer._score_func, scorer._kwargs, n_classes)
    return (low, high) if scorer._sign > 0 else (0.0 - high, 0.0 - low)


def registered_name(scorer: Any) -> str | None:
    """The name under which scikit-learn has this scorer, be another class positive; None for one of a person's own."""
    from sklearn.metrics import get_scorer, get_scorer_names

    wanted = _says(scorer)
    return next((str(name) for name in get_scorer_names() if _says(get_scorer(name)) == wanted), None)


def _says(scorer: Any) -> tuple[Any, ...]:
    defaults = {
        name: item.default for name, item in inspect.signature(scorer._score_func).parameters.items() if _is_set(item)
    }
    settings = {name: value for name, value in {**defaults, **scorer._kwargs}.items() if name != "pos_label"}
    return scorer._score_func, scorer._sign, repr(sorted(settings.items())), scorer._response_method


def _is_set(item: inspect.Parameter) -> bool:
    return item.default is not inspect.Parameter.empty


def _weights_of(scorers: Any, scorer: Any, metric: str, params: Mapping[str, Any]) -> np.ndarray | str | None:
    """What the scorer of the metric weighs rows by, or why that cannot be told."""
    from sklearn.metrics._scorer import _MultimetricScorer
    from sklearn.utils.metadata_routing import process_routing

    given = {name: value for name, value in params.items() if name != "groups" and value is not None}
    if given and isinstance(scorers, _MultimetricScorer):
        if _routing_enabled():
            given = dict(process_routing(scorers, "score", **given)[metric].score)
        elif not catalogue.takes_weights(scorer._score_func):
            given = {}
    other = sorted(set(given) - {"sample_weight"})
    if other:
        return f"the scorer of '{metric}' gets {', '.join(other)} besides, which row scores do not hold"
    weights = given.get("sample_weight")
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=float)
    return "the scorer's sample_weight has rows of weight below 0" if (weights < 0).any() else weights


def _routing_enabled() -> bool:
    from sklearn import get_config

    return bool(get_config()["enable_metadata_routing"])
