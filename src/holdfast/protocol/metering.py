"""Metering a planned study while it is driven: its trials, and what comes before and after them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from holdfast.meter.account import usage_of
from holdfast.meter.energy import EnergyMeter
from holdfast.meter.price import Price
from holdfast.meter.watch import Watch
from holdfast.records import Cause, Outcome
from holdfast.study.book import Book
from holdfast.usage import Figure, Usage, counted, total

Lap = tuple[Figure, float]
"""What was drawn between two moments, and how many seconds lie between them."""


@dataclass
class StudyMeter:
    """Meters trials and phases.

    Electricity between two moments is shared evenly by the trials that ran then; what was drawn while none ran, or for
    trials that were broken off and will run again, belongs to the phase.

    Args:
        book: the study, on whose log phases are put.
        price: how many trials share the machine, and its power where that was given.
        energy: the meter of electricity elsewhere.
    """

    book: Book
    price: Price
    energy: EnergyMeter
    kwh: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    lapped: float = field(default_factory=time.perf_counter)
    _running: dict[int, list[Lap]] = field(default_factory=dict)
    _between: list[Lap] = field(default_factory=list)

    @property
    def kwh_per_second(self) -> float:
        """The power of the machine where it was given, else the mean so far; 0 where it is not known."""
        if self.price.watts is not None:
            return self.price.kwh(1.0).value or 0.0
        return self.kwh / (self.lapped - self.began) if self.kwh > 0 else 0.0

    def begin(self, trials: Sequence[int]) -> None:
        """These trials begin now."""
        self.lap(wait=False)
        self._running.update({trial: [] for trial in trials})

    def end(self, outcome: Outcome) -> Outcome:
        """The outcome of a trial that ended just now, with its electricity and, if nobody metered it, its time."""
        self.lap()
        laps = self._running.pop(outcome.trial, [])
        if outcome.cause in {Cause.LOST, Cause.PREEMPTED}:
            self._between += laps
            laps = []
        usage = replace(outcome.usage, kwh=total(laps))
        if usage.wall_seconds.value is None:
            usage = replace(usage, wall_seconds=counted(outcome.seconds))
        return replace(outcome, usage=usage)

    def lap(self, *, wait: bool = True) -> None:
        """Share the electricity since the last lap among the trials that ran."""
        drawn = self.energy.lap(wait=wait)
        since, self.lapped = self.lapped, time.perf_counter()
        seconds = self.lapped - since
        if self.price.watts is not None:
            drawn = self.price.kwh(seconds)
        self.kwh += drawn.value or 0.0
        if not self._running:
            self._between.append((drawn, seconds))
        for laps in self._running.values():
            laps.append((drawn.times(1 / len(self._running)), seconds))

    @contextmanager
    def phase(self, name: str, *, unless: str) -> Iterator[None]:
        """Meter what comes after the trials and put it on the record, unless an event says that it was done before."""
        if unless in self.book.state.notes:
            yield
            return
        self.lap()
        self._between.clear()
        watch = Watch()
        yield
        usage = watch.read()
        self.lap()
        self._note(name, usage)

    @contextmanager
    def search(self, *, inside: bool = False) -> Iterator[None]:
        """Meter what the search itself takes beside its trials, also where it is broken off, and put it on record.

        ``inside``: the trials run in this very process, whose processor time is then theirs too.
        """
        began, cpu, before = time.perf_counter(), time.process_time(), self._of_trials()
        try:
            yield
        finally:
            self.lap()
            self._between += [lap for laps in self._running.values() for lap in laps]
            self._running.clear()
            wall, busy = (now - then for now, then in zip(self._of_trials(), before, strict=True))
            own = time.perf_counter() - began - wall / self.price.workers
            own_cpu = time.process_time() - cpu - (busy if inside else 0.0)
            self._note("search", Usage(counted(max(own, 0.0)), counted(max(own_cpu, 0.0))))

    def _note(self, phase: str, usage: Usage) -> None:
        used = replace(usage, kwh=total(self._between))
        self.book.note("phase.metered", {"phase": phase, "usage": used.to_json()})
        self._between.clear()

    def _of_trials(self) -> tuple[float, float]:
        """The wall seconds and the processor seconds of all trials that are on record."""
        used = [usage_of(trial) for trial in self.book.state.trials]
        return sum(each.wall_seconds.value or 0.0 for each in used), sum(each.cpu_seconds.value or 0.0 for each in used)
