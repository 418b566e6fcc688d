"""Run the job in worker processes on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait

from holdfast.errors import RequestError
from holdfast.execute.base import Driver, Nothing
from holdfast.execute.channel import Setup
from holdfast.execute.child import Child
from holdfast.execute.threads import bounded
from holdfast.records import Job, Outcome, Report

_PATIENCE = 0.1
"""Seconds after which the driver is asked again, and workers are looked after, though none has said a word."""

_FAREWELL = 2.0
"""Seconds that idle workers have to end by themselves when all is done."""


@dataclass(frozen=True, slots=True)
class Processes:
    """An executor that keeps up to ``n_workers`` worker processes, started when there is work for them.

    Jobs travel by value where they come from the main module, so that a notebook's functions, lambdas and scripts
    without a main guard work. What an objective prints appears where the parent prints. Thread pools in a worker are
    bounded to ``threads_per_worker``, by default its share of the cores.

    Raises:
        RequestError: if a number is below 1, or the system is not POSIX.
    """

    n_workers: int
    threads_per_worker: int | None = None

    def __post_init__(self) -> None:
        for name, number in (("n_workers", self.n_workers), ("threads_per_worker", self.threads_per_worker)):
            if number is not None and number < 1:
                raise RequestError(f"{name} is {number}; at least 1 is needed")
        if os.name != "posix":
            raise RequestError("worker processes need Linux or macOS; use n_jobs=1 on this system")

    @property
    def slots(self) -> int:
        """The number of workers."""
        return self.n_workers

    def run(self, job: Job, driver: Driver) -> None:
        """Feed the driver's assignments to worker processes until it is done.

        Raises:
            RequestError: if the job cannot be sent to another process.
            HoldfastError: if worker processes cannot start.
        """
        setup = Setup(tuple(sys.path), pickled(job))
        environment = bounded(os.environ, self.n_workers, self.threads_per_worker)
        children: list[Child] = []
        try:
            _drive(children, self.n_workers, lambda: Child(setup, environment), driver)
            _dismiss(children)
        finally:
            for child in children:
                child.kill()


def _drive(children: list[Child], slots: int, start: Callable[[], Child], driver: Driver) -> None:
    """Give out assignments and take in messages until the driver is done and nothing runs."""
    done = False
    while True:
        done = done or _give_out(children, slots, start, driver)
        busy = [child for child in children if child.busy]
        if not busy:
            if done:
                return
            time.sleep(_PATIENCE)
            continue
        why = driver.overdue()
        heard = set(wait([child.connection for child in busy], _PATIENCE if why is None else 0.0))
        for child in busy:
            if child.connection in heard:
                _attend(child, driver)  # first of all, so that no result is lost that is there already
            elif child.ended and not child.connection.poll():
                # Something that the objective started still holds the socket open.
                _finish(child.lost(), driver)
            if why is not None and child.busy:
                _finish(child.cut_short(why), driver)
        for child in [child for child in children if not child.busy and child.ended]:
            child.kill()
            children.remove(child)


def _give_out(children: list[Child], slots: int, start: Callable[[], Child], driver: Driver) -> bool:
    """Ask for assignments as long as a worker is free; whether the driver is done."""
    while sum(child.busy for child in children) < slots:
        given = driver.next()
        if given is Nothing.DONE:
            return True
        if given is Nothing.WAIT:
            return False
        child = next((child for child in children if not child.busy and not child.ended), None)
        if child is None:
            child = start()
            children.append(child)
        child.assign(given)
    return False


def _attend(child: Child, driver: Driver) -> None:
    """Take in one message of a worker and do what it calls for."""
    try:
        message = child.take()
    except (EOFError, OSError):
        message = child.lost()
    if isinstance(message, Report):
        child.answer(driver.report(message))
    elif message is not None:
        _finish(message, driver)


def _finish(outcomes: list[Outcome], driver: Driver) -> None:
    for outcome in outcomes:
        driver.finish(outcome)


def _dismiss(children: list[Child]) -> None:
    """Let idle workers end by themselves, so that what they registered for their end runs."""
    for child in children:
        child.dismiss()
    deadline = time.monotonic() + _FAREWELL
    for child in children:
        child.wait(deadline - time.monotonic())


def pickled(job: Job) -> bytes:
    """The job as it travels; what is defined in the main module goes by value.

    Raises:
        RequestError: if it cannot be pickled.
    """
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(job)
    except Exception as exc:
        raise RequestError(
            f"the objective cannot be sent to worker processes ({exc}); create what cannot be pickled inside of the"
            " objective, or use n_jobs=1"
        ) from exc
    return data
