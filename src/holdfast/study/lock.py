"""Who is driving a study right now: an operating-system lock beside the log, gone when its process is gone."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import BusyStudyError, RequestError

PATIENCE = 10.0
"""Seconds to wait for another process that has the study for itself, mostly just to look for lost trials."""

MOMENT = 1.0
"""Seconds to wait where a study is wanted alone: a process that was just killed may still seem to have it."""


class DriverLock:
    """Held by every process that drives a study or has a trial of it in hand.

    A trial that is running in the log while nobody else holds the lock belongs to a process that is gone. May be taken
    several times over by one object, and is free when it has been released as often. Without a ``path`` there is
    nothing to hold, and others may be there if the log is ``shared``. Threads may take it at once;
    whoever joins shares it for all of them.

    Attributes:
        alone: whether no other process held it when it was last taken.
    """

    def __init__(self, path: Path | None, study: str, *, shared: bool = False) -> None:
        self._path = None if path is None else path.with_name(f"{path.name}.{safe_name(study)}.lock")
        self._study = study
        self._shared = shared
        self._file: int | None = None
        self._holds = 0
        self._turn = threading.RLock()
        self.alone = True

    def take(self, *, exclusive: bool = False) -> None:
        """Take it and see who else has it; if nobody does, no other process can take it until `share`.

        Raises:
            BusyStudyError: if another process has it and this one wants it ``exclusive``, or the other way round.
        """
        with self._turn:
            file = self._open()
            self.alone = not self._shared if file is None else _lock(file, exclusive=True)
            deadline = time.monotonic() + MOMENT
            while exclusive and not self.alone and file is not None and time.monotonic() < deadline:
                time.sleep(0.01)
                self.alone = _lock(file, exclusive=True)
            if self.alone or file is None:
                return
            if exclusive:
                self.release()
                raise self._refusal()
            self._share_or_release()

    def join(self) -> None:
        """Take it beside whoever else has it.

        Raises:
            BusyStudyError: if another process has it for itself and keeps it.
        """
        with self._turn:
            if self._open() is not None:
                self._share_or_release()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """As `join`, for the time of a ``with`` block."""
        self.join()
        try:
            yield
        finally:
            self.release()

    @contextmanager
    def handed_on(self) -> Iterator[None]:
        """As `join`, for whoever gets what a ``with`` block makes: it stays held unless the block fails."""
        self.join()
        try:
            yield
        except BaseException:
            self.release()
            raise

    def share(self) -> None:
        """Let other processes take it as well.

        Raises:
            BusyStudyError: if another process has it for itself and keeps it.
        """
        with self._turn:
            if self._file is None:
                return
            deadline = time.monotonic() + PATIENCE
            while not _lock(self._file, exclusive=False):
                if time.monotonic() > deadline:
                    raise self._refusal()
                time.sleep(0.01)

    def release(self) -> None:
        """Undo one `take`."""
        with self._turn:
            self._holds -= 1
            if self._holds <= 0:
                self.close()
            elif self._file is not None:
                self.share()

    def close(self) -> None:
        """Release it, however often it was taken."""
        with self._turn:
            self._holds = 0
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _open(self) -> int | None:
        if self._path is not None and self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        self._holds += 1
        return self._file

    def _share_or_release(self) -> None:
        try:
            self.share()
        except BaseException:
            self.release()
            raise

    def _refusal(self) -> BusyStudyError:
        return BusyStudyError(
            f"study '{self._study}' is being driven by another process; wait for it, or stop it ({self._path})"
        )


def safe_name(name: str) -> str:
    """A study's name as a part of the name of a file or folder; different names stay different."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)[:60]
    return plain if name and plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _lock(file: int, *, exclusive: bool) -> bool:
    """Take the lock without waiting, exclusive or shared; False if another process is in the way."""
    if sys.platform == "win32":
        import msvcrt

        if not exclusive:
            return True  # there are no shared locks: whoever came first keeps it, and nobody else is alone
        try:
            os.lseek(file, 0, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        raise RequestError(
            f"files cannot be locked where the study is kept ({(exc.strerror or str(exc)).lower()}), as on some"
            " network shares; keep it on a disk of this machine"
        ) from exc
    return True
