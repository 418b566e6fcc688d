"""The conformance suite of every executor: run each of `EXECUTOR_CHECKS` with a function that makes one.

    @pytest.mark.parametrize("check", EXECUTOR_CHECKS)
    def test_executor(check):
        check(lambda: MyExecutor(slots=2))

A check raises AssertionError with a sentence on what the executor did wrong.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from holdfast.execute.base import Executor, Nothing
from holdfast.records import Assignment, Cause, Job, Outcome, Report, Reporter, RowScores, TrialState, Verdict

MakeExecutor = Callable[[], Executor]


@dataclass
class ScriptedDriver:
    """A driver that gives out prepared work, answers every report with ``verdict``, and remembers all it heard.

    Args:
        work: what `next` gives in turn; `Nothing.DONE` when it is used up.
        verdict: the answer to every report.
        fail_on: the method that raises ``failure``: "next", "report" or "finish".
        deadline: `time.monotonic` seconds from which on it is overdue.
    """

    work: list[Sequence[Assignment] | Nothing]
    verdict: Verdict = Verdict.CONTINUE
    fail_on: str | None = None
    failure: BaseException = field(default_factory=lambda: KeyError("the driver fails"))
    deadline: float | None = None
    given: list[int] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    most_at_once: int = 0
    _running: int = 0

    def next(self) -> Sequence[Assignment] | Nothing:
        """The next piece of work."""
        self._called("next")
        if not self.work:
            return Nothing.DONE
        answer = self.work.pop(0)
        if not isinstance(answer, Nothing):
            self.given += [assignment.trial for assignment in answer]
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        return answer

    def overdue(self) -> str | None:
        """A reason once the deadline has passed."""
        return "the budget is spent" if self.deadline is not None and time.monotonic() >= self.deadline else None

    def report(self, report: Report) -> Verdict:
        """Remember the report."""
        self._called("report")
        self.reports.append(report)
        return self.verdict

    def finish(self, outcome: Outcome) -> None:
        """Remember the outcome."""
        self._called("finish")
        self.outcomes.append(outcome)
        self._running -= 1

    def _called(self, method: str) -> None:
        self.threads.add(threading.get_ident())
        if method == self.fail_on:
            raise self.failure

    def by_trial(self) -> dict[int, Outcome]:
        """The outcomes by their trial's number."""
        return {outcome.trial: outcome for outcome in self.outcomes}


@dataclass(frozen=True)
class EchoJob:
    """Returns what it got, and where it ran; ``sleep`` seconds each."""

    sleep: float = 0.0

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:  # noqa: ARG002
        """One outcome COMPLETE for each assignment."""
        time.sleep(self.sleep)
        return [
            Outcome(
                trial=given.trial,
                state=TrialState.COMPLETE,
                metrics={"value": float(given.config["x"] or 0)},
                rows=RowScores(np.full(3, given.seed)),
                extra={"pid": os.getpid(), "size": len(assignments), "checkpoint": len(given.checkpoint or b"")},
            )
            for given in assignments
        ]


@dataclass(frozen=True)
class ReportingJob:
    """Reports steps 1 to 3 with a checkpoint, and stops where the verdict says so."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """COMPLETE after three steps, STOPPED at a verdict STOP."""
        return [self._one(given.trial, report) for given in assignments]

    @staticmethod
    def _one(trial: int, report: Reporter) -> Outcome:
        for step in (1, 2, 3):
            if report(Report(trial, step, {"value": step / 2}, checkpoint=bytes(step))) is Verdict.STOP:
                return Outcome(trial, TrialState.STOPPED, {"step": step})
        return Outcome(trial, TrialState.COMPLETE, {"step": 3})


@dataclass(frozen=True)
class BrokenJob:
    """Raises what has no place in another process, or returns too little, instead of an outcome."""

    fault: str

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:  # noqa: ARG002
        """Do not what a job should."""

        class LocalError(Exception):
            def __init__(self, one: int, two: int) -> None:
                super().__init__(f"broken by {one} and {two}")

        if self.fault == "raise":
            raise LocalError(1, 2)
        return []


def assignment(trial: int, checkpoint: bytes | None = None) -> Assignment:
    """An assignment whose config holds the trial's number as ``x``."""
    return Assignment(trial=trial, config={"x": trial}, seed=trial + 1000, checkpoint=checkpoint)


def run(executor: Executor, job: Job, driver: ScriptedDriver) -> ScriptedDriver:
    """Run a job, and check what has to hold of every run."""
    executor.run(job, driver)
    assert driver.threads == {threading.get_ident()}, "the driver was called from another thread"
    assert sorted(outcome.trial for outcome in driver.outcomes) == sorted(driver.given), (
        "not every assignment has exactly one outcome"
    )
    return driver


def check_nothing_to_do(make_executor: MakeExecutor) -> None:
    """A driver that is done at once is done at once."""
    driver = run(make_executor(), EchoJob(), ScriptedDriver([]))
    assert driver.outcomes == [], "there are outcomes though there was no work"


