"""Runs as lines of JSON: each with its task, its seed and its workers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.fidelity_parts.simulator import Run

Key = tuple[str, int, int]
"""The task, the seed and how many workers."""


def line_of(run: Run) -> dict[str, Any]:
    """A run as JSON values; nothing finished is null."""
    finished = [float(f"{value:.4g}") if math.isfinite(value) else None for value in run.finished]
    return {
        "paid": [int(value) for value in run.paid],
        "chosen": [float(f"{value:.4g}") for value in run.chosen],
        "finished": finished,
        "trials": run.trials,
    }


def done(path: Path) -> set[Key]:
    """The runs that a file has a line for."""
    if not path.exists():
        return set()
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {(line["task"], line["seed"], line["workers"]) for line in lines}


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
