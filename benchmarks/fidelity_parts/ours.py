"""Strategies of holdfast in the simulator, driven through a history of their own."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.fidelity_parts.curves import CurveTask
from benchmarks.fidelity_parts.simulator import Order, Run, simulate
from benchmarks.search_parts.ours import space_of

from holdfast.records import Fidelity, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.base import Strategy, judge
from holdfast.search.history import PAUSED
from holdfast.testing.rehearsal import Rehearsal


class Ours:
    """A strategy that is asked for one trial whenever a worker is free."""

    def __init__(self, strategy: Strategy, task: CurveTask, seed: int, eta: int = 3) -> None:
        self._strategy, self._streams = strategy, Streams(seed)
        self._epochs = task.epochs
        self.rehearsal = Rehearsal(space_of(task.space), Fidelity("epoch", 1, task.epochs, eta))
        self._reached: dict[int, int] = {}

    def ask(self) -> Order | None:
        """What the strategy suggests."""
        history = self.rehearsal.history()
        suggestions = self._strategy.ask(history, 1, self._streams)
        if not suggestions:
            return None
        trial = self.rehearsal.take(suggestions[0])
        until = suggestions[0].until_step or self._epochs
        return Order(trial, suggestions[0].config, self._reached.get(trial, 0), min(until, self._epochs))

    def report(self, token: Any, epoch: int, loss: float) -> bool:
        """The strategy's verdict."""
        self._reached[token] = epoch
        self.rehearsal.report(token, epoch, loss)
        if not math.isfinite(loss):
            return False
        self._verdict = judge(self._strategy, self.rehearsal.history(), token)
        return self._verdict is Verdict.CONTINUE

    def end(self, token: Any, epoch: int, loss: float) -> None:
        """The trial pauses, or ends."""
        if not math.isfinite(loss):
            self.rehearsal.finish(token, math.nan, TrialState.FAILED)
        elif epoch == self._epochs:
            self.rehearsal.finish(token, loss)
        elif self._verdict is Verdict.STOP:
            self.rehearsal.finish(token, loss, TrialState.STOPPED)
        else:
            self.rehearsal.pause(token)
            assert self.rehearsal.history().states[token] == PAUSED


def run(strategy: Strategy, task: CurveTask, seed: int, workers: int, budget: float, enough: float) -> Run:
    """One search."""
    return simulate(Ours(strategy, task, seed), task, workers, budget, enough)
