"""What a piece of work used: figures that say how they came about. What nobody measured is None, never zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Method(StrEnum):
    """Where a figure comes from, from the firmest to none at all."""

    COUNTER = "counter"
    """a clock, or a counter of the operating system or the hardware"""
    GIVEN = "given"
    """a person said so, as in the plan's [price]"""
    SAMPLED = "sampled"
    """readings from time to time"""
    TDP = "TDP estimate"
    """the processor's thermal design power times its load"""
    UNKNOWN = "unknown"


_ORDER = tuple(Method)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its origin.

    Args:
        value: None where it is unknown.
        method: how it came about.
        coverage: the share of the work that it covers, 0 to 1; below 1 the true number is larger.
        uncertainty: half of the width of its error band, as a share of the value; None where nobody can say.
    """

    value: float | None
    method: Method
    coverage: float = 1.0
    uncertainty: float | None = None

    def times(self, factor: float) -> Figure:
        """The same figure in another unit, or a share of it."""
        value = None if self.value is None else self.value * factor
        return Figure(value, self.method, self.coverage, self.uncertainty)

    def to_json(self) -> list[Any]:
        """JSON values; `from_json` undoes it."""
        return [self.value, self.method.value, self.coverage, self.uncertainty]

    @staticmethod
    def from_json(data: Sequence[Any]) -> Figure:
        """The figure that `to_json` wrote."""
        value, method, coverage, uncertainty = data
        return Figure(value, Method(method), coverage, uncertainty)


UNKNOWN = Figure(None, Method.UNKNOWN, 0.0)
"""A figure that nobody has."""


def counted(value: float) -> Figure:
    """A figure read off a clock or a counter."""
    return Figure(value, Method.COUNTER, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a trial, or a phase of a study, used.

    Args:
        wall_seconds: from its begin to its end.
        cpu_seconds: processor time of its process, all cores together.
        gpu_seconds: time for which graphics processors were busy, all of them together.
        peak_bytes: the largest resident memory of its process meanwhile.
        kwh: electricity.
    """

    wall_seconds: Figure = UNKNOWN
    cpu_seconds: Figure = UNKNOWN
    gpu_seconds: Figure = UNKNOWN
    peak_bytes: Figure = UNKNOWN
    kwh: Figure = UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """The figures that are known, as JSON values; `from_json` undoes it."""
        if self is NOTHING_KNOWN:
            return {}
        figures = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: figure.to_json() for name, figure in figures if figure is not UNKNOWN and figure != UNKNOWN}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Usage:
        """The usage that `to_json` wrote; figures that it does not have are unknown."""
        return Usage(**{name: Figure.from_json(figure) for name, figure in data.items()}) if data else NOTHING_KNOWN


NOTHING_KNOWN = Usage()
"""A usage that nobody measured."""


def total(figures: Iterable[tuple[Figure, float]]) -> Figure:
    """The sum of figures, each with a weight (such as its seconds) for its share of the work.

    What is unknown lowers the coverage; the method is the weakest of those that are known, and uncertainties add up as
    if the errors all went the same way.
    """
    items = list(figures)
    known = [(figure, weight) for figure, weight in items if figure.value is not None]
    if not known:
        return UNKNOWN
    value = sum(figure.value for figure, _ in known if figure.value is not None)
    weights = sum(weight for _, weight in items)
    covered = sum(figure.coverage * weight for figure, weight in known)
    coverage = covered / weights if weights > 0 else len(known) / len(items)
    method = max((figure.method for figure, _ in known), key=_ORDER.index)
    return Figure(value, method, min(coverage, 1.0), _spread([figure for figure, _ in known], value))


def both(first: float | None, second: float | None) -> float | None:
    """The uncertainty of a product of two independent numbers, from that of each; None if either is unknown."""
    return None if first is None or second is None else math.hypot(first, second)


def together(usages: Sequence[Usage]) -> Usage:
    """What several pieces of work used: sums, and of the peaks of memory the largest."""
    if len(usages) == 1:
        return usages[0]
    weights = [usage.wall_seconds.value or 0.0 for usage in usages]
    sums = {
        name: total((getattr(usage, name), weight) for usage, weight in zip(usages, weights, strict=True))
        for name in ("wall_seconds", "cpu_seconds", "gpu_seconds", "kwh")
    }
    peaks = [usage.peak_bytes for usage in usages if usage.peak_bytes.value is not None]
    return Usage(**sums, peak_bytes=max(peaks, key=lambda figure: figure.value or 0.0, default=UNKNOWN))


def _spread(figures: Sequence[Figure], value: float) -> float | None:
    """The uncertainty of a sum, as a share of it; None if that of any part is unknown."""
    widths = [None if f.uncertainty is None else abs(f.value or 0.0) * f.uncertainty for f in figures]
    if any(width is None for width in widths):
        return None
    return sum(width for width in widths if width is not None) / abs(value) if value else 0.0
