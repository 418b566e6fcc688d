"""Rules that stop a configuration before all of its folds are scored, and what a search under such a rule sees.

Bergman, Purucker and Hutter, "Don't waste your time: early stopping cross-validation", AutoML 2024 (arXiv:2405.03389).
Scores are oriented so that higher is better.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FoldRule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``rule(seen, incumbent)``: fold scores of shape (..., k) and (..., K), NaN where missing, to booleans (...): stop."""


def aggressive(seen: np.ndarray, incumbent: np.ndarray) -> np.ndarray:
    """Stop where the mean of the folds seen is worse than the incumbent's mean.

    Args:
        seen: shape (..., k), scores of the first k folds.
        incumbent: shape (..., K), the fold scores of the best configuration so far.
    """
    return np.asarray(_mean(seen) < _mean(incumbent))


def forgiving(seen: np.ndarray, incumbent: np.ndarray) -> np.ndarray:
    """Stop where the mean of the folds seen is worse than the incumbent's worst fold: the one that is recommended.

    Args:
        seen: shape (..., k), scores of the first k folds.
        incumbent: shape (..., K), the fold scores of the best configuration so far.
    """
    there = ~np.isnan(incumbent)
    worst = np.where(there, incumbent, np.inf).min(axis=-1)
    return np.asarray((_mean(seen) < worst) & there.any(axis=-1))


def seen_by(fold_scores: np.ndarray, rule: FoldRule) -> np.ndarray:
    """What a search sees that asks a rule after each fold: shape (K, C) to (K, C), NaN for folds that are not scored.

    Configurations run one after the other in the order of their columns; the incumbent is the best by its mean of those
    with all folds. The share of NaN is what the rule saves.
    """
    seen = np.array(fold_scores, dtype=float)
    incumbent, best = np.full(len(seen), np.nan), -np.inf
    for c in range(seen.shape[1]):
        for k in range(1, len(seen)):
            if rule(seen[:k, c], incumbent):
                seen[k:, c] = np.nan
                break
        mean = float(seen[:, c].mean())
        if mean > best:
            incumbent, best = seen[:, c].copy(), mean
    return seen


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is there; NaN where nothing is, which compares as false."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
