"""Executors by name, as a person asks for them in a call or on a command line."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.errors import RequestError, nearest
from holdfast.execute.base import Executor
from holdfast.execute.processes import Processes
from holdfast.execute.ray import Ray
from holdfast.execute.resources import Resources

FRESH = "fresh"
"""Processes of this machine, a new one for each trial."""

NAMES = (FRESH, "ray")


def executor_named(
    name: str | None,
    n_workers: int | None = None,
    address: str | None = None,
    resources: Mapping[str, float | str] | Resources | str | None = None,
) -> Executor | None:
    """The executor of that name; None without a name and resources: what calls it has its own way to run trials here.

    Raises:
        RequestError: for another name, an address without a cluster, or resources that are not there.
    """
    if name is not None and name not in NAMES:
        raise RequestError(
            f"there is no executor '{name}'{nearest(name, NAMES)}; there are 'ray', 'fresh', or none to run here"
        )
    if name != "ray" and address is not None:
        raise RequestError(f"address = {address!r} is for trials on a cluster; add the executor 'ray'")
    if name is None and resources is None:
        return None
    needs = Resources.parsed(resources) if isinstance(resources, str) else Resources.of(resources)
    if name == "ray":
        return Ray(n_workers, address, needs)
    return Processes(n_workers, resources=None if resources is None else needs, fresh=name == FRESH)
