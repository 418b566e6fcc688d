"""What a curve of losses does after its last turn: rises, still falls, or is flat; told apart from its own noise."""

from __future__ import annotations

import math
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
    count = max(5, math.ceil(STRETCH * len(values)))
    at, last = steps[-count:] - steps[-count:].mean(), values[-count:]
    fall = -float(at @ last / (at @ at)) * float(at[-1] - at[0])
    error = noise * float(at[-1] - at[0]) / math.sqrt(float(at @ at))
    if fall > SMALLEST_FALL * abs(float(last[-1])) and fall > 3.0 * error:
        return "falling"
    return "flat"


def turn(steps: np.ndarray, values: np.ndarray) -> int:
    """The position of the last value that is, within the noise of the curve, as low as its minimum."""
    course = smoothed(values)
    low = float(course.min())
    close = np.flatnonzero(course <= low + max(2.0 * jitter(steps, values), 0.01 * abs(low)))
    return int(close[-1])
