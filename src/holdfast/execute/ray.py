"""Run the job on a Ray cluster: on all cores of this machine, or on as many machines as there are.

Every worker is an actor with the resources of one trial, placed by Ray, and stays warm from trial to trial. The job
goes to the nodes through Ray's object store, code by its ``runtime_env``, reports and verdicts as calls of the actor.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import HoldfastError, RequestError
from holdfast.execute.base import Driver, Nothing
from holdfast.execute.call import failed
from holdfast.execute.cluster import connect, no_room, nodes, room
from holdfast.execute.fleet import Fleet, LostMemberError, Member
from holdfast.execute.processes import pickled
from holdfast.execute.remote import Hello, Parcel
from holdfast.execute.resources import Resources
from holdfast.records import Assignment, Cause, Job, Outcome, Report

_PATIENCE = 0.1
"""Seconds after which the driver is asked again, though no worker has said a word."""

_LONG = 120.0
"""Seconds without any worker after which a person should know."""

_STARTS = 3
"""So many workers in a row that end before they are up are no accident."""


@dataclass(frozen=True, slots=True)
class Ray:
    """An executor that keeps workers on the nodes of a Ray cluster, as many as have room there.

    Nodes may come and go while it runs. A trial whose node is gone is lost with it, and its study gives it out again.
    Jobs travel by value where they come from the main module; modules of one's own beside it have to be on the nodes,
    or come along by ``runtime_env``.

    Args:
        n_workers: how many trials run at once at most; None: as many as the nodes have room for.
        address: of the cluster: ``"auto"`` on one of its nodes, ``"host:6379"``; None: that of ``ray.init``, of the
            variable RAY_ADDRESS, or Ray is started on this machine.
        resources: what one trial needs (see `Resources.of`).
        runtime_env: Ray's description of what the workers run in, as in ``{"working_dir": "."}``.
        patience: seconds to wait for a node with these resources, where none is there yet.

    Raises:
        RequestError: if the numbers cannot be meant.
    """

    n_workers: int | None = None
    address: str | None = None
    resources: Resources = field(default_factory=Resources)
    runtime_env: Mapping[str, Any] | None = None
    patience: float = 0.0

    def __post_init__(self) -> None:
        if self.n_workers is not None and self.n_workers < 1:
            raise RequestError(f"n_workers is {self.n_workers}; at least 1 is needed")

    @property
    def slots(self) -> int:
        """How many calls of the job can run at once on the nodes that are there.

        Raises:
            RequestError: if there is no cluster, or no node with the resources.
            MissingExtraError: if Ray is not installed.
        """
        here = room(self._wait_for_room(connect(self.address, self.runtime_env)), self.resources)
        return here if self.n_workers is None else min(here, self.n_workers)

    def run(self, job: Job, driver: Driver) -> None:
        """Feed the driver's assignments to workers on the cluster until it is done.

        Raises:
            RequestError: if there is no cluster, no node with the resources, or the nodes cannot load the job.
            HoldfastError: if workers cannot start.
            MissingExtraError: if Ray is not installed.
        """
        data = pickled(job)
        ray = connect(self.address, self.runtime_env)
        self._wait_for_room(ray)
        folder = None if self.runtime_env and "working_dir" in self.runtime_env else os.getcwd()  # noqa: PTH109
        parcel = ray.put(Parcel(data, tuple(sys.path), folder, max(1, int(self.resources.cpus))))
        fleet = Fleet(ray, parcel, self.resources, self.n_workers)
        try:
            _Run(fleet, driver, self.patience).to_the_end()
            fleet.leave()
        finally:
            fleet.close()

    def _wait_for_room(self, ray: Any) -> list[Any]:
        """The nodes, once one of them has the resources."""
        deadline = time.monotonic() + self.patience
        while room(found := nodes(ray), self.resources) == 0:
            if time.monotonic() >= deadline:
                raise no_room(found, self.resources)
            time.sleep(_PATIENCE)
        return found


@dataclass
class _Run:
    """One run: what waits for a worker, and what the workers say.

    Attributes:
        waiting: assignments that no worker has yet.
        done: whether the driver has no more.
        failed_starts: how many workers in a row ended before they were up.
        seen_room: when the cluster last had a node with the resources, in `time.monotonic` seconds.
        heard_at: when a worker last answered, on the same clock.
    """

    fleet: Fleet
    driver: Driver
    patience: float
    waiting: deque[Sequence[Assignment]] = field(default_factory=deque)
    done: bool = False
    failed_starts: int = 0
    seen_room: float = field(default_factory=time.monotonic)
    heard_at: float = field(default_factory=time.monotonic)

    def to_the_end(self) -> None:
        """Give out assignments and take in answers until the driver is done and nothing runs."""
        while True:
            slots = self._slots()
            self._ask(slots)
            self._place(slots)
            busy = [member for member in self.fleet.members if member.assignments]
            if not busy and not self.waiting:
                if self.done:
                    return
                time.sleep(_PATIENCE)
                continue
            why = self.driver.overdue()
            for member in self.fleet.heard(_PATIENCE if why is None else 0.0):
                self.heard_at = time.monotonic()
                self._attend(member)  # first of all, so that no result is lost that is there already
            self._say_if_stuck()
            if why is not None:
                self._cut_short(why)

    def _slots(self) -> int:
        """How many workers there may be now."""
        slots = self.fleet.slots
        if slots > 0 or any(member.hello for member in self.fleet.members):
            self.seen_room = time.monotonic()
        elif time.monotonic() - self.seen_room > self.patience:
            raise no_room(self.fleet.nodes, self.fleet.resources)
        return slots

    def _ask(self, slots: int) -> None:
        """Ask the driver for as many assignments as can run at once."""
        taken = sum(bool(member.assignments) for member in self.fleet.members) + len(self.waiting)
        while not self.done and taken < slots:
            given = self.driver.next()
            if given is Nothing.WAIT:
                return
            if given is Nothing.DONE:
                self.done = True
            else:
                self.waiting.append(given)
                taken += 1

    def _place(self, slots: int) -> None:
        """Give what waits to idle workers, and start further ones for the rest."""
        for member in self.fleet.members:
            if self.waiting and member.idle:
                member.begin(self.waiting.popleft())
        starting = sum(member.hello is None for member in self.fleet.members)
        for _ in range(min(len(self.waiting) - starting, slots - len(self.fleet.members))):
            self.fleet.start()

    def _say_if_stuck(self) -> None:
        """Warn, from time to time, if no worker has come up for long: others may have the whole cluster."""
        if time.monotonic() - self.heard_at > _LONG and not any(member.hello for member in self.fleet.members):
            self.heard_at = time.monotonic()
            warnings.warn(
                f"no worker has started on the Ray cluster for {_LONG:.0f} seconds; see with 'ray status' who uses it "
                f"(a trial needs {self.fleet.resources})",
                stacklevel=2,
            )

    def _attend(self, member: Member) -> None:
        """Take in one answer of a worker and do what it calls for."""
        try:
            said = self.fleet.answer(member)
        except LostMemberError as exc:
            self._lose(member, exc)
            return
        if isinstance(said, Hello):
            self.failed_starts = 0
        elif isinstance(said, Report):
            member.go_on(self.driver.report(said))
        else:
            member.done()
            self._finish(said)

    def _lose(self, member: Member, exc: LostMemberError) -> None:
        if member.hello is None and not exc.with_node:
            self.failed_starts += 1
            if self.failed_starts >= _STARTS:
                raise HoldfastError(str(exc)) from exc
        self._finish(member.ended(exc.cause, str(exc)))

    def _cut_short(self, why: str) -> None:
        """End all that runs or waits, because the budget is spent."""
        for member in [member for member in self.fleet.members if member.assignments]:
            outcomes = member.ended(Cause.BUDGET, why)
            self.fleet.dismiss(member)
            self._finish(outcomes)
        while self.waiting:
            self._finish(failed(self.waiting.popleft(), Cause.BUDGET, why))

    def _finish(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self.driver.finish(outcome)
