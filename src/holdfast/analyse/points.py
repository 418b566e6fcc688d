"""A learning curve as it is judged: both sides where both are known, turned so that lower is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holdfast.analyse.trends import FEWEST_POINTS, Ending, ending, smoothed, turn
from holdfast.records import Direction


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a run where both sides are known, shape (n,) each, n >= `FEWEST_POINTS`.

    Attributes:
        metric: what the curve is of, such as ``loss``.
        step: what a step is called, such as ``epoch``.
        steps: strictly rising.
        train: on rows that were learned from, lower is better.
        validation: on rows that were not, lower is better.
        kept: the step whose weights predict; None where it is not known, and then it is the last one.
        mirror: for a metric of which more is better, the number that a value was taken from; None for a loss.
    """

    metric: str
    step: str
    steps: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    kept: float | None = None
    mirror: float | None = None

    @cached_property
    def train_ends(self) -> Ending:
        """How the training side ends."""
        return ending(self.steps, self.train)

    @cached_property
    def validation_ends(self) -> Ending:
        """How the validation side ends."""
        return ending(self.steps, self.validation)

    @property
    def rising(self) -> bool:
        """Whether the validation side ends worse than it was at its best."""
        return self.validation_ends == "rising"

    @cached_property
    def turned(self) -> int:
        """The step after which the validation side got worse."""
        return int(self.steps[turn(self.steps, self.validation)])

    @cached_property
    def end(self) -> float:
        """The last training value, smoothed."""
        return float(smoothed(self.train)[-1])

    def original(self, value: float) -> float:
        """A value as the metric has it."""
        return value if self.mirror is None else self.mirror - value

    @property
    def worse(self) -> str:
        """What the metric did where it got worse: ``rose`` or ``fell``."""
        return "rose" if self.mirror is None else "fell"

    @property
    def better(self) -> str:
        """What the metric does while it gets better: ``falling`` or ``rising``."""
        return "falling" if self.mirror is None else "rising"


def read(curve: Mapping[str, Any], direction: Direction = "minimize") -> Points | None:
    """The points with both sides; None with fewer than `FEWEST_POINTS`, or where the steps do not go up.

    A metric of which more is better is turned: it is taken from 1 where it is nowhere above 1, as an accuracy, and
    else from its highest value and the range of its values, so that a part of it means something.

    Args:
        curve: ``metric``, ``step`` (names), ``steps``, ``train`` and ``validation`` (None where there is no number),
            and perhaps ``kept``, the step whose weights predict.
        direction: which way the curve's metric is better.
    """
    table = np.array([curve["steps"], curve["train"], curve["validation"]], dtype=float)
    steps, train, validation = table[:, np.isfinite(table).all(axis=0)]
    if len(steps) < FEWEST_POINTS or (np.diff(steps) <= 0).any():
        return None
    mirror = None
    if direction == "maximize":
        both = np.concatenate([train, validation])
        top, low = float(both.max()), float(both.min())
        mirror = 1.0 if top <= 1.0 else top + (top - low)
        train, validation = mirror - train, mirror - validation
    kept = curve.get("kept")
    number = float(kept) if isinstance(kept, int | float) and math.isfinite(kept) else None
    return Points(str(curve["metric"]), str(curve["step"]), steps, train, validation, number, mirror)


def broke_off(curve: Mapping[str, Any]) -> float | None:
    """The step from which on the training side is no finite number to the end; None where it has an end."""
    numbers = [value is not None and math.isfinite(value) for value in curve["train"]]
    if not any(numbers) or numbers[-1]:
        return None
    last = max(place for place, known in enumerate(numbers) if known)
    return float(curve["steps"][last + 1])
