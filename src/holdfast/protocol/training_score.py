"""What a validation score is held against: the score on rows that were learned from, and that of learning nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.errors import MetricError
from holdfast.evaluate.metrics import Metric
from holdfast.protocol.learn import Prepared, Recipe, predict
from holdfast.train.curves import evenly

MOST_ROWS = 2000
"""Training rows of a part that are predicted: no more than these, and no more than the part is judged on.

So the training score is about as precise as the validation score, and takes no longer to get.
"""

FEW_ROWS = 200
"""Where predicting takes as long as fitting: a quarter of the rows that the part is judged on, but at least these."""


def sample_sizes(recipe: Recipe, judged: Sequence[np.ndarray]) -> list[int]:
    """How many training rows of each part are predicted, by sizes alone: no clock has a say in what is recorded."""
    family = recipe.find_family()
    slow = family is not None and family.looks_up
    most = [min(MOST_ROWS, len(rows)) for rows in judged]
    return [min(rows, max(FEW_ROWS, rows // 4)) if slow else rows for rows in most]


def train_score(
    metric: Metric, models: Sequence[Any], prepared: Sequence[Prepared], sizes: Sequence[int], n_classes: int
) -> dict[str, Any]:
    """``{"train": value}``: the metric on evenly spaced rows that each part was given to learn from, pooled.

    The rows are the same for every trial of a study. Those that a network watches to stop early are among them. Empty
    for a clustering and where the metric is no finite number; ``{"notes": [sentence]}`` where it raises, which is no
    reason to fail the trial.

    Args:
        metric: the study's.
        models: one for each part, fitted on its rows.
        prepared: the rows of the parts.
        sizes: how many rows of each part are predicted.
        n_classes: of the target, 0 for a regression.
    """
    truth, predictions, folds, weights = [], [], [], []
    for part, (model, ready) in enumerate(zip(models, prepared, strict=True)):
        if ready.y is None:
            return {}
        rows = evenly(len(ready.y), sizes[part])
        truth.append(ready.y[rows])
        folds.append(np.full(len(rows), part))
        predictions.append(predict(model, metric, ready.X[rows], n_classes))
        weights.append(np.ones(len(rows)) if ready.weights is None else ready.weights[rows])
    several = np.concatenate(folds) if len(folds) > 1 else None
    counts = None if all(ready.weights is None for ready in prepared) else np.concatenate(weights)
    return _kept("train", metric, np.concatenate(truth), np.concatenate(predictions), several, counts)


def reference_score(
    metric: Metric,
    prepared: Sequence[Prepared],
    truth: np.ndarray,
    part: np.ndarray,
    n_classes: int,
    weights: np.ndarray | None = None,
) -> dict[str, Any]:
    """``{"reference": value}``: the metric, on the judged rows, of a model that learned nothing from the features.

    It predicts the mean of the training targets, their most frequent class, or the shares of their classes. Empty or a
    sentence as for `train_score`.

    Args:
        metric: the study's.
        prepared: the rows of the parts.
        truth: the targets of the judged rows, shape (N,).
        part: which part judges each of them, shape (N,).
        n_classes: of the target, 0 for a regression.
        weights: how much each judged row counts, shape (N,); None for all alike. Means and shares of training rows are
            weighted, too.
    """
    constant = []
    for ready in prepared:
        if ready.y is None:
            return {}
        counts = np.bincount(ready.y.astype(int), ready.weights, minlength=n_classes) if n_classes else None
        shares = None if counts is None else counts / counts.sum()
        if shares is None:
            constant.append(np.average(ready.y, weights=ready.weights))
        else:
            constant.append(np.argmax(shares) if metric.needs == "predict" else shares)
    return _kept("reference", metric, truth, np.stack(constant)[part], part if len(prepared) > 1 else None, weights)


def _kept(
    name: str,
    metric: Metric,
    truth: np.ndarray,
    prediction: np.ndarray,
    folds: np.ndarray | None,
    weights: np.ndarray | None,
) -> dict[str, Any]:
    """The metric under a name; nothing where it is no finite number, and a sentence where it raises."""
    try:
        value = metric.value(truth, prediction, weights, folds)
    except Exception as exc:  # noqa: BLE001 - a user's metric may raise anything; the sentence is kept with the trial
        raised = exc.__cause__ if isinstance(exc, MetricError) else exc
        said = " ".join(f"{type(raised).__name__}: {raised}".split())
        of = {"train": "on the training rows", "reference": "for a model that learned nothing"}[name]
        return {"notes": [f"The metric '{metric.name}' cannot be computed {of}: {said}"]}
    return {name: value} if np.isfinite(value) else {}
