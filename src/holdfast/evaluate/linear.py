"""Row scores that count unevenly, as ones whose plain mean is the weighted one and which scatter as it does.

Whoever reads only a log takes the plain mean of row scores, and resamples them: so they are kept in the linear form of
the weighted mean.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from holdfast.records import RowScores


def to_linear_form(scores: RowScores, weights: np.ndarray) -> RowScores:
    """Scores s of rows as ``c + t (s - c)``, c their weighted mean and t the weights in parts of their mean.

    The mean of these is c, and their deviations from it are those of a weighted mean, as far as it is linear in how
    often each row is drawn. Predictions stay what they are.

    Args:
        scores: of N rows.
        weights: shape (N,), over 0.
    """
    if scores.kind == "prediction":
        return scores
    counts, values = weights / weights.mean(), scores.values.astype(float)
    centre = float(counts @ values) / len(values)
    return dataclasses.replace(scores, values=centre + counts * (values - centre))


def of_linear_form(scores: RowScores, weights: np.ndarray) -> RowScores:
    """What each row adds, ``t s``, from `to_linear_form`: the scores themselves are this in parts of t."""
    counts = weights / weights.mean()
    return dataclasses.replace(scores, values=scores.values + (counts - 1) * scores.values.mean())
