"""What a learning rate range test says: where the loss falls, where it is lowest, and what to search. numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError

WIDTH = 0.12
"""The deviation of the window that smooths the losses, in decades of the learning rate.

The window looks both ways: a moving average over the past, as a training loop has to take it, shows the loss of rates
that lie an order of magnitude below the one it is drawn at.
"""

LEARNED = 0.1
"""The loss has begun to fall where it has lost this part of what it loses in all."""

LEAST_FALL = 0.05
"""A loss that falls by less than this part of itself has not fallen."""

EXPLODED = 4.0
"""A sweep ends once a loss is this many times its lowest one so far, and above where it began."""

BELOW_EDGE = 3.0
"""The rate to begin with is a third of the edge's: Smith 2017, section 3.3, begins at a third or a fourth of it."""

BEYOND_EDGE = 2.0
"""The range to search ends at twice the edge: the best constant rate is mostly within a factor of two of it."""

DECADES = 2.0
"""The width of the range to search."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """The losses of one run whose learning rate rose with every update.

    Args:
        rates: the learning rate of each update, rising, shape (S,).
        losses: of each batch before its update, shape (S,); the sweep may end before the last rate: shape (T,), T <= S.
    """

    rates: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True, eq=False)
class RateRange:
    """What sweeps over the same learning rates say together.

    Args:
        rates: shape (S,).
        losses: the mean loss over the sweeps, smoothed, shape (S,); NaN where fewer than half of them had arrived.
        start: the loss before anything is learned.
        edge: the rate with the lowest smoothed loss: beyond it, the loss rises; None where the loss never fell.
        steepest: the rate at which the loss falls most in a decade; None likewise.
        exploded: the lowest rate at which most sweeps had ended; None where they did not.
        open_end: whether the loss was still falling at the highest rate, so that the edge may lie beyond it.
    """

    rates: np.ndarray
    losses: np.ndarray
    start: float
    edge: float | None
    steepest: float | None
    exploded: float | None
    open_end: bool

    @property
    def suggested(self) -> tuple[float, float] | None:
        """The range to search, two decades that end a little above the edge; None where the loss never fell."""
        if self.edge is None:
            return None
        high = self.edge * BEYOND_EDGE
        return shortened(high / 10.0**DECADES), shortened(high)

    @property
    def first(self) -> float | None:
        """The rate to begin with."""
        return None if self.edge is None else shortened(self.edge / BELOW_EDGE)


def geometric(low: float, high: float, steps: int) -> np.ndarray:
    """Learning rates from low to high, each the same factor above the one before (Smith 2017, section 3.3).

    Raises:
        RequestError: if they are no such range.
    """
    if not (0.0 < low < high < math.inf):
        raise RequestError(f"the learning rates go from {low:g} to {high:g}; they have to rise, from above 0")
    if steps < 10:
        raise RequestError(f"a range test of {steps} updates shows nothing; it needs ten or more")
    return np.geomspace(low, high, steps)


def read_sweeps(sweeps: Sequence[Sweep]) -> RateRange:
    """What sweeps over the same rates, with different seeds, say together.

    Raises:
        RequestError: without a sweep, or where not one loss is a number.
    """
    if not sweeps:
        raise RequestError("there is no sweep to read")
    rates = sweeps[0].rates
    table = np.full((len(sweeps), len(rates)), np.nan)
    for row, sweep in zip(table, sweeps, strict=True):
        row[: len(sweep.losses)] = sweep.losses
    arrived = np.isfinite(table).sum(axis=0) * 2 >= len(sweeps)
    if not arrived[0]:
        raise RequestError("the loss is no number before the first update; look at the rows and the model")
    last = int(np.argmin(arrived)) if not arrived.all() else len(rates)
    losses = np.full(len(rates), np.nan)
    losses[:last] = _smoothed(np.log10(rates[:last]), np.nanmean(table[:, :last], axis=0))
    start = float(losses[: max(1, len(rates) // 20)].mean())
    exploded = float(rates[last]) if last < len(rates) else None
    lowest = int(np.nanargmin(losses))
    if start - losses[lowest] < LEAST_FALL * abs(start):
        return RateRange(rates, losses, start, None, None, exploded, open_end=False)
    slopes = np.gradient(losses[:last], np.log10(rates[:last])) if last > 1 else np.zeros(last)
    begun = int(np.argmax(losses[:last] <= start - LEARNED * (start - losses[lowest])))
    steepest = begun + int(np.argmin(slopes[begun : lowest + 1]))
    open_end = lowest >= len(rates) - 2
    return RateRange(rates, losses, start, float(rates[lowest]), float(rates[steepest]), exploded, open_end)


def shortened(rate: float) -> float:
    """A rate to two significant digits.

    >>> shortened(0.00123456)
    0.0012
    """
    return float(f"{rate:.2g}")


def _smoothed(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (n,) at places (n,), each the mean of its neighbours by a normal window of deviation `WIDTH`.

    A straight line is fitted in each window (Cleveland 1979), so that the ends are not drawn towards the middle.
    """
    distance = (places[:, None] - places[None, :]) / WIDTH
    weight = np.exp(-0.5 * distance**2)
    total = weight.sum(axis=1)
    mean_x, mean_y = weight @ places / total, weight @ values / total
    off = places[None, :] - mean_x[:, None]
    spread = (weight * off**2).sum(axis=1)
    slope = (weight * off * (values[None, :] - mean_y[:, None])).sum(axis=1) / np.where(spread > 0.0, spread, 1.0)
    return np.asarray(mean_y + slope * (places - mean_x))
