"""Configurations that were run again: means over fresh runs, drawn towards each other as far as runs disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.intervals import check_level


class Replicates(NamedTuple):
    """What fresh runs say of C configurations, each of shape (C,).

    ``means`` are the plain means, ``shrunk`` the same drawn towards each other; ``low`` and ``high`` bound the true
    mean of every configuration at once, so also that of the one that is picked by them. ``sd``, a number, is what two
    runs of one configuration differ by, with ``df`` degrees of freedom.
    """

    means: np.ndarray
    shrunk: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sd: float
    df: int


def shrunken_means(runs: Sequence[np.ndarray], level: float = 0.95) -> Replicates:
    """Means over fresh runs of C configurations, shrunk, with simultaneous bounds.

    The variance of a run is pooled within configurations. The means are shrunk towards their weighted average by
    empirical Bayes, ``B_c = (C - 3) / (C - 1) V_c / (V_c + A)`` with V_c the variance of a mean and A that of the true
    means by moments (Morris, JASA 78:47, 1983, equations 1.15 to 1.17, there for equal V); with three configurations or
    fewer not at all. Bounds are Student's around the plain means, by Bonferroni over the C; ``shrunk`` is held within.

    Args:
        runs: for each configuration the scores of its fresh runs, shape (n_c,), those that it was picked by left out.
        level: the nominal coverage, of all C together.

    Raises:
        RequestError: if a configuration has no run, or none has two.
    """
    from scipy.special import stdtrit

    check_level(level)
    arrays = [np.asarray(each, dtype=float) for each in runs]
    counts = np.array([len(each) for each in arrays])
    df = int((counts - 1).sum())
    if len(arrays) == 0 or (counts < 1).any() or df < 1:
        raise RequestError(
            f"the fresh runs number {', '.join(map(str, counts)) or 'none'}; each configuration needs one, and one of "
            "them two, or nobody knows how much runs differ"
        )
    means = np.array([each.mean() for each in arrays])
    variance = sum(float(((each - each.mean()) ** 2).sum()) for each in arrays) / df
    errors, c = variance / counts, len(arrays)
    shrunk = means
    if c > 3 and variance > 0:
        between = max(float(means.var(ddof=1)) - float(errors.mean()), 0.0)
        weights = 1 / (errors + between)
        share = (c - 3) / (c - 1) * errors * weights
        shrunk = (1 - share) * means + share * float(weights @ means / weights.sum())
    half = float(stdtrit(df, 1 - (1 - level) / (2 * c))) * np.sqrt(errors)
    low, high = means - half, means + half
    return Replicates(means, np.clip(shrunk, low, high), low, high, math.sqrt(variance), df)
