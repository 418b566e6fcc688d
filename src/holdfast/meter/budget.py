"""Budgets: what a study may cost, what it has cost, and whether one more trial fits beside what comes after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.errors import RequestError

UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}
GIGABYTE = 10**9

NAMES: dict[str, str] = {"hours": "hours", "usd": "USD", "kwh": "kWh", "kg_co2e": "kg CO2e", "disk_bytes": "bytes"}
"""What a budget may limit beside trials, each with its unit."""

ROUNDING = 1e-9
"""The share of a number that sums of floats may be off by."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a study may cost; None for no limit."""

    trials: int | None = None
    hours: float | None = None
    usd: float | None = None
    kwh: float | None = None
    kg_co2e: float | None = None
    disk_bytes: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` undoes it."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Limits:
        """The limits that `to_json` wrote."""
        return Limits(**{key: value for key, value in data.items() if key in Limits.__dataclass_fields__})

    def amounts(self) -> dict[str, float]:
        """The limits that there are beside trials, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Reached:
    """A part of the budget that is spent: its name, what was allowed, what was spent."""

    limit: str
    allowed: float
    spent: float


def first_reached(limits: Limits, spent: Mapping[str, float], ahead: Mapping[str, float]) -> Reached | None:
    """The first limit that what was spent, and what is still to come, would go over; None if all hold.

    A limit that is met to the last digit holds: three runs at 0.1 USD each cost 0.3 USD.

    Args:
        limits: what is allowed.
        spent: what is spent by now, by name; a name that is missing is unknown and cannot hold anything back.
        ahead: what has to be kept free, by name.
    """
    for name, allowed in limits.amounts().items():
        if name in spent and spent[name] + ahead.get(name, 0.0) > allowed * (1 + ROUNDING):
            return Reached(name, allowed, spent[name])
    return None


def disk_bytes(amount: float | str, what: str = "disk") -> float:
    """A size as a person writes it: a number of gigabytes, or a text such as ``"500 MB"``; ``what`` it is in errors.

    >>> disk_bytes(2), disk_bytes("500 MB")
    (2000000000.0, 500000000.0)

    Raises:
        RequestError: if it is none, or not more than nothing.
    """
    if isinstance(amount, str):
        match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*([a-z]+)\s*", amount.lower())
        if match is None or match[2] not in UNITS:
            meant = "write a number of gigabytes, or a text such as '500 MB'"
            raise RequestError(f"{what} = {amount!r}, which is no size; {meant}")
        size = float(match[1]) * UNITS[match[2]]
    else:
        size = float(amount) * GIGABYTE
    if size <= 0:
        raise RequestError(f"{what} = {amount!r}; it should be more than nothing")
    return size
