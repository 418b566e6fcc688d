"""Bounds of a weighted mean of rows, of which a few may count for most: each row is a group of its own size.

What `rmx.rmx` says of the linear form of such a mean rests on the few heavy rows, as it does on few large groups: their
residuals are small, as they pull the mean towards themselves, and where all of them happen to be right nothing seems to
vary (`few_groups`). Weights are taken as given, so that the mean is a ratio whose error is that of its numerator.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.stats.bootstrap import group_sums
from holdfast.stats.few_groups import Unequal, group_bounds, unequal_groups
from holdfast.stats.intervals import Interval, clopper_pearson_tails
from holdfast.stats.rmx import is_binary


def worth(counts: np.ndarray) -> float:
    """As how many rows that count alike they are: (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965).

    >>> float(worth(np.array([1.0, 1.0, 2.0]))), float(worth(np.full(3, 7.0)))
    (2.6666666666666665, 3.0)
    """
    parts = counts / counts.max()
    return float(parts.sum() ** 2 / (parts**2).sum())


class Weighed(NamedTuple):
    """Scores of rows, shape (N, C), of C configurations, higher is better, and how much each row counts, shape (N,).

    ``winner`` is the place of the one that was selected; ``codes``, shape (N,), are groups of rows from
    `bootstrap.group_codes`, a row's own number where each is on its own.
    """

    scores: np.ndarray
    counts: np.ndarray
    winner: int
    codes: np.ndarray


def uneven_bounds(rows: Weighed, tails: tuple[float, float], alike: float = 1.0, omega2: float = 0.0) -> Interval:
    """Bounds of the winner's weighted mean from the variance that allows for the leverage of heavy rows.

    The squared residuals ``w_i^2 (s_i - m)^2`` are multiplied by what `unequal_groups` finds, and the variance is the
    larger of the winner's and the median over configurations, as a winner is lucky on the heavy rows.

    - 0/1 scores: Clopper and Pearson's bounds at the effective sample size (Korn and Graubard, Survey Methodology
      24:193, 1998), with a variance of no less than ``m (1 - m) sum w^2``, which rows of one accuracy have (Kish,
      Survey Sampling, 1965): so they say something where no heavy row is wrong.
    - Others: `few_groups.group_bounds`, which allows for heavy rows that lose much and were not seen.

    Args:
        rows: of two units that count at least.
        tails: error probabilities below and above.
        alike: as how many independent configurations all count (`few_groups.Unequal.shared`).
        omega2: variance that a refit adds, relative to that of the rows.
    """
    weight, n_units = rows.counts / rows.counts.sum(), int(rows.codes.max()) + 1
    means, scores = weight @ rows.scores, rows.scores
    own, spread = float(means[rows.winner]), 1 + omega2
    uneven = unequal_groups(scores[:, rows.winner], rows.codes, rows.counts).shared(alike, n_units)
    variances = _variances(weight[:, None] * (scores - means), rows.codes, uneven)
    if is_binary(scores):
        trial = means * (1 - means)
        ratios = variances[trial > 0] / trial[trial > 0]
        least = [float((weight**2).sum()), *([float(np.median(ratios))] if len(ratios) else [])]
        ratio = max(*least, float(variances[rows.winner] / trial[rows.winner]) if trial[rows.winner] > 0 else 0.0)
        size = 1 / (ratio * spread)
        return clopper_pearson_tails(min(max(own, 0.0), 1.0) * size, size, *tails)
    variance = max(float(variances[rows.winner]), float(np.median(variances)))
    return group_bounds(own, float(scores.max()), math.sqrt(spread * variance), tails, uneven)


def _variances(parts: np.ndarray, codes: np.ndarray, uneven: Unequal) -> np.ndarray:
    """Of the means, shape (C,), from what each row is off by, shape (N, C)."""
    totals = group_sums(parts, codes)
    n_units = len(totals)
    return np.asarray(uneven.factor * n_units / (n_units - 1) * (totals**2).sum(axis=0))
