from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import HoldfastError, RequestError
from holdfast.execute import Processes, Resources, child, here
from holdfast.execute.threads import POOLS, bounded, cores
from holdfast.records import Assignment, Cause, Outcome, Report, Reporter, TrialState
from holdfast.testing.executors import EchoJob, ScriptedDriver, assignment, run
from holdfast.testing.processes import alive

SCRIPT_HEAD = """
import os, sys, time
from holdfast.execute import Processes
from holdfast.records import Outcome, Report, TrialState
from holdfast.testing.executors import ScriptedDriver, assignment

class Job:
    def __init__(self, objective):
        self.objective = objective
    def run(self, assignments, report):
        return [Outcome(a.trial, TrialState.COMPLETE, {"value": self.objective(a.config, report)}) for a in assignments]

class Speaking(ScriptedDriver):
    def report(self, report):
        print("pid", int(report.metrics["pid"]), flush=True)
        return super().report(report)
"""


@dataclass(frozen=True)
class EnvironmentJob:
    """Says what the worker sees: environment, path, folder, native thread pools."""

    sleep: float = 0.0

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        time.sleep(self.sleep)
        import numpy as np
        import threadpoolctl

        np.ones((2, 2)) @ np.ones((2, 2))
        pools = max((pool["num_threads"] for pool in threadpoolctl.threadpool_info()), default=0)
        extra: dict[str, Any] = {name: os.environ.get(name) for name in (*POOLS, "PYTHONPATH", here.VISIBLE)}
        extra |= {"cwd": str(Path.cwd()), "path": list(sys.path), "pools": pools, "stdin": sys.stdin.read()}
        return [Outcome(given.trial, TrialState.COMPLETE, extra=extra) for given in assignments]


@dataclass(frozen=True)
class LeavingOpenJob:
    """Forks a process that keeps the worker's socket open and says when it lets go of it, then dies."""

    let_go: Path

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        if os.fork() == 0:
            time.sleep(60)
            self.let_go.touch()
        os._exit(5)


@dataclass(frozen=True)
class StartingJob:
    """Starts a program that runs on, and reports its process id."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        program = subprocess.Popen(["sleep", "60"])
        report(Report(assignments[0].trial, 1, {"pid": float(program.pid)}))
        return EchoJob().run(assignments, report)


@dataclass(frozen=True)
class UnsendableJob:
    """Returns what cannot travel."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        return [Outcome(given.trial, TrialState.COMPLETE, extra={"lock": threading.Lock()}) for given in assignments]


