"""The quantile of the winner's error that theorem 2 of docs/rmx.md proves, for normal means of known covariance."""

from __future__ import annotations

import numpy as np


def beating_quantile(means: np.ndarray, scores: np.ndarray, errors: np.ndarray, alpha: float) -> float:
    """The 1 - alpha quantile of the largest error among those that beat j, for the worst j that is pulled level.

    The winner beats the truly best configuration, whichever that is among those that could be. So its error is no
    larger than the largest of all that beat it, and that one never falls when a mean is moved up. Errors are taken from
    the largest down, until for some j enough draws have one that beats it.

    Args:
        means: shape (C,), 0 for a configuration that is level with the winner, at least one; below 0 for others.
        scores: shape (draws, C), ``means`` and simulated errors in units of the score.
        errors: shape (draws, C), these errors, standardised.
        alpha: the error probability, below 0.5.
    """
    level = scores[:, means == 0]
    lowest = level.min(axis=1)
    draws, columns = np.nonzero((scores >= lowest[:, None]) & (errors > 0))
    found, values = errors[draws, columns], scores[draws, columns]
    highest, beaten = np.full(len(errors), -np.inf), np.zeros(level.shape[1])
    for k in np.argsort(-found):
        draw = draws[k]
        if values[k] > highest[draw]:
            beaten += (level[draw] <= values[k]) & (level[draw] > highest[draw])
            highest[draw] = values[k]
            if beaten.max() > alpha * len(errors):
                return float(found[k])
    return -np.inf
