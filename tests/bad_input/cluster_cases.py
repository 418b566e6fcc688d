"""Clusters that are not there, or have not what a trial needs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, TUNE, Case
else:
    from bench import PLAN, TUNE, Case

ON_RAY = (*TUNE, "--executor", "ray")


@contextlib.contextmanager
def without_ray() -> Iterator[None]:
    """A machine on which Ray is not installed."""
    there = sys.modules.get("ray")
    sys.modules["ray"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["ray"]
        if there is not None:
            sys.modules["ray"] = there


@contextlib.contextmanager
def small_cluster() -> Iterator[None]:
    """A cluster of two nodes without graphics processors."""
    has = {"CPU": 8.0, "memory": 32e9}
    nodes = [{"NodeID": name, "NodeManagerAddress": name, "Alive": True, "Resources": has} for name in ("a", "b")]
    with mock.patch("holdfast.execute.ray.connect", return_value=SimpleNamespace(nodes=lambda: nodes)):
        yield


CLUSTERS = [
    Case("Ray is not installed", command=ON_RAY, around=without_ray),
    Case("Nobody answers at the address", command=(*ON_RAY, "--address", "127.0.0.1:1")),
    Case("The address is that of Ray's client", command=(*ON_RAY, "--address", "ray://127.0.0.1:10001")),
    Case("No node has what a trial needs", command=(*ON_RAY, "--resources", "cpus=4,gpus=1"), around=small_cluster),
    Case("Resources that cannot be read", command=(*ON_RAY, "--resources", "4 cpus")),
    Case("A resource by Ray's name", command=(*ON_RAY, "--resources", "num_cpus=4")),
    Case("An address without an executor", command=(*TUNE, "--address", "auto")),
    Case("An executor that does not exist", command=(*TUNE, "--executor", "rai")),
    Case(
        "A budget of electricity on a cluster",
        "[budget]\nkwh = 1.0",
        files={"plan.toml": f"{PLAN}[budget]\nkwh = 1.0\n"},
        command=ON_RAY,
        around=small_cluster,
    ),
]
