"""One call of a job, wherever it runs: whatever the job does, every assignment gets an outcome."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence

from holdfast.records import Assignment, Cause, Job, Outcome, Reporter, TrialState, cause_of


def call_job(job: Job, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
    """The job's outcomes, one for each assignment in the same order.

    A job that raises, or returns something else than that, gives outcomes FAILED with cause ERROR or MEMORY. Exceptions
    that are no `Exception` (KeyboardInterrupt, SystemExit) pass through.
    """
    began = time.perf_counter()
    began_cpu = time.process_time()
    cause = Cause.ERROR
    try:
        outcomes = list(job.run(assignments, report))
        fault = _fault(outcomes, assignments)
    except Exception as exc:  # noqa: BLE001  # it is handed on as text: its class may exist in this process only
        fault, cause = traceback.format_exc(), cause_of(exc)
    if fault is None:
        return outcomes
    seconds = time.perf_counter() - began
    return failed(assignments, cause, fault, seconds, time.process_time() - began_cpu)


def failed(
    assignments: Sequence[Assignment], cause: Cause, error: str, seconds: float = 0.0, cpu_seconds: float = 0.0
) -> list[Outcome]:
    """An outcome FAILED for each assignment; the time is shared between them."""
    share = 1 / max(len(assignments), 1)
    return [
        Outcome(
            trial=assignment.trial,
            state=TrialState.FAILED,
            error=error,
            cause=cause,
            seconds=seconds * share,
            cpu_seconds=cpu_seconds * share,
        )
        for assignment in assignments
    ]


def _fault(outcomes: Sequence[object], assignments: Sequence[Assignment]) -> str | None:
    """A sentence on what is wrong with what a job returned."""
    for outcome in outcomes:
        if not isinstance(outcome, Outcome):
            return f"the job returned a {type(outcome).__name__} where an Outcome was due"
    got = [outcome.trial for outcome in outcomes if isinstance(outcome, Outcome)]
    due = [assignment.trial for assignment in assignments]
    if got != due:
        return f"the job returned outcomes for the trials {got}; due were {due}, in this order"
    return None
