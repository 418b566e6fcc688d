"""Metering a planned study while it is driven, and keeping it within its budget."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from holdfast.facts.spending import amount
from holdfast.meter.account import account, usage_of
from holdfast.meter.budget import Limits, Reached, first_reached
from holdfast.meter.energy import EnergyMeter
from holdfast.meter.forecast import FIXED_SECONDS, PAGES_BYTES, REFIT
from holdfast.meter.price import SECONDS_PER_HOUR, Price
from holdfast.meter.watch import Watch
from holdfast.records import Outcome, TrialState
from holdfast.study.book import Book
from holdfast.usage import UNKNOWN, Figure, Usage, counted, total

GRACE = 10.0
"""Seconds for which a first trial may run whatever the budget, so that it can be said what one costs."""

LARGEST_RESERVE = 0.5
"""The share of a limit that is kept for the final fit and the pages at most."""

PAGES_SECONDS = 3.0
"""Drawing the pages, which comes last."""

LOOK_AT_DISK = 1.0
"""Seconds between two looks at the size of the folder."""


@dataclass
class Steward:
    """Meters trials, and says when the budget is spent.

    Electricity between two moments is shared evenly by the trials that ran then; what was drawn while none ran belongs
    to the search.

    Args:
        book: the study.
        folder: what a budget of disk is about.
        price: what work costs.
        limits: what it may cost.
        energy: the meter of electricity.
        parts: fits for each trial.
        last_fits: fits that come after the search.
        most: so many trials are enough, whatever the budget; None for no such end.
    """

    book: Book
    folder: Path
    price: Price
    limits: Limits
    energy: EnergyMeter
    parts: int = 1
    last_fits: int = 1
    most: int | None = None
    reached: Reached | None = None
    running: dict[int, list[Figure]] = field(default_factory=dict)
    between: list[Figure] = field(default_factory=list)
    _before: dict[str, float] = field(default_factory=dict)
    _kwh: float = 0.0
    _seconds: list[float] = field(default_factory=list)
    _begun: int = 0
    _lap_at: float = field(default_factory=time.perf_counter)
    _began: float = field(default_factory=time.perf_counter)
    _disk: tuple[float, float] = (0.0, -LOOK_AT_DISK)

    def __post_init__(self) -> None:
        state = self.book.state
        spent = account(state.trials, state.notes.get("phase.metered", []), self.price, elapsed=state.elapsed).total
        self._before = {"hours": state.elapsed / SECONDS_PER_HOUR, "kwh": spent.usage.kwh.value or 0.0}
        self._seconds = [
            usage_of(trial).wall_seconds.value or 0.0 for trial in state.trials if trial.state is TrialState.COMPLETE
        ]
        self._begun = len(state.trials)

    def given(self, trials: Sequence[int]) -> None:
        """These trials begin now."""
        self._lap(wait=False)
        self._begun = max(self._begun, *(trial + 1 for trial in trials))
        self.running.update({trial: [] for trial in trials})

    def ended(self, outcome: Outcome) -> Outcome:
        """The outcome of a trial that ended just now, with its electricity and, if nobody metered it, its time."""
        self._lap()
        laps = self.running.pop(outcome.trial, [])
        usage = replace(outcome.usage, kwh=total((lap, 1.0) for lap in laps))
        if usage.wall_seconds.value is None:
            usage = replace(usage, wall_seconds=counted(outcome.seconds))
        if outcome.state is TrialState.COMPLETE:
            self._seconds.append(usage.wall_seconds.value or 0.0)
        return replace(outcome, usage=usage)

    def enough(self) -> bool:
        """Whether one more trial, the final fit and the pages do not fit into the budget any more."""
        if self.most is not None and self._begun >= self.most:
            return True
        if self.reached is None:
            # a first trial may always run, to see what one takes, if there is room for it
            limits = self.limits if self._begun else Limits(disk_bytes=self.limits.disk_bytes)
            self.reached = first_reached(limits, self.spent(), self._ahead(one_more=True))
        return self.reached is not None

    def overdue(self) -> str | None:
        """Why the trials that run have to end now: the final fit and the pages would not fit into the budget."""
        if not self._seconds and time.perf_counter() - self._began < GRACE:
            return None
        found = first_reached(replace(self.limits, disk_bytes=None), self.spent(), self._ahead(one_more=False))
        if found is None:
            return None
        self.reached = found
        return f"the budget of {amount(found.limit, found.allowed)} was spent while this trial ran"

    def spent(self) -> dict[str, float]:
        """What is spent by now, by the names of the limits; what nobody knows is left out."""
        now = time.perf_counter()
        hours = self._before["hours"] + (now - self._began) / SECONDS_PER_HOUR
        found = {"hours": hours, "disk_bytes": self._disk_bytes(now)}
        usd = self.price.usd(counted(hours * SECONDS_PER_HOUR), self._begun)
        if usd.value is not None:
            found["usd"] = usd.value
        kwh = self._before["kwh"] + self._kwh + self._watts() * (now - self._lap_at)
        if kwh > 0:
            found["kwh"] = kwh
            carbon = self.price.kg_co2e(Figure(kwh, self.between[-1].method if self.between else UNKNOWN.method))
            if carbon.value is not None:
                found["kg_co2e"] = carbon.value
        return found

    def close(self) -> None:
        """Let go of the meter."""
        self.energy.close()

    @contextmanager
    def phase(self, name: str, *, unless: str) -> Iterator[None]:
        """Meter what comes after the trials and put it on the record, unless an event says that it was done before."""
        if unless in self.book.state.notes:
            yield
            return
        self._lap()
        self.between.clear()
        watch = Watch()
        yield
        usage = watch.read()
        self._lap()
        self._note(name, replace(usage, kwh=total((lap, 1.0) for lap in self.between)))

    @contextmanager
    def search(self) -> Iterator[None]:
        """Meter what the search itself takes beside its trials, also where it is broken off, and put it on record."""
        began, cpu, done = time.perf_counter(), time.process_time(), self._trial_seconds()
        try:
            yield
        finally:
            self._lap()
            own = time.perf_counter() - began - (self._trial_seconds() - done) / self.price.workers
            self._note(
                "search",
                Usage(
                    wall_seconds=counted(max(own, 0.0)),
                    cpu_seconds=counted(time.process_time() - cpu),
                    kwh=total((lap, 1.0) for lap in self.between),
                ),
            )

    def _note(self, phase: str, usage: Usage) -> None:
        self.book.note("phase.metered", {"phase": phase, "usage": usage.to_json()})
        self.between.clear()

    def _trial_seconds(self) -> float:
        """The wall seconds of all trials that are on record."""
        return sum(usage_of(trial).wall_seconds.value or 0.0 for trial in self.book.state.trials)

    def _lap(self, *, wait: bool = True) -> None:
        """Share the electricity since the last lap among the trials that ran."""
        now = time.perf_counter()
        lap = self.energy.lap(wait=wait) if self.price.watts is None else self.price.kwh(now - self._lap_at)
        self._lap_at = now
        self._kwh += lap.value or 0.0
        if not self.running:
            self.between.append(lap)
        for laps in self.running.values():
            laps.append(lap.times(1 / len(self.running)))

    def _watts(self) -> float:
        """The mean power so far, in kWh per second; 0 where it is not known."""
        span = self._lap_at - self._began
        return self._kwh / span if span > 0 else 0.0

    def _ahead(self, *, one_more: bool) -> dict[str, float]:
        """What has to be kept free for the final fit and the pages, and for one more trial."""
        mean = sum(self._seconds) / len(self._seconds) if self._seconds else 0.0
        last = self.last_fits * REFIT * max(self._seconds, default=0.0) / self.parts
        last += FIXED_SECONDS + PAGES_SECONDS
        power = self._watts()
        per_second = {
            "hours": 1 / SECONDS_PER_HOUR,
            "usd": (self.price.usd_per_hour or 0.0) / SECONDS_PER_HOUR,
            "kwh": power,
            "kg_co2e": power * (self.price.kg_co2e_per_kwh or 0.0),
        }
        kept = {name: rate * last for name, rate in per_second.items()}
        for name, allowed in self.limits.amounts().items():
            kept[name] = min(kept.get(name, 0.0), LARGEST_RESERVE * allowed)
        kept["disk_bytes"] = PAGES_BYTES  # the pages have the size that they have
        if one_more:
            kept |= {name: kept[name] + rate * mean for name, rate in per_second.items()}
            kept["usd"] += self.price.usd_per_run or 0.0
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
