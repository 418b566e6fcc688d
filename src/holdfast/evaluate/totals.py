"""Metrics that are totals over rows, such as a cost or a profit in all: twice the rows score twice as much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from holdfast.evaluate.metrics import Metric

SAME = 1e-9
"""A score of twice the rows is twice the score if it differs by no more than this part of it."""


def is_total(metric: Metric, y: np.ndarray, predictions: Sequence[np.ndarray], folds: np.ndarray | None = None) -> bool:
    """Whether a metric counts every row twice where it stands twice, by the first predictions that do not score 0.

    Args:
        metric: one that is no mean over rows, nor fast, may be one.
        y: shape (N,), targets.
        predictions: of configurations, shape (N,) or (N, k) each.
        folds: shape (N,); see `Metric.values_under`.
    """
    if metric.fast or metric.decomposable:
        return False
    weights = np.ones((2, len(y))) * [[1.0], [2.0]]
    for predicted in predictions:
        once, twice = metric.values_under(y, predicted, weights, folds)
        if once != 0:
            return bool(math.isfinite(once) and abs(twice - 2 * once) <= SAME * abs(once))
    return False


def of_all_rows(metric: Metric) -> Metric:
    """A total as if the rows that weigh anything were as many as all: with even weights it is the same."""

    def under(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
        weight = weights.sum(axis=1)
        values = metric.under_weights(y, prediction, weights)
        return np.asarray(values * (len(y) / np.where(weight > 0, weight, np.nan)))

    return replace(metric, under_weights=under)
