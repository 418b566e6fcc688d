"""Where a hyperparameter's values lie: the axes of its pictures, with their ticks, scales and categories."""

from __future__ import annotations

import math
from dataclasses import dataclass

from holdfast.facts.numbers import number, shown
from holdfast.records import Value
from holdfast.report.charts import label, labels
from holdfast.space import Categorical, Domain, Int, Space
from holdfast.study.state import StudyState

MOST_CHOICES = 12
"""So many choices are named along an axis; of more, evenly spread ones."""

LINE = 64
"""Characters that fit along an axis."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter.

    Attributes:
        name: as the user wrote it.
        domain: what it is searched within.
        choices: the labels of its choices, all different; empty for numbers.
    """

    name: str
    domain: Domain
    choices: tuple[str, ...]

    @property
    def categorical(self) -> bool:
        """Whether its values are choices."""
        return isinstance(self.domain, Categorical)

    @property
    def logarithmic(self) -> bool:
        """Whether its values are spread evenly over magnitudes."""
        return not isinstance(self.domain, Categorical) and self.domain.log

    def place(self, value: Value) -> float | None:
        """Where a value lies between 0 and 1; None for one that is not on the axis."""
        domain = self.domain
        if isinstance(domain, Categorical):
            position = domain.position(value)
            return None if position is None else (position + 0.5) / len(domain.choices)
        if isinstance(value, bool) or not isinstance(value, int | float) or not domain.low <= value <= domain.high:
            return None
        if domain.log:
            return (math.log(value) - math.log(domain.low)) / (math.log(domain.high) - math.log(domain.low))
        return (value / 2 - domain.low / 2) / (domain.high / 2 - domain.low / 2)

    def choice(self, value: Value) -> str | None:
        """The label of a choice; None for a value that is none."""
        position = self.domain.position(value) if isinstance(self.domain, Categorical) else None
        return None if position is None else self.choices[position]

    def ticks(self) -> list[tuple[float, str]]:
        """A few places with their labels, from end to end."""
        domain = self.domain
        if isinstance(domain, Categorical):
            n = len(self.choices)
            every, longest = math.ceil(n / MOST_CHOICES), max(3, LINE // min(n, MOST_CHOICES))
            return [((i + 0.5) / n, label(text, longest)) for i, text in enumerate(self.choices) if i % every == 0]
        low, high = float(domain.low), float(domain.high)
        whole = isinstance(domain, Int)
        inner = powers_of_ten(low, high) if domain.log else round_numbers(low, high, whole=whole)
        placed = [(self.place(int(value) if whole else value), number(value)) for value in inner]
        kept = [(place, text) for place, text in placed if place is not None and 0.12 < place < 0.88]
        return [(0.0, number(low)), *kept, (1.0, number(high))]


def axes(state: StudyState) -> list[Axis]:
    """The hyperparameters that were searched, in the order of the space; what has one value only is left out."""
    space = space_of(state)
    if space is None:
        return []
    found = []
    for name in space.names:
        domain = space[name]
        if isinstance(domain, Categorical):
            if len(domain.choices) > 1:
                found.append(Axis(name, domain, tuple(labels([shown(choice) for choice in domain.choices], 18))))
        else:
            found.append(Axis(name, domain, ()))
    return found


def space_of(state: StudyState) -> Space | None:
    """The space that was searched, declared or found as it was used; None before there is one."""
    return state.settings.space or state.history.space


def powers_of_ten(low: float, high: float, most: int = 4) -> list[float]:
    """Powers of ten from ``low`` to ``high``, evenly spaced.

    >>> powers_of_ten(0.0002, 3)
    [0.001, 0.01, 0.1, 1.0]
    """
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    step = max(1, math.ceil((last - first + 1) / most))
    return [float(f"1e{power}") for power in range(first, last + 1, step)]


def round_numbers(low: float, high: float, most: int = 5, *, whole: bool = False) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``; none where the range is no finite number.

    >>> round_numbers(0.93, 1.0), round_numbers(1, 4, whole=True)
    ([0.94, 0.96, 0.98, 1.0], [1.0, 2.0, 3.0, 4.0])
    """
    width = high - low
    if not (math.isfinite(width) and width > 0):
        return []
    power = 10.0 ** math.floor(math.log10(width / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if width / (factor * power) <= most)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]
