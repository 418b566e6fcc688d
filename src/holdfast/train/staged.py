"""The curve of a fitted model of any family, None where its training has no steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.train.curves import Curve, JudgedRows, Point, curve_of_points, evenly, shown
from holdfast.train.networks import NetworkEstimator

MOST_POINTS = 40
MOST_ROWS = 500


Weights = tuple[np.ndarray | None, np.ndarray | None]
"""How much the rows that were fitted count, shape (n,), and those that are judged; None for all alike."""


def curve_of(
    model: Any, X: np.ndarray, y: np.ndarray, judged: JudgedRows, weights: Weights = (None, None)
) -> Curve | None:
    """The curve of a fitted model, None where its training has no steps.

    Args:
        model: a `NetworkEstimator` that knew the judged rows before its fit, or boosted trees on histograms.
        X: the features that were fitted, shape (n, d).
        y: the targets that were fitted, shape (n,).
        judged: the rows that it is judged on.
        weights: by which losses of rows are averaged.
    """
    if isinstance(model, NetworkEstimator):
        return model.curve
    if hasattr(model, "n_trees_per_iteration_") and hasattr(model, "staged_predict"):
        return _boosting_curve(model, X, y, judged, weights)
    return None


def _boosting_curve(model: Any, X: np.ndarray, y: np.ndarray, judged: JudgedRows, weights: Weights) -> Curve | None:
    """The losses of boosted trees after each of some forty of their iterations, on at most 500 rows of a kind.

    The log loss of a classification; of a regression on squares the mean squared error, in variances of its training
    targets. Weights of classes are left out. None for other losses.
    """
    regression = not hasattr(model, "classes_")
    if regression and model.loss != "squared_error":
        return None
    ours, theirs = evenly(len(y), min(MOST_ROWS, len(judged[1]))), evenly(len(judged[1]), MOST_ROWS)
    rows, target = np.concatenate([X[ours], judged[0][theirs]]), np.concatenate([y[ours], judged[1][theirs]])
    iterations = int(model.n_iter_)
    wanted = set((evenly(iterations, MOST_POINTS) + 1).tolist())
    scale = _variance(y, weights[0]) or 1.0
    of_ours, of_theirs = (None if own is None else own[at] for own, at in zip(weights, (ours, theirs), strict=True))
    stages = model.staged_predict(rows) if regression else model.staged_decision_function(rows)
    points: list[Point] = []
    for iteration, stage in enumerate(stages, start=1):
        if iteration in wanted:
            row = (stage - target) ** 2 / scale if regression else _log_losses(stage, target, model.classes_)
            points.append((iteration, _mean(row[: len(ours)], of_ours), _mean(row[len(ours) :], of_theirs)))
    return curve_of_points(points, "iteration", iterations)


def _log_losses(scores: np.ndarray, target: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The log loss of each row, from scores of shape (n,) or (n, k); NaN for a class that was not learned."""
    table = np.stack([np.zeros(len(scores)), scores], axis=1) if scores.ndim == 1 else scores
    table = table - table.max(axis=1, keepdims=True)
    at = np.searchsorted(classes, target).clip(max=len(classes) - 1)
    loss = np.log(np.exp(table).sum(axis=1)) - table[np.arange(len(table)), at]
    return np.where(classes[at] == target, loss, np.nan)


def _variance(y: np.ndarray, weights: np.ndarray | None) -> float:
    """The (weighted) variance of targets."""
    if weights is None:
        return float(np.var(y))
    return float(np.average((y - np.average(y, weights=weights)) ** 2, weights=weights))


def _mean(row_losses: np.ndarray, weights: np.ndarray | None) -> float | None:
    """The (weighted) mean over rows of classes that were learned, None without any."""
    learned = ~np.isnan(row_losses)
    if not learned.any():
        return None
    if weights is None:
        return shown(float(row_losses[learned].mean()))
    return shown(float(np.average(row_losses[learned], weights=weights[learned])))
