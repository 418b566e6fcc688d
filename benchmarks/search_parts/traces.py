"""What was run: read from lines of JSON and from packed files, and packed for keeping."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.search_parts.kept import pack_folder, read_folder
from benchmarks.search_parts.tasks import Task

KNOWN = "tasks.json"


@dataclass(frozen=True)
class Known:
    """What has to be known of a task to judge a search on it; see `Task`."""

    name: str
    family: str
    best: float
    noise: float
    kind: str


@dataclass(eq=False)
class Traces:
    """The runs of one tool.

    Attributes:
        values: by (task, seed), (trials,) losses in the order of asking.
        test: the same on what the search did not see, where that is recorded.
        errors: by (task, seed), what went wrong.
        versions: of the packages, as text.
        seconds: by (task, seed), (trials,) wall seconds of ask and tell.
    """

    tool: str
    values: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    test: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    seconds: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    errors: dict[tuple[str, int], str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def add(self, line: dict[str, Any]) -> None:
        """Take over one line that `rival` or `ours` wrote."""
        key = line["task"], int(line["seed"])
        for package, version in line["versions"].items():
            known = self.versions.get(package, version)
            self.versions[package] = known if version in known.split(" and ") else f"{known} and {version}"
        if "error" in line:
            self.errors[key] = line["error"]
            return
        self.values[key] = np.array(line["values"], dtype=np.float32)
        self.seconds[key] = np.array(line["seconds"], dtype=np.float32)
        if line["test"] is not None:
            self.test[key] = np.array(line["test"], dtype=np.float32)

    def tasks(self) -> set[str]:
        """The tasks that it ran, or failed, with any seed."""
        return {task for task, _ in (*self.values, *self.errors)}

    def seeds(self, task: str) -> list[int]:
        """The seeds that it ran a task with."""
        return sorted(seed for name, seed in self.values if name == task)


def read(folder: Path) -> dict[str, Traces]:
    """All tools of a folder: packed files, and lines in its folder ``raw`` that came since."""
    return read_folder(folder, Traces, _unpacked)


def pack(folder: Path, tasks: Iterable[Task], tools: Iterable[str] = ()) -> list[Path]:
    """Write each tool's runs as one compressed file, and what is known of the tasks beside them."""
    written = pack_folder(folder, read(folder), tools, _pack)
    known: list[dict[str, Any]] = [
        {"name": t.name, "family": t.family, "best": t.best, "noise": t.noise, "kind": kind_of(t.space)} for t in tasks
    ]
    text = json.dumps([{**item, "best": _number(item["best"])} for item in known], indent=1)
    (folder / KNOWN).write_text(text + "\n", encoding="utf-8")
    return written


def known_tasks(folder: Path) -> list[Known]:
    """What `pack` wrote of the tasks."""
    items = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
    return [Known(**{**item, "best": np.nan if item["best"] is None else item["best"]}) for item in items]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def kind_of(space: list[dict[str, Any]]) -> str:
    """``conditional``, ``mixed`` (categorical beside numerical), ``categorical`` or ``numerical``."""
    if any(item["when"] for item in space):
        return "conditional"
    categorical = {item["type"] == "cat" for item in space}
    return "mixed" if len(categorical) == 2 else "categorical" if categorical == {True} else "numerical"


def packed_runs(path: Path) -> set[tuple[str, int]]:
    """The tasks and seeds of a packed file, failures among them; none where there is no file."""
    if not path.exists():
        return set()
    traces = _unpacked(path)
    return {*traces.values, *traces.errors}


def _pack(path: Path, traces: Traces) -> None:
    keys = sorted(traces.values)
    longest = max((len(traces.values[key]) for key in keys), default=0)
    columns: dict[str, np.ndarray] = {}
    for name, source in (("values", traces.values), ("test", traces.test), ("seconds", traces.seconds)):
        table = np.full((len(keys), longest), np.nan, dtype=np.float32)
        for row, key in enumerate(keys):
            if key in source:
                table[row, : len(source[key])] = source[key]
        columns[name] = table
    columns["seconds"] = np.round(columns["seconds"], 3)
    errors = [[task, seed, text] for (task, seed), text in sorted(traces.errors.items())]
    about = {"runs": keys, "errors": errors, "versions": traces.versions}
    np.savez_compressed(path, about=np.array(json.dumps(about)), **columns)  # type: ignore[arg-type]


def _unpacked(path: Path) -> Traces:
    traces = Traces(path.stem)
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        traces.versions = about["versions"]
        traces.errors = {(task, seed): text for task, seed, text in about["errors"]}
        for name in ("values", "test", "seconds"):
            rows = stored[name]
            into: dict[tuple[str, int], np.ndarray] = getattr(traces, name)
            for (task, seed), row in zip(about["runs"], rows, strict=True):
                if np.isfinite(row).any():
                    into[task, seed] = row[np.isfinite(row)]
    return traces


def grouped(tasks: Iterable[Known]) -> dict[str, list[Known]]:
    """Tasks by family."""
    groups: defaultdict[str, list[Known]] = defaultdict(list)
    for task in tasks:
        groups[task.family].append(task)
    return dict(groups)
