"""What a program does to the files of one folder, step by step: every change with its bytes, and every fsync.

A small library (recorder.c), compiled where it is used, is loaded before the C library and writes the steps down as
they happen, of all threads and processes. It sees the calls that the program makes, not what anybody meant them to be.
Needs Linux and a C compiler.
"""

from __future__ import annotations

import enum
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SOURCE = Path(__file__).with_name("recorder.c")
_HEAD = struct.Struct("=IIQQII")


class Call(enum.IntEnum):
    """What a step was; the numbers are those of recorder.c."""

    CREATE = 1
    MKDIR = 2
    UNLINK = 3
    RENAME = 4
    LINK = 5
    WRITE = 6
    TRUNCATE = 7
    SYNC_BEGIN = 8
    SYNC_END = 9
    MARK = 10
    UNSEEN = 11


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        call: what it was.
        process: whose, by its id.
        inode: of the file or folder; 0 where only its path matters.
        offset: where a write begins, the size that a file is cut to, or the number by which the two ends of an fsync
            belong together.
        path: the absolute path as it was then.
        data: the bytes of a write or a mark, or the other path of a rename or a link.
    """

    call: Call
    process: int
    inode: int
    offset: int
    path: str
    data: bytes


@dataclass(frozen=True)
class Recording:
    """A folder, what it is now, and every step that led from what it was to that.

    Attributes:
        folder: as the program left it.
        inode: of the folder.
        steps: in the order in which they happened.
        before: the files that were in it, on disk for certain, by their paths within it: inode and content.
    """

    folder: Path
    inode: int
    steps: tuple[Step, ...]
    before: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)


def can_record() -> bool:
    """Whether this machine can: it runs Linux, and has a C compiler."""
    return sys.platform == "linux" and _compiler() is not None


def memory() -> Path | None:
    """A folder whose files lie in memory, so that no fsync is waited for; None where there is none."""
    place = Path("/dev/shm")  # noqa: S108 - on purpose
    return place if place.is_dir() and os.access(place, os.W_OK) else None


def record(
    command: Sequence[str], place: Path, *, sync_us: int = 0, before: Mapping[str, bytes] | None = None
) -> Recording:
    """Run a command, and write down what it and its children do to a folder.

    In the command, ``{folder}`` stands for the folder and ``{marks}`` for a file whose writes become marks among the
    steps: what a program writes there is after all that it had done before.

    Args:
        command: the program and its arguments.
        place: an empty folder to work in.
        sync_us: microseconds that every fsync takes longer, so that other threads and processes do more meanwhile.
        before: the files that are in the folder at first, none of them in a folder of its own; None for none.

    Raises:
        RuntimeError: if the command fails, the recorder does not compile, or something was done that it cannot record.
    """
    folder, marks, trace = place / "folder", place / "marks", place / "trace"
    folder.mkdir()
    marks.touch()
    there = {}
    for path, data in (before or {}).items():
        (folder / path).write_bytes(data)
        there[path] = ((folder / path).stat().st_ino, data)
    library = compiled(place)
    if set(str(library)) & {" ", ":"}:
        raise RuntimeError(
            f"a library in '{place}' cannot be preloaded, for the blank or colon in its name; use another"
        )
    given = {"HOLDFAST_TRACED": folder, "HOLDFAST_MARKS": marks, "HOLDFAST_TRACE": trace, "HOLDFAST_SYNC_US": sync_us}
    variables = {**os.environ, **{name: str(value) for name, value in given.items()}}
    variables["LD_PRELOAD"] = " ".join([str(library), variables.get("LD_PRELOAD", "")]).strip()
    words = [word.replace("{folder}", str(folder)).replace("{marks}", str(marks)) for word in command]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the recorded command failed with exit code {done.returncode}: {done.stderr[-3000:]}")
    if not trace.exists():
        raise RuntimeError(
            f"the recorder was not loaded by {command[0]}; is it linked statically, or a script of another?"
        )
    steps = tuple(read_steps(trace.read_bytes()))
    missed = next((step for step in steps if step.call is Call.UNSEEN), None)
    if missed is not None:
        raise RuntimeError(f"{missed.path} was changed by {missed.data.decode()}, which cannot be recorded")
    return Recording(folder.resolve(), folder.stat().st_ino, steps, there)


def read_steps(trace: bytes) -> Iterator[Step]:
    """The steps in the bytes of a trace."""
    at = 0
    while at < len(trace):
        call, process, inode, offset, path_length, data_length = _HEAD.unpack_from(trace, at)
        at += _HEAD.size
        path = os.fsdecode(trace[at : at + path_length])
        at += path_length
        yield Step(Call(call), process, inode, offset, path, trace[at : at + data_length])
        at += data_length


def compiled(place: Path) -> Path:
    """The recorder as a library in a folder.

    Raises:
        RuntimeError: if there is no C compiler, or it refuses.
    """
    compiler = _compiler()
    if compiler is None:
        raise RuntimeError("there is no C compiler; install one, as cc or gcc")
    library = place / "recorder.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the recorder does not compile: {done.stderr}")
    return library


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")
