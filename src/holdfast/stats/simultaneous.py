"""Bounds that hold for all configurations at once, and so for the winner however it was selected."""

from __future__ import annotations

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import draw_counts, group_codes, group_rows
from holdfast.stats.intervals import Interval, check_level


def max_t_rows(
    scores: np.ndarray,
    rng: np.random.Generator,
    *,
    winner: int | None = None,
    groups: np.ndarray | None = None,
    bootstraps: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The bootstrap's maxT bounds of a mean score, each bootstrap studentised by its own standard errors.

    ``[m_s - q SE_s, m_s + t SE_s]`` with q the ``1 - alpha/2`` quantile of ``max_c (m*_c - m_c) / SE*_c`` (Westfall and
    Young, Resampling-Based Multiple Testing, 1993; studentised as by Romano and Wolf, Econometrica
    73:1237, 2005). The upper side is Student's, as selecting the best can only inflate; where ``winner`` is not the
    best, it mirrors the lower one. `rmx.rmx` is narrower, and for 0/1 scores near 1 more reliable.

    Args:
        scores: shape (N, C), N >= 2, finite, higher is better.
        rng: where the bootstraps are drawn from.
        winner: its index; the highest mean if None.
        groups: shape (N,), names of groups of rows that are not independent.
        bootstraps: how many.
        level: the nominal coverage.
    """
    from scipy.special import stdtrit

    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or len(scores) < 2 or scores.shape[1] < 1 or not np.isfinite(scores).all():
        raise RequestError(f"scores have shape {scores.shape}; two rows or more of finite numbers are needed")
    units = scores if groups is None else group_rows(scores, group_codes(groups, len(scores)))
    n, mean = len(units), units.mean(axis=0)
    best = int(mean.argmax())
    chosen = best if winner is None else winner
    centred = units - mean
    error = np.sqrt((centred**2).sum(axis=0) / (n - 1) / n)
    largest = [_largest(centred, counts, error) for counts in draw_counts(rng, n, bootstraps)]
    tail = (1 - check_level(level)) / 2
    textbook = -float(stdtrit(n - 1, tail))
    q = max(float(np.quantile(np.concatenate(largest), 1 - tail)), textbook)
    upper = textbook if mean[chosen] >= mean[best] else q
    return Interval(float(mean[chosen] - q * error[chosen]), float(mean[chosen] + upper * error[chosen]))


def _largest(centred: np.ndarray, counts: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The largest studentised deviation of each bootstrap, shape (b,); its own SE is kept at half of the real one."""
    n = len(centred)
    mean = counts @ centred / n
    variance = np.maximum(counts @ centred**2 / n - mean**2, 0.0) * n / (n - 1)
    scale = np.maximum(np.sqrt(variance / n), error / 2)
    return np.asarray(np.where(scale > 0, mean / np.where(scale > 0, scale, 1.0), 0.0).max(axis=1))


def level_of_look(look: int, level: float = 0.95, planned: int | None = None) -> float:
    """The level at which to read the ``look``-th interval on the same rows, so that all of them hold together.

    With ``planned`` looks each gets an equal share of the error, ``alpha / planned`` (Bonferroni). Without, there may
    be any number: the k-th gets ``alpha / 2^k``, and the sum stays below alpha (alpha spending, as for a sequence of
    hypotheses: Foster and Stine, JRSS B 70:429, 2008). Choices between looks may depend on all that was seen.

    Args:
        look: which one this is, the first is 1.
        level: at which all of them together hold.
        planned: how many there will be at most, fixed before the first.
    """
    alpha = 1 - check_level(level)
    if look < 1 or (planned is not None and look > planned):
        raise RequestError(
            f"this is look number {look} of {planned or 'any number'}; looks count from 1 to those planned"
        )
    return 1 - alpha / (2**look if planned is None else planned)
