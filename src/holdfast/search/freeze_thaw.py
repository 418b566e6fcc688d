"""Freeze-thaw: every trial trains a little, and a model of all learning curves says which one goes on.

Swersky, Snoek and Adams, "Freeze-thaw Bayesian optimization" (2014), with the kernel of `holdfast.search.curves`. What
promises the most improvement at full training for a step of training trains next, be it a paused trial or a new
configuration (see `holdfast.search.curves.prospects`); after a little more training the question is asked anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, Suggestion, Verdict, loss_sign
from holdfast.rng import Streams
from holdfast.search.base import fidelity_needed, keep_whole, known_space, new_suggestions, one_objective
from holdfast.search.curves import curve_model
from holdfast.search.curves.prospects import Prospects, prospects_of
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import PAUSED, RUNNING, TO_THE_END, History
from holdfast.search.start import start

HOPELESS = 0.05
"""Trials that wait and beat the best complete one with less than this probability are left."""
TOGETHER = 0.1
"""A trial is asked for together with others if it promises at least this part of what the first of them does."""


@dataclass(frozen=True)
class FreezeThaw:
    """The trial, new or paused, whose training is expected to improve the most, for each step, on the best at the end.

    A search ends with a configuration that was trained to the end: when no new trial is allowed, those that may still
    be the best are trained on, and at least one is to the end.

    Of several that are asked for at once, those that promise much less than the first wait until its training has said
    more (`TOGETHER`), so that an ask may find fewer than it could; what is asked for one at a time never waits.

    Args:
        growth: a trial goes on until it has had so many times the training; 1 for one step at a time, which is worth it
            where a step costs far more than a tenth of a second. A step is the fidelity's least; a trial begins with
            as many as the lowest rung has (`Fidelity.rungs`).
        n_initial: trials before the model.
        candidates: new configurations looked at for each proposal.

    Raises:
        RequestError: if a setting is out of range.
    """

    growth: float = 2.0
    n_initial: int = 10
    candidates: int = 512
    name: str = "freeze-thaw"

    def __post_init__(self) -> None:
        growth: object = self.growth
        if isinstance(growth, bool) or not isinstance(growth, int | float) or not 1 <= growth < math.inf:
            raise RequestError(f"{self.name} has growth = {growth!r}; it needs a number of at least 1")
        keep_whole(self, "n_initial", 1)
        keep_whole(self, "candidates", 16)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` trials to continue or to begin; each knows of the ones before it."""
        one_objective(history, self.name)
        with one_thread():
            asking = _Asking(self, history, _fidelity(history), rng)
            while len(asking.found) < n and asking.more():
                pass
        return asking.found

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the step that a trial was assigned to run to."""
        until = history.until[trial]
        if until == TO_THE_END or until >= _fidelity(history).max:
            return Verdict.CONTINUE
        steps = history.report_step[history.report_trial == trial]
        return Verdict.PAUSE if steps.size and steps[-1] >= until else Verdict.CONTINUE


class _Asking:
    """What has been found for one ask so far; the prospects know of it."""

    def __init__(self, strategy: FreezeThaw, history: History, fidelity: Fidelity, rng: Streams) -> None:
        self.found: list[Suggestion] = []
        self._strategy, self._history, self._fidelity, self._rng = strategy, history, fidelity, rng
        self._space = known_space(history, strategy.name)
        self._reached = np.zeros(len(history), dtype=np.int64)
        np.maximum.at(self._reached, history.report_trial, history.report_step)
        self._waiting = np.flatnonzero((history.states == PAUSED) & (self._reached > 0))
        self._begun: list[Config] = []
        self._least = -math.inf
        self._prospects = _prospects(history, fidelity)

    def more(self) -> bool:
        """Find one more; False if there is nothing to do until something changes."""
        prospects = self._prospects
        few = len(self._history) + len(self._begun) < self._strategy.n_initial
        if (few or prospects is None) and self._begin(None):
            return True
        if prospects is None:
            return not self._done() and self._continue(0)
        reached = self._reached[self._waiting]
        following = np.array([self._following(int(step)) for step in reached], dtype=np.int64)
        paused = prospects.of_trials(self._waiting, reached, following)
        best = int(np.argmax(paused)) if len(paused) else -1
        if self._may_begin():
            assigned = int((self._history.move_state == RUNNING).sum()) + len(self.found)
            draw = self._rng.generator(assigned, f"{self._strategy.name}/candidates")
            units, worth = prospects.best_new(self._space, self._strategy.candidates, self._following(0), draw)
            if best < 0 or worth[0] > paused[best] or self._hopeless(prospects):
                if not self._is_much(worth[0]):
                    return False
                if self._begin(units):
                    return True
        idle = len(self._history.pending) == 0 and not self.found
        if (idle and self._hopeless(prospects)) or best < 0 or not self._is_much(paused[best]):
            return False
        return self._continue(best)

    def _is_much(self, worth: float) -> bool:
        """Whether what a trial promises, in logarithms, is much beside the first of this ask, which it may be."""
        if not self.found:
            self._least = worth + math.log(TOGETHER)
        return worth >= self._least

    def _may_begin(self) -> bool:
        left = self._history.trials_left
        return left is None or len(self._begun) < left

    def _hopeless(self, prospects: Prospects) -> bool:
        """Whether one was trained to the end, and no trial that waits may still become the best."""
        if not self._done() or len(self._waiting) == 0:
            return False
        target = float(prospects.model.scale.targets(np.array(np.nanmin(self._history.losses))))
        return float(prospects.chances(self._waiting, target).max()) < HOPELESS

    def _done(self) -> bool:
        """Whether one was trained to the end. If nothing tells trials apart then, there is nothing to go on for."""
        return not np.isnan(self._history.losses).all()

    def _continue(self, place: int) -> bool:
        """Train the trial at a place among those that wait."""
        if not 0 <= place < len(self._waiting):
            return False
        trial = int(self._waiting[place])
        reached = int(self._reached[trial])
        until = self._following(reached)
        reason = f"{self._strategy.name}: on from {self._fidelity.name} {reached} to {until}{self._words(trial)}"
        config = self._history.config(trial)
        self.found.append(Suggestion(config, reason, self._history.index, resume_from=trial, until_step=until))
        self._waiting = np.delete(self._waiting, place)
        self._expect(trial, self._history.units[trial], until)
        return True

    def _begin(self, units: np.ndarray | None) -> bool:
        """Begin a new trial of the first of ``units`` (k, d) that is allowed and new; of an even point where None."""
        if not self._may_begin():
            return False
        number, name = len(self._history) + len(self._begun), self._strategy.name
        until = self._following(0)

        def ranking(asked: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
            if asked < number:  # those of this ask that have been begun already
                yield self._begun[asked - len(self._history)], ""
            elif units is None:
                seed = self._rng.integer(0, f"{name}/initial")
                yield from start(self._history, asked, before, self._rng, name, f"{name}: space-filling start", seed)
            else:
                for unit in units:
                    yield self._space.decode(unit), f"{name}: new, to {self._fidelity.name} {until}"

        made = new_suggestions(self._history, len(self._begun) + 1, self._rng, name, ranking)
        if len(made) <= len(self._begun):
            return False
        self.found.append(Suggestion(made[-1].config, made[-1].reason, self._history.index, until_step=until))
        self._begun.append(made[-1].config)
        self._expect(number, self._space.encode(made[-1].config), until)
        return True

    def _following(self, reached: int) -> int:
        """The step to go on to from the one that was reached; a new trial begins with the lowest rung."""
        if reached == 0:
            return self._fidelity.rungs()[0]
        further = max(reached + self._fidelity.min, math.floor(reached * self._strategy.growth))
        return min(further, self._fidelity.max)

    def _expect(self, trial: int, unit: np.ndarray, until: int) -> None:
        """From now on a trial is on its way."""
        if self._prospects is not None:
            self._prospects = self._prospects.with_pending(np.array([trial]), unit[None], np.array([until]))

    def _words(self, trial: int) -> str:
        """What is expected of a trial at full training, in the user's own unit."""
        if self._prospects is None:
            return ""
        model, sign = self._prospects.model, loss_sign(self._history.directions[0])
        mean, _ = model.of_trials(model.places(np.array([trial])), np.array([float(model.end)]))
        ends = model.scale.losses(np.array([mean[0], self._prospects.best])) * sign
        return f", expected to end at {ends[0]:.4g}, the best at {ends[1]:.4g}"


def _prospects(history: History, fidelity: Fidelity) -> Prospects | None:
    """What the curves promise, those that run included; None while nothing tells trials apart."""
    model = curve_model(history, fidelity.max)
    if model is None:
        return None
    found, pending = prospects_of(model), history.pending
    if len(pending) == 0:
        return found
    return found.with_pending(pending, history.units[pending], np.minimum(history.until[pending], fidelity.max))


def _fidelity(history: History) -> Fidelity:
    if history.fidelity is None:
        raise fidelity_needed("freeze-thaw")
    return history.fidelity
