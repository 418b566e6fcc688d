"""Asynchronous successive halving by promotion: train many a little, the best third on to the next rung.

Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, algorithm 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs, one_objective
from holdfast.search.history import COMPLETE, PAUSED, TO_THE_END, History


@dataclass(frozen=True)
class Asha:
    """A trial pauses at each rung and is resumed from its checkpoint when it is among the best ``1/eta`` of the rung.

    Rungs come from the study's fidelity. New configurations are random. When the budget allows no new trial, nothing
    is running and nothing may be promoted, yet no trial has been trained to the end, the best of the highest rung is,
    so that a study ends with a configuration that was trained as it will be used. A trial's loss at a rung is what it
    reported at that step, or at the first one behind it.
    """

    name: str = "asha"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Promote what may be promoted, highest rung first; fill up with new configurations."""
        one_objective(history, self.name)
        fidelity = _fidelity(history)
        suggestions = [
            Suggestion(history.config(trial), reason, history.index, resume_from=trial, until_step=until)
            for trial, until, reason in itertools.islice(promotions(history, fidelity), n)
        ]
        fresh = n - len(suggestions)
        if history.trials_left is not None:
            fresh = min(fresh, history.trials_left)
        suggestions += self._new(history, fresh, fidelity, rng)
        if not suggestions and len(history.pending) == 0:
            suggestions = _finish_best(history, fidelity)
        return suggestions

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the rung a trial was assigned to run to."""
        until = history.until[trial]
        if until == TO_THE_END or until >= _fidelity(history).max:
            return Verdict.CONTINUE
        steps = history.report_step[history.report_trial == trial]
        return Verdict.PAUSE if steps.size and steps[-1] >= until else Verdict.CONTINUE

    def _new(self, history: History, n: int, fidelity: Fidelity, rng: Streams) -> list[Suggestion]:
        space = known_space(history, self.name)

        def propose(number: int, attempt: int) -> Config:
            return space.sample(rng.generator(number, "random" if attempt == 0 else f"random/{attempt}"))

        first = fidelity.rungs()[0]
        reason = f"asha: new, to {fidelity.name} {first}"
        return [
            Suggestion(config, reason, history.index, until_step=first) for config in new_configs(history, n, propose)
        ]


def promotions(history: History, fidelity: Fidelity) -> Iterator[tuple[int, int, str]]:
    """(trial, next rung, reason) of every paused trial that may go on, highest rung first, best first."""
    rungs = fidelity.rungs()
    for level, above in reversed(list(itertools.pairwise(rungs))):
        losses = history.loss_at(level)
        reported = np.flatnonzero(history.reported_at(level))
        # a diverged trial counts as the worst of its rung, and so does not shrink it
        ranked = reported[np.argsort(np.where(np.isnan(losses[reported]), np.inf, losses[reported]), kind="stable")]
        best = ranked[: len(ranked) // fidelity.eta]
        waiting = (history.states[best] == PAUSED) & (history.until[best] == level) & ~np.isnan(losses[best])
        for place in np.flatnonzero(waiting):
            reason = f"asha: {place + 1} of {len(ranked)} at {fidelity.name} {level}, on to {above}"
            yield int(best[place]), above, reason


def _finish_best(history: History, fidelity: Fidelity) -> list[Suggestion]:
    rungs = fidelity.rungs()
    if (history.states == COMPLETE).any():
        return []
    for level in reversed(rungs[:-1]):
        losses = np.where((history.states == PAUSED) & (history.until == level), history.loss_at(level), np.nan)
        if not np.isnan(losses).all():
            best = int(np.nanargmin(losses))
            reason = f"asha: best at {fidelity.name} {level} and nothing else to do, on to {rungs[-1]}"
            return [Suggestion(history.config(best), reason, history.index, resume_from=best, until_step=rungs[-1])]
    return []


def _fidelity(history: History) -> Fidelity:
    if history.fidelity is None:
        raise RequestError(
            "strategy 'asha' needs a fidelity, such as Study(..., fidelity=holdfast.Fidelity('epoch', 1, 81))"
        )
    return history.fidelity
