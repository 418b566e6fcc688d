"""What work costs: prices of time, energy and carbon, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from holdfast.usage import UNKNOWN, Figure, Method, both

SECONDS_PER_HOUR = 3600.0
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Price:
    """The prices of a study; None where nobody knows one.

    Args:
        usd_per_run: US dollars for each trial that is begun.
        usd_per_hour: US dollars for an hour of the machine.
        watts: power of the whole machine while it works, as a person gave it.
        kg_co2e_per_kwh: carbon intensity of the electricity.
        carbon_source: where that number comes from, in words.
        carbon_uncertainty: how far it may be off, as a share of it; None where nobody can say.
        workers: trials that share the machine.
        machine: the machine in words.
    """

    usd_per_run: float | None = None
    usd_per_hour: float | None = None
    watts: float | None = None
    kg_co2e_per_kwh: float | None = None
    carbon_source: str = ""
    carbon_uncertainty: float | None = None
    workers: int = 1
    machine: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` undoes it."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Price:
        """The price that `to_json` wrote; keys of later versions are left out."""
        return Price(**{key: value for key, value in data.items() if key in Price.__dataclass_fields__})

    @property
    def knows_money(self) -> bool:
        """Whether money can be counted at all."""
        return self.usd_per_run is not None or self.usd_per_hour is not None

    def usd(self, wall_seconds: Figure, runs: int) -> Figure:
        """The money for so much time of the whole machine and so many trials; unknown without a price."""
        if not self.knows_money:
            return UNKNOWN
        fixed = (self.usd_per_run or 0.0) * runs
        if self.usd_per_hour is None:
            return Figure(fixed, Method.GIVEN, 1.0, 0.0)
        if wall_seconds.value is None:
            return UNKNOWN
        timed = self.usd_per_hour * wall_seconds.value / SECONDS_PER_HOUR
        return Figure(fixed + timed, Method.GIVEN, wall_seconds.coverage, wall_seconds.uncertainty)

    def kg_co2e(self, kwh: Figure) -> Figure:
        """The carbon of so much electricity; unknown without an intensity. Both uncertainties count."""
        if self.kg_co2e_per_kwh is None or kwh.value is None:
            return UNKNOWN
        kg = kwh.times(self.kg_co2e_per_kwh)
        return Figure(kg.value, kg.method, kg.coverage, both(kg.uncertainty, self.carbon_uncertainty))

    def kwh(self, wall_seconds: float) -> Figure:
        """The electricity of so much time of the whole machine, where its power was given."""
        if self.watts is None:
            return UNKNOWN
        return Figure(self.watts * wall_seconds / JOULES_PER_KWH, Method.GIVEN)
