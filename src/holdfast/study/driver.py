"""The study's side of an executor: gives out trials, takes in reports and outcomes, and knows when to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.errors import StudyHaltedError
from holdfast.execute.base import Executor, Nothing
from holdfast.meter.job import MeteredJob
from holdfast.records import Assignment, Cause, Job, Outcome, Report, Trial, TrialState, Verdict
from holdfast.search.base import Strategy
from holdfast.study import actions, advice
from holdfast.study.book import Book
from holdfast.study.checked import CheckedJob
from holdfast.study.checkpoints import warn_of_unsaved
from holdfast.study.exhausted import note_exhausted
from holdfast.study.failures import counts_as_failure, error_line, is_alike
from holdfast.study.holding import Holder, Watch, warn_of_late
from holdfast.study.jobs import BatchJob, ObjectiveJob
from holdfast.study.settling import Settling
from holdfast.study.stopping import is_at_its_end

RESTARTS: dict[Cause, int] = {Cause.LOST: 1, Cause.MEMORY: 1, Cause.PREEMPTED: 10}
"""How often a trial may have been restarted and still runs again, by the cause that ended it; none by other causes.

One that diverged is information, and a bug would be one again.
"""

MOST_RESTARTS = 10
"""After so many a trial that is lost once more is given up: it may be what ends its workers."""

_WHY: dict[Cause, str] = {
    Cause.LOST: "the process that ran it is gone",
    Cause.MEMORY: "memory ran out while it ran",
    Cause.PREEMPTED: "the machine took its process away",
    Cause.INTERRUPTED: "a person had stopped it",
}

_told = logging.getLogger("holdfast")


class Preempted(KeyboardInterrupt):
    """The machine, or whoever runs it, asks this process to end; it is as if a person did, but for the cause."""

    cause = Cause.PREEMPTED


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
        holder: gives signs of life for what runs here.
        settling: waits for the disk while the next trials run; None where each result is waited for.
        watch: finds what others ran and nobody runs any more; None where there are no others.
        stays: whether it waits for what others run, to go on with it should they be gone, or if the budget is spent
            for their results, as long as it leaves room.
        level: whether the end of the log was told from here a moment ago, so that there is nothing to read behind it.
        told: whether failures are told of as they come, since nothing else shows them.
        ended: the trials of this run that have, or have paused.
        failed: how many of them have.
        saving: whether trials have yet to be looked at for one whose objective saved nothing; False once that is said.
    """

    book: Book
    strategy: Strategy
    halt_after: int = 5
    deadline: float | None = None
    batch: int = 1
    lost: list[Trial] = field(default_factory=list)
    on_finish: Callable[[Trial], None] | None = None
    overseer: Overseer | None = None
    holder: Holder | None = None
    watch: Watch | None = None
    settling: Settling | None = None
    stays: bool = False
    level: bool = False
    saving: bool = False
    running: dict[int, int] = field(default_factory=dict)
    causes: dict[int, Cause] = field(default_factory=dict)
    failures: list[Outcome] = field(default_factory=list)
    told: bool = False
    ended: set[int] = field(default_factory=set)
    failed: int = 0

    def drive(self, executor: Executor, job: Job) -> None:
        """Feed trials to a job until there are no more, with signs of life meanwhile; Ctrl-C marks those that run."""
        log, self.saving = self.book.log, isinstance(job, ObjectiveJob | BatchJob)
        self.told = self.saving and self.overseer is None
        with ExitStack() as ends:
            self.holder = ends.enter_context(closing(Holder(log.leases, shared=log.durable)))
            if log.flush is not None and self.on_finish is None:  # what a person is told of is on disk
                self.settling = ends.enter_context(closing(Settling(log.flush)))
            self.watch = Watch(log.leases) if log.durable else None
            try:
                checked = CheckedJob(job, self.book.state.settings.objectives)
                executor.run(MeteredJob(checked, executor.slots), self)
            except KeyboardInterrupt as exc:
                self.book.reload()
                actions.interrupt(self.book, self.held, exc.cause if isinstance(exc, Preempted) else Cause.INTERRUPTED)
                raise
            finally:
                if self.failed > 1 and self.told:
                    _told.warning("%d of %d trials failed; study.trials has their errors", self.failed, len(self.ended))

    @property
    def held(self) -> list[int]:
        """The trials that run here, and have not been given to others meanwhile."""
        return [number for number, token in self.running.items() if actions.holds(self.book.state, number, token)]

    def next(self) -> Sequence[Assignment] | Nothing:
        """The next trials: lost ones, then enqueued ones, then what the strategy suggests."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return Nothing.DONE
        level, self.level = self.level, False
        if not level:
            self.book.refresh()
        if self.overseer is not None and self.overseer.enough():
            _end_for_good(self.book, self.lost)
            return Nothing.WAIT if self._others_may_end(self.overseer) else Nothing.DONE
        self._find_lost()
        most = self.batch if self.overseer is None else self.overseer.at_once(self.batch)
        if not self.lost and (is_at_its_end(self.book) or advice.gains_too_little(self.book, self.strategy)):
            return Nothing.DONE
        assignments = self._again(most) or actions.ask(self.book, self.strategy, most)
        if assignments:
            self._take(actions.tokens_of(self.book.state, assignments))
            if self.overseer is not None:
                self.overseer.given([assignment.trial for assignment in assignments])
            return assignments
        if level and _others_went_on(self.book):
            return self.next()
        if self.running or self._others_may_leave_something():
            return Nothing.WAIT
        note_exhausted(self.book, self.strategy)
        return Nothing.DONE

    def overdue(self) -> str | None:
        """What the overseer says."""
        return None if self.overseer is None else self.overseer.overdue()

    def report(self, report: Report) -> Verdict:
        """Log and judge; one that somebody else has taken over meanwhile is to stop."""
        return actions.report(self.book, self.strategy, report, self.running[report.trial])

    def finish(self, outcome: Outcome) -> None:
        """Log how a trial ended; some causes get one more try."""
        token = self.running.pop(outcome.trial)
        if self.holder is not None:
            self.holder.let_go(outcome.trial)
        if self.overseer is not None:
            outcome = self.overseer.ended(outcome)
        trial = self.book.state.trials[outcome.trial]
        if outcome.cause in RESTARTS and token < RESTARTS[outcome.cause] and trial.restarts == token:
            self.causes[trial.number] = outcome.cause
            self.lost.append(trial)
            return
        if not actions.tell(self.book, outcome, token, lasting=self.settling is None):
            warn_of_late(outcome.trial)
            return
        if self.settling is not None:
            self.settling.begin()
        self.level = True
        if self.on_finish is not None:
            self.on_finish(self.book.state.trials[outcome.trial])
        self._count(outcome)

    def _again(self, most: int) -> list[Assignment]:
        """Lost trials, from their checkpoints; without those that another process has taken up."""
        assignments: list[Assignment] = []
        while self.lost and len(assignments) < most:
            seen = self.lost.pop(0)
            cause = self.causes.pop(seen.number, seen.cause or Cause.LOST)
            if seen.restarts >= MOST_RESTARTS:
                _give_up_on(self.book, seen, cause)
                continue
            again = actions.restart(self.book, seen, _WHY.get(cause, _WHY[Cause.LOST]))
            if again is not None:
                assignments.append(again)
        return assignments

    def _take(self, tokens: dict[int, int]) -> None:
        """These trials run here from now on."""
        self.running.update(tokens)
        self.saving = self.saving and not warn_of_unsaved(self.book.state, tokens)
        if self.holder is not None:
            self.holder.hold(tokens)

    def _find_lost(self, *, at_once: bool = False) -> None:
        """Take up what others have left."""
        if self.watch is not None:
            known = {trial.number for trial in self.lost}
            own = {*self.running, *known}
            self.lost += self.watch.lost(actions.running(self.book.state), own=own, at_once=at_once)

    def _others_may_leave_something(self) -> bool:
        """Whether others run trials that have to go on here, or may have to."""
        if self.watch is None:
            return False
        self._find_lost(at_once=True)
        return bool(self.lost or self.watch.undecided or (self.stays and self.watch.alive))

    def _others_may_end(self, overseer: Overseer) -> bool:
        """Whether others run trials that the budget leaves room for, though for no further ones."""
        if self.watch is None or not self.stays or overseer.overdue() is not None:
            return False
        self.book.refresh()
        self._find_lost(at_once=True)
        _end_for_good(self.book, self.lost)
        return bool(self.watch.undecided or self.watch.alive)

    def _count(self, outcome: Outcome) -> None:
        """Count failures, and halt the study after too many alike ones in a row."""
        self.ended.add(outcome.trial)
        if not counts_as_failure(outcome):
            if outcome.state is not TrialState.FAILED:
                self.failures.clear()
            return
        if self.failures and not is_alike(self.failures[-1], outcome):
            self.failures.clear()
        self.failures.append(outcome)
        self.failed += 1
        if self.failed == 1 and self.told:
            _told.warning("trial %d failed: %s", outcome.trial, error_line(outcome.error))
        if len(self.failures) >= self.halt_after:
            count = len(self.failures)
            what = "a trial failed" if count == 1 else f"{count} trials in a row failed alike"
            why = f"{what}: {error_line(outcome.error)}"
            self.book.note("study.halted", {"why": why})
            raise StudyHaltedError(
                f"study '{self.book.state.settings.name}' was halted, because {why}; mend that and go on, or where "
                f"trials fail by accident, go on with a halt_after above {self.halt_after}"
            )


def _others_went_on(book: Book) -> bool:
    """Whether others have added to the log; they may have told what is needed to find something to try."""
    before = book.head
    book.refresh()
    return book.head != before


def _end_for_good(book: Book, lost: list[Trial]) -> None:
    """End trials that were lost and cannot run again."""
    why = "the budget was spent before this trial could run again"
    while lost:
        actions.tell(book, Outcome(lost.pop(0).number, TrialState.FAILED, error=why, cause=Cause.BUDGET))


def _give_up_on(book: Book, seen: Trial, cause: Cause) -> None:
    """End a trial that was lost again and again."""
    error = f"it was restarted {seen.restarts} times, and each time {_WHY.get(cause, _WHY[Cause.LOST])}"
    actions.tell(book, Outcome(seen.number, TrialState.FAILED, error=error, cause=cause), seen.restarts)
