"""As much of Ray as the executor uses, with threads for actors: quick, and ready to fail in every way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """The base of what Ray raises."""


class RayActorError(RayError):
    """An actor is gone."""


@dataclass
class FakeRay:
    """A cluster with one node.

    Args:
        cpus: what the node has.
        up_after: seconds before an actor answers for the first time.
        fails: called with (number of the actor, method) before each call; what it returns is raised.
    """

    cpus: float = 2.0
    fails: Callable[[int, str], Exception | None] = lambda _actor, _method: None
    up_after: float = 0.0
    actors: int = 0
    alive: bool = True
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(RayError=RayError, RayActorError=RayActorError))
    util: Any = field(default_factory=lambda: SimpleNamespace(get_node_ip_address=lambda: "192.0.2.1"))

    def is_initialized(self) -> bool:
        return True

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(gcs_address="192.0.2.1:6379")

    def nodes(self) -> list[dict[str, Any]]:
        has = {"CPU": self.cpus}
        return [{"NodeID": "n", "NodeManagerAddress": "192.0.2.1", "Alive": self.alive, "Resources": has}]

    def put(self, value: Any) -> Any:
        return value

    def remote(self, kind: type) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda *args: Actor(self, kind, args)))

    def wait(self, calls: Sequence[Future[Any]], num_returns: int, timeout: float) -> Any:
        how = "FIRST_COMPLETED" if num_returns == 1 else "ALL_COMPLETED"
        wait(calls, timeout, how)
        return [call for call in calls if call.done()], [call for call in calls if not call.done()]

    def get(self, call: Future[Any]) -> Any:
        return call.result()

    def kill(self, actor: Actor) -> None:
        actor.dead = True


class Actor:
    """Runs one call at a time in a thread; what is running when it is killed is never heard of again."""

    def __init__(self, ray: FakeRay, kind: type, args: tuple[Any, ...]) -> None:
        self.number, ray.actors = ray.actors, ray.actors + 1
        self.ray, self.dead = ray, False
        self.made = kind(*args)

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda *args: self.call(method, args))

    def call(self, method: str, args: tuple[Any, ...]) -> Future[Any]:
        answer: Future[Any] = Future()

        def run() -> None:
            time.sleep(self.ray.up_after if method == "hello" else 0.0)
            failure = self.ray.fails(self.number, method)
            if failure is not None:
                answer.set_exception(failure)
            elif not method.startswith("__"):
                answer.set_result(getattr(self.made, method)(*args))

        threading.Thread(target=run, daemon=True).start()
        return answer
