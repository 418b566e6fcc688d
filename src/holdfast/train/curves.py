"""Curves of losses, step by step, on rows that were learned from and on rows that a model is judged on. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

JudgedRows = tuple[np.ndarray, np.ndarray]
"""Features (n, d) and targets (n,) of the rows that a model is judged on and does not learn from."""

Point = tuple[int, float | None, float | None]
"""A step, the loss on training rows and the loss on judged rows, None where a loss is no finite number."""

Curve = dict[str, Any]
"""As JSON: ``metric``, ``step`` (a name), ``steps``, ``train``, ``validation``; ``kept`` is the step that predicts."""


def evenly(n: int, most: int) -> np.ndarray:
    """At most so many of n positions, evenly spaced, both ends among them; all of them if they are no more."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.intp)


def shown(loss: float) -> float | None:
    """A loss to six significant digits, None where it is no finite number."""
    return float(f"{loss:.6g}") if math.isfinite(loss) else None


def curve_of_points(points: Sequence[Point], step: str, kept: float) -> Curve | None:
    """The curve with these points, None without any."""
    if not points:
        return None
    steps, train, validation = (list(column) for column in zip(*points, strict=True))
    return {"metric": "loss", "step": step, "steps": steps, "train": train, "validation": validation, "kept": kept}


def mean_curve(curves: Sequence[Mapping[str, Any] | None]) -> Curve | None:
    """The mean of the curves of several parts, at the steps that all of them have; None if one has no curve.

    A mean over parts that end at different steps would jump where one ends, so the curve ends with the first of them.
    """
    found = [curve for curve in curves if curve is not None]
    if not found or len(found) < len(curves):
        return None
    if len(found) == 1:
        return dict(found[0])
    common = sorted(set.intersection(*(set(curve["steps"]) for curve in found)))
    points = [(step, _mean(found, step, "train"), _mean(found, step, "validation")) for step in common]
    return curve_of_points(points, found[0]["step"], sum(curve["kept"] for curve in found) / len(found))


def _mean(curves: Sequence[Mapping[str, Any]], step: int, side: str) -> float | None:
    values = [curve[side][curve["steps"].index(step)] for curve in curves]
    return None if None in values else shown(sum(values) / len(values))
