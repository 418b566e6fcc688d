"""The workers of one run on a Ray cluster, as the driver sees them: actors that stay warm between trials."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import HoldfastError, RequestError
from holdfast.execute.call import failed
from holdfast.execute.cluster import Node, nodes, room
from holdfast.execute.remote import Hello, RemoteWorker, Said, holdfast_version
from holdfast.execute.resources import Resources
from holdfast.records import Assignment, Cause, Outcome, Verdict

_LOOK_EVERY = 1.0
"""Seconds after which the nodes are looked at again."""


class LostMemberError(HoldfastError):
    """A worker is gone; the sentence says how it ended.

    ``cause`` is that of the trials that it ran; ``with_node`` says whether its machine is gone as well.
    """

    cause: Cause = Cause.LOST
    with_node: bool = False


class Member:
    """One worker: its actor, the one call that it is answering, and the trials that it has in hand."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.hello: Hello | None = None
        self.assignments: tuple[Assignment, ...] = ()
        self.call: Any = handle.hello.remote()
        self._given_at = 0.0

    @property
    def idle(self) -> bool:
        """Whether it is up and has nothing to do."""
        return self.hello is not None and not self.assignments

    def begin(self, assignments: Sequence[Assignment]) -> None:
        """Give it something to do."""
        self.assignments = tuple(assignments)
        self._given_at = time.perf_counter()
        self.call = self.handle.begin.remote(self.assignments)

    def go_on(self, verdict: Verdict) -> None:
        """Send the verdict on the report that it waits with."""
        self.call = self.handle.go_on.remote(verdict)

    def done(self) -> None:
        """Its trials have ended."""
        self.assignments, self.call = (), None

    def ended(self, cause: Cause, why: str) -> list[Outcome]:
        """Outcomes for what it was doing when it ended or was ended."""
        outcomes = failed(self.assignments, cause, why, time.perf_counter() - self._given_at)
        self.done()
        return outcomes


@dataclass
class Fleet:
    """All workers of a run.

    Args:
        ray: the package, connected.
        parcel: what a worker gets, in the object store.
        resources: what is set aside for each of them.
        most: how many there are at most; None: as many as have room.
    """

    ray: Any
    parcel: Any
    resources: Resources
    most: int | None
    members: list[Member] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    _looked_at: float = float("-inf")
    _actor: Any = None

    def look(self, *, again: bool = False) -> list[Node]:
        """The nodes of the cluster, as they were within the last second."""
        if again or time.monotonic() - self._looked_at > _LOOK_EVERY:
            self.nodes, self._looked_at = nodes(self.ray), time.monotonic()
        return self.nodes

    @property
    def slots(self) -> int:
        """How many workers there may be now."""
        here = room(self.look(), self.resources)
        return here if self.most is None else min(here, self.most)

    def start(self) -> Member:
        """Ask for one more worker; it is up when it has said hello."""
        if self._actor is None:
            options: dict[str, Any] = {"max_restarts": 0, "max_task_retries": 0}
            options |= {"num_cpus": self.resources.cpus, "num_gpus": self.resources.gpus}
            options |= {"memory": self.resources.memory} if self.resources.memory else {}
            options |= {"resources": dict(self.resources.others)} if self.resources.others else {}
            self._actor = self.ray.remote(RemoteWorker).options(**options)
        member = Member(self._actor.remote(self.parcel))
        self.members.append(member)
        return member

    def heard(self, seconds: float) -> list[Member]:
        """The members that have answered, waiting so long for the first of them."""
        calling = {member.call: member for member in self.members if member.call is not None}
        if not calling:
            time.sleep(seconds)
            return []
        ready, _ = self.ray.wait(list(calling), num_returns=1, timeout=seconds)
        if ready and len(calling) > 1:
            ready, _ = self.ray.wait(list(calling), num_returns=len(calling), timeout=0)
        return [calling[call] for call in ready]

    def answer(self, member: Member) -> Said | Hello:
        """What a member answered.

        Raises:
            LostMemberError: if it is gone, or its answer cannot be read; it is a member no more.
            RequestError: if it is up but cannot run the job.
        """
        try:
            said: Said | Hello = self.ray.get(member.call)
        except self.ray.exceptions.RayError as exc:
            self.dismiss(member)
            raise self._loss(member, exc) from exc
        if isinstance(said, Hello):
            _check(said)
            member.hello, member.call = said, None
        return said

    def dismiss(self, member: Member) -> None:
        """End a member at once."""
        self.members.remove(member)
        self.ray.kill(member.handle)

    def close(self) -> None:
        """End all that are left at once."""
        for member in list(self.members):
            self.dismiss(member)

    def leave(self) -> None:
        """Let idle members end by themselves, so that what the job registered for its end runs; end the others."""
        for member in [member for member in self.members if member.idle]:
            member.handle.__ray_terminate__.remote()
            self.members.remove(member)
        self.close()

    def _loss(self, member: Member, exc: Exception) -> LostMemberError:
        """How a member ended, in one sentence."""
        text = " ".join(str(exc).split())
        with_node = "node has died" in text or "node was terminated" in text
        if "No module named 'holdfast" in text:
            return LostMemberError(
                "holdfast is not installed on the nodes of the Ray cluster; install there what runs here"
            )
        if member.hello is None:
            lost = LostMemberError(f"a Ray worker ended before it could start: {text[-300:]}")
            lost.with_node = with_node
            return lost
        where = f"node {member.hello.node} of the Ray cluster"
        code = re.search(r"exits? with an exit code (-?\d+)", text)
        if with_node:
            how = f"{where} is gone, and with it the worker that ran this trial"
        elif code is not None:
            how = f"the worker on {where} ended with exit code {code[1]} while it ran this trial"
        elif isinstance(exc, self.ray.exceptions.RayActorError):
            how = f"the worker on {where} was killed, or crashed, while it ran this trial"
        else:
            how = f"the worker on {where} could not say how this trial ended: {text[-300:]}"
        lost = LostMemberError(how)
        if "running low on memory" in text:
            lost = LostMemberError(f"{where} ran low on memory, and Ray ended the worker that ran this trial")
            lost.cause = Cause.MEMORY
        return lost


def _check(hello: Hello) -> None:
    """Refuse a worker that cannot do what this process asks."""
    here = holdfast_version()
    if hello.version != here:
        raise RequestError(
            f"node {hello.node} of the Ray cluster has holdfast {hello.version}, and this machine {here}; "
            "install the same"
        )
    if hello.error is not None:
        last = hello.error.strip().splitlines()[-1]
        raise RequestError(
            f"the objective cannot be loaded on node {hello.node} of the Ray cluster ({last}); send its code along, as "
            "in runtime_env={'working_dir': '.'}, or install it there"
        )
