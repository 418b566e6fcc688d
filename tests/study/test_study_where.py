from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import MissingExtraError, RequestError
from holdfast.execute import Inline, Processes, Ray, Resources
from holdfast.study.where import executor_for


def test_an_executor_by_name_by_number_or_as_an_object() -> None:
    assert executor_for(None, None, None, None) == Inline()
    assert executor_for(3, None, None, None) == Processes(3)
    assert executor_for(None, "ray", None, None) == Ray()
    there = Ray(4, "head:6379", Resources(cpus=2, memory=1e9))
    assert executor_for(4, "ray", "head:6379", {"cpus": 2, "memory": "1 GB"}) == there
    assert executor_for(None, there, None, None) is there
    assert executor_for(2, "fresh", None, None) == Processes(2, fresh=True)
    assert executor_for(1, None, None, {"cpus": 1}) == Processes(1, resources=Resources(cpus=1))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"executor": "rays"}, r"there is no executor 'rays' \(did you mean 'ray'\?\)"),
        ({"address": "auto"}, "address = 'auto' is for trials on a cluster; add the executor 'ray'"),
        (
            {"executor": "fresh", "address": "auto"},
            "address = 'auto' is for trials on a cluster; add the executor 'ray'",
        ),
        ({"resources": {"cpus": 10_000}}, r"more than this machine has: \d+ cpus, \d+ gpus, .* of memory"),
        ({"resources": {"tpu": 1}}, "a machine has no resource 'tpu'; on a cluster add the executor 'ray'"),
        ({"executor": "ray", "resources": {"cpu": 2}}, "which is written 'cpus' here"),
        ({"executor": "ray", "n_jobs": 0}, "n_jobs = 0; it must be a whole number of at least 1"),
        ({"executor": Ray(2), "n_jobs": 2}, "beside an executor that is an object"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(settings: dict[str, object], said: str) -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)})
    with pytest.raises(RequestError, match=said):
        study.optimize(lambda trial: trial["x"], n_trials=1, **settings)  # type: ignore[arg-type]
    assert not study.trials


def test_without_ray_no_trial_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    study = holdfast.Study({"x": holdfast.Float(0, 1)})
    with pytest.raises(MissingExtraError, match=r"pip install 'holdfast\[ray\]'"):
        study.optimize(lambda trial: trial["x"], n_trials=1, executor="ray")
    assert not study.trials


def dying_with_its_node(trial: Any) -> float:
    """The first trial is saved at step 2 and then takes its node along; what comes back is where a trial went on."""
    if trial.number == 0 and trial.checkpoint is None:
        trial.report(0.5, step=2)
        trial.save(b"half-way")
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return float(trial.start_step)


@pytest.mark.long
def test_a_trial_goes_on_from_its_checkpoint_when_its_node_is_gone(ray_cluster: Any, tmp_path: Path) -> None:
    import ray

    nodes = [ray_cluster.add_node(num_cpus=1, resources={"mortal": 1}, object_store_memory=80 * 2**20) for _ in "ab"]
    storage = f"sqlite:///{tmp_path}/study.db"
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, storage=storage, direction="maximize", strategy="random")
    needs = {"cpus": 0.5, "mortal": 1}
    study.optimize(dying_with_its_node, n_trials=3, executor="ray", address="auto", resources=needs)
    assert [(trial.metrics["value"], trial.restarts) for trial in study.trials] == [(2.0, 1), (0.0, 0), (0.0, 0)]
    assert study.trials[0].reports == ((2, {"value": 0.5}),)
    alive = {node.node_id for node in nodes} & {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    assert len(alive) == 1, "no node was lost"
