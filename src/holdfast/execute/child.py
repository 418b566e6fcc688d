"""A worker process as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.execute.call import failed
from holdfast.execute.channel import HELLO, Setup, receive, send
from holdfast.execute.endings import ending, memory_kills
from holdfast.records import Assignment, Cause, Outcome, Report, Verdict

_LAST_WORDS = 1.0
"""Seconds that a process has to end once its socket is closed, so that its own exit code is the one that is told."""

_STARTS = 3
"""So many kills in a row before it is up are no accident."""


class Child:
    """One worker process: its socket, its lifeline, and what it has been given to do, until it was dismissed.

    Args:
        setup: what it gets before its first assignment.
        environment: its environment variables.
        place: its number among those that work at once.
    """

    def __init__(self, setup: Setup, environment: Mapping[str, str], place: int = 0) -> None:
        self.place = place
        self.dismissed_at: float | None = None
        self.assignments: tuple[Assignment, ...] = ()
        self._setup = setup
        self._environment = environment
        self._up = False
        self._starts = 1
        self._given_at = 0.0
        self._kills = memory_kills()
        self._process, self.connection, self._lifeline = _begun(environment)

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return bool(self.assignments)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def assign(self, assignments: Sequence[Assignment]) -> None:
        """Give it something to do, now or as soon as it is up."""
        self.assignments = tuple(assignments)
        self._given_at = time.perf_counter()
        if self._up:
            self._tell(self.assignments)

    def answer(self, verdict: Verdict) -> None:
        """Send the verdict on the report that it waits with."""
        self._tell(verdict)

    def take(self) -> Report | list[Outcome] | None:
        """Take in its next message; None if that calls for nothing.

        Raises:
            EOFError, OSError: if it has ended.
        """
        message: Report | list[Outcome] | str = receive(self.connection)
        if isinstance(message, list):
            self.assignments = ()
        elif message == HELLO:
            self._up = True
            self._tell(self._setup)
            self._tell(self.assignments)
            return None
        assert not isinstance(message, str)
        return message

    def lost(self) -> list[Outcome]:
        """Outcomes for what it was doing when it ended, with the signal or exit code.

        One that was killed before it could take anything in is begun again, and there are no outcomes.

        Raises:
            HoldfastError: if it ended by itself before that, or was killed again and again.
        """
        self.wait(_LAST_WORDS)
        cause, how = ending(self._process.returncode, self._kills)
        if not self._up and self._process.returncode == -signal.SIGKILL and self._starts < _STARTS:
            self._starts += 1
            self._process, self.connection, self._lifeline = _begun(self._environment)
            return []
        if not self._up:
            raise HoldfastError(
                f"a worker process {how} before it could start; look at what it printed, or run with n_jobs=1"
            )
        seconds = time.perf_counter() - self._given_at
        outcomes = failed(self.assignments, cause, f"the worker process {how} while it ran this trial", seconds)
        self.assignments = ()
        return outcomes

    def cut_short(self, why: str) -> list[Outcome]:
        """End it in the middle of its work, because the budget is spent; outcomes for what it was doing."""
        seconds = time.perf_counter() - self._given_at
        outcomes = failed(self.assignments, Cause.BUDGET, why, seconds)
        self.assignments = ()
        self.kill()
        return outcomes

    def dismiss(self) -> None:
        """Let it know that there is no more to do."""
        if self.dismissed_at is None:
            self.dismissed_at = time.monotonic()
            self.connection.close()

    def wait(self, seconds: float) -> None:
        """Wait for it to end by itself, then end it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(seconds, 0.0))
        self.kill()

    def kill(self) -> None:
        """End it, and whatever it has started, at once; may be called again."""
        if self._lifeline < 0:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it and all that it started are gone already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.connection.close()
        os.close(self._lifeline)
        self._lifeline = -1

    def _tell(self, message: object) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended: `take` will find that out
            send(self.connection, message)


def _begun(environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], Connection, int]:
    """A new process, this end of its socket, and its lifeline."""
    here, there = socket.socketpair()
    theirs, lifeline = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _program(there.fileno(), theirs)],
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=(there.fileno(), theirs),
            start_new_session=True,
        )
    except BaseException:
        here.close()
        os.close(lifeline)
        raise
    finally:
        there.close()
        os.close(theirs)
    return process, Connection(here.detach()), lifeline


def _program(socket: int, lifeline: int) -> str:
    """The worker's first lines: find this very holdfast, then serve; the parent's own path comes with the setup."""
    package = str(Path(__file__).parents[2])
    return (
        f"import sys; sys.path.insert(0, {package!r});"
        f" from holdfast.execute.worker import main; main({socket}, {lifeline}, {os.getpid()})"
    )
