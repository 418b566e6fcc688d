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
from holdfast.records import Outcome
from holdfast.study.book import Book
from holdfast.usage import Figure, Usage, counted, total


@dataclass
class StudyMeter:
    """Meters trials and phases.

    Electricity between two moments is shared evenly by the trials that ran then; what was drawn while none ran belongs
    to the phase.

    Args:
        book: the study, on whose log phases are put.
        price: how many trials share the machine, and its power where that was given.
        energy: the meter of electricity elsewhere.
    """

    book: Book
    price: Price
    energy: EnergyMeter
    kwh: float = 0.0
    lapped: float = field(default_factory=time.perf_counter)
    _running: dict[int, list[Figure]] = field(default_factory=dict)
    _between: list[Figure] = field(default_factory=list)

    def begin(self, trials: Sequence[int]) -> None:
        """These trials begin now."""
        self._lap(wait=False)
        self._running.update({trial: [] for trial in trials})

    def end(self, outcome: Outcome) -> Outcome:
        """The outcome of a trial that ended just now, with its electricity and, if nobody metered it, its time."""
        self._lap()
        laps = self._running.pop(outcome.trial, [])
        usage = replace(outcome.usage, kwh=total((lap, 1.0) for lap in laps))
        if usage.wall_seconds.value is None:
            usage = replace(usage, wall_seconds=counted(outcome.seconds))
        return replace(outcome, usage=usage)

    @contextmanager
    def phase(self, name: str, *, unless: str) -> Iterator[None]:
        """Meter what comes after the trials and put it on the record, unless an event says that it was done before."""
        if unless in self.book.state.notes:
            yield
            return
        self._lap()
        self._between.clear()
        watch = Watch()
        yield
        usage = watch.read()
        self._lap()
        self._note(name, usage)

    @contextmanager
    def search(self) -> Iterator[None]:
        """Meter what the search itself takes beside its trials, also where it is broken off, and put it on record."""
        began, cpu, done = time.perf_counter(), time.process_time(), self._trial_seconds()
        try:
            yield
        finally:
            self._lap()
            own = time.perf_counter() - began - (self._trial_seconds() - done) / self.price.workers
            used = Usage(counted(max(own, 0.0)), counted(time.process_time() - cpu))
            self._note("search", used)

    def _note(self, phase: str, usage: Usage) -> None:
        used = replace(usage, kwh=total((lap, 1.0) for lap in self._between))
        self.book.note("phase.metered", {"phase": phase, "usage": used.to_json()})
        self._between.clear()

    def _trial_seconds(self) -> float:
        """The wall seconds of all trials that are on record."""
        return sum(usage_of(trial).wall_seconds.value or 0.0 for trial in self.book.state.trials)

    def _lap(self, *, wait: bool = True) -> None:
        """Share the electricity since the last lap among the trials that ran."""
        now = time.perf_counter()
        lap = self.energy.lap(wait=wait) if self.price.watts is None else self.price.kwh(now - self.lapped)
        self.lapped = now
        self.kwh += lap.value or 0.0
        if not self._running:
            self._between.append(lap)
        for laps in self._running.values():
            laps.append(lap.times(1 / len(self._running)))
