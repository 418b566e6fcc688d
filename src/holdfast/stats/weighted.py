"""Metrics under many weight vectors at once: the rows' weights in B bootstraps, shape (B, N), to B values.

Each equals scikit-learn's metric with ``sample_weight``; a value is NaN where the weights leave it undefined. Classes
are the integers 0 to K-1; rows of weight 0 count as absent.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

CHUNK_CELLS = 60_000
"""How many weights are worked on at once: few enough for the processor's cache."""

Average = Literal["binary", "macro", "micro", "weighted"]


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of row values, shape (N,)."""
    return _ratio(weights @ np.asarray(values, dtype=float), weights.sum(axis=1))


def root_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The root of the weighted mean of row values, shape (N,): of squared errors, the RMSE."""
    return np.asarray(np.sqrt(mean(values, weights)))


def auc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area under the ROC curve: the weighted share of (positive, negative) pairs ranked right, ties counting half.

    The negatives are sorted once; cumulative sums of their weights, looked up at each positive's place, count the pairs
    (Hanley and McNeil, Radiology 143:29, 1982).

    Args:
        positive: shape (N,), booleans.
        score: shape (N,), higher for the positive class.
        weights: shape (B, N).
    """
    positive = np.asarray(positive, dtype=bool)
    score = np.asarray(score)
    order = np.flatnonzero(~positive)[np.argsort(score[~positive], kind="stable")]
    wanted = np.flatnonzero(positive)
    below = np.searchsorted(score[order], score[wanted], side="left")
    not_above = np.searchsorted(score[order], score[wanted], side="right")
    tied = bool((below != not_above).any())
    result = np.full(len(weights), np.nan)
    if len(order) == 0 or len(wanted) == 0:
        return result
    step = max(1, CHUNK_CELLS // len(score))
    for start in range(0, len(weights), step):
        chunk = weights[start : start + step]
        negatives = np.zeros((len(chunk), len(order) + 1))
        np.cumsum(chunk.take(order, axis=1), axis=1, out=negatives[:, 1:])
        positives = chunk.take(wanted, axis=1)
        pairs = np.einsum("bp,bp->b", positives, negatives.take(below, axis=1))
        if tied:
            pairs = (pairs + np.einsum("bp,bp->b", positives, negatives.take(not_above, axis=1))) / 2
        result[start : start + step] = _ratio(pairs, positives.sum(axis=1) * negatives[:, -1])
    return result


def average_precision(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean precision over the positives: the sum over thresholds of the gain in recall times the precision.

    Args:
        positive: shape (N,), booleans.
        score: shape (N,), higher for the positive class; equal scores share a threshold.
        weights: shape (B, N).
    """
    score, positive = np.asarray(score), np.asarray(positive, dtype=bool)
    order = np.argsort(-score, kind="stable")
    wanted = order[positive[order]]
    result = np.full(len(weights), np.nan)
    if len(wanted) == 0:
        return result
    # every positive counts with the precision among the rows, and the positives, that score no lower than itself
    rows_above = np.searchsorted(-score[order], -score[wanted], side="right") - 1
    positives_above = np.searchsorted(-score[wanted], -score[wanted], side="right") - 1
    step = max(1, CHUNK_CELLS // len(score))
    for start in range(0, len(weights), step):
        chunk = weights[start : start + step]
        hits = chunk.take(wanted, axis=1)
        found = np.cumsum(hits, axis=1)
        total = found[:, -1].copy()
        found = found.take(positives_above, axis=1)
        called = np.cumsum(chunk.take(order, axis=1), axis=1).take(rows_above, axis=1)
        found /= np.where(called > 0, called, 1.0)
        result[start : start + step] = _ratio(np.einsum("bp,bp->b", hits, found), total)
    return result


def auc_one_against_rest(
    y: np.ndarray, scores: np.ndarray, weights: np.ndarray, average: Literal["macro", "weighted"] = "macro"
) -> np.ndarray:
    """The mean over classes of the AUC of each against the rest, plain or weighted by the classes' weights.

    Args:
        y: shape (N,), classes 0 to K-1.
        scores: shape (N, K), one column per class.
        weights: shape (B, N).
        average: how classes are averaged.
    """
    k = scores.shape[1]
    areas = np.stack([auc(y == c, scores[:, c], weights) for c in range(k)], axis=1)
    if average == "macro":
        return np.asarray(areas.mean(axis=1))
    prevalence = weights @ (y[:, None] == np.arange(k))
    return _ratio((areas * prevalence).sum(axis=1), prevalence.sum(axis=1))


class Counts(NamedTuple):
    """Per class, shape (B, K): weight of rows predicted right, of rows of the class, of rows predicted as the class."""

    right: np.ndarray
    true: np.ndarray
    predicted: np.ndarray


def class_counts(y: np.ndarray, prediction: np.ndarray, n_classes: int, weights: np.ndarray) -> Counts:
    """What a confusion matrix says per class, from one matrix product each.

    Args:
        y: shape (N,), classes 0 to K-1.
        prediction: shape (N,), classes 0 to K-1.
        n_classes: K.
        weights: shape (B, N).
    """
    classes = np.arange(n_classes)
    true = (np.asarray(y)[:, None] == classes).astype(float)
    predicted = (np.asarray(prediction)[:, None] == classes).astype(float)
    return Counts(weights @ (true * predicted), weights @ true, weights @ predicted)


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """The mean recall of the classes that occur."""
    occurs = counts.true > 0
    recall = np.where(occurs, counts.right / np.where(occurs, counts.true, 1.0), 0.0)
    return _ratio(recall.sum(axis=1), occurs.sum(axis=1))


def precision(counts: Counts, average: Average) -> np.ndarray:
    """The share of rows predicted as a class that are of it; 0 where none is predicted."""
    return _averaged(counts, counts.right, counts.predicted, average)


def recall(counts: Counts, average: Average) -> np.ndarray:
    """The share of a class's rows that are predicted as it; 0 where there are none."""
    return _averaged(counts, counts.right, counts.true, average)


def f1(counts: Counts, average: Average) -> np.ndarray:
    """Twice the rows predicted right over the rows of the class plus the rows predicted as it."""
    return _averaged(counts, 2 * counts.right, counts.true + counts.predicted, average)


def jaccard(counts: Counts, average: Average) -> np.ndarray:
    """Rows predicted right over the rows of the class or predicted as it."""
    return _averaged(counts, counts.right, counts.true + counts.predicted - counts.right, average)


def matthews(counts: Counts) -> np.ndarray:
    """The correlation of target and prediction; 0 where either has one class only.

    Gorodkin, Computational Biology and Chemistry 28:367 (2004), equation 8.
    """
    total = counts.true.sum(axis=1)
    shared = counts.right.sum(axis=1) * total - (counts.true * counts.predicted).sum(axis=1)
    spread = (total**2 - (counts.true**2).sum(axis=1)) * (total**2 - (counts.predicted**2).sum(axis=1))
    varied = spread > 0
    correlation = np.where(varied, shared / np.sqrt(np.where(varied, spread, 1.0)), 0.0)
    return np.where(total > 0, correlation, np.nan)


def r2(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One minus squared error over scatter of the target; undefined where the rows have one target value only."""
    error = (np.asarray(y, dtype=float) - np.asarray(prediction, dtype=float)) ** 2
    return 1 - _ratio(weights @ error, _scatter(y, weights))


def explained_variance(y: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Like `r2`, but without the mean error: one minus scatter of the errors over scatter of the target."""
    error = np.asarray(y, dtype=float) - np.asarray(prediction, dtype=float)
    return 1 - _ratio(_scatter(error, weights), _scatter(y, weights))


def _scatter(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted sum of squares around the weighted mean, shape (B,); 0 where it is no more than rounding."""
    values = np.asarray(values, dtype=float)
    centred = values - values.mean()
    first, second = (weights @ np.stack([centred, centred**2], axis=1)).T
    around = second - np.nan_to_num(_ratio(first**2, weights.sum(axis=1)))
    return np.where(around > 1e-12 * second, around, 0.0)


def _averaged(counts: Counts, numerator: np.ndarray, denominator: np.ndarray, average: Average) -> np.ndarray:
    """Ratios per class, 0 for 0/0, averaged over the classes that occur or are predicted."""
    total = counts.true.sum(axis=1)
    if average == "micro":
        return _ratio(numerator.sum(axis=1), denominator.sum(axis=1))
    ratios = np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1.0), 0.0)
    if average == "binary":
        return np.where(total > 0, ratios[:, 1], np.nan)
    importance = counts.true if average == "weighted" else (counts.true + counts.predicted > 0).astype(float)
    return _ratio((ratios * importance).sum(axis=1), importance.sum(axis=1))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is not positive."""
    defined = denominator > 0
    return np.where(defined, numerator / np.where(defined, denominator, 1), np.nan)
