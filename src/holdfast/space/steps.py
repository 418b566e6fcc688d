"""Real numbers a step apart, each as it is written in decimal: 0.1 and three steps of 0.1 is 0.4, with no noise behind.

The bounds and the step are taken by their shortest decimal digits, and what lies between them is computed in whole
numbers and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, shown

SHORT = 15
"""A decimal of at most so many digits is as a person wrote it; a longer one was computed, and is itself rounded."""

FINEST = 1e-12
"""The least step, as a part of the largest value."""

ON_A_VALUE = 1e-9
"""A number is a value if it is as near to it, in steps."""

EXACT = 2**53
EXACT_POWER = 10**22
"""Whole numbers below the one and powers of ten up to the other are floats, so that a ratio of them is rounded once."""


@dataclass(frozen=True)
class Steps:
    """The values ``(first + i * step) / scale`` for i below ``count``, the last of which is ``last``."""

    first: int
    step: int
    scale: int
    count: int
    last: float

    @staticmethod
    def between(low: float, high: float, step: float) -> Steps:
        """From ``low`` on, as far as they do not go beyond ``high``.

        A ``low`` or ``step`` of as many digits as a float has is rounded; if steps end at ``high`` but for that, the
        last value is ``high``.
        """
        least, one = (Decimal(repr(number)) for number in (low, step))
        scale = 10 ** max(0, *(-int(number.as_tuple().exponent) for number in (least, one)))
        first, width = (int(Fraction(number) * scale) for number in (least, one))
        room = Fraction(high) * scale - first
        last = round(room / width)
        rounded = max(_digits(least), _digits(one)) > SHORT
        slack = 4 * math.ulp(max(abs(low), abs(high))) if rounded else math.ulp(high) / 2
        if abs(room - last * width) <= Fraction(slack) * scale:
            return Steps(first, width, scale, last + 1, high + 0.0)
        last = room // width
        return Steps(first, width, scale, last + 1, (first + last * width) / scale)

    def __iter__(self) -> Iterator[float]:
        return (self.at(i) for i in range(self.count))

    def at(self, i: int) -> float:
        """Value number ``i`` of `count`."""
        return self.last if i == self.count - 1 else (self.first + i * self.step) / self.scale

    def all_at(self, cells: np.ndarray) -> np.ndarray:
        """The values at ``cells`` of shape (n,), whole numbers as floats; NaN where those are NaN."""
        span = (self.count - 1) * self.step
        if self.scale <= EXACT_POWER and max(abs(self.first), abs(self.first + span), span) < EXACT:
            values: np.ndarray = (float(self.first) + cells * float(self.step)) / float(self.scale)
            values[cells == self.count - 1] = self.last
            return values
        different, where = np.unique(cells, return_inverse=True)
        found = [math.nan if math.isnan(cell) else self.at(int(cell)) for cell in different.tolist()]
        return np.array(found, dtype=float)[where]

    def nearest(self, value: float) -> int:
        """Which value is the nearest one to a number that lies between the first and the last, or about there."""
        low, step = self.first / self.scale, self.step / self.scale
        cell = (value - low) / step
        if math.isinf(cell):  # the range is wider than the largest float
            cell = value / step - low / step
        return min(max(round(cell), 0), self.count - 1)

    def value_of(self, number: float) -> float | None:
        """The value that ``number`` is but for rounding; None if it is none of them."""
        low, step = self.first / self.scale, self.step / self.scale
        if not low - step <= number <= self.last + step:
            return None
        number = float(number)
        value = self.at(self.nearest(number))
        near = max(ON_A_VALUE * step, 8 * math.ulp(max(abs(low), abs(self.last))))
        return value if abs(number - value) <= near else None


def leaves_one_value(low: float, high: float, step: float | None) -> bool:
    """Whether a step from ``low`` already lies beyond ``high``; not of bounds and steps that cannot be.

    >>> leaves_one_value(0.2, 0.3, 0.1), leaves_one_value(0.2, 0.29, 0.1)
    (False, True)
    """
    if not isinstance(step, int | float) or not 0 <= high - low <= step < math.inf:
        return False
    return Steps.between(float(low), float(high), float(step)).count == 1


def _digits(number: Decimal) -> int:
    """How many digits a decimal has, without noughts at its end."""
    return len(number.normalize().as_tuple().digits)


def checked_steps(low: float, high: float, step: Any, bounds: Sequence[float | str] | None, *, log: bool) -> Steps:
    """The values of a Float that lie a step apart.

    Raises:
        SpaceError: if the step is none, leaves one value, is too fine, or stands beside a log scale or an expression.
    """
    if isinstance(step, bool) or not isinstance(step, int | float | np.integer | np.floating):
        raise SpaceError(f"Float has step = {shown(step)}; it takes a number above zero")
    if not 0 < step < math.inf:
        raise SpaceError(f"Float has step = {shown(step)}; it needs a finite number above zero")
    if log:
        raise SpaceError(f"Float has a log scale and step = {shown(step)}; a log scale takes no step")
    if bounds is not None:
        written = next(bound for bound in bounds if isinstance(bound, str))
        raise SpaceError(
            f"Float has the bound '{written}' and step = {shown(step)}; bounds that are expressions take no step"
        )
    largest = max(abs(low), abs(high))
    if step < max(FINEST * largest, 4 * math.ulp(largest)):
        raise SpaceError(
            f"Float has step = {shown(step)}, too fine beside {largest:g}; it needs a millionth of a millionth of that "
            "at least, or give none"
        )
    steps = Steps.between(low, high, float(step))
    if steps.count < 2:
        raise SpaceError(
            f"Float has step = {shown(step)}, which leaves one value from low = {low:g} to high = {high:g}; give a "
            "smaller step, or a plain value for a constant"
        )
    return steps
