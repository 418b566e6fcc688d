"""A study without a log: drives a strategy by hand, and can replay what happened into a history that nobody has seen.

The conformance suite and the toy problems use it; so can the tests of a strategy of your own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from holdfast.records import Config, Direction, Fidelity, Suggestion, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.base import Strategy, judge
from holdfast.search.history import NO_ORIGIN, PAUSED, RUNNING, Duplicates, History, HistoryBuilder
from holdfast.space import Space

Loss = Callable[[Config], float]


@dataclass(eq=False)
class Rehearsal:
    """A growing history and what was done to it.

    Attributes:
        space: the search space.
        fidelity: how much training a trial may have, for strategies that need it.
        directions: one per objective.
        budget: the number of trials that may be asked; None for no limit.
        constraints: outcome constraints, as texts.
        duplicates: whether a configuration is tried once or as often as proposed.
        actions: every change of the history, in order; its length is the history's index.
    """

    space: Space
    fidelity: Fidelity | None = None
    directions: Sequence[Direction] = ("minimize",)
    budget: int | None = None
    constraints: Sequence[str] = ()
    duplicates: Duplicates = "avoid"
    actions: list[Callable[[HistoryBuilder], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._builder = self._empty()
        self._saved: dict[int, int] = {}

    def history(self) -> History:
        """The history as it is now; all of them share one token."""
        return self._builder.snapshot(len(self.actions))

    def replayed(self) -> History:
        """An equal history of other arrays and another token, so that no cache knows it."""
        builder = self._empty()
        for action in self.actions:
            action(builder)
        return builder.snapshot(len(self.actions))

    def start(
        self, config: Config, until_step: int | None = None, *, parent: int | None = None, replaces: int | None = None
    ) -> int:
        """A new trial starts to run, or a clone of one that has paused; its number."""
        number = len(self._builder)
        origin = NO_ORIGIN if parent is None else (parent, self._saved[parent], -1 if replaces is None else replaces)
        self._do(lambda builder: builder.asked(dict(config), until_step, origin))
        return number

    def take(self, suggestion: Suggestion) -> int:
        """Do what was suggested: start a trial, or resume one; its number."""
        trial = suggestion.resume_from
        if trial is None:
            by = {"parent": suggestion.parent, "replaces": suggestion.replaces}
            return self.start(suggestion.config, suggestion.until_step, **by)
        self._do(lambda builder: builder.moved(trial, RUNNING, suggestion.until_step))
        return trial

    def report(self, trial: int, step: int, value: float | Sequence[float]) -> None:
        """A running trial reports each objective at ``value``, or at its own of several values."""
        values = list(value) if isinstance(value, Sequence) else [value] * len(self.directions)
        self._do(lambda builder: builder.reported(trial, step, values))

    def pause(self, trial: int) -> None:
        """A running trial pauses, and can be cloned from where it was assigned to run to."""
        self._saved[trial] = int(self.history().until[trial])
        self._do(lambda builder: builder.moved(trial, PAUSED))

    def finish(
        self,
        trial: int,
        value: float | Sequence[float],
        state: TrialState = TrialState.COMPLETE,
        *,
        seconds: float = 0.0,
        violation: Sequence[float] | None = None,
    ) -> None:
        """A trial ends after so many seconds: each objective at ``value``, or at its own of several values.

        ``violation`` says how far each constraint was missed, at most 0 where it was met.
        """
        values = list(value) if isinstance(value, Sequence) else [value] * len(self.directions)
        missed = None if violation is None else list(violation)
        self._do(lambda builder: builder.told(trial, state, values, seconds, missed))

    def amend(self, space: Space, added: Config | None = None) -> None:
        """The space is another one from here on; earlier trials stand at ``added``, or at defaults."""
        self._do(lambda builder: builder.amended(space, added or {}))

    def learn(self, name: str, configs: Sequence[Config], losses: Sequence[float]) -> None:
        """An earlier study found these losses, lower is better."""
        self._do(lambda builder: builder.learned(name, configs, losses))

    def _do(self, action: Callable[[HistoryBuilder], None]) -> None:
        action(self._builder)
        self.actions.append(action)

    def _empty(self) -> HistoryBuilder:
        builder = HistoryBuilder(
            self.space, self.directions, self.fidelity, constraints=self.constraints, duplicates=self.duplicates
        )
        builder.trials_limit = self.budget
        return builder


def train(rehearsal: Rehearsal, strategy: Strategy, trial: int, loss: Loss) -> None:
    """Run a trial to where it was assigned to, then do what the strategy says; a loss that is not finite is a failure.

    A trial reports its loss at the end of what it was assigned, whatever the step: training makes it no better.
    """
    history = rehearsal.history()
    value = loss(history.config(trial))
    if rehearsal.fidelity is not None:
        step = min(int(history.until[trial]), rehearsal.fidelity.max)
        rehearsal.report(trial, step, value)
        verdict = judge(strategy, rehearsal.history(), trial)
        if verdict is Verdict.PAUSE:
            rehearsal.pause(trial)
            return
        if verdict is Verdict.STOP:
            rehearsal.finish(trial, value, TrialState.STOPPED)
            return
    rehearsal.finish(trial, value, TrialState.COMPLETE if math.isfinite(value) else TrialState.FAILED)


def search(
    strategy: Strategy, rehearsal: Rehearsal, loss: Loss, *, asks: int, seed: int, at_once: int = 1
) -> list[Suggestion]:
    """Ask so many times, for ``at_once`` suggestions each, and train what is suggested; all suggestions, in order."""
    taken: list[Suggestion] = []
    for _ in range(asks):
        suggestions = strategy.ask(rehearsal.history(), at_once, Streams(seed))
        trials = [rehearsal.take(suggestion) for suggestion in suggestions]
        for trial in trials:
            train(rehearsal, strategy, trial, loss)
        taken += suggestions
        if not suggestions:
            break
    return taken


def random_trials(rehearsal: Rehearsal, values: Sequence[float], seed: int = 0) -> None:
    """Trials that no strategy proposed, complete with these values; a value that is not finite is a failure."""
    rng = np.random.default_rng(seed)
    for value in values:
        trial = rehearsal.start(rehearsal.space.sample(rng))
        rehearsal.finish(trial, value, TrialState.COMPLETE if math.isfinite(value) else TrialState.FAILED)
