"""Keeping a planned study within its budget, with room for the final fit and the pages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from holdfast.facts.spending import amount
from holdfast.meter.account import account
from holdfast.meter.budget import Limits, Reached, first_reached
from holdfast.meter.forecast import REFIT
from holdfast.meter.price import SECONDS_PER_HOUR
from holdfast.protocol.metering import StudyMeter
from holdfast.records import Outcome
from holdfast.usage import counted

GRACE = 10.0
"""Seconds for which a first trial may run whatever the budget, so that it can be said what one costs."""

LARGEST_RESERVE = 0.5
"""The share of a limit that is kept for the final fit and the pages at most."""

LAST_SECONDS = 3.0
"""Loading libraries, comparing, correcting and opening the test rows, beside the final fit."""

PAGES_SECONDS = 3.0
"""Drawing the pages, which comes last."""

LOOK_AT_DISK = 1.0
"""Seconds between two looks at the size of the folder."""

LONGEST_LAP = 10.0
"""Seconds between two readings of the meter of electricity, at most, while trials run."""


@dataclass
class Steward:
    """Has trials metered, and says when the budget is spent.

    Args:
        meter: meters the trials.
        folder: what a budget of disk is about.
        limits: what the study may cost.
        parts: fits for each trial.
        last_fits: fits that come after the search.
        pages: bytes that the pages will take.
        most: so many trials are enough, whatever the budget; None for no such end.
    """

    meter: StudyMeter
    folder: Path
    limits: Limits
    parts: int = 1
    last_fits: int = 1
    pages: float = 0.0
    most: int | None = None
    reached: Reached | None = None
    _before: dict[str, float] = field(default_factory=dict)
    _seconds: dict[int, float] = field(default_factory=dict)
    _model_bytes: float = 0.0
    _begun: int = 0
    _began: float = field(default_factory=time.perf_counter)
    _disk: tuple[float, float] = (0.0, -LOOK_AT_DISK)

    def __post_init__(self) -> None:
        state, price = self.meter.book.state, self.meter.price
        spent = account(state.trials, state.notes.get("phase.metered", []), price, elapsed=state.elapsed).total
        self._before = {
            "hours": (spent.machine_seconds.value or 0.0) / SECONDS_PER_HOUR,
            "kwh": spent.usage.kwh.value or 0.0,
        }
        self._seconds = {trial.number: trial.seconds for trial in state.trials if trial.metrics}
        self._begun = len(state.trials)
        self._model_bytes = max((trial.extra.get("model_bytes", 0.0) for trial in state.trials), default=0.0)

    def given(self, trials: Sequence[int]) -> None:
        """These trials begin now."""
        self.meter.begin(trials)
        self._begun = max(self._begun, *(trial + 1 for trial in trials))

    def ended(self, outcome: Outcome) -> Outcome:
        """The outcome of a trial that ended just now, with what was metered."""
        metered = self.meter.end(outcome)
        if outcome.metrics:
            self._seconds[outcome.trial] = self.meter.book.state.trials[outcome.trial].seconds + outcome.seconds
        self._model_bytes = max(self._model_bytes, outcome.extra.get("model_bytes", 0.0))
        return metered

    def enough(self) -> bool:
        """Whether one more trial, the final fit and the pages do not fit into the budget any more."""
        if self.most is not None and self._begun >= self.most:
            return True
        if self.reached is None:
            # a first trial may always run, to see what one takes, if there is room for it
            limits = self.limits if self._begun else Limits(disk_bytes=self.limits.disk_bytes)
            self.reached = first_reached(limits, self.spent(), self._ahead(more=1))
        return self.reached is not None

    def at_once(self, trials: int) -> int:
        """How many of so many trials may begin together, where one may: one alone until it is known what one takes."""
        if self.most is not None:
            trials = min(trials, max(self.most - self._begun, 1))
        if not self.limits.amounts():
            return trials
        if not self._seconds:
            return 1
        spent = self.spent()
        while trials > 1 and first_reached(self.limits, spent, self._ahead(more=trials)) is not None:
            trials -= 1
        return trials

    def overdue(self) -> str | None:
        """Why the trials that run have to end now: the final fit and the pages would not fit into the budget."""
        if not self._seconds and time.perf_counter() - self._began < GRACE:
            return None
        if time.perf_counter() - self.meter.lapped > LONGEST_LAP:
            self.meter.lap(wait=False)
        found = first_reached(replace(self.limits, disk_bytes=None), self.spent(), self._ahead(more=0))
        if found is None:
            return None
        self.reached = found
        return f"the budget of {amount(found.limit, found.allowed)} was spent while this trial ran"

    @property
    def room(self) -> float:
        """Bytes that the pages and a model as large as any so far will take."""
        return self.pages + REFIT * self._model_bytes

    def spent(self) -> dict[str, float]:
        """What is spent by now, by the names of the limits; what nobody knows is left out."""
        now, price = time.perf_counter(), self.meter.price
        hours = self._before["hours"] + (now - self._began) / SECONDS_PER_HOUR
        found = {"hours": hours, "disk_bytes": self._disk_bytes(now)}
        usd = price.usd(counted(hours * SECONDS_PER_HOUR), self._begun)
        if usd.value is not None:
            found["usd"] = usd.value
        kwh = self._before["kwh"] + self.meter.kwh + self.meter.kwh_per_second * (now - self.meter.lapped)
        if kwh > 0:
            found["kwh"] = kwh
            found["kg_co2e"] = kwh * (price.kg_co2e_per_kwh or 0.0)
        return found

    def _ahead(self, *, more: int) -> dict[str, float]:
        """What has to be kept free for the final fit and the pages, and for so many more trials."""
        price = self.meter.price
        mean = sum(self._seconds.values()) / len(self._seconds) if self._seconds else 0.0
        last = self.last_fits * REFIT * max(self._seconds.values(), default=0.0) / self.parts
        last += LAST_SECONDS + PAGES_SECONDS
        power = self.meter.kwh_per_second
        per_second = {
            "hours": 1 / SECONDS_PER_HOUR,
            "usd": (price.usd_per_hour or 0.0) / SECONDS_PER_HOUR,
            "kwh": power,
            "kg_co2e": power * (price.kg_co2e_per_kwh or 0.0),
        }
        kept = {name: rate * last for name, rate in per_second.items()}
        for name, allowed in self.limits.amounts().items():
            kept[name] = min(kept.get(name, 0.0), LARGEST_RESERVE * allowed)
        kept["disk_bytes"] = self.room  # they have their size, whatever the limit
        kept |= {name: kept[name] + more * rate * mean for name, rate in per_second.items()}
        kept["usd"] += more * (price.usd_per_run or 0.0)
        return kept

    def _disk_bytes(self, now: float) -> float:
        """The size of the folder, looked at now and then."""
        size, seen = self._disk
        if now - seen >= LOOK_AT_DISK:
            size = folder_bytes(self.folder)
            self._disk = (size, now)
        return size


def folder_bytes(folder: Path) -> float:
    """The size of all files below a folder; one that vanishes meanwhile counts for nothing."""
    size = 0.0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:  # a database's journal, or a file that was put in its place
            continue
    return size
