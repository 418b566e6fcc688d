"""An executor runs jobs somewhere and hands back what they say; it knows nothing of models."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from holdfast.records import Assignment, Job, Outcome, Report, Verdict


class Nothing(Enum):
    """What a driver answers when it has no assignment to give."""

    WAIT = "wait"
    """not now: something that is running has to finish first"""
    DONE = "done"
    """never again: the study is over once what is running has finished"""


class Driver(Protocol):
    """The study's side of an executor: gives out work, takes in reports and outcomes. Called from one thread only."""

    def next(self) -> Sequence[Assignment] | Nothing:
        """The assignments of one call of the job (often one)."""
        ...

    def overdue(self) -> str | None:
        """Why what runs has to end now, because the budget is spent; None to let it run. Asked again and again."""
        ...

    def report(self, report: Report) -> Verdict:
        """Take a report from a running trial and judge the trial."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Take the outcome of a trial. May raise to end the run: the executor stops its workers and lets it pass."""
        ...


class Executor(Protocol):
    """Runs a job's assignments until the driver is done."""

    @property
    def slots(self) -> int:
        """How many calls of the job can run at once."""
        ...

    def run(self, job: Job, driver: Driver) -> None:
        """Feed the driver's assignments to the job until `Nothing.DONE` and all that ran has finished.

        A worker process that dies gives an outcome FAILED with cause LOST for each of its trials. On KeyboardInterrupt
        the workers are gone within a second and the interrupt passes on. Once the driver is `Driver.overdue`, an
        executor that can end what runs does so, with outcomes FAILED and cause BUDGET.
        """
        ...
