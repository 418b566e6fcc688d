"""Losses as the surrogate sees them: failures at the worst, the poor half drawn in, zero mean and unit variance."""

from __future__ import annotations

import numpy as np

from holdfast.search.history import COMPLETE, STOPPED


def known_losses(losses: np.ndarray, states: np.ndarray) -> np.ndarray:
    """(m,) the loss that each told trial counts with, given what was told and its state (see `History.told_state`).

    A failed trial has the worst finite loss; NaN throughout if there is none. A trial that was stopped early was judged
    not worth finishing, so it counts no better than the median of the complete ones.
    """
    finite = np.isfinite(losses)
    complete = finite & (states == COMPLETE)
    stopped = finite & (states == STOPPED)
    known = complete | stopped
    counted = losses.copy()
    if complete.any():
        counted[stopped] = np.maximum(losses[stopped], np.median(losses[complete]))
    counted[~known] = counted[known].max() if known.any() else np.nan
    return counted


def standardise(losses: np.ndarray) -> np.ndarray:
    """Finite losses of shape (m,) as targets of mean 0 and variance 1; the order stays.

    Losses worse than the median are drawn in where they spread further than the better half does, since a search needs
    to be exact about good configurations only (the half-rank warp of Song et al., "The Vizier Gaussian process bandit
    algorithm", 2024).
    """
    size = np.abs(losses).max()
    scaled = losses / size if size > 0 else losses
    warped = half_rank(scaled)
    spread = warped.std()
    return (warped - warped.mean()) / spread if spread > 0 else np.zeros_like(warped)


def half_rank(losses: np.ndarray) -> np.ndarray:
    """Replace losses (m,) worse than the median by normal quantiles of their rank, at the scale of the better half."""
    from scipy.special import ndtri

    median = np.median(losses)
    good = losses[losses <= median]
    scale = np.sqrt(np.mean((good - median) ** 2))
    if scale == 0:
        return losses
    _, rank, count = np.unique(losses, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - 0.5 * count
    quantiles = median + scale * ndtri(middle / len(losses))[rank]
    poor = losses > median
    return np.where(poor, np.minimum(losses, np.maximum(quantiles, median)), losses)


def subset(losses: np.ndarray, size: int) -> np.ndarray:
    """At most ``size`` positions of losses (m,): a third the best, a third the latest, the rest evenly spread."""
    m = len(losses)
    if m <= size:
        return np.arange(m)
    chosen = np.zeros(m, dtype=bool)
    chosen[np.argsort(losses, kind="stable")[: size // 3]] = True
    chosen[m - size // 3 :] = True
    rest = np.flatnonzero(~chosen)
    chosen[rest[np.linspace(0, len(rest) - 1, size - int(chosen.sum())).astype(np.int64)]] = True
    return np.flatnonzero(chosen)
