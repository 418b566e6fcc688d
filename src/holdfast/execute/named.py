"""Executors by name, as a person asks for them in a call or on a command line."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.errors import RequestError, nearest
from holdfast.execute.base import Executor
from holdfast.execute.ray import Ray
from holdfast.execute.resources import Resources

NAMES = ("ray",)


def executor_named(
    name: str | None,
    n_workers: int | None = None,
    address: str | None = None,
    resources: Mapping[str, float | str] | Resources | str | None = None,
) -> Executor | None:
    """The executor of that name; None if there is no name: what calls it has its own way to run trials here.

    Raises:
        RequestError: for another name, or for an address or resources without one.
    """
    if name is None:
        for key, value in (("address", address), ("resources", resources)):
            if value is not None:
                raise RequestError(f"{key} = {value!r} is for trials on a cluster; add the executor 'ray'")
        return None
    if name not in NAMES:
        raise RequestError(f"there is no executor '{name}'{nearest(name, NAMES)}; there is 'ray', or none to run here")
    needs = Resources.parsed(resources) if isinstance(resources, str) else Resources.of(resources)
    return Ray(n_workers, address, needs)
