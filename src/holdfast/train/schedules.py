"""How the learning rate moves during training: plain functions of the progress t through the longest run, from 0 to 1.

Progress, and not a number of steps, so that a schedule means the same for every batch size and every number of rows: at
update s of N it is s/N. A float gives a float; an array gives an array of its shape, as fast as numpy is. The formulas
are in docs/training.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np

Schedule = Literal["constant", "step", "exponential", "cosine", "restarts", "onecycle", "linear", "inverse-square-root"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)

Progress = TypeVar("Progress", float, np.ndarray)

ONECYCLE_RISE = 0.3
ONECYCLE_START = 0.04

SHORTEST_SCALE = 0.01
"""After a warm-up shorter than this, or none, the inverse square root falls as after one of this length."""


@dataclass(frozen=True, slots=True)
class Bends:
    """Values of single schedules.

    Args:
        drops: how often ``step`` drops, evenly spaced.
        drop_factor: what each drop multiplies the rate by.
        decay_to: the part of its peak that ``exponential`` ends at.
        cycles: of ``restarts``.
        cycle_growth: how much longer each cycle is than the one before.
    """

    drops: int = 2
    drop_factor: float = 0.1
    decay_to: float = 0.01
    cycles: int = 3
    cycle_growth: float = 2.0


USUAL = Bends()


def learning_rate_at(
    schedule: Schedule, peak: float, progress: Progress, warmup: float = 0.0, bends: Bends = USUAL
) -> Progress:
    """The learning rate at some progress.

    Args:
        schedule: its name.
        peak: the highest learning rate.
        progress: t, from 0 to 1; a float, or an array of any shape.
        warmup: the part of training over which the rate rises in a straight line first (Goyal et al. 2017, section
            2.2). ``onecycle`` has a rise of its own and does not look at it.
        bends: values of single schedules.
    """
    rise = ONECYCLE_RISE if schedule == "onecycle" else warmup
    up = _onecycle_rise if schedule == "onecycle" else _straight_rise
    if isinstance(progress, np.ndarray):
        falling = peak * _fall(schedule, np.maximum(progress - rise, 0.0), rise, bends, np)
        rising = up(peak, np.minimum(progress, rise), rise or 1.0, np)
        rates: Progress = np.where(progress < rise, rising, falling)
        return rates
    rate: Progress
    if progress < rise:
        rate = up(peak, progress, rise, math)
    else:
        rate = peak * _fall(schedule, progress - rise, rise, bends, math)
    return rate


def _straight_rise(peak: float, progress: Any, rise: float, _maths: Any) -> Any:
    return peak * progress / rise


def _onecycle_rise(peak: float, progress: Any, rise: float, maths: Any) -> Any:
    """From 4 % of the peak along half a cosine (Smith and Topin 2018)."""
    return peak * (1.0 - (1.0 - ONECYCLE_START) * _half_cosine(progress / rise, maths))


def _fall(schedule: Schedule, since: Any, rise: float, bends: Bends, maths: Any) -> Any:
    """The part of the peak that is left when ``since`` has passed after the rise; ``maths`` is math or numpy."""
    if schedule == "inverse-square-root":
        return (1.0 + since / max(rise, SHORTEST_SCALE)) ** -0.5
    return _FALLS[schedule](since / (1.0 - rise), bends, maths)


def _constant(fraction: Any, _bends: Bends, _maths: Any) -> Any:
    return 1.0 + 0.0 * fraction


def _step(fraction: Any, bends: Bends, maths: Any) -> Any:
    """Evenly spaced drops; He et al. 2016, section 3.4, have two by ten."""
    count = maths.floor(fraction * (bends.drops + 1))
    return bends.drop_factor ** (count - (count > bends.drops))  # none falls on the very end


def _exponential(fraction: Any, bends: Bends, _maths: Any) -> Any:
    return bends.decay_to**fraction


def _linear(fraction: Any, _bends: Bends, _maths: Any) -> Any:
    return 1.0 - fraction


def _cosine(fraction: Any, _bends: Bends, maths: Any) -> Any:
    """Loshchilov and Hutter 2017, equation 5, one cycle down to 0."""
    return _half_cosine(fraction, maths)


def _restarts(fraction: Any, bends: Bends, maths: Any) -> Any:
    """Loshchilov and Hutter 2017, equation 5, with T_mult = the growth; the cycles fill the run."""
    growth, cycles = bends.cycle_growth, bends.cycles
    lengths = growth ** np.arange(cycles)
    ends = np.cumsum(lengths) / lengths.sum()
    cycle = np.minimum(np.searchsorted(ends, fraction, side="right"), cycles - 1)
    starts = np.concatenate([[0.0], ends[:-1]])
    within = (fraction - starts[cycle]) / (ends[cycle] - starts[cycle])
    return _half_cosine(within if maths is np else float(within), maths)


def _half_cosine(fraction: Any, maths: Any) -> Any:
    """From 1 at 0 to 0 at 1, along half a cosine."""
    return 0.5 * (1.0 + maths.cos(maths.pi * fraction))


_FALLS: dict[str, Callable[[Any, Bends, Any], Any]] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "linear": _linear,
    "cosine": _cosine,
    "onecycle": _cosine,
    "restarts": _restarts,
}
