"""Intervals of one configuration by a metric that is no mean over rows: AUC, F1, R² and their kin."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.evaluate import wording
from holdfast.evaluate.metrics import Metric
from holdfast.stats.intervals import (
    Interval,
    bonferroni_clopper_pearson,
    expanded_percentile,
    log_interval,
    logit_interval,
)
from holdfast.stats.uneven_rows import worth


class OneInterval(NamedTuple):
    """Bounds of a metric, higher being better, and what they are called."""

    low: float
    high: float
    method: str


class UnitScale(NamedTuple):
    """A metric with two ends as a number between 0 and 1, 1 being best."""

    low: float
    width: float

    def share(self, values: np.ndarray) -> np.ndarray:
        """Where values lie between the two ends."""
        return (values - self.low) / self.width

    def value(self, share: float) -> float:
        """What lies there."""
        return self.low + self.width * share


def unit_scale(metric: Metric) -> UnitScale | None:
    """The scale of a metric with two ends; None where one of them is not known."""
    low, high = metric.ends
    return UnitScale(low, high - low) if metric.has_two_ends else None


def interval_of_one(
    metric: Metric, value: float, bootstrapped: np.ndarray, level: float, units: int, *, omega2: float = 0.0
) -> OneInterval:
    """An interval of one configuration's metric from its bootstrap values: Student's, on a scale without ends.

    Of a metric with two ends that is the logit scale (`bounded_interval`), with one end, such as R² or RMSE, the log of
    its distance from there (`intervals.log_interval`), and where no end is known the percentiles, expanded as much
    (`intervals.expanded_percentile`).

    Args:
        metric: whose ends count.
        value: the metric on all rows, or its negative where it is minimized, so that higher is better.
        bootstrapped: shape (B,), the same in each bootstrap; NaN where undefined, not everywhere.
        level: the nominal coverage.
        units: `units_of_metric`.
        omega2: variance of a refit, relative to that of the rows.
    """
    scale = unit_scale(metric)
    if scale is not None:
        share = min(max(float(scale.share(np.asarray(value))), 0.0), 1.0)
        low, high = bounded_interval(share, scale.share(bootstrapped), level, units, omega2=omega2)
        return OneInterval(scale.value(low), scale.value(high), wording.LOGIT)
    end = next((end for end in metric.ends if math.isfinite(end)), None)
    if end is not None:
        deviation = _deviation(bootstrapped) * math.sqrt(1 + omega2)
        return OneInterval(*log_interval(value, deviation, level, units, end), wording.LOG)
    low, high = expanded_percentile(bootstrapped, level, units, omega2)
    return OneInterval(min(low, value), max(high, value), wording.PERCENTILE)


def bounded_interval(
    value: float,
    bootstrapped: np.ndarray,
    level: float,
    units: int,
    configurations: int = 1,
    *,
    omega2: float = 0.0,
) -> Interval:
    """An interval of a metric between 0 and 1, 1 being best, from its bootstrap values.

    Student's interval on the logit scale, which near 1 covers where percentiles do not, with as many degrees of freedom
    as the rarest class has rows, less one. At 0 or 1 itself no bootstrap varies; the bound is then that of a proportion
    of the rarest class in which nothing or everything was right, shared among the configurations it is the best of.

    Args:
        value: the metric on all rows.
        bootstrapped: shape (B,), the metric in each bootstrap; NaN where undefined.
        level: the nominal coverage.
        units: rows of the rarest class, or the number of groups where groups are the independent units.
        configurations: of how many it was selected.
        omega2: variance of a refit, relative to that of the rows.
    """
    spread = 1 + omega2
    if 0 < value < 1:
        return logit_interval(value, _deviation(bootstrapped) * math.sqrt(spread), level, max(units - 1, 1))
    perfect = bonferroni_clopper_pearson(units / spread, units / spread, configurations, level)
    return perfect if value >= 1 else Interval(0.0, 1 - perfect.low)


def units_of_metric(metric: Metric, y: np.ndarray, groups: np.ndarray | None, weights: np.ndarray | None = None) -> int:
    """How many independent units an interval of the metric rests on: `rarest_units` where it has two ends.

    Those are metrics of classes; others are of numbers, and rest on all rows, or groups. With ``weights``, shape (N,),
    rows, or groups, are no more than they are worth (`stats.uneven_rows.worth`).
    """
    if metric.has_two_ends:
        return rarest_units(y, groups, weights)
    if groups is None:
        return len(y) if weights is None else _worth(weights)
    return _many_groups(groups, weights)


def rarest_units(y: np.ndarray, groups: np.ndarray | None, weights: np.ndarray | None = None) -> int:
    """How many rows the rarest class has, or how many groups there are if that is less."""
    if weights is None:
        rows = int(np.unique(y, return_counts=True)[1].min())
    else:
        rows = min(_worth(weights[y == label]) for label in np.unique(y))
    return rows if groups is None else min(rows, _many_groups(groups, weights))


def _many_groups(groups: np.ndarray, weights: np.ndarray | None) -> int:
    names, codes = np.unique(groups, return_inverse=True)
    return len(names) if weights is None else _worth(np.bincount(codes, weights))


def _worth(weights: np.ndarray) -> int:
    return max(math.floor(worth(weights)), 1)


def _deviation(bootstrapped: np.ndarray) -> float:
    defined = bootstrapped[np.isfinite(bootstrapped)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
