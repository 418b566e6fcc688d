"""What one row adds to a metric that is a mean over rows: y and the prediction in, one number per row out.

Each is the row term of scikit-learn's metric of that name. Classes are the integers 0 to K-1.
"""

from __future__ import annotations

import numpy as np


def correct(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """1 where the class is right, 0 where it is wrong; uint8."""
    right: np.ndarray = (y == prediction).astype(np.uint8)
    return right


def negative_log_likelihood(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """``-log p`` of the true class, p clipped to [eps, 1-eps] of its floating-point type.

    Args:
        y: shape (N,).
        probability: shape (N, K), or (N,) of class 1.
    """
    table = both_columns(probability)
    eps = np.finfo(table.dtype).eps
    return np.asarray(-np.log(np.clip(table[np.arange(len(y)), y], eps, 1 - eps)))


def brier(y: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The squared distance of the probabilities from the true class; halved, as is usual, for two classes."""
    table = both_columns(probability)
    truth = y[:, None] == np.arange(table.shape[1])
    distance = ((table - truth) ** 2).sum(axis=1)
    return np.asarray(distance / 2 if table.shape[1] == 2 else distance)


def squared_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``(y - prediction)^2``."""
    return np.asarray(np.square(y - prediction))


def absolute_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``|y - prediction|``."""
    return np.asarray(np.abs(y - prediction))


def absolute_percentage_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``|y - prediction| / |y|``, the denominator at least the machine precision."""
    return np.asarray(np.abs(y - prediction) / np.maximum(np.abs(y), np.finfo(float).eps))


def squared_log_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``(log(1+y) - log(1+prediction))^2``; NaN where either is -1 or less."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((np.log1p(y) - np.log1p(prediction)) ** 2)


def poisson_deviance(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``2 (y log(y/prediction) - y + prediction)``; NaN where y is negative or the prediction not positive."""
    from scipy.special import xlogy

    valid = (prediction > 0) & (y >= 0)
    safe = np.where(valid, prediction, 1.0)
    kept = np.where(valid, y, 0.0)
    return np.where(valid, 2 * (xlogy(kept, kept / safe) - kept + safe), np.nan)


def gamma_deviance(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """``2 (log(prediction/y) + y/prediction - 1)``; NaN where either is not positive."""
    valid = (prediction > 0) & (y > 0)
    ratio = np.where(valid, y, 1.0) / np.where(valid, prediction, 1.0)
    return np.where(valid, 2 * (ratio - np.log(ratio) - 1), np.nan)


def both_columns(probability: np.ndarray) -> np.ndarray:
    """Probabilities as one column per class, from shape (N, K) or, of class 1 only, (N,)."""
    probability = np.asarray(probability)
    if not np.issubdtype(probability.dtype, np.floating):
        probability = probability.astype(float)
    return probability if probability.ndim == 2 else np.stack([1 - probability, probability], axis=1)
