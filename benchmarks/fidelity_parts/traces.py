"""What was run: lines of JSON of rivals and of ours, and packed files for keeping."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.fidelity_parts.curves import CurveTask
from benchmarks.fidelity_parts.lines import Key, budget_of
from benchmarks.search_parts.kept import pack_folder, read_folder

KNOWN = "tasks.json"


@dataclass(frozen=True, eq=False)
class Trace:
    """One run of ``budget`` epochs; see `simulator.Run`. Regrets are infinite before anything was seen or finished."""

    paid: np.ndarray
    chosen: np.ndarray
    finished: np.ndarray
    budget: float

    def at(self, epochs: float, measure: str) -> float:
        """The regret after so many epochs, by ``chosen`` or ``finished``."""
        place = int(np.searchsorted(self.paid, epochs, side="right")) - 1
        return float(getattr(self, measure)[place]) if place >= 0 else float("inf")

    def until(self, target: float, measure: str) -> float:
        """The epochs paid when the regret was at most ``target`` for the first time; infinite if it never was."""
        hits = np.flatnonzero(getattr(self, measure) <= target)
        return float(self.paid[hits[0]]) if len(hits) else float("inf")

    def up_to(self, budget: float) -> Trace:
        """What was known of it after so many epochs."""
        part = slice(int(np.searchsorted(self.paid, budget, side="right")))
        return Trace(self.paid[part], self.chosen[part], self.finished[part], budget)


@dataclass(eq=False)
class Traces:
    """All runs of a tool, its errors, the versions that it ran in and the seconds of a run, by key."""

    name: str
    runs: dict[Key, Trace] = field(default_factory=dict)
    errors: dict[Key, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[Key, float] = field(default_factory=dict)

    def add(self, line: dict[str, Any]) -> None:
        """Take a line in; a later one of the same key stands."""
        key = (line["task"], line["seed"], line["workers"])
        self.versions |= line["versions"]
        if "error" in line:
            self.errors[key] = line["error"]
            return
        budget = budget_of(line)
        finished = [np.inf if value is None else value for value in line["finished"]]
        self.runs[key] = Trace(
            np.array(line["paid"]), np.array(line["chosen"]), np.array(finished, dtype=float), budget
        )
        self.seconds[key] = line["seconds"]

    def of(self, task: str, workers: int) -> list[Trace]:
        """The runs of a task with so many workers, by seed."""
        keys = sorted(key for key in self.runs if (key[0], key[2]) == (task, workers))
        return [self.runs[key] for key in keys]

    def up_to(self, budget: float) -> Traces:
        """Those of its runs that had so many epochs, up to there; the seconds of those that had no more."""
        runs = {key: run.up_to(budget) for key, run in self.runs.items() if run.budget >= budget}
        seconds = {key: self.seconds[key] for key in runs if self.runs[key].budget == budget}
        return replace(self, runs=runs, seconds=seconds)


def read(folder: Path) -> dict[str, Traces]:
    """All tools of a folder: packed files, and lines in its folder ``raw`` that came since."""
    return read_folder(folder, Traces, _unpacked)


def pack(folder: Path, tasks: Iterable[CurveTask], tools: Iterable[str] = ()) -> list[Path]:
    """Write each tool's runs as one compressed file, and what is known of the tasks beside them."""
    written = pack_folder(folder, read(folder), tools, _pack)
    known = [{"name": task.name, "epochs": task.epochs, "agreement": round(task.agreement, 3)} for task in tasks]
    (folder / KNOWN).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return written


def known_tasks(folder: Path) -> list[dict[str, Any]]:
    """What `pack` wrote of the tasks."""
    found: list[dict[str, Any]] = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
    return found


def packed_runs(path: Path, budget: float) -> set[Key]:
    """The runs of so many epochs or more of a packed file, failures among them; none where there is no file."""
    if not path.exists():
        return set()
    traces = _unpacked(path)
    return {*traces.up_to(budget).runs, *traces.errors}


def _pack(path: Path, traces: Traces) -> None:
    keys = sorted(traces.runs)
    about = {
        "runs": [
            [*key, len(run.paid), traces.seconds[key], run.budget if math.isfinite(run.budget) else None]
            for key, run in ((key, traces.runs[key]) for key in keys)
        ],
        "errors": [[*key, text] for key, text in sorted(traces.errors.items())],
        "versions": traces.versions,
    }
    columns = {
        "paid": np.concatenate([[], *(traces.runs[key].paid for key in keys)]).astype(np.int32),
        "chosen": np.concatenate([[], *(traces.runs[key].chosen for key in keys)]).astype(np.float32),
        "finished": np.concatenate([[], *(traces.runs[key].finished for key in keys)]).astype(np.float32),
    }
    np.savez_compressed(path, about=np.array(json.dumps(about)), **columns)  # type: ignore[arg-type]


def _unpacked(path: Path) -> Traces:
    traces = Traces(path.stem)
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        paid, chosen, finished = (stored[name].astype(float) for name in ("paid", "chosen", "finished"))
    traces.versions = about["versions"]
    traces.errors = {(task, seed, workers): text for task, seed, workers, text in about["errors"]}
    begin = 0
    for task, seed, workers, length, seconds, budget in about["runs"]:
        part = slice(begin, begin + length)
        epochs = math.inf if budget is None else float(budget)
        traces.runs[task, seed, workers] = Trace(paid[part], chosen[part], finished[part], epochs)
        traces.seconds[task, seed, workers] = seconds
        begin += length
    return traces
