"""On a real cluster of several nodes on this machine; ray's own warnings are no errors of ours."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import MissingExtraError, RequestError
from holdfast.execute import Ray
from holdfast.execute.resources import Resources
from holdfast.records import Assignment, Cause, Outcome, Report, Reporter, TrialState
from holdfast.testing.executors import EXECUTOR_CHECKS, EchoJob, ScriptedDriver, assignment, run
from holdfast.testing.processes import PROCESS_CHECKS, check_interrupt_ends_workers, check_lost_worker

WORDS = dict.fromkeys(("kill", "segfault", "os_exit", "exit"), "while it ran this trial")
SPARE = Resources(cpus=0.5, others={"spare": 1.0})


def spare_nodes(cluster: Any, count: int) -> list[Any]:
    settings = {"num_cpus": 1, "resources": {"spare": 1}, "object_store_memory": 80 * 2**20}
    return [cluster.add_node(**settings) for _ in range(count)]


@dataclass(frozen=True)
class NodeKillingJob:
    """Trial 0 takes its whole node with it; the others complete."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        report(Report(assignments[0].trial, 1, {"value": 0.5}))
        if assignments[0].trial == 0:
            os.kill(os.getppid(), signal.SIGKILL)  # the parent of a worker is Ray's process for the node
            time.sleep(60)
        return EchoJob().run(assignments, report)


@dataclass(frozen=True)
class FolderJob:
    """Says where it runs, and what it can import."""

    def run(self, assignments: Sequence[Assignment], report: Reporter) -> list[Outcome]:
        found = {"cwd": str(Path.cwd()), "threads": os.environ["OPENBLAS_NUM_THREADS"], "beside": _beside()}
        return [Outcome(given.trial, TrialState.COMPLETE, extra=found) for given in assignments]


def _beside() -> int | None:
    try:
        beside = importlib.import_module("beside")
    except ModuleNotFoundError:
        return None
    return int(beside.NUMBER)


@pytest.mark.long
@pytest.mark.parametrize("check", [*EXECUTOR_CHECKS, *PROCESS_CHECKS[1:]], ids=lambda check: check.__name__)
def test_executor_on_ray_conforms(check: Callable[..., None], ray_cluster: Any) -> None:
    check(lambda: Ray(2), **({"within": 10.0} if check is check_interrupt_ends_workers else {}))  # its nodes do it


@pytest.mark.long
def test_a_worker_that_is_lost_says_how(ray_cluster: Any) -> None:
    check_lost_worker(lambda: Ray(2), WORDS)


@pytest.mark.long
def test_trials_of_a_node_that_is_gone_are_lost_and_the_rest_is_done_by_others(ray_cluster: Any) -> None:
    spare_nodes(ray_cluster, 2)
    assert Ray(resources=SPARE).slots == 2
    driver = run(Ray(resources=SPARE), NodeKillingJob(), ScriptedDriver([[assignment(n)] for n in range(4)]))
    outcomes = driver.by_trial()
    assert (outcomes[0].state, outcomes[0].cause) == (TrialState.FAILED, Cause.LOST)
    assert "of the Ray cluster is gone, and with it the worker that ran this trial" in (outcomes[0].error or "")
    assert [outcomes[n].state for n in (1, 2, 3)] == [TrialState.COMPLETE] * 3


@pytest.mark.long
def test_a_run_that_has_lost_every_node_says_so(ray_cluster: Any) -> None:
    for node in [node for node in ray_cluster.list_all_nodes() if not node.head]:
        ray_cluster.remove_node(node)
    spare_nodes(ray_cluster, 1)
    with pytest.raises(RequestError, match=r"what one trial needs \(cpus = 0.5, spare = 1\)"):
        Ray(resources=SPARE).run(NodeKillingJob(), ScriptedDriver([[assignment(0)], [assignment(1)]]))


@pytest.mark.long
def test_what_runs_or_waits_ends_when_the_driver_is_overdue(ray_cluster: Any) -> None:
    driver = ScriptedDriver([[assignment(0)], [assignment(1)], [assignment(2)]])
    driver.deadline = time.monotonic() + 20.0
    began = time.monotonic()
    run(Ray(1), EchoJob(sleep=60.0), driver)
    assert time.monotonic() - began < 40.0
    assert {(outcome.state, outcome.cause) for outcome in driver.outcomes} == {(TrialState.FAILED, Cause.BUDGET)}


@pytest.mark.long
def test_a_worker_runs_where_the_driver_runs(ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("NUMBER = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    driver = run(Ray(1, resources=Resources(cpus=2)), FolderJob(), ScriptedDriver([[assignment(0)]]))
    assert driver.outcomes[0].extra == {"cwd": str(tmp_path), "threads": "2", "beside": 7}


@pytest.mark.long
def test_code_goes_along_by_the_runtime_env(ray_cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NUMBER = 8\n")
    import ray

    there = Ray(1, runtime_env={"working_dir": str(tmp_path)}, address=ray_cluster.address)
    with pytest.raises(RequestError, match=r"give it to ray\.init"):
        _ = there.slots
    ray.shutdown()
    driver = run(there, FolderJob(), ScriptedDriver([[assignment(0)]]))
    ray.shutdown()
    ray.init(address=ray_cluster.address, logging_level="ERROR")
    assert driver.outcomes[0].extra["beside"] == 8
    assert driver.outcomes[0].extra["cwd"] != str(Path.cwd())


@pytest.mark.long
def test_code_that_the_nodes_lack_is_refused(ray_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vanishing.py").write_text("class Job:\n    def run(self, assignments, report):\n        return []\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    vanishing = importlib.import_module("vanishing")
    (tmp_path / "vanishing.py").unlink()
    with pytest.raises(RequestError, match=r"No module named 'vanishing'.*runtime_env="):
        Ray(1).run(vanishing.Job(), ScriptedDriver([[assignment(0)]]))


@pytest.mark.long
def test_resources_that_no_node_has_are_refused(ray_cluster: Any) -> None:
    with pytest.raises(RequestError, match=r"needs \(cpus = 1, gpus = 8\); .* at most 2 cpus, 0 gpus"):
        Ray(resources=Resources(gpus=8)).run(EchoJob(), ScriptedDriver([[assignment(0)]]))
    with pytest.raises(RequestError, match="is connected to the Ray cluster at"):
        _ = Ray(address="192.0.2.9:6379").slots


def test_an_address_at_which_nobody_listens_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RequestError, match=f"no Ray cluster answers at the address '127.0.0.1:{port}'"):
        _ = Ray(address=f"127.0.0.1:{port}").slots
    with pytest.raises(RequestError, match="is for Ray's client"):
        _ = Ray(address="ray://127.0.0.1:10001").slots


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'holdfast\[ray\]'"):
        Ray(2).run(EchoJob(), ScriptedDriver([[assignment(0)]]))


def test_fewer_workers_than_one_are_refused() -> None:
    with pytest.raises(RequestError, match="at least 1 is needed"):
        Ray(0)
