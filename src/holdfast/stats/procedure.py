"""The interval of a procedure from the scores of outer splits, as it is reported: in range, and never without width."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.intervals import clopper_pearson
from holdfast.stats.resampled import corrected_resampled_t

RESAMPLED_T = "corrected resampled t interval (Nadeau and Bengio)"
OF_UNITS = "Clopper-Pearson interval of what was judged, since all outer scores are equal"
OF_PERFECT = (
    "Clopper-Pearson interval of the rarest class, all right or all wrong, since all outer scores are the same end"
)
ALL_EQUAL = "no interval, since all outer scores are equal, which says nothing of their spread"

EQUAL = 1e-12
"""Scores that differ by less than this share of their size are equal but for rounding."""


class OfProcedure(NamedTuple):
    """A mean score, its bounds where there are any, and how they came about."""

    value: float
    low: float | None
    high: float | None
    method: str


def procedure_interval(
    scores: np.ndarray,
    n_train: int,
    n_test: int,
    level: float = 0.95,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    right_or_wrong: int | None = None,
    rarest: int | None = None,
    pooled: float | None = None,
) -> OfProcedure:
    """The corrected resampled t, as far as the metric reaches; another interval, or none, where the scores are equal.

    Equal scores have a variance of 0 and would bound nothing. Where they are means of 0 and 1, Clopper and Pearson's
    interval of as many independent trials as were judged stands in: it leaves out how much fits differ, and covers the
    luck of what was judged. Where they are all one end of the scale of a metric of classes, such as an AUC of 1, so
    does that of the rows of the rarest class: an AUC of t is 1 on m rows of either class with a probability of at most
    ``t^m``, as m pairs without a row in common are ranked right, and an F1 of t no more often.

    Args:
        scores: shape (J,), the score of each split's test rows, J >= 2, or `pseudo_values` of all of them together.
        n_train: rows that each fit is trained on.
        n_test: rows that it is scored on.
        level: the nominal coverage.
        bounds: between what the metric lies.
        right_or_wrong: how many independent rows or groups were judged, where scores are means of 0 and 1; None else.
        rarest: the rows of the rarest class of each split together, or the number of groups if that is less; None where
            there are no classes, or it is not known.
        pooled: the score of all test rows together, of which ``scores`` are the pseudo-values; their mean if None.

    Raises:
        RequestError: if the scores are fewer than two or not finite.
    """
    found = corrected_resampled_t(scores, n_train, n_test, level)
    value = found.value if pooled is None else pooled
    if np.ptp(scores) > EQUAL * abs(found.value):
        moved = value - found.value
        return OfProcedure(value, max(found.low + moved, bounds[0]), min(found.high + moved, bounds[1]), RESAMPLED_T)
    low, high = bounds
    if right_or_wrong is not None:
        share = min(max(value, 0.0), 1.0)
        return OfProcedure(value, *clopper_pearson(share * right_or_wrong, right_or_wrong, level), OF_UNITS)
    at_end = math.isfinite(low) and math.isfinite(high) and min(value - low, high - value) <= EQUAL * (high - low)
    if rarest is None or not at_end:
        return OfProcedure(value, None, None, ALL_EQUAL)
    ends = clopper_pearson(0.0 if value - low < high - value else rarest, rarest, level)
    return OfProcedure(value, low + (high - low) * ends.low, low + (high - low) * ends.high, OF_PERFECT)


def pseudo_values(pooled: float, without: np.ndarray) -> np.ndarray:
    """What each split adds to a score of all J together, shape (J,), so that their mean is about that score.

    ``J pooled - (J - 1) without``, the jackknife's (Tukey, Annals of Mathematical Statistics 29:614, 1958). Of a mean
    over rows of splits of one size they are the splits' own scores. The score of a single split may be biased where it
    is no mean: of m rows ``1 - R^2`` is too large by about 3 / m of itself, as its targets are compared with their own
    mean.

    Args:
        pooled: the score of all.
        without: shape (J,), the score of all but one.

    Raises:
        RequestError: if there are fewer than two.
    """
    if len(without) < 2:
        raise RequestError(f"there is {len(without)} split; pseudo-values need two at least")
    return len(without) * pooled - (len(without) - 1) * np.asarray(without, dtype=float)
