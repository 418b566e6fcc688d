"""Hyperband's brackets: how many trials begin at which rung, and which bracket a trial belongs to.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: a novel bandit-based approach to hyperparameter
optimization", JMLR 18 (2018), algorithm 1. All brackets cost about the same; the first begins with many trials at the
lowest rung, the last trains a few to the end at once, so that a search is safe where low rungs mislead.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Fidelity, Suggestion
from holdfast.search.history import COMPLETE, FAILED, PAUSED, STOPPED, TO_THE_END, History
from holdfast.search.rungs.halving import Promotion, ordered_at, promotions


@dataclass(frozen=True, eq=False)
class Brackets:
    """The brackets of a study so far. Bracket b begins at rung b.

    Attributes:
        history: the study.
        fidelity: its fidelity.
        sizes: (brackets,) how many trials begin in one round of each bracket.
        of: (n,) the bracket of each trial, by the step that it was first assigned to run to; -1 for one that was to run
            to the end from the start, as nobody compares it.
    """

    history: History
    fidelity: Fidelity
    sizes: tuple[int, ...]
    of: np.ndarray

    def following(self, n: int) -> list[int]:
        """The brackets of the next ``n`` trials: each time the first, in rounds, that has room."""
        begun = np.bincount(self.of[self.of >= 0], minlength=len(self.sizes))
        found = []
        for _ in range(n):
            found.append(int(np.argmin(begun // np.array(self.sizes))))
            begun[found[-1]] += 1
        return found

    def begin(self, new: Sequence[Suggestion], firsts: Sequence[int]) -> list[Suggestion]:
        """New suggestions, each in the bracket that it begins in."""
        rungs, unit = self.fidelity.rungs(), self.fidelity.name
        return [
            dataclasses.replace(
                item, reason=f"{item.reason}, bracket {first + 1}, to {unit} {rungs[first]}", until_step=rungs[first]
            )
            for item, first in zip(new, firsts, strict=False)
        ]

    def promoted(self, name: str, *, synchronous: bool) -> Iterator[Promotion]:
        """The trials that may go on: by each bracket's own rungs, the bracket of the highest rung first."""
        for bracket in reversed(range(len(self.sizes))):
            members = self.of == bracket
            if synchronous:
                for part in self._rounds(bracket):
                    yield from self._together(part, bracket, name)
            else:
                yield from promotions(self.history, self.fidelity, f"{name}, bracket {bracket + 1}", members)

    def _rounds(self, bracket: int) -> Iterator[np.ndarray]:
        """The trials (m,) of each round of a bracket that is full, or will have no more."""
        trials = np.flatnonzero(self.of == bracket)
        size = self.sizes[bracket]
        for first in range(0, len(trials), size):
            part = trials[first : first + size]
            if len(part) == size or self.history.trials_left == 0:
                yield part

    def _together(self, trials: np.ndarray, bracket: int, name: str) -> Iterator[Promotion]:
        """Those of one round that may go on: once all at a rung are there, the best of them."""
        history, size = self.history, len(trials)
        ended = np.isin(history.states, (COMPLETE, FAILED, STOPPED))
        ended[history.hidden] = True  # it takes no part
        for level, above in itertools.pairwise(self.fidelity.rungs()[bracket:]):
            if not (ended[trials] | history.reported_at(level)[trials]).all():
                return
            size //= self.fidelity.eta
            members = np.zeros(len(history), dtype=bool)
            members[trials] = True
            ordered, known = ordered_at(history, level, members)
            trials = ordered[:size][known[:size]]
            for place, trial in enumerate(trials):
                if history.states[trial] == PAUSED and history.until[trial] == level:
                    where = f"{self.fidelity.name} {level}, on to {above}"
                    yield int(trial), above, f"{name}, bracket {bracket + 1}: {place + 1} of {len(ordered)} at {where}"


def brackets(history: History, fidelity: Fidelity) -> Brackets:
    """The brackets of a study: one that begins at each rung."""
    rungs = np.array(fidelity.rungs())
    first = np.full(len(history), TO_THE_END)
    trials, at = np.unique(history.move_trial, return_index=True)
    first[trials] = history.move_until[at]
    of = np.where(first == TO_THE_END, -1, np.minimum(np.searchsorted(rungs, first), len(rungs) - 1))
    return Brackets(history, fidelity, sizes(len(rungs), fidelity.eta), of)


def sizes(rungs: int, eta: int) -> tuple[int, ...]:
    """How many trials begin in each bracket, that of the lowest rung first."""
    return tuple(math.ceil(rungs / (s + 1) * eta**s) for s in reversed(range(rungs)))


def check_synchronous(owner: str, value: object) -> None:
    """Refuse a setting that is neither true nor false, in one sentence."""
    if not isinstance(value, bool):
        raise RequestError(f"{owner} has synchronous = {value!r}; it takes true or false")
