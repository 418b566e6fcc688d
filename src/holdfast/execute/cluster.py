"""The Ray cluster that this process is connected to: how to get there, its nodes, and what they have room for."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RequestError
from holdfast.execute.resources import Resources, size
from holdfast.optional import need

CLIENT = "ray://"

_KNOCK = 10.0
"""Seconds in which the head of a cluster has to answer."""


class NoNodeError(RequestError):
    """No node of the cluster has what a trial needs."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: its id, its address, whether it is there, and all that it has by Ray's names."""

    id: str
    address: str
    alive: bool
    has: Mapping[str, float]


def ray_module() -> Any:
    """The package, imported where it is used.

    Raises:
        MissingExtraError: if it is not installed.
    """
    return need("ray", "ray", "the executor 'ray'")


_connected_with: dict[str, Any] = {}
"""The ``runtime_env`` of the connection, where it was made here."""


def connect(address: str | None, runtime_env: Mapping[str, Any] | None = None) -> Any:
    """The package, connected to the cluster at ``address``; None: to the one of this process, or one on this machine.

    The connection stays until this process ends, so that the next study finds its cluster warm. Its ``runtime_env`` is
    the same for all that this process runs there.

    Raises:
        RequestError: if nothing answers at the address, or this process is connected to another one.
        MissingExtraError: if Ray is not installed.
    """
    ray = ray_module()
    target = address or os.environ.get("RAY_ADDRESS")
    if target is not None and target.startswith(CLIENT):
        raise RequestError(
            f"address = '{target}' is for Ray's client, and trials are driven from within the cluster: run this on "
            "one of its nodes with the address 'auto', for example by: ray job submit"
        )
    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address not in {None, "auto", here}:
            raise RequestError(
                f"address = '{address}', but this process is connected to the Ray cluster at {here}; leave the address "
                "out, or call ray.shutdown() first"
            )
        if runtime_env and runtime_env != _connected_with.get("runtime_env"):
            raise RequestError(
                "a runtime_env is said when a process connects to a Ray cluster, and this one is connected already; "
                "give it to ray.init, or call ray.shutdown() first"
            )
        return ray
    _see_that_it_answers(target)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # where Ray begins on this machine, nobody is told of it
    settings: dict[str, Any] = {"address": address, "logging_level": "ERROR"}
    if target in {None, "local"}:
        settings["include_dashboard"] = False
    if runtime_env:
        settings["runtime_env"] = dict(runtime_env)
    try:
        ray.init(**settings)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError, AssertionError, ray.exceptions.RayError) as exc:
        raise RequestError(_refusal(target, exc)) from exc
    _connected_with["runtime_env"] = runtime_env
    return ray


def nodes(ray: Any) -> list[Node]:
    """All nodes that the cluster has or had."""
    return [
        Node(found["NodeID"], found["NodeManagerAddress"], bool(found["Alive"]), found["Resources"])
        for found in ray.nodes()
    ]


def room(found: list[Node], resources: Resources) -> int:
    """How many trials at once the nodes that are there have room for, were nobody else there.

    Trials that need nothing are as many as there are cores.
    """
    by_cores = Resources()
    rooms = [
        (resources if resources.fits(node.has) is not None else by_cores).fits(node.has) for node in found if node.alive
    ]
    return sum(place or 0 for place in rooms)


def no_room(found: list[Node], resources: Resources) -> NoNodeError:
    """No node has the resources: what was asked for, and what there is."""
    there = [node for node in found if node.alive]
    if not there:
        return NoNodeError(f"no node of the Ray cluster is left to run a trial on ({resources}); start one, and go on")
    has = {name: max(node.has.get(name, 0.0) for node in there) for name in ("CPU", "GPU", "memory", *resources.others)}
    most = [f"{has['CPU']:g} cpus", f"{has['GPU']:g} gpus", f"{size(has['memory'])} of memory"]
    most += [f"{has[name]:g} of '{name}'" for name in resources.others]
    count = f"its {len(there)} nodes have" if len(there) > 1 else "its node has"
    return NoNodeError(
        f"no node of the Ray cluster has what one trial needs ({resources}); {count} at most {', '.join(most)}; ask "
        "for less, or start a larger node"
    )


def _see_that_it_answers(address: str | None) -> None:
    """Refuse an address at which nobody listens, for which Ray itself would wait for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK).close()
    except (OSError, OverflowError) as exc:
        raise RequestError(_refusal(address, exc)) from exc


def _refusal(address: str | None, exc: Exception) -> str:
    said = exc.strerror.lower() if isinstance(exc, OSError) and exc.strerror else str(exc)
    reason = " ".join(said.split())[:200].rstrip(". ")
    if address is None or address == "local":
        return f"Ray cannot start on this machine ({reason}); see that memory and room in /dev/shm are left"
    return (
        f"no Ray cluster answers at the address '{address}' ({reason}); start one with: ray start --head, or give the "
        "address of its head as host:6379"
    )