def run_script(body: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT_HEAD + textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, **options
    )


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid) and not _zombie(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _zombie(pid: int) -> bool:
    """Orphans stay as zombies where the init process does not collect them."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("fresh", "processes"), [(False, 1), (True, 3)])
def test_a_process_goes_on_to_the_next_trial_unless_each_is_to_have_a_fresh_one(fresh: bool, processes: int) -> None:
    driver = ScriptedDriver([[assignment(0)], [assignment(1)], [assignment(2)]])
    run(Processes(1, fresh=fresh), EchoJob(), driver)
    pids = [outcome.extra["pid"] for outcome in driver.outcomes]
    assert len(set(pids)) == processes
    assert wait_until_gone(pids, 20.0) == []


def test_trials_see_their_own_graphics_processors_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(here.VISIBLE, "3,7")
    monkeypatch.setattr(here, "cores", lambda: 8)
    driver = ScriptedDriver([[assignment(trial)] for trial in range(4)])
    executor = Processes(resources=Resources(cpus=3, gpus=1))
    assert executor.slots == 2
    run(executor, EnvironmentJob(sleep=0.3), driver)
    assert {outcome.extra[here.VISIBLE] for outcome in driver.outcomes} == {"3", "7"}
    assert {outcome.extra["OMP_NUM_THREADS"] for outcome in driver.outcomes} == {"3"}
    assert driver.most_at_once == 2


def test_what_runs_ends_when_the_driver_is_overdue() -> None:
    driver = ScriptedDriver([[assignment(0)], [assignment(1)]], deadline=time.monotonic() + 3.0)
    began = time.monotonic()
    run(Processes(2), EchoJob(sleep=60.0), driver)
    assert time.monotonic() - began < 10.0
    for outcome in driver.outcomes:
        assert (outcome.state, outcome.cause, outcome.error) == (
            TrialState.FAILED,
            Cause.BUDGET,
            "the budget is spent",
        )
        assert 0.0 < outcome.seconds < 10.0


def test_a_result_that_is_there_already_outlasts_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver([[assignment(0)], [assignment(1)]])

    def overdue() -> str | None:
        if not driver.outcomes:
            return None
        time.sleep(1.0)  # by now the second trial has ended, and nobody has heard of it
        return "the budget is spent"

    monkeypatch.setattr(driver, "overdue", overdue)
    run(Processes(1), EchoJob(sleep=0.1), driver)
    assert [outcome.state for outcome in driver.outcomes] == [TrialState.COMPLETE, TrialState.COMPLETE]


def test_a_script_without_a_main_guard_runs_once_and_sends_lambdas(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def tenfold(x):\n    return 10.0 * x\n")
    process = run_script(
        """
        import beside
        print("main module runs")
        factor = 2.0
        driver = ScriptedDriver([[assignment(n)] for n in range(4)])
        Processes(2).run(Job(lambda config, report: beside.tenfold(config["x"]) * factor), driver)
        print(sorted(outcome.metrics["value"] for outcome in driver.outcomes))
        """,
        tmp_path,
    )
    out, err = process.communicate(timeout=20)
    assert (out.splitlines(), err) == (["main module runs", "[0.0, 20.0, 40.0, 60.0]"], "")


def test_what_an_objective_prints_appears_and_does_no_harm(tmp_path: Path) -> None:
    process = run_script(
        r"""
        def objective(config, report):
            print("hello from", config["x"])
            os.write(1, b"\x80\x04raw bytes\n" * 3)
            print("trouble", file=sys.stderr)
            return 1.0
        driver = ScriptedDriver([[assignment(0)], [assignment(1)]])
        Processes(1).run(Job(objective), driver)
        print(len(driver.outcomes), "outcomes")
        """,
        tmp_path,
        errors="replace",
    )
    out, err = process.communicate(timeout=20)
    assert {"hello from 0", "hello from 1", "2 outcomes"} <= set(out.splitlines())
    assert (out.count("raw bytes"), err.count("trouble")) == (6, 2)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_the_parent(death: signal.Signals, tmp_path: Path) -> None:
    process = run_script(
        """
        def objective(config, report):
            report(Report(0, 1, {"pid": os.getpid()}))
            time.sleep(60)
        Processes(2).run(Job(objective), Speaking([[assignment(0)], [assignment(1)]]))
        """,
        tmp_path,
    )
    assert process.stdout is not None
    pids = [int(process.stdout.readline().split()[1]) for _ in range(2)]
    process.send_signal(death)
    assert wait_until_gone([process.pid, *pids], 20.0) == []
    process.communicate()
    assert process.returncode != 0


def test_an_exception_class_of_the_worker_travels_as_text(tmp_path: Path) -> None:
    process = run_script(
        """
        class OnlyHere(Exception):
            pass
        class Raising:
            def run(self, assignments, report):
                raise OnlyHere("of the script")
        driver = ScriptedDriver([[assignment(0)]])
        Processes(1).run(Raising(), driver)
        print(driver.outcomes[0].cause, driver.outcomes[0].error.splitlines()[-1])
        """,
        tmp_path,
    )
    out, _ = process.communicate(timeout=20)
    assert out.strip() == "error OnlyHere: of the script"


def test_a_worker_sees_the_parents_path_and_folder_and_bounded_pools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    n_workers = max(cores() // 2, 1)
    driver = run(Processes(n_workers), EnvironmentJob(), ScriptedDriver([[assignment(0)]]))
    seen = driver.outcomes[0].extra
    assert (seen["OMP_NUM_THREADS"], seen["MKL_NUM_THREADS"]) == (str(cores() // n_workers), "1")
    assert 0 < seen["pools"] <= cores() // n_workers
    assert (seen["cwd"], seen["path"], seen["PYTHONPATH"], seen["stdin"]) == (str(tmp_path), sys.path, None, "")


def test_pools_are_bounded_by_the_share_of_the_cores() -> None:
    assert set(bounded({}, 10_000).values()) == {"1"}
    assert bounded({"OMP_NUM_THREADS": "1"}, 1)["OMP_NUM_THREADS"] == "1"
    assert bounded({"OMP_NUM_THREADS": "1"}, 1, threads_per_worker=7)["OMP_NUM_THREADS"] == "7"
    assert bounded({"OMP_NUM_THREADS": "many", "HOME": "/h"}, 10_000) == dict.fromkeys(POOLS, "1") | {"HOME": "/h"}


def test_a_death_is_noticed_though_something_still_holds_the_socket(tmp_path: Path) -> None:
    let_go = tmp_path / "let-go"
    driver = run(Processes(1), LeavingOpenJob(let_go), ScriptedDriver([[assignment(0)], [assignment(1)]]))
    assert [outcome.cause for outcome in driver.outcomes] == [Cause.LOST, Cause.LOST]
    assert "exit code 5" in (driver.outcomes[0].error or "")
    assert not let_go.exists()


@pytest.mark.parametrize("fail_on", [None, "finish"])
def test_what_a_worker_started_ends_with_the_run(fail_on: str | None) -> None:
    driver = ScriptedDriver([[assignment(0)]], fail_on=fail_on)
    with nullcontext() if fail_on is None else pytest.raises(KeyError):
        Processes(1).run(StartingJob(), driver)
    assert wait_until_gone([int(driver.reports[0].metrics["pid"])], 20.0) == []


def test_an_outcome_that_cannot_travel_says_so() -> None:
    driver = run(Processes(1), UnsendableJob(), ScriptedDriver([[assignment(0)]]))
    assert driver.outcomes[0].cause is Cause.ERROR
    assert "cannot be sent to the study" in (driver.outcomes[0].error or "")


def test_a_job_that_cannot_be_pickled_is_refused_before_any_work() -> None:
    driver = ScriptedDriver([[assignment(0)]])
    lock = threading.Lock()

    class Locked(EchoJob):
        def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
            with lock:
                return []

    with pytest.raises(RequestError, match=r"cannot be sent to worker processes \(cannot pickle '_thread.lock'"):
        Processes(2).run(Locked(), driver)
    assert driver.given == []


def test_a_job_that_a_worker_cannot_load_fails_its_trials_with_the_reason(tmp_path: Path) -> None:
    process = run_script(
        """
        import types
        vanishing = types.ModuleType("vanishing")
        class Gone:
            def __reduce__(self):
                return (getattr, (sys.modules["os"], "no_such_function"))
        driver = ScriptedDriver([[assignment(0)]])
        Processes(1).run(Job(Gone()), driver)
        print(driver.outcomes[0].cause, driver.outcomes[0].error.splitlines()[0])
        """,
        tmp_path,
    )
    out, err = process.communicate(timeout=20)
    assert out.strip() == "error a worker process could not load the objective:", err


@pytest.mark.parametrize("numbers", [(0, None), (2, 0)])
def test_numbers_below_one_are_refused(numbers: tuple[int, int | None]) -> None:
    with pytest.raises(RequestError, match="at least 1 is needed"):
        Processes(*numbers)


@pytest.mark.parametrize("kills", [2, 3])
def test_a_worker_that_is_killed_before_it_is_up_is_begun_again_and_not_for_ever(
    kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true, tries = child._program, tmp_path / "tries"

    def dying(socket: int, lifeline: int) -> str:
        count = f"import os; file = open({str(tries)!r}, 'a'); file.write('x'); file.close()"
        die = f"os.path.getsize({str(tries)!r}) <= {kills} and os.kill(os.getpid(), 9)"
        return f"{count}; {die}; {true(socket, lifeline)}"

    monkeypatch.setattr(child, "_program", dying)
    if kills == 2:
        driver = run(Processes(1), EchoJob(), ScriptedDriver([[assignment(0)], [assignment(1)]]))
        assert [outcome.state for outcome in driver.outcomes] == [TrialState.COMPLETE] * 2
    else:
        with pytest.raises(HoldfastError, match=r"a worker process was ended by signal 9, .* before it could start"):
            run(Processes(1), EchoJob(), ScriptedDriver([[assignment(0)]]))
    assert len(tries.read_text()) == 3
