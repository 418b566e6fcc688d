"""The conformance suite of executors with workers that can die: `PROCESS_CHECKS`, beside `EXECUTOR_CHECKS`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.execute.base import Nothing
from holdfast.records import Assignment, Cause, Outcome, Report, Reporter, TrialState, Verdict
from holdfast.testing.executors import EchoJob, MakeExecutor, ScriptedDriver, assignment, run

WORDS = {"kill": "SIGKILL", "segfault": "SIGSEGV", "exit": "exit code 3", "os_exit": "exit code 3"}
"""Ways to die, and what an executor that is the parent of its workers says of each."""


@dataclass(frozen=True)
class DyingJob:
    """Trial 1 takes its process with it; the others complete."""

    way: str

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """Report, then die or go on."""
        for given in assignments:
            report(Report(given.trial, 1, {"value": 0.5}))
            if given.trial == 1:
                self._die()
        return EchoJob().run(assignments, report)

    def _die(self) -> None:
        match self.way:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                sys.exit(3)
            case _:
                os._exit(3)


@dataclass(frozen=True)
class SleepingJob:
    """Reports its process id as metric ``pid``, then sleeps ``seconds``."""

    seconds: float

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        """Report, then sleep."""
        report(Report(assignments[0].trial, 1, {"pid": float(os.getpid())}))
        time.sleep(self.seconds)
        return EchoJob().run(assignments, report)


def check_lost_worker(make_executor: MakeExecutor, words: Mapping[str, str] = WORDS) -> None:
    """A worker that dies gives FAILED with cause LOST and says how, in ``words``; others do the rest of the work."""
    for way in words:
        work: list[Sequence[Assignment] | Nothing] = [
            [assignment(0)],
            [assignment(1)],
            [assignment(2)],
            [assignment(3)],
        ]
        driver = run(make_executor(), DyingJob(way), ScriptedDriver(work))
        outcomes = driver.by_trial()
        assert (outcomes[1].state, outcomes[1].cause) == (TrialState.FAILED, Cause.LOST), f"{way}: {outcomes[1]}"
        assert words[way] in (outcomes[1].error or ""), f"{way}: the error does not say how: {outcomes[1].error}"
        assert all(outcomes[trial].state is TrialState.COMPLETE for trial in (0, 2, 3)), f"{way}: others were lost too"
        assert len(driver.reports) == 4, f"{way}: a report was lost or doubled"


def check_lost_worker_with_several_trials(make_executor: MakeExecutor) -> None:
    """All the trials of the call that died are lost, and no others."""
    work: list[Sequence[Assignment] | Nothing] = [[assignment(0), assignment(1)], [assignment(2)]]
    outcomes = run(make_executor(), DyingJob("kill"), ScriptedDriver(work)).by_trial()
    assert [outcomes[trial].cause for trial in range(3)] == [Cause.LOST, Cause.LOST, None], f"{outcomes}"


def check_workers_stay_warm(make_executor: MakeExecutor) -> None:
    """No more processes are started than there are slots, nor than there is work; none is this one."""
    executor = make_executor()
    driver = run(executor, EchoJob(), ScriptedDriver([[assignment(n)] for n in range(4 * executor.slots)]))
    pids = {outcome.extra["pid"] for outcome in driver.outcomes}
    assert os.getpid() not in pids, "the job ran in the parent's process"
    assert len(pids) <= executor.slots, f"{len(pids)} processes were started for {executor.slots} slots"


def check_interrupt_ends_workers(make_executor: MakeExecutor, within: float = 1.0) -> None:
    """After a KeyboardInterrupt from the driver, workers in the midst of something are gone within a second or so."""

    class Interrupted(ScriptedDriver):
        def report(self, report: Report) -> Verdict:
            verdict = super().report(report)
            if len(self.reports) == min(2, make_executor().slots):
                self.interrupted_at = time.perf_counter()
                raise KeyboardInterrupt
            return verdict

    driver = Interrupted([[assignment(n)] for n in range(4)])
    try:
        make_executor().run(SleepingJob(60.0), driver)
    except KeyboardInterrupt:
        seconds = time.perf_counter() - driver.interrupted_at
    else:
        raise AssertionError("the interrupt did not pass on")
    assert seconds < within, f"the workers took {seconds:.1f} seconds to end"
    pids = [int(report.metrics["pid"]) for report in driver.reports]
    while any(alive(pid) for pid in pids):
        passed = time.perf_counter() - driver.interrupted_at
        assert passed < within, f"a worker outlived the run by more than {within:g} seconds"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process with that id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


PROCESS_CHECKS: tuple[Callable[[MakeExecutor], None], ...] = (
    check_lost_worker,
    check_lost_worker_with_several_trials,
    check_workers_stay_warm,
    check_interrupt_ends_workers,
)
"""Every check takes a function that makes the executor."""
