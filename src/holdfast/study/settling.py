"""Waiting for the disk beside the work: while what was told is on its way there, the next trial begins."""

from __future__ import annotations

import threading
from collections.abc import Callable

MOST = 32
"""So many results may be on their way to the disk at once; whoever tells one more waits for them."""

TOGETHER = 0.002
"""Seconds for which a result waits for others to go with it, unless half of `MOST` are there or the run ends."""


class Settling:
    """The results of one run that are on their way to the disk; a thread waits for all of them together.

    Args:
        flush: waits until all that was appended is on disk.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._told = 0
        self._settled = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """One more result was appended, and is to be on disk soon.

        Raises:
            LogError: if the disk failed to take an earlier one.
        """
        with self._news:
            self._told += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._flush_again_and_again, name="holdfast-disk", daemon=True)
                self._thread.start()
            if self._told - self._settled in {1, MOST // 2}:
                self._news.notify_all()
            self._wait(MOST)

    def close(self) -> None:
        """Wait until everything is on disk, and end the thread.

        Raises:
            LogError: if the disk failed to take it.
        """
        with self._news:
            self._closed = True
            self._news.notify_all()
            self._wait(0)
        if self._thread is not None:
            self._thread.join()

    def _wait(self, most: int) -> None:
        """Until at most so many results are on their way; the lock is held."""
        while self._told - self._settled > most and self._failure is None:
            self._news.wait()
        if self._failure is not None:
            raise self._failure

    def _flush_again_and_again(self) -> None:
        while (told := self._next()) is not None:
            failure: BaseException | None = None
            try:
                self._flush()
            except BaseException as exc:  # noqa: BLE001  # it is raised where results are told
                failure = exc
            with self._news:
                self._settled, self._failure = told, failure
                self._news.notify_all()
            if failure is not None:
                return

    def _next(self) -> int | None:
        """How many results the next wait is for; None at the end."""
        with self._news:
            while self._told == self._settled and not self._closed:
                self._news.wait()
            self._news.wait_for(lambda: self._closed or self._told - self._settled >= MOST // 2, TOGETHER)
            return None if self._told == self._settled else self._told