def check_everything_comes_back(make_executor: MakeExecutor) -> None:
    """Configs, seeds and checkpoints reach the job; metrics, row scores and extras come back whole."""
    driver = run(make_executor(), EchoJob(), ScriptedDriver([[assignment(n, bytes(300_000))] for n in range(6)]))
    assert driver.given == list(range(6)), "work was not taken in the order it was given"
    for trial, outcome in driver.by_trial().items():
        assert outcome.metrics == {"value": trial}, f"trial {trial} came back with the metrics {outcome.metrics}"
        assert outcome.rows is not None, "row scores were lost"
        assert list(outcome.rows.values) == [trial + 1000] * 3, "row scores were changed"
        assert outcome.extra["checkpoint"] == 300_000, "a checkpoint was lost or cut"


def check_many_assignments_per_call(make_executor: MakeExecutor) -> None:
    """Several assignments given at once make one call of the job."""
    batch = [assignment(n) for n in range(5)]
    driver = run(make_executor(), EchoJob(), ScriptedDriver([batch, [assignment(5)]]))
    sizes = [driver.by_trial()[trial].extra["size"] for trial in range(6)]
    assert sizes == [5] * 5 + [1], f"the calls of the job had the sizes {sizes}"
    assert [outcome.trial for outcome in driver.outcomes if outcome.trial < 5] == list(range(5)), (
        "the outcomes of a call are not in the order of its assignments"
    )


def check_wait(make_executor: MakeExecutor) -> None:
    """A driver that has nothing to give right now is asked again, whether or not something runs."""
    wait = Nothing.WAIT
    driver = ScriptedDriver([wait, [assignment(0)], wait, wait, [assignment(1)], wait, [assignment(2)], wait])
    run(make_executor(), EchoJob(), driver)
    assert driver.given == [0, 1, 2], "work behind a wait was not taken"


def check_slots(make_executor: MakeExecutor) -> None:
    """All slots are used, and never more."""
    executor = make_executor()
    driver = run(executor, EchoJob(sleep=0.02), ScriptedDriver([[assignment(n)] for n in range(3 * executor.slots)]))
    assert driver.most_at_once == executor.slots, f"{driver.most_at_once} calls ran at once on {executor.slots} slots"


def check_verdicts_reach_the_job(make_executor: MakeExecutor) -> None:
    """Reports arrive in order with their checkpoints, and the verdict comes back."""
    for verdict, steps in ((Verdict.CONTINUE, [1, 2, 3]), (Verdict.STOP, [1])):
        driver = run(make_executor(), ReportingJob(), ScriptedDriver([[assignment(4)]], verdict=verdict))
        assert [report.step for report in driver.reports] == steps, f"with {verdict} the reports were {driver.reports}"
        assert [report.checkpoint for report in driver.reports] == [bytes(step) for step in steps], (
            "a checkpoint was lost"
        )
        assert driver.outcomes[0].metrics == {"step": steps[-1]}, f"the verdict {verdict} did not reach the job"


def check_failing_job(make_executor: MakeExecutor) -> None:
    """A job that raises, or returns too little, gives FAILED outcomes with the reason, and the run goes on."""
    for fault, words in (("raise", "broken by 1 and 2"), ("return", "due were [0, 1]")):
        work: list[Sequence[Assignment] | Nothing] = [[assignment(0), assignment(1)], [assignment(2)]]
        driver = run(make_executor(), BrokenJob(fault), ScriptedDriver(work))
        for outcome in driver.outcomes:
            assert (outcome.state, outcome.cause) == (TrialState.FAILED, Cause.ERROR), f"the outcome is {outcome}"
        assert words in (driver.by_trial()[0].error or ""), f"the error does not say why: {driver.by_trial()[0].error}"


def check_failing_driver(make_executor: MakeExecutor) -> None:
    """What the driver raises ends the run within a second, unchanged, KeyboardInterrupt too."""
    for method in ("next", "report", "finish"):
        for failure in (KeyError("the driver fails"), KeyboardInterrupt()):
            work: list[Sequence[Assignment] | Nothing] = [[assignment(n)] for n in range(4)]
            driver = ScriptedDriver(work, fail_on=method, failure=failure)
            began = _Clock(driver)
            try:
                make_executor().run(ReportingJob(), began)
            except (KeyError, KeyboardInterrupt) as exc:
                same = exc is failure
            else:
                same = False
            assert same, f"{failure!r} from the driver's {method} did not pass on"
            assert time.perf_counter() - began.last < 1.0, f"the run went on for over a second after {failure!r}"


class _Clock:
    """A driver in front of another that notes when it was last called."""

    def __init__(self, driver: ScriptedDriver) -> None:
        self.driver = driver
        self.last = time.perf_counter()

    def next(self) -> Sequence[Assignment] | Nothing:
        self.last = time.perf_counter()
        return self.driver.next()

    def overdue(self) -> str | None:
        return self.driver.overdue()

    def report(self, report: Report) -> Verdict:
        self.last = time.perf_counter()
        return self.driver.report(report)

    def finish(self, outcome: Outcome) -> None:
        self.last = time.perf_counter()
        self.driver.finish(outcome)


EXECUTOR_CHECKS: tuple[Callable[[MakeExecutor], None], ...] = (
    check_nothing_to_do,
    check_everything_comes_back,
    check_many_assignments_per_call,
    check_wait,
    check_slots,
    check_verdicts_reach_the_job,
    check_failing_job,
    check_failing_driver,
)
"""Every check takes a function that makes the executor."""
