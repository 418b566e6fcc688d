"""What this machine has for trials: cores, memory, and graphics processors, of which each trial sees its own."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from holdfast.errors import RequestError
from holdfast.execute.resources import Resources, size
from holdfast.execute.threads import cores

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which CUDA is told which graphics processors there are."""


def room(needs: Resources, environment: Mapping[str, str]) -> int:
    """How many trials with these needs this machine has room for at once, at least one.

    Raises:
        RequestError: if it has room for none, or they name what only a cluster has.
    """
    if needs.others:
        raise RequestError(
            f"a machine has no resource '{next(iter(needs.others))}'; on a cluster add the executor 'ray'"
        )
    has = {"CPU": float(cores()), "GPU": float(len(devices(environment))), "memory": memory()}
    found = needs.fits(has)
    if found is None:
        return cores()
    if 0 < needs.gpus < 1:
        found = min(found, int(has["GPU"]) * _sharing(needs.gpus))
    if found == 0:
        raise RequestError(
            f"what one trial needs ({needs}) is more than this machine has: {has['CPU']:g} cpus, {has['GPU']:g} gpus, "
            f"{size(has['memory'])} of memory"
        )
    return found


def visible(needs: Resources, place: int, environment: Mapping[str, str]) -> str:
    """The graphics processors of the trials in a place, from 0 on, as `VISIBLE` names them; "" where none is needed."""
    there = devices(environment)
    if 0 < needs.gpus < 1:
        return there[place // _sharing(needs.gpus)]
    each = int(needs.gpus)
    return ",".join(there[place * each : (place + 1) * each])


def devices(environment: Mapping[str, str]) -> list[str]:
    """The graphics processors of NVIDIA that this process may use, as `VISIBLE` names them."""
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip() not in {"", "-1"}]
    count = sum(re.fullmatch(r"nvidia[0-9]+", entry.name) is not None for entry in Path("/dev").iterdir())
    return [str(number) for number in range(count)]


def memory() -> float:
    """Bytes of memory of this machine."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _sharing(share: float) -> int:
    """How many trials use one graphics processor if each needs a share of it."""
    return math.floor(1 / share + 1e-9)
