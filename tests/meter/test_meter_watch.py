"""Metering a piece of work: its time, processor time and peak memory, and a job around a job."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from holdfast.meter.job import MeteredJob
from holdfast.meter.watch import Watch, watched
from holdfast.records import Assignment, Outcome, Reporter, TrialState, Verdict
from holdfast.usage import Method, Usage

MEGABYTE = 2**20


def test_a_watch_reads_time_and_processor_time() -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    watch = Watch()
    while time.process_time() - cpu < 0.1:
        pass
    time.sleep(0.1)
    used = watch.read()
    assert used.wall_seconds.value is not None
    assert 0.15 < used.wall_seconds.value <= time.perf_counter() - wall
    assert used.cpu_seconds.value is not None
    assert 0.05 < used.cpu_seconds.value <= time.process_time() - cpu + 0.02  # the clock of a process has ticks
    assert used.wall_seconds.method is Method.COUNTER


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sets the peak of memory back")
def test_the_peak_is_that_of_the_work_and_not_of_what_came_before() -> None:
    before = bytearray(200 * MEGABYTE)
    before[::4096] = b"x" * len(before[::4096])
    del before
    used = Watch().read()
    held = Watch()
    block = bytearray(100 * MEGABYTE)
    block[::4096] = b"x" * len(block[::4096])
    of_block = held.read()
    assert used.peak_bytes.value is not None
    assert of_block.peak_bytes.value is not None
    assert of_block.peak_bytes.value - used.peak_bytes.value > 80 * MEGABYTE


def test_processes_that_were_waited_for_count() -> None:
    watch = Watch()
    code = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    seconds = watch.read().cpu_seconds.value
    assert seconds is not None
    assert seconds >= 0.2


def test_a_block_is_metered_also_when_it_raises() -> None:
    found: list[Usage] = []
    with pytest.raises(KeyError), watched(found):
        raise KeyError
    assert found[0].wall_seconds.value is not None


@dataclass(frozen=True)
class SleepyJob:
    """Sleeps, and returns what it is told to."""

    answer: object = None

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> Sequence[Outcome]:
        time.sleep(0.1)
        outcomes = [Outcome(given.trial, TrialState.COMPLETE, {"value": 1.0}) for given in assignments]
        return outcomes if self.answer is None else [self.answer]  # type: ignore[list-item]


def test_trials_that_run_together_share_the_time_but_not_the_memory() -> None:
    given = [Assignment(trial, {}, 0) for trial in range(4)]
    used = [outcome.usage for outcome in MeteredJob(SleepyJob()).run(given, lambda _: Verdict.CONTINUE)]
    seconds = [usage.wall_seconds.value for usage in used]
    assert sum(second or 0.0 for second in seconds) == pytest.approx(0.1, abs=0.08)
    assert len(set(seconds)) == 1
    assert (used[0].peak_bytes.value or 0.0) > MEGABYTE
    assert used[0].kwh.value is None


def test_what_is_no_outcome_is_handed_on() -> None:
    answers = MeteredJob(SleepyJob(answer="nonsense")).run([Assignment(0, {}, 0)], lambda _: Verdict.CONTINUE)
    assert [str(answer) for answer in answers] == ["nonsense"]
