"""Who is driving a study right now: an operating-system lock beside the log, gone when its process is gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from holdfast.errors import RequestError


class DriverLock:
    """Held by every process that drives a study; ``alone`` tells whether no other did when it was taken.

    A trial that is running in the log while nobody else drives the study belongs to a process that is gone.
    """

    def __init__(self, path: Path | None, study: str, *, exclusive: bool = False) -> None:
        self._path = None if path is None else path.with_name(f"{path.name}.{_safe(study)}.lock")
        self._study = study
        self._exclusive = exclusive
        self._file: IO[str] | None = None
        self.alone = True

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        self._file = self._path.open("a+", encoding="utf-8")
        self.alone = _lock(self._file, exclusive=True)
        if not self.alone and self._exclusive:
            self._file.close()
            raise RequestError(
                f"study '{self._study}' is being driven by another process; wait for it, or stop it ({self._path})"
            )
        if not self._exclusive:
            _lock(self._file, exclusive=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _safe(name: str) -> str:
    """A study's name as a part of a file name."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)


def _lock(file: IO[str], *, exclusive: bool) -> bool:
    """Take the lock without waiting, exclusive or shared; False if another process is in the way."""
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK if exclusive else msvcrt.LK_UNLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
