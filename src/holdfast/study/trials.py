"""The trials of a study by number, most of them packed: one is made out of the columns when somebody looks at it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import cast, overload

import numpy as np

from holdfast.records import Trial, TrialState
from holdfast.study.packed import STATES, Packed, Report, packed

BLOCK = 1024
"""So many trials are unpacked at a time."""


class Trials(Sequence[Trial]):
    """A list of trials that grows at its end and whose items are replaced one by one.

    Attributes:
        running: the numbers of those that run.
        paused: the numbers of those that paused, and may go on.
        saved: the numbers of those that have a checkpoint.
    """

    def __init__(self, columns: Packed | None = None) -> None:
        self._packed = packed([]) if columns is None else columns
        self._items: list[Trial | None] = [None] * len(self._packed)
        self._asleep = len(self._items)
        self._changed: set[int] = set()
        self._said: dict[int, list[Report]] = {}
        codes = self._packed.codes
        self.running = set(np.flatnonzero(codes[0] == STATES.index(TrialState.RUNNING)).tolist())
        self.paused = set(np.flatnonzero(codes[0] == STATES.index(TrialState.PAUSED)).tolist())
        self.saved = set(np.flatnonzero(codes[2]).tolist())

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Trial: ...
    @overload
    def __getitem__(self, at: slice) -> list[Trial]: ...
    def __getitem__(self, at: int | slice) -> Trial | list[Trial]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        found = self._items[at]
        if found is not None and not self._said:
            return found
        number = at if at >= 0 else at + len(self._items)
        if found is None:
            (found,) = self._packed.trials(number, number + 1)
            self._items[number] = found
            self._asleep -= 1
        if number in self._said:
            said = self._said.pop(number)
            earlier = (report for report in found.reports if report[0] < said[0][0])
            found = dataclasses.replace(found, reports=(*earlier, *said))
            self[number] = found
        return found

    def __setitem__(self, at: int, trial: Trial) -> None:
        self._items[at] = trial
        if at < len(self._packed):
            self._changed.add(at)
        self._note(at, trial)

    def __iter__(self) -> Iterator[Trial]:
        self._heard()
        if self._asleep:
            for start in range(0, len(self._packed), BLOCK):
                for at, trial in enumerate(self._packed.trials(start, start + BLOCK), start=start):
                    self._items[at] = self._items[at] or trial
            self._asleep = 0
        return iter(cast("list[Trial]", self._items))

    def append(self, trial: Trial) -> None:
        """One more trial."""
        self._items.append(trial)
        self._note(len(self._items) - 1, trial)

    def reported(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """A trial has one more report, in the place of any that it made of that step or a later one before."""
        said = self._said.setdefault(number, [])
        while said and said[-1][0] >= step:
            said.pop()
        said.append((step, metrics))

    def pack(self) -> Packed:
        """All trials as columns, which hold them from now on; it costs as much as has changed since the last time."""
        self._heard()
        changed = sorted(self._changed)
        news = packed([self[number] for number in [*changed, *range(len(self._packed), len(self))]])
        old = len(self._packed)
        columns = self._packed.joined(news) if old else news
        if changed:
            order = np.arange(len(self))
            order[changed] = old + np.arange(len(changed))
            order[old:] += len(changed)
            columns = columns.taken(order)
        self._packed, self._items, self._changed = columns, [None] * len(self), set()
        self._asleep = len(self)
        return columns

    def _heard(self) -> None:
        for number in list(self._said):
            self[number]

    def _note(self, number: int, trial: Trial) -> None:
        _keep(self.running, number, if_so=trial.state is TrialState.RUNNING)
        _keep(self.paused, number, if_so=trial.state is TrialState.PAUSED)
        _keep(self.saved, number, if_so=trial.checkpoint is not None)


def _keep(numbers: set[int], number: int, *, if_so: bool) -> None:
    """Have a number in a set, or not."""
    if if_so:
        numbers.add(number)
    else:
        numbers.discard(number)
