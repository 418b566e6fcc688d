"""From the scale of a metric to one where higher is better, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Direction

LARGEST = 1e100
"""Scores beyond this cannot be squared, or raised to the third power, and summed."""


def too_far_apart(scores: np.ndarray) -> str:
    """A sentence without its stop where scores (m,) differ by more than a number can hold; empty otherwise."""
    known = scores[np.isfinite(scores)]
    if not len(known) or math.isfinite(float(known.max()) - float(known.min())):
        return ""
    return f"scores from {known.min():.3g} to {known.max():.3g} are too far apart to be compared"


@dataclass(frozen=True, slots=True)
class Scale:
    """A metric's values are ``oriented = offset + sign * value``; ``root`` says that pages show the value's root."""

    sign: int
    offset: float
    root: bool

    def orient(self, values: np.ndarray) -> np.ndarray:
        """Row values, higher is better; 0/1 values stay 0/1."""
        return np.asarray(self.offset + self.sign * np.asarray(values, dtype=float))

    def shown(self, oriented: float) -> float:
        """An oriented mean as the metric that pages show."""
        value = (oriented - self.offset) * self.sign
        return math.sqrt(max(value, 0.0)) if self.root else value

    def bounds(self, low: float, high: float) -> tuple[float, float]:
        """An oriented interval as one of the metric, lower end first."""
        ends = sorted((self.shown(low), self.shown(high)))
        return ends[0], ends[1]


def scale_of(direction: Direction, *, binary: bool = False, root: bool = False) -> Scale:
    """The scale of a metric; ``binary`` if every row value is 0 or 1.

    Raises:
        RequestError: if the direction is neither 'minimize' nor 'maximize'.
    """
    if direction not in {"minimize", "maximize"}:
        raise RequestError(f"the direction is '{direction}'; it has to be 'minimize' or 'maximize'")
    if direction == "maximize":
        return Scale(1, 0.0, root)
    return Scale(-1, 1.0 if binary else 0.0, root)
