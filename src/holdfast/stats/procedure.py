"""The interval of a procedure from the scores of outer splits, as it is reported: in range, and never without width."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.stats.intervals import clopper_pearson
from holdfast.stats.resampled import corrected_resampled_t

RESAMPLED_T = "corrected resampled t interval (Nadeau and Bengio)"
OF_UNITS = "Clopper-Pearson interval of what was judged, since all outer scores are equal"
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
) -> OfProcedure:
    """The corrected resampled t, as far as the metric reaches; another interval, or none, where the scores are equal.

    Equal scores have a variance of 0 and would bound nothing. Where they are means of 0 and 1, Clopper and Pearson's
    interval of as many independent trials as were judged stands in: it leaves out how much fits differ, and covers the
    luck of what was judged.

    Args:
        scores: shape (J,), the mean score of each split's test rows, J >= 2.
        n_train: rows that each fit is trained on.
        n_test: rows that it is scored on.
        level: the nominal coverage.
        bounds: between what the metric lies.
        right_or_wrong: how many independent rows or groups were judged, where scores are means of 0 and 1; None else.

    Raises:
        RequestError: if the scores are fewer than two or not finite.
    """
    found = corrected_resampled_t(scores, n_train, n_test, level)
    if np.ptp(scores) > EQUAL * abs(found.value):
        return OfProcedure(found.value, max(found.low, bounds[0]), min(found.high, bounds[1]), RESAMPLED_T)
    if right_or_wrong is None:
        return OfProcedure(found.value, None, None, ALL_EQUAL)
    share = min(max(found.value, 0.0), 1.0)
    return OfProcedure(found.value, *clopper_pearson(share * right_or_wrong, right_or_wrong, level), OF_UNITS)
