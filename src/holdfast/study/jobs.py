"""A user's objective as a job: call it, time it, and turn whatever happens into an outcome."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RequestError, shown
from holdfast.execute.base import Executor
from holdfast.records import Assignment, Cause, Outcome, Reporter, RowScores, TrialState, cause_of
from holdfast.study.handle import LiveTrial, say_unasked
from holdfast.study.partway import stand_for_report, unreported
from holdfast.study.results import End, Result, end_of, rows_apart
from holdfast.study.settings import whole


class TrialPruned(Exception):  # noqa: N818 - the name that Optuna's users know
    """Raised by an objective after `LiveTrial.should_prune` said so, or because it sees no point in going on."""


@dataclass(frozen=True)
class ObjectiveJob:
    """Runs ``objective(trial) -> float | dict`` for each assignment, one after the other."""

    objective: Callable[[LiveTrial], Result]
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        if not callable(self.objective):
            raise RequestError(f"objective = {shown(self.objective)}; it must be a function of a trial")

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; an exception of the objective is a failed trial."""
        return [self._run_one(LiveTrial(a, report, self.metrics)) for a in assignments]

    def _run_one(self, trial: LiveTrial) -> Outcome:
        clock = Clock()
        result: Result = None
        error, cause = None, Cause.ERROR
        try:
            result = self.objective(trial)
        except Exception as exc:  # noqa: BLE001 - a user's objective may raise anything; it is kept in the log
            if is_pruned(exc):
                trial.give_up()
            else:
                error, cause = traceback.format_exc(), cause_of(exc)
        trial.flush()
        if error is None:
            say_unasked(trial)
        return outcome_of(trial, result, self.metrics, error, clock, cause=cause)


@dataclass(frozen=True)
class BatchJob:
    """Runs ``train_many(trials) -> list`` on all assignments of one call together."""

    train_many: Callable[[list[LiveTrial]], Sequence[Result]]
    metrics: tuple[str, ...]

    def __post_init__(self) -> None:
        if not callable(self.train_many):
            raise RequestError(f"train_many = {shown(self.train_many)}; it must be a function of a list of trials")

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """One outcome for each assignment; an exception fails the whole batch."""
        clock = Clock()
        trials = [LiveTrial(a, report, self.metrics) for a in assignments]
        results: list[Result] = []
        error, cause = None, Cause.ERROR
        try:
            results = list(self.train_many(trials))
            if len(results) != len(trials):
                error = f"train_many returned {len(results)} results for {len(trials)} trials"
        except Exception as exc:  # noqa: BLE001 - as above
            error, cause = traceback.format_exc(), cause_of(exc)
        if error is not None:
            results = [None] * len(trials)
        for trial in trials:
            trial.flush()
            if error is None:
                say_unasked(trial)
        shares = sum(trial.share for trial in trials)
        pairs = zip(trials, results, strict=True)
        return [
            outcome_of(trial, result, self.metrics, error, clock, shares / trial.share, cause)
            for trial, result in pairs
        ]


class Clock:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self) -> tuple[float, float]:
        """(wall seconds, CPU seconds of this process)."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def outcome_of(
    trial: LiveTrial,
    result: Result,
    metrics: tuple[str, ...],
    error: str | None,
    clock: Clock,
    share: float = 1.0,
    cause: Cause = Cause.ERROR,
) -> Outcome:
    """What a trial came to; ``share`` divides the time among the trials of a batch, ``cause`` is that of an error."""
    seconds, cpu_seconds = (value / share for value in clock.read())
    rows: Any = trial.rows
    if error is None and not (rows is None or isinstance(rows, RowScores)):
        error = f"trial.rows is a {type(rows).__name__}; it must be a holdfast.RowScores"
    error = error or unreported(trial, metrics)
    end = End(TrialState.FAILED, {}, error, cause)
    if error is None:
        try:
            stand_for_report(trial, result, metrics)
            end = end_of(result, metrics, trial.verdict, trial.reported)
        except RequestError as exc:
            end = End(TrialState.FAILED, {}, str(exc), Cause.ERROR)
        apart = "" if rows is None else rows_apart(rows, end, metrics)
        end = End(TrialState.FAILED, {}, apart, Cause.ERROR) if apart else end
    return Outcome(
        trial=trial.number,
        state=end.state,
        metrics=end.metrics,
        rows=None if end.state is TrialState.FAILED else rows,
        error=end.error,
        cause=end.cause,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        extra=dict(trial.user_attrs),
    )


def is_pruned(exc: BaseException) -> bool:
    """Whether an exception means that the trial gives up: ours, or Optuna's of the same name."""
    return isinstance(exc, TrialPruned) or any(
        kind.__name__ == "TrialPruned" and kind.__module__.split(".")[0] == "optuna" for kind in type(exc).__mro__
    )


def executor_of(n_jobs: int) -> Executor:
    """What runs a study's own objective: this process, or ``n_jobs`` fresh ones.

    Raises:
        RequestError: for fewer than one.
    """
    n_jobs = whole("n_jobs", n_jobs, 1)
    if n_jobs == 1:
        from holdfast.execute.inline import Inline

        return Inline()
    from holdfast.execute.processes import Processes

    return Processes(n_jobs)
