"""Outcome constraints: what a trial's metrics have to meet, such as a latency of at most 50 ms."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.errors import RequestError, shown


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a metric that a trial is told with."""

    metric: str
    sense: Literal["<=", ">="]
    bound: float

    def __str__(self) -> str:
        return f"{self.metric} {self.sense} {self.bound:g}"

    def violation(self, metrics: Mapping[str, float]) -> float:
        """How far the bound is missed, in the metric's unit; at most 0 where it is met, NaN where nobody knows."""
        value = metrics.get(self.metric, math.nan)
        return value - self.bound if self.sense == "<=" else self.bound - value


def named_constraints(constraints: Any) -> tuple[Constraint, ...]:
    """Constraints from a table such as ``{"ms": "<= 50", "recall": ">= 0.9"}``.

    Raises:
        RequestError: for anything else.
    """
    if not isinstance(constraints, Mapping):
        raise RequestError(f"constraints = {shown(constraints)}; it takes a table such as {{'ms': '<= 50'}}")
    found: list[Constraint] = []
    for metric, text in constraints.items():
        match = re.fullmatch(r"\s*(<=|>=)\s*(\S+)\s*", text) if isinstance(text, str) else None
        bound = math.nan if match is None else _number(match[2])
        if match is None or not isinstance(metric, str) or not metric or not math.isfinite(bound):
            raise RequestError(f"the constraint on '{metric}' is {shown(text)}; write it as '<= 50' or '>= 0.9'")
        found.append(Constraint(metric, "<=" if match[1] == "<=" else ">=", bound))
    return tuple(found)


def to_table(constraints: Iterable[Constraint]) -> dict[str, str]:
    """The table that `named_constraints` reads."""
    return {item.metric: f"{item.sense} {item.bound!r}" for item in constraints}


def is_feasible(constraints: Iterable[Constraint], metrics: Mapping[str, float]) -> bool:
    """Whether a trial with these metrics is known to meet every constraint."""
    return all(item.violation(metrics) <= 0 for item in constraints)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
