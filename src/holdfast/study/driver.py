"""The study's side of an executor: gives out trials, takes in reports and outcomes, and knows when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.errors import StudyHaltedError
from holdfast.execute.base import Nothing
from holdfast.records import Assignment, Cause, Outcome, Report, Trial, TrialState, Verdict
from holdfast.search.base import Strategy
from holdfast.study import actions, advice
from holdfast.study.book import Book
from holdfast.study.exhausted import note_exhausted
from holdfast.study.stopping import is_at_its_end

RESTARTS_OF_A_LOST_TRIAL = 1


class Overseer(Protocol):
    """Meters trials and minds a budget while they run; it never touches the log."""

    def given(self, trials: Sequence[int]) -> None:
        """These trials begin now."""
        ...

    def ended(self, outcome: Outcome) -> Outcome:
        """The outcome of a trial that ended just now, with what was metered."""
        ...

    def enough(self) -> bool:
        """Whether no further trial may begin."""
        ...

    def at_once(self, trials: int) -> int:
        """How many of so many further trials may begin together, where one may."""
        ...

    def overdue(self) -> str | None:
        """Why the trials that run have to end now; None to let them run."""
        ...


@dataclass
class StudyDriver:
    """Drives one run of a study.

    Args:
        book: the study.
        strategy: what proposes.
        halt_after: so many alike failures in a row end the study with the real error.
        deadline: `time.monotonic` seconds after which no trial is given out.
        batch: how many trials one call of the job gets at most.
        lost: trials, as they were seen, that nobody runs any more; they run first.
        on_finish: called with each trial that ended or paused.
        overseer: meters and minds the budget; None for neither.
    """

    book: Book
    strategy: Strategy
    halt_after: int = 5
    deadline: float | None = None
    batch: int = 1
    lost: list[Trial] = field(default_factory=list)
    on_finish: Callable[[Trial], None] | None = None
    overseer: Overseer | None = None
    running: set[int] = field(default_factory=set)
    failures: list[Outcome] = field(default_factory=list)

    def next(self) -> Sequence[Assignment] | Nothing:
        """The next trials: lost ones, then enqueued ones, then what the strategy suggests."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return Nothing.DONE
        self.book.refresh()
        if self.overseer is not None and self.overseer.enough():
            self._give_up()
            return Nothing.DONE
        most = self.batch if self.overseer is None else self.overseer.at_once(self.batch)
        if not self.lost and (is_at_its_end(self.book) or advice.gains_too_little(self.book, self.strategy)):
            return Nothing.DONE
        assignments = self._again(most) or actions.ask(self.book, self.strategy, most)
        self.running.update(assignment.trial for assignment in assignments)
        if assignments:
            if self.overseer is not None:
                self.overseer.given([assignment.trial for assignment in assignments])
            return assignments
        if self.running:
            return Nothing.WAIT
        note_exhausted(self.book, self.strategy.name)
        return Nothing.DONE

    def overdue(self) -> str | None:
        """What the overseer says."""
        return None if self.overseer is None else self.overseer.overdue()

    def report(self, report: Report) -> Verdict:
        """Log and judge."""
        return actions.report(self.book, self.strategy, report)

    def finish(self, outcome: Outcome) -> None:
        """Log how a trial ended; a lost one gets one more try."""
        self.running.discard(outcome.trial)
        if self.overseer is not None:
            outcome = self.overseer.ended(outcome)
        trial = self.book.state.trials[outcome.trial]
        if outcome.cause is Cause.LOST and trial.restarts < RESTARTS_OF_A_LOST_TRIAL:
            self.lost.append(trial)
            return
        actions.tell(self.book, outcome)
        if self.on_finish is not None:
            self.on_finish(self.book.state.trials[outcome.trial])
        self._count(outcome)

    def _again(self, most: int) -> list[Assignment]:
        """Lost trials, from their checkpoints; without those that another process has taken up."""
        assignments: list[Assignment] = []
        while self.lost and len(assignments) < most:
            again = actions.restart(self.book, self.lost.pop(0), "the process that ran it is gone")
            if again is not None:
                assignments.append(again)
        return assignments

    def _give_up(self) -> None:
        """End the lost trials for good."""
        why = "the budget was spent before this trial could run again"
        while self.lost:
            number = self.lost.pop(0).number
            actions.tell(self.book, Outcome(number, TrialState.FAILED, error=why, cause=Cause.BUDGET))

    def _count(self, outcome: Outcome) -> None:
        """Halt the study after too many alike failures in a row."""
        if not actions.counts_as_failure(outcome):
            if outcome.state is not TrialState.FAILED:
                self.failures.clear()
            return
        if self.failures and not actions.is_alike(self.failures[-1], outcome):
            self.failures.clear()
        self.failures.append(outcome)
        if len(self.failures) >= self.halt_after:
            error = actions.last_line(outcome.error)
            why = f"{len(self.failures)} trials in a row failed alike: {error}"
            self.book.note("study.halted", {"why": why})
            raise StudyHaltedError(f"study '{self.book.state.settings.name}' was halted, because {why}")
