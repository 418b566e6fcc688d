"""What one call of a job needs of a machine: processor cores, graphics processors, memory."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.errors import RequestError, nearest

_UNITS = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40
}  # fmt: skip
_NAMES = ("cpus", "gpus", "memory")
_RAYS_OWN = {"cpu": "cpus", "num_cpus": "cpus", "gpu": "gpus", "num_gpus": "gpus", "mem": "memory", "ram": "memory"}


@dataclass(frozen=True, slots=True)
class Resources:
    """What is set aside for one trial: ``cpus`` and ``gpus`` (a share of one will do), ``memory`` in bytes.

    ``others`` are resources that a cluster's owner has named, as in ``{"tpu-slice": 1}``.

    Raises:
        RequestError: for a number below zero, or one that is none.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: float = 0.0
    others: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in (("cpus", self.cpus), ("gpus", self.gpus), ("memory", self.memory), *self.others.items()):
            if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
                raise RequestError(f"resources have {name} = {number!r}; it must be a number of 0 or more")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise RequestError(f"resources have gpus = {self.gpus!r}; above 1 it must be a whole number")

    @staticmethod
    def of(given: Mapping[str, float | str] | Resources | None) -> Resources:
        """From a dict as a person writes it: ``{"cpus": 2, "gpus": 0.5, "memory": "4 GB"}``; one core by default."""
        if given is None or isinstance(given, Resources):
            return given or Resources()
        for name in given:
            if name.lower() in _RAYS_OWN:
                raise RequestError(f"resources have '{name}', which is written '{_RAYS_OWN[name.lower()]}' here")
        known = {name: _amount(name, given[name]) for name in _NAMES if name in given}
        return Resources(**known, others={name: _amount(name, given[name]) for name in given if name not in _NAMES})

    @staticmethod
    def parsed(text: str) -> Resources:
        """From a text as a command line has it: ``cpus=2,gpus=1,memory=4GB``."""
        found: dict[str, float | str] = {}
        for part in text.split(","):
            name, is_there, value = part.partition("=")
            if not is_there or not name.strip() or not value.strip():
                raise RequestError(f"resources are '{text}'; write them as in cpus=2,gpus=1,memory=4GB")
            found[name.strip()] = value.strip()
        return Resources.of(found)

    def fits(self, total: Mapping[str, float]) -> int | None:
        """How many at once a node with ``total``, by Ray's names, has room for; None where nothing bounds it."""
        needs = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory, **self.others}
        rooms = [math.floor(total.get(name, 0.0) / need + 1e-9) for name, need in needs.items() if need > 0]
        return min(rooms, default=None)

    def __str__(self) -> str:
        parts = [f"cpus = {self.cpus:g}"]
        parts += [f"gpus = {self.gpus:g}"] if self.gpus else []
        parts += [f"memory = {size(self.memory)}"] if self.memory else []
        return ", ".join([*parts, *(f"{name} = {need:g}" for name, need in self.others.items())])


def size(count: float) -> str:
    """A number of bytes for a person."""
    for unit in ("TB", "GB", "MB", "kB"):
        if count >= _UNITS[unit.lower()]:
            return f"{count / _UNITS[unit.lower()]:.3g} {unit}"
    return f"{count:g} bytes"


def _amount(name: str, given: float | str) -> float:
    """A number, or of memory a text with its unit."""
    if not isinstance(given, str):
        return given
    match = re.fullmatch(r"\s*(-?[0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*([a-z]*)\s*", given.lower())
    unit = match[2] if match else ""
    if match is None or (unit and (name != "memory" or unit not in _UNITS)):
        right = "a size such as '4 GB'" if name == "memory" else "a number"
        hint = nearest(name, _NAMES) if name not in _NAMES else ""
        raise RequestError(f"resources have {name} = '{given}'; it must be {right}{hint}")
    return float(match[1]) * _UNITS.get(unit, 1)
