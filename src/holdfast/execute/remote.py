"""The worker's side of the executor on Ray: an actor that runs the job in a thread, and says one thing per call.

Its main thread answers calls; each is answered with the next thing that the job says, a report or its outcomes. So a
report and its verdict are one round trip, and nothing but Ray's own calls goes between the machines.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.execute.call import call_job
from holdfast.execute.threads import bounded
from holdfast.execute.worker import portable
from holdfast.records import Assignment, Job, Outcome, Report, Verdict

Said = Report | list[Outcome]
"""What a worker answers."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a worker needs before its first trial: the pickled job, and where the driver imports from and runs.

    ``folder`` is None where Ray has put the worker into a folder already.
    """

    job: bytes
    path: tuple[str, ...]
    folder: str | None
    threads: int


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says when it is up: the address of its node, its version, and why it cannot load the job."""

    node: str
    version: str
    error: str | None


class RemoteWorker:
    """An actor on a node of the cluster."""

    def __init__(self, parcel: Parcel) -> None:
        self._verdicts: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
        self._said: queue.SimpleQueue[Said | SystemExit] = queue.SimpleQueue()
        self._reporter = _Reporter(self._said, self._verdicts)
        self._job: Job | None = None
        self._error: str | None = None
        settle(parcel)
        try:
            self._job = pickle.loads(parcel.job)  # noqa: S301  # from the driver, through Ray
        except Exception:  # noqa: BLE001  # it is handed on as text
            self._error = traceback.format_exc()

    def hello(self) -> Hello:
        """Say that it is up."""
        import ray

        return Hello(ray.util.get_node_ip_address(), holdfast_version(), self._error)

    def begin(self, assignments: Sequence[Assignment]) -> Said:
        """Begin to run the job, and answer with the first thing that it says."""
        threading.Thread(target=self._run, args=(assignments,), name="holdfast-job", daemon=True).start()
        return self._next()

    def go_on(self, verdict: Verdict) -> Said:
        """Hand the job the verdict that it waits for, and answer with the next thing that it says."""
        self._verdicts.put(verdict)
        return self._next()

    def _next(self) -> Said:
        said = self._said.get()
        if isinstance(said, SystemExit):
            raise said
        return said

    def _run(self, assignments: Sequence[Assignment]) -> None:
        assert self._job is not None
        try:
            outcomes = portable(call_job(self._job, assignments, self._reporter), assignments)
        except BaseException as exc:  # noqa: BLE001  # what passes through a job ends the process that runs it
            self._said.put(exc if isinstance(exc, SystemExit) else SystemExit(1))
            return
        sys.stdout.flush()
        sys.stderr.flush()
        self._said.put(outcomes)


class _Reporter:
    """Hands reports to the main thread and waits for the verdict; an objective may call it from several threads."""

    def __init__(self, said: queue.SimpleQueue[Said | SystemExit], verdicts: queue.SimpleQueue[Verdict]) -> None:
        self._said = said
        self._verdicts = verdicts
        self._lock = threading.Lock()

    def __call__(self, report: Report) -> Verdict:
        with self._lock:
            self._said.put(report)
            return self._verdicts.get()


def holdfast_version() -> str:
    """The version that is installed."""
    from importlib.metadata import version

    return version("holdfast")


def settle(parcel: Parcel) -> None:
    """Work where the driver works, as far as this node has its folders; pools of threads as large as its share."""
    os.environ.update(bounded(os.environ, 1, parcel.threads))
    sys.path += [entry for entry in parcel.path if entry not in sys.path and Path(entry).exists()]
    if parcel.folder is not None and Path(parcel.folder).is_dir():
        os.chdir(parcel.folder)
