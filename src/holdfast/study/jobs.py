"""A user's objective as a job: call it, time it, and turn whatever happens into an outcome."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.records import Assignment, Cause, Outcome, Reporter, TrialState, Verdict
from holdfast.study.handle import LiveTrial

Result = float | Mapping[str, float] | Sequence[float] | None


class TrialPruned(Exception):  # noqa: N818 - the name that Optuna's users know
    """Raised by an objective after `LiveTrial.should_prune` said so."""


@dataclass(frozen=True)
class ObjectiveJob:
    """Runs ``objective(trial) -> float | dict`` for each assignment, one after the other."""

    objective: Callable[[LiveTrial], Result]
    metrics: tuple[str, ...]

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; an exception of the objective is a failed trial."""
        return [self._run_one(LiveTrial(a, report, self.metrics[0])) for a in assignments]

    def _run_one(self, trial: LiveTrial) -> Outcome:
        clock = Clock()
        result: Result = None
        error = None
        try:
            result = self.objective(trial)
        except Exception as exc:  # noqa: BLE001 - a user's objective may raise anything; it is kept in the log
            if not is_pruned(exc):
                error = traceback.format_exc()
        trial.flush()
        return outcome_of(trial, result, self.metrics, error, clock)


@dataclass(frozen=True)
class BatchJob:
    """Runs ``train_many(trials) -> list`` on all assignments of one call together."""

    train_many: Callable[[list[LiveTrial]], Sequence[Result]]
    metrics: tuple[str, ...]

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; an exception fails the whole batch."""
        clock = Clock()
        trials = [LiveTrial(a, report, self.metrics[0]) for a in assignments]
        results: Sequence[Result] = [None] * len(trials)
        error = None
        try:
            results = self.train_many(trials)
            if len(results) != len(trials):
                error = f"train_many returned {len(results)} results for {len(trials)} trials"
        except Exception:  # noqa: BLE001 - as above
            error = traceback.format_exc()
        if error is not None:
            results = [None] * len(trials)
        for trial in trials:
            trial.flush()
        share = len(trials)
        pairs = zip(trials, results, strict=True)
        return [outcome_of(trial, result, self.metrics, error, clock, share) for trial, result in pairs]


class Clock:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self) -> tuple[float, float]:
        """(wall seconds, CPU seconds of this process)."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def outcome_of(
    trial: LiveTrial, result: Result, metrics: tuple[str, ...], error: str | None, clock: Clock, share: int = 1
) -> Outcome:
    """What a trial came to; ``share`` divides the time among the trials of a batch."""
    seconds, cpu_seconds = (value / share for value in clock.read())
    named: dict[str, float] = {}
    cause = None if error is None else Cause.ERROR
    if error is None:
        named, error, cause = check_result(result, metrics, trial.verdict)
    if cause is not None:
        state = TrialState.FAILED
    else:
        state = {Verdict.PAUSE: TrialState.PAUSED, Verdict.STOP: TrialState.STOPPED}.get(
            trial.verdict, TrialState.COMPLETE
        )
    return Outcome(trial.number, state, named, trial.rows, error, cause, seconds, cpu_seconds, dict(trial.user_attrs))


def check_result(
    result: Any, metrics: tuple[str, ...], verdict: Verdict
) -> tuple[dict[str, float], str | None, Cause | None]:
    """Named metrics from what an objective returned, or why it will not do: (metrics, error, cause)."""
    if result is None and verdict is not Verdict.CONTINUE:
        return {}, None, None
    if isinstance(result, Mapping):
        pairs = dict(result)
    elif isinstance(result, Sequence) and not isinstance(result, str) and len(result) == len(metrics):
        pairs = dict(zip(metrics, result, strict=True))
    else:
        pairs = {metrics[0]: result}
    named: dict[str, float] = {}
    for name, value in pairs.items():
        try:
            named[str(name)] = float(value)
        except (TypeError, ValueError):
            return {}, f"the objective returned {value!r} for '{name}'; it must return a number", Cause.ERROR
    missing = [name for name in metrics if name not in named]
    if missing:
        return named, f"the objective returned no value for '{missing[0]}'", Cause.ERROR
    bad = [name for name in metrics if not math.isfinite(named[name])]
    if bad:
        return named, f"the objective returned {named[bad[0]]} for '{bad[0]}'", Cause.DIVERGED
    return named, None, None


def is_pruned(exc: BaseException) -> bool:
    """Whether an exception means that the trial ends by its verdict: ours, or Optuna's of the same name."""
    return isinstance(exc, TrialPruned) or any(
        kind.__name__ == "TrialPruned" and kind.__module__.split(".")[0] == "optuna" for kind in type(exc).__mro__
    )
