"""Losses as the surrogate sees them: failures at the worst, the poor half drawn in, zero mean and unit variance."""

from __future__ import annotations

import numpy as np

from holdfast.search.history import COMPLETE, STOPPED

REFERENCE = 20


def succeeded(losses: np.ndarray, states: np.ndarray) -> np.ndarray:
    """(m,) whether each told trial has a loss to go by, given its loss and its state (see `History.told_state`)."""
    known: np.ndarray = np.isfinite(losses) & ((states == COMPLETE) | (states == STOPPED))
    return known


def known_losses(losses: np.ndarray, states: np.ndarray) -> np.ndarray:
    """(m,) the loss that each told trial counts with, given what was told and its state.

    A failed trial has the worst loss of those that succeeded; NaN throughout if there is none. A trial that was stopped
    early was judged not worth finishing, so it counts no better than the median of the complete ones.
    """
    known = succeeded(losses, states)
    complete, stopped = known & (states == COMPLETE), known & (states == STOPPED)
    counted = losses.copy()
    if complete.any():
        counted[stopped] = np.maximum(losses[stopped], np.median(losses[complete]))
    counted[~known] = counted[known].max() if known.any() else np.nan
    return counted


def standardise(losses: np.ndarray) -> np.ndarray:
    """Finite losses of shape (m,), in the order told, as targets of mean 0 and variance 1; their order stays.

    Losses worse than usual are drawn in to their logarithm, since a search needs to be exact about good configurations
    only, and one that diverges must not hide the differences between all others (compare the warps of Song et al.,
    "The Vizier Gaussian process bandit algorithm", 2024). What is usual is the median of the first `REFERENCE` trials,
    before the search has gathered around a good spot.
    """
    size = np.abs(losses).max()
    scaled = losses / size if size > 0 else losses
    median, scale = _usual(scaled[:REFERENCE])
    if scale == 0:
        scale = float(np.sqrt(np.mean((scaled - median) ** 2)))
    if scale == 0:
        return np.zeros_like(losses)
    distance = (scaled - median) / scale
    drawn = np.where(distance > 0, np.log1p(np.maximum(distance, 0)), distance)
    targets: np.ndarray = (drawn - drawn.mean()) / drawn.std()
    return targets


def _usual(losses: np.ndarray) -> tuple[float, float]:
    """The median, and the root mean square distance to it of the losses (m,) that are no worse."""
    median = float(np.median(losses))
    return median, float(np.sqrt(np.mean((losses[losses <= median] - median) ** 2)))


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
