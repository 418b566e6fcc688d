"""Whether the files of a run are still those that its log names by their hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from holdfast.log.base import StudyLog


def recorded_files(log: StudyLog) -> dict[str, str]:
    """The SHA-256 (hex) of every file of a run by its path in the folder: the rows by role, the newest model.

    The events are read as they are, without folding them, so that a log that does not fold can be looked at.

    Raises:
        TamperError: if an event cannot be read.
    """
    files: dict[str, str] = {}
    for event in log.read():
        if event.kind == "data.split":
            files.update({role["file"]: role["sha256"] for role in event.data["roles"].values()})
        elif event.kind == "model.fitted":
            files = {name: sha256 for name, sha256 in files.items() if not name.startswith("model/")}
            files.update(event.data["files"])
    return files


def changed_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """A sentence on each file that is missing from a folder or whose bytes are not those on the record."""
    return [said for name, sha256 in files.items() if (said := _difference(folder / name, sha256)) is not None]


def _difference(path: Path, sha256: str) -> str | None:
    if not path.exists():
        return f"{path} is missing, which the log names"
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        return f"{path} was changed: its SHA-256 is not the one on the log"
    return None
