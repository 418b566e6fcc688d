"""Runs as lines of JSON: each with its task, its seed and its workers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.fidelity_parts.simulator import Run

Key = tuple[str, int, int]
"""The task, the seed and how many workers."""


def line_of(run: Run, budget: float) -> dict[str, Any]:
    """A run of so many epochs, perhaps endless, as JSON values; nothing finished is null, as is no end."""
    finished = [float(f"{value:.4g}") if math.isfinite(value) else None for value in run.finished]
    return {
        "paid": [int(value) for value in run.paid],
        "chosen": [float(f"{value:.4g}") for value in run.chosen],
        "finished": finished,
        "trials": run.trials,
        "budget": budget if math.isfinite(budget) else None,
    }


def done(path: Path, budget: float) -> set[Key]:
    """The runs of so many epochs or more that a file has a line for."""
    if not path.exists():
        return set()
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(line["task"], line["seed"], line["workers"]) for line in lines if budget_of(line) >= budget}


def budget_of(line: dict[str, Any]) -> float:
    """How many epochs a run had; infinite for an endless one."""
    return math.inf if line["budget"] is None else float(line["budget"])


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
