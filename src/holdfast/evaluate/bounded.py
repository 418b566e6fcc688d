"""Intervals of metrics between 0 and 1 that are no mean over rows: AUC, F1, balanced accuracy and their kin."""

from __future__ import annotations

import numpy as np

from holdfast.stats.intervals import Interval, bonferroni_clopper_pearson, logit_interval


def bounded_interval(
    value: float, bootstrapped: np.ndarray, level: float, units: int, configurations: int = 1
) -> Interval:
    """An interval of a metric between 0 and 1 from its bootstrap values.

    Student's interval on the logit scale, which near 1 covers where percentiles do not, with as many degrees of freedom
    as the rarest class has rows, less one. At 0 or 1 itself no bootstrap varies; the bound is then that of a proportion
    of the rarest class in which nothing or everything was right, shared among the configurations it is the best of.

    Args:
        value: the metric on all rows.
        bootstrapped: shape (B,), the metric in each bootstrap; NaN where undefined.
        level: the nominal coverage.
        units: rows of the rarest class, or the number of groups where groups are the independent units.
        configurations: of how many it was selected.
    """
    defined = bootstrapped[np.isfinite(bootstrapped)]
    deviation = float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
    if 0 < value < 1:
        return logit_interval(value, deviation, level, max(units - 1, 1))
    perfect = bonferroni_clopper_pearson(units, units, configurations, level)
    return perfect if value >= 1 else Interval(0.0, 1 - perfect.low)


def rarest_units(y: np.ndarray, groups: np.ndarray | None) -> int:
    """How many rows the rarest class has, or how many groups there are if that is less."""
    rows = int(np.unique(y, return_counts=True)[1].min())
    return rows if groups is None else min(rows, len(np.unique(groups)))
