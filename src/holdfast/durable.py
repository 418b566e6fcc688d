"""Files and folders that outlive a loss of power from the moment that a function here returns."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def flush(file: int) -> None:
    """Wait until a file is on disk, and not only in the disk's own memory."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk: those of its files and folders, and that others are gone."""
    if os.name != "posix":
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, as far as they are not there; their names are on disk when this returns.

    The first one that is there may have been made by somebody whose wait for the disk has not ended, or never will.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
    with suppress(PermissionError):  # where one may not even look, somebody else has seen to the names
        flush_folder(folder.parent)


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file in a folder that is there, such that it is there whole and for good, or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # of a process that had this number and was killed
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            flush(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    flush_folder(path.parent)
