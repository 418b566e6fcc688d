"""Run the job in worker processes on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait

from holdfast.errors import RequestError
from holdfast.execute import here
from holdfast.execute.base import Driver, Nothing
from holdfast.execute.channel import Setup
from holdfast.execute.child import Child
from holdfast.execute.resources import Resources
from holdfast.execute.threads import bounded, cores
from holdfast.records import Job, Outcome, Report

_PATIENCE = 0.1
"""Seconds after which the driver is asked again, and workers are looked after, though none has said a word."""

_FAREWELL = 2.0
"""Seconds that idle workers have to end by themselves when all is done."""


@dataclass(frozen=True, slots=True)
class Processes:
    """An executor that keeps up to ``n_workers`` worker processes, started when there is work for them.

    With ``n_workers`` None there are as many as this machine has room for. With ``resources`` no more trials run at
    once than have room with what each needs, thread pools are as large as its ``cpus``, and each sees its own graphics
    processors and no others; that it keeps to its ``memory`` is not seen to. A ``fresh`` one has a new process for each
    call of the job, which gives back everything that the one before has held.

    Jobs travel by value where they come from the main module, so that a notebook's functions, lambdas and scripts
    without a main guard work. What an objective prints appears where the parent prints. Thread pools in a worker are
    bounded to ``threads_per_worker``, by default its share of the cores.

    Raises:
        RequestError: if a number is below 1, the system is not POSIX, or no trial has room.
    """

    n_workers: int | None = None
    threads_per_worker: int | None = None
    resources: Resources | None = None
    fresh: bool = False

    def __post_init__(self) -> None:
        for name, number in (("n_workers", self.n_workers), ("threads_per_worker", self.threads_per_worker)):
            if number is not None and number < 1:
                raise RequestError(f"{name} is {number}; at least 1 is needed")
        if os.name != "posix":
            raise RequestError("worker processes need Linux or macOS; use n_jobs=1 on this system")
        if self.resources is not None:
            here.room(self.resources, os.environ)

    @property
    def slots(self) -> int:
        """The number of workers."""
        if self.resources is None:
            return cores() if self.n_workers is None else self.n_workers
        room = here.room(self.resources, os.environ)
        return room if self.n_workers is None else min(room, self.n_workers)

    def run(self, job: Job, driver: Driver) -> None:
        """Feed the driver's assignments to worker processes until it is done.

        Raises:
            RequestError: if the job cannot be sent to another process.
            HoldfastError: if worker processes cannot start.
        """
        setup = Setup(tuple(sys.path), pickled(job))
        slots, needs, threads = self.slots, self.resources, self.threads_per_worker
        if threads is None and needs is not None:
            threads = max(1, int(needs.cpus))
        environment = bounded(os.environ, slots, threads)

        def start(place: int) -> Child:
            own = {} if needs is None else {here.VISIBLE: here.visible(needs, place, os.environ)}
            return Child(setup, {**environment, **own}, place)

        children: list[Child] = []
        try:
            _drive(children, slots, start, driver, fresh=self.fresh)
            _dismiss(children)
        finally:
            for child in children:
                child.kill()


def _drive(children: list[Child], slots: int, start: Callable[[int], Child], driver: Driver, *, fresh: bool) -> None:
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
        for child in [child for child in children if not child.busy]:
            if fresh:
                child.dismiss()
            if child.ended or (child.dismissed_at is not None and time.monotonic() > child.dismissed_at + _FAREWELL):
                child.kill()
                children.remove(child)


def _give_out(children: list[Child], slots: int, start: Callable[[int], Child], driver: Driver) -> bool:
    """Ask for assignments as long as a worker is free; whether the driver is done."""
    while sum(child.busy for child in children) < slots:
        given = driver.next()
        if given is Nothing.DONE:
            return True
        if given is Nothing.WAIT:
            return False
        free = (child for child in children if not child.busy and child.dismissed_at is None and not child.ended)
        child = next(free, None)
        if child is None:
            taken = {child.place for child in children if child.busy}
            child = start(next(place for place in range(slots) if place not in taken))
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
