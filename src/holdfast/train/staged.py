"""The curve of a fitted model of any family, None where its training has no steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.train.curves import Curve, JudgedRows, Point, curve_of_points, evenly, shown
from holdfast.train.networks import NetworkEstimator

MOST_POINTS = 40
MOST_ROWS = 500


def curve_of(model: Any, X: np.ndarray, y: np.ndarray, judged: JudgedRows) -> Curve | None:
    """The curve of a fitted model, None where its training has no steps.

    Args:
        model: a `NetworkEstimator` that knew the judged rows before its fit, or boosted trees on histograms.
        X: the features that were fitted, shape (n, d).
        y: the targets that were fitted, shape (n,).
        judged: the rows that it is judged on.
    """
    if isinstance(model, NetworkEstimator):
        return model.curve
    if hasattr(model, "n_trees_per_iteration_") and hasattr(model, "staged_predict"):
        return _boosting_curve(model, X, y, judged)
    return None


def _boosting_curve(model: Any, X: np.ndarray, y: np.ndarray, judged: JudgedRows) -> Curve | None:
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
    scale = float(np.var(y)) or 1.0
    stages = model.staged_predict(rows) if regression else model.staged_decision_function(rows)
    points: list[Point] = []
    for iteration, stage in enumerate(stages, start=1):
        if iteration in wanted:
            row = (stage - target) ** 2 / scale if regression else _log_losses(stage, target, model.classes_)
            points.append((iteration, _mean(row[: len(ours)]), _mean(row[len(ours) :])))
    return curve_of_points(points, "iteration", iterations)


def _log_losses(scores: np.ndarray, target: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The log loss of each row, from scores of shape (n,) or (n, k); NaN for a class that was not learned."""
    table = np.stack([np.zeros(len(scores)), scores], axis=1) if scores.ndim == 1 else scores
    table = table - table.max(axis=1, keepdims=True)
    at = np.searchsorted(classes, target).clip(max=len(classes) - 1)
    loss = np.log(np.exp(table).sum(axis=1)) - table[np.arange(len(table)), at]
    return np.where(classes[at] == target, loss, np.nan)


def _mean(row_losses: np.ndarray) -> float | None:
    """The mean over rows of classes that were learned, None without any."""
    known = row_losses[~np.isnan(row_losses)]
    return shown(float(known.mean())) if len(known) else None
