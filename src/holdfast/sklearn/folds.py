"""The folds of a trial: fitted and scored as scikit-learn does, with what the fitted estimators said kept beside."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.records import number_from_json, number_to_json

SCORE = "score"
"""What scikit-learn calls the score where there is only one."""


@dataclass(frozen=True)
class FoldWork:
    """All that the folds of all trials have in common.

    Args:
        estimator: an unfitted one, cloned for each fold.
        X: the rows, in whatever form the estimator takes.
        y: their targets, or None.
        scorer: one of scikit-learn's scorers, several of them in one, or a function.
        kept: the name of the metric whose predictions are kept, None for none.
        asked: whether the estimator is asked to predict, where the scorer cannot be overheard.
        fit_params: what ``fit`` gets besides, one entry a row where it is as long as X.
        score_params: what the scorer gets besides.
        error_score: the score of a fit that failed, or ``"raise"``.
        return_train_score: whether the training rows are scored, too.
        verbose: as in scikit-learn: from 2 on, each fit is printed.
        caller: what callbacks are told that a fold belongs to.
    """

    estimator: Any
    X: Any
    y: Any
    scorer: Any
    kept: str | None
    asked: bool
    fit_params: Any
    score_params: Any
    error_score: Any
    return_train_score: bool
    verbose: int
    caller: Any = None


@dataclass(frozen=True)
class Said:
    """What a fold's estimator said of its rows.

    Args:
        response: shape (n,) or (n, k), the predictions that the scorer looked at.
        classes: shape (k,), the classes that the estimator has seen; None if it has none.
    """

    response: np.ndarray
    classes: np.ndarray | None


@dataclass(frozen=True)
class FoldResult:
    """A fold's scores and times under scikit-learn's names, and what was overheard."""

    scores: dict[str, Any]
    said: Said | None


def run_fold(
    work: FoldWork,
    parameters: dict[str, Any],
    rows: tuple[Any, Any],
    fold: tuple[int, int],
    trial: tuple[int, int],
    context: Any = None,
) -> FoldResult:
    """Fit and score one fold.

    Args:
        work: what all folds have in common.
        parameters: what is set on the estimator.
        rows: those to fit and those to score, as indices.
        fold: its number, and how many there are, for what is printed.
        trial: the same of the trial.
        context: what scikit-learn tells callbacks by, None where nobody listens.

    Raises:
        Exception: whatever the estimator raises for parameters that it does not have, or in a fit where ``error_score``
            is ``"raise"``.
    """
    from sklearn.base import clone
    from sklearn.model_selection._validation import _fit_and_score
    from sklearn.utils.metaestimators import _safe_split

    train, test = rows
    heard: list[Any] = []
    told = {} if context is None else {"caller": work.caller, "callback_ctx": context}
    result = _fit_and_score(
        clone(work.estimator),
        work.X,
        work.y,
        scorer=_listening(work.scorer, None if work.asked else work.kept, heard),
        train=train,
        test=test,
        verbose=work.verbose,
        parameters=parameters,
        fit_params=work.fit_params,
        score_params=work.score_params,
        return_train_score=work.return_train_score,
        return_n_test_samples=True,
        return_times=True,
        return_estimator=True,
        split_progress=fold,
        candidate_progress=trial,
        error_score=work.error_score,
        **told,
    )
    estimator = result.pop("estimator")
    if result["fit_error"] is None and work.kept is not None and work.asked:
        heard.append(estimator.predict(_safe_split(estimator, work.X, work.y, test, train)[0]))
    if result["fit_error"] is not None or not heard:
        return FoldResult(result, None)
    response = np.asarray(heard[0])  # the test rows are scored before the training rows
    classes = getattr(estimator, "classes_", None)
    if response.ndim not in {1, 2} or len(response) != result["n_test_samples"]:
        return FoldResult(result, None)
    return FoldResult(result, Said(response, None if isinstance(classes, list) else classes))


def _listening(scorer: Any, name: str | None, heard: list[Any]) -> Any:
    """The same scorer, which also appends the predictions that the named metric is computed from."""
    from sklearn.metrics._scorer import _MultimetricScorer

    if name is None:
        return scorer
    if isinstance(scorer, _MultimetricScorer):
        several = copy.copy(scorer)
        several._scorers = {**scorer._scorers, name: _overheard(scorer._scorers[name], heard)}
        return several
    return _overheard(scorer, heard)


def _overheard(scorer: Any, heard: list[Any]) -> Any:
    function = scorer._score_func

    @functools.wraps(function)
    def listening(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        heard.append(y_pred)
        return function(y_true, y_pred, *args, **kwargs)

    own = copy.copy(scorer)
    own._score_func = listening
    return own


def named_scores(scores: Any) -> dict[str, float]:
    """A fold's scores by metric; a single one is called ``score``."""
    return dict(scores) if isinstance(scores, dict) else {SCORE: scores}


def to_json(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The folds of a trial as JSON values; `from_json` undoes it."""
    return [{key: _number_or_table(value) for key, value in result.items()} for result in results]


def from_json(data: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The folds that `to_json` wrote."""
    return [{key: _restored(key, value) for key, value in result.items()} for result in data]


def filled_up(results: Sequence[dict[str, Any]], n_splits: int) -> list[dict[str, Any]]:
    """The folds of a trial, NaN scores for those that were saved, with times that leave the means those of the others.

    Args:
        results: of the folds that were made, at least one.
        n_splits: how many there are to be.
    """
    times = {key: float(np.mean([result[key] for result in results])) for key in ("fit_time", "score_time")}
    scores = {key: _undefined(results[-1][key]) for key in ("test_scores", "train_scores") if key in results[-1]}
    return [*results, *({**results[-1], "fit_error": None, **times, **scores} for _ in range(len(results), n_splits))]


def _undefined(scores: Any) -> Any:
    return dict.fromkeys(scores, np.nan) if isinstance(scores, dict) else np.nan


def _number_or_table(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): number_to_json(float(score)) for name, score in value.items()}
    return value if value is None or isinstance(value, str | int) else number_to_json(float(value))


def _restored(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: number_from_json(score) for name, score in value.items()}
    return value if key in {"fit_error", "n_test_samples"} else number_from_json(value)
