"""Losses as the surrogate sees them: failures at the worst, the poor half drawn in, zero mean and unit variance."""

from __future__ import annotations

import numpy as np

from holdfast.search.history import COMPLETE, STOPPED

REFERENCE = 20
FAR = 10.0
"""A loss is set apart when the gap below it is so many times as wide as the range of all lower ones."""
FEWEST_BELOW = 8
"""So many losses, and half of all, are lower than one that is set apart."""
FEWEST_BELOW_PENALTY = 4
"""Of so many lower losses a penalty is told apart, which two trials have been told in the same words."""


def succeeded(losses: np.ndarray, states: np.ndarray) -> np.ndarray:
    """(m,) whether each told trial has a loss to go by, given its loss and its state (see `History.told_state`)."""
    known: np.ndarray = np.isfinite(losses) & ((states == COMPLETE) | (states == STOPPED))
    return known


def comparable(losses: np.ndarray, states: np.ndarray) -> np.ndarray:
    """(m,) whether each told trial succeeded, with a loss that is not set apart from all others.

    Many an objective returns a huge number where it fails, or now and then by accident. Among the losses it would leave
    no room for the differences between all others; as a failure it says where not to go. Such a number is the highest
    of all, told twice or more, or there are no more of its kind than of lower losses; and the gap below it is `FAR`
    times as wide as the range of these.
    """
    known = succeeded(losses, states)
    known[known] = losses[known] <= _highest_loss(losses[known])
    return known


def _highest_loss(losses: np.ndarray) -> float:
    """The highest of the losses (m,) that are not set apart."""
    size = np.abs(losses).max(initial=0.0)
    if size == 0:
        return 0.0
    ordered = np.sort(losses) / size
    spread, gaps = ordered[:-1] - ordered[0], np.diff(ordered)
    below = np.arange(1, len(losses))
    above = len(losses) - below
    most = (below >= FEWEST_BELOW) & (below >= above)
    penalty = (below >= FEWEST_BELOW_PENALTY) & (above >= 2) & (ordered[1:] == ordered[-1])
    cuts = np.flatnonzero((most | penalty) & (spread > 0) & (gaps > FAR * spread))
    return float(np.sort(losses)[cuts[0]] if len(cuts) else losses.max())


def known_losses(losses: np.ndarray, states: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """(m,) the loss that each told trial counts with, given what was told and its state.

    A failed trial has the worst loss of those that have one to go by; NaN throughout if there is none. A trial that was
    stopped early was judged not worth finishing, so it counts no better than the median of the complete ones.

    Args:
        losses, states: (m,) as told, see `History`.
        known: (m,) which have a loss to go by; those that are `comparable` where None.
    """
    known = comparable(losses, states) if known is None else known
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
