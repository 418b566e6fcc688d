"""What a study has spent against its budget, from its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.facts.log import latest
from holdfast.facts.numbers import duration
from holdfast.meter.account import account
from holdfast.meter.price import SECONDS_PER_HOUR, Price
from holdfast.study.state import StudyState
from holdfast.usage import Figure, counted

WHAT: dict[str, str] = {"hours": "time", "usd": "money", "kwh": "energy", "kg_co2e": "carbon", "disk_bytes": "disk"}
"""What a budget may limit beside trials, in words."""

UNITS: dict[str, str] = {"usd": "USD", "kwh": "kWh", "kg_co2e": "kg CO2e"}

THOUSANDTHS: dict[str, str] = {"kwh": "Wh", "kg_co2e": "g CO2e"}
"""Units for less than a thousandth."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One kind of spending: ``name`` is a key of `WHAT`; ``spent`` may be unknown, ``allowed`` is None for no limit."""

    name: str
    spent: Figure
    allowed: float | None

    def words(self) -> str:
        """For a person.

        >>> Spending("usd", counted(0.421), 5.0).words(), Spending("hours", counted(0.2), None).words()
        ('0.421 of 5 USD', '12 min')
        """
        spent, limit = self.spent.value, self.allowed
        if spent is None:
            return "unknown" if limit is None else f"unknown of {amount(self.name, limit)}"
        if limit is None:
            return amount(self.name, spent)
        unit = UNITS.get(self.name)
        said = amount(self.name, spent)
        return f"{said if unit is None else said.removesuffix(f' {unit}')} of {amount(self.name, limit)}"

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"spent": self.spent.value, "method": self.spent.method.value, "allowed": self.allowed}


def spending(state: StudyState, disk_bytes: float | None = None) -> list[Spending]:
    """Everything that may be limited beside trials; ``disk_bytes`` is what the folder of the run takes up now."""
    limits = latest(state, "limits.set") or {}
    price = latest(state, "price.set")
    prices = None if price is None else Price.from_json(price)
    phases = state.notes.get("phase.metered", [])
    total = account(state.trials, phases, prices, elapsed=state.elapsed).total
    spent = {
        "hours": total.machine_seconds.times(1 / SECONDS_PER_HOUR),
        "usd": total.usd,
        "kwh": total.usage.kwh,
        "kg_co2e": total.kg_co2e,
    }
    if disk_bytes is not None:
        spent["disk_bytes"] = counted(disk_bytes)
    return [Spending(name, figure, limits.get(name)) for name, figure in spent.items()]


def amount(name: str, value: float) -> str:
    """So much of something, with its unit.

    >>> amount("hours", 1.5), amount("usd", 0.0000421), amount("kwh", 0.000123), amount("disk_bytes", 5e8)
    ('1 h 30 min', '0.0000421 USD', '0.123 Wh', '500 MB')
    """
    if name == "hours":
        return _time(value * SECONDS_PER_HOUR)
    if name == "disk_bytes":
        return size(value)
    if name == "usd" and value >= 0.995 and value != round(value):
        return f"{value:,.2f} USD"
    if 0 < value < 1e-3 and name in THOUSANDTHS:
        return f"{_digits(1000 * value)} {THOUSANDTHS[name]}"
    return f"{value:,.0f} {UNITS[name]}" if value >= 999.5 else f"{_digits(value)} {UNITS[name]}"


def _digits(value: float) -> str:
    """Three significant digits, written out down to a hundred-millionth."""
    text = f"{value:.3g}"
    return f"{value:.{2 - int(text[-3:])}f}".rstrip("0") if "e-" in text and value >= 1e-8 else text


def size(value: float) -> str:
    """Bytes in the unit that suits them, in steps of a thousand.

    >>> size(999), size(1_234_567), size(5e9)
    ('999 B', '1.23 MB', '5 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _time(seconds: float) -> str:
    """A time without fractions, and without a second unit that is nought."""
    if 0 < seconds < 0.5:
        return "under 1 s"
    return duration(round(seconds)).removesuffix(" 0 min").removesuffix(" 0 s")
