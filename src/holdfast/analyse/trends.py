"""What a curve of losses does: how it ends, how straight it falls, how it jumps; told apart from its own noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

FEWEST_POINTS = 6
"""With fewer points nothing is said of a curve."""

STRETCH = 0.25
"""The last part of a curve that says whether it still falls."""

SMALLEST_FALL = 0.03
"""A curve that fell by less than this part of its last value over that stretch is flat."""

SMALLEST_RISE = 0.05
"""A curve is past its minimum when it has risen by more than this part of it: Prechelt's generalisation loss of 5."""

Ending = Literal["falling", "flat", "rising"]


def jitter(steps: np.ndarray, values: np.ndarray) -> float:
    """The standard deviation of a curve around its own course, from (n,) steps and values; 0 with fewer than 3.

    Each value is compared with the straight line between its neighbours (Gasser, Sroka and Jennen-Steinmetz 1986); the
    median takes the place of their mean square, so that a steep start does not count as noise. It is enlarged for short
    curves, of which the deviation is hardly known.
    """
    if len(values) < 3:
        return 0.0
    left = (steps[2:] - steps[1:-1]) / (steps[2:] - steps[:-2])
    right = 1.0 - left
    off = (left * values[:-2] + right * values[2:] - values[1:-1]) / np.sqrt(left**2 + right**2 + 1.0)
    return float(np.median(np.abs(off)) / 0.6745) * (1.0 + 3.0 / len(values))


def smoothed(values: np.ndarray) -> np.ndarray:
    """A curve without its jitter: the running median of three values, then their running mean; shape (n,), n >= 3."""
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    padded = np.pad(middle, 2, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)


def ending(steps: np.ndarray, values: np.ndarray) -> Ending:
    """How a curve of at least `FEWEST_POINTS` losses ends.

    ``rising``: the end of the smoothed curve lies above its minimum by more than 5 % of the minimum (the generalisation
    loss GL of Prechelt 1998, section 2.2, at alpha = 5) and by more than its noise explains, where the minimum of n
    noisy values is expected sqrt(2 ln n) deviations too low. ``falling``: over its last quarter (at least five points)
    the curve fell, along a least-squares line, by more than 3 % of its last value and by more than 3 standard errors.
    """
    noise = jitter(steps, values)
    course = smoothed(values)
    lowest = float(course.min())
    rise = float(course[-1]) - lowest
    chance = (math.sqrt(2.0 * math.log(len(values))) + 2.0) * noise / math.sqrt(2.0)
    if rise > SMALLEST_RISE * abs(lowest) and rise > chance:
        return "rising"
    fallen, error = last_fall(steps, values)
    if fallen > SMALLEST_FALL * abs(float(values[-1])) and fallen > 3.0 * error:
        return "falling"
    return "flat"


def last_fall(steps: np.ndarray, values: np.ndarray, stretch: float = STRETCH) -> tuple[float, float]:
    """By how much a curve fell over its last part, along a least-squares line, and a standard error of that."""
    count = max(5, math.ceil(stretch * len(values)))
    at, last = steps[-count:] - steps[-count:].mean(), values[-count:]
    width, squares = float(at[-1] - at[0]), float(at @ at)
    return -float(at @ last) / squares * width, jitter(steps, values) * width / math.sqrt(squares)


def turn(steps: np.ndarray, values: np.ndarray) -> int:
    """The position of the last value that is, within the noise of the curve, as low as its minimum."""
    course = smoothed(values)
    low = float(course.min())
    close = np.flatnonzero(course <= low + max(jitter(steps, values), 0.01 * abs(low)))
    return int(close[-1])


@dataclass(frozen=True)
class Fall:
    """How a curve falls, by the parabola that fits it best.

    Attributes:
        size: from its first to its last value; negative for one that rises.
        size_error: a standard error of ``size``.
        early: the part of it that is done by the middle of the time: 1/2 for a straight line, near 1 for a curve that
            falls at once and then rests, less than 1/2 for one that falls faster and faster.
        early_error: a standard error of ``early``.
    """

    size: float
    size_error: float
    early: float
    early_error: float


def fall(time: np.ndarray, values: np.ndarray) -> Fall:
    """How a curve of (n,) values falls over a time (n,), in which equal distances mean equal amounts of learning.

    With the time scaled to u in [-1, 1] and the least-squares parabola a + b u + c u^2, the size is -2b and the early
    part 1/2 - c / 2b. An exponential approach exp(-t / s) over a time T has an early part of some
    1 / (1 + exp(-T / 2s)): 0.7 is a run that has gone 82 % of its way.
    """
    u = 2.0 * (time - time[0]) / (time[-1] - time[0]) - 1.0
    design = np.stack([np.ones_like(u), u, u * u], axis=1)
    spread = np.linalg.pinv(design.T @ design)
    _, slope, bend = (float(part) for part in spread @ (design.T @ values))
    noise = jitter(time, values)
    if slope == 0.0:
        return Fall(0.0, 2.0 * noise, math.nan, math.inf)
    of_slope, of_bend = (noise * math.sqrt(max(float(spread[k, k]), 0.0)) for k in (1, 2))
    error = math.hypot(of_bend, bend / slope * of_slope) / (2.0 * abs(slope))
    return Fall(-2.0 * slope, 2.0 * of_slope, 0.5 - bend / (2.0 * slope), error)


@dataclass(frozen=True)
class Rises:
    """The steps at which the training and the validation loss rise together, added up.

    Attributes:
        whole: over the whole curve.
        late: over its second half.
        sure: whether it is the weights that jump: more than noise of each curve's own would make.
    """

    whole: float
    late: float
    sure: bool


def joint_rises(train: np.ndarray, validation: np.ndarray) -> Rises:
    """By how much two curves, shape (n,) each, rise at the same steps; rises against a fall of the other count against.

    Each step at which the training loss rises counts the smaller of the two changes, with the sign of the validation's.
    Where each curve has noise of its own, the signs cancel; where the weights jump, they agree. The sum has to exceed
    three deviations of the noise that the curves do not share, of which their difference tells; or, where one of them
    jumps much higher than the other, two and a half deviations of a sum with random signs.
    """
    ours, theirs = np.diff(train), np.diff(validation)
    counted = np.where(ours > 0, np.sign(theirs) * np.minimum(ours, np.abs(theirs)), 0.0)
    own = jitter(np.arange(len(train), dtype=float), train - validation) / math.sqrt(2.0)
    whole = float(counted.sum())
    agree = whole > 2.5 * math.sqrt(float(counted @ counted)) > 0.0
    sure = agree or whole > 3.0 * own * math.sqrt(len(ours) / 2.0)
    return Rises(whole, float(counted[len(ours) // 2 :].sum()), sure)
