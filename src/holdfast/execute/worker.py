"""The main program of a worker process, which `holdfast.execute.child` starts.

It is a fresh Python that gets the job by message, so that it never runs the parent's main module again: objectives from
a notebook, a lambda or a script without a main guard work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

from holdfast.execute.call import call_job, failed
from holdfast.execute.channel import HELLO, Setup, receive, send
from holdfast.records import Assignment, Cause, Job, Outcome, Report, Reporter, Verdict

_PR_SET_PDEATHSIG = 1


class _Unloadable:
    """Stands in for a job that this process cannot load."""

    def __init__(self, error: str) -> None:
        self.error = error

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:  # noqa: ARG002
        return failed(assignments, Cause.ERROR, self.error)


class _ParentReporter:
    """Hands reports to the parent and waits for the verdict; an objective may call it from several threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lock = threading.Lock()

    def __call__(self, report: Report) -> Verdict:
        with self.lock:
            send(self.connection, report)
            verdict: Verdict = receive(self.connection)
        return verdict


def main(socket: int, lifeline: int, parent: int) -> None:
    """Serve the parent until it closes the socket.

    Args:
        socket: the file descriptor of the socket that the parent holds the other end of.
        lifeline: the file descriptor of a pipe that reads as ended when the parent is gone.
        parent: the process id of the parent.
    """
    for descriptor in (socket, lifeline):
        os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent, lifeline)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has closed the socket
        serve(Connection(socket))


def serve(connection: Connection) -> None:
    """Load the job, then run what comes.

    Raises:
        EOFError, OSError: when the parent closes the socket.
    """
    send(connection, HELLO)
    setup: Setup = receive(connection)
    sys.path[:] = setup.path
    job = _load(setup.job)
    report = _ParentReporter(connection)
    while True:
        assignments: tuple[Assignment, ...] = receive(connection)
        outcomes = portable(call_job(job, assignments, report), assignments)
        sys.stdout.flush()
        sys.stderr.flush()
        send(connection, outcomes)


def _load(data: bytes) -> Job:
    try:
        job: Job = pickle.loads(data)  # noqa: S301  # from the parent, over a private socket
    except Exception:  # noqa: BLE001  # it is handed on as the error of every assignment
        return _Unloadable(f"a worker process could not load the objective:\n{traceback.format_exc()}")
    return job


def portable(outcomes: list[Outcome], assignments: Sequence[Assignment]) -> list[Outcome]:
    """The outcomes if they can be sent, otherwise failures that say why not."""
    try:
        pickle.dumps(outcomes)
    except Exception:  # noqa: BLE001  # it is handed on as the error of every assignment
        error = "the outcome cannot be sent to the study, because it is not made of JSON values and arrays:\n"
        return failed(assignments, Cause.ERROR, error + traceback.format_exc())
    return outcomes


def _die_with(parent: int, lifeline: int) -> None:
    """End this process when the parent ends, however it ends.

    The lifeline is a pipe that only the parent could write to: it reads as ended when the parent is gone. Linux also
    sends a signal, which works while an objective keeps Python's lock.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(lifeline,), name="holdfast-lifeline", daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)  # this process leads its own group: whatever the objective started goes with it
