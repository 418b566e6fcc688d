"""Folders of what was run: packed files, and lines of JSON that came since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Runs(Protocol):
    """The runs of one tool."""

    def add(self, line: dict[str, Any]) -> None:
        """Take over one line."""
        ...


T = TypeVar("T", bound=Runs)


def read_folder(folder: Path, begin: Callable[[str], T], unpacked: Callable[[Path], T]) -> dict[str, T]:
    """All tools of a folder: packed files, and lines in its folder ``raw`` that came since."""
    found: dict[str, T] = {}
    for path in sorted(folder.glob("*.npz")):
        found[path.stem] = unpacked(path)
    for path in sorted((folder / "raw").glob("*.jsonl")):
        runs = found.setdefault(path.stem, begin(path.stem))
        for line in path.read_text(encoding="utf-8").splitlines():
            runs.add(json.loads(line))
    return found


def pack_folder(folder: Path, found: dict[str, T], tools: Iterable[str], pack: Callable[[Path, T], None]) -> list[Path]:
    """Write the runs of these tools, or of all, as one compressed file each; the files."""
    wanted, written = set(tools), []
    for name, runs in found.items():
        if not wanted or name in wanted:
            written.append(folder / f"{name}.npz")
            pack(written[-1], runs)
    return written
