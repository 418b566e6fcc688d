"""What the executor on Ray does with whatever a cluster may answer, by a cluster of threads."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from holdfast.errors import HoldfastError, RequestError
from holdfast.execute import Ray
from holdfast.records import Cause, TrialState
from holdfast.testing.executors import EXECUTOR_CHECKS, EchoJob, MakeExecutor, ScriptedDriver, assignment, run

if TYPE_CHECKING:
    from tests.execute.fake_ray import FakeRay, RayActorError, RayError
else:
    from fake_ray import FakeRay, RayActorError, RayError


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    made = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr("holdfast.execute.remote.settle", lambda parcel: None)
    return made


@pytest.mark.parametrize("check", EXECUTOR_CHECKS, ids=lambda check: check.__name__)
def test_executor_conforms(check: Callable[[MakeExecutor], None], fake: FakeRay) -> None:
    check(lambda: Ray(2))


@pytest.mark.parametrize(
    ("failure", "cause", "said"),
    [
        (RayActorError("The actor died because its node has died."), Cause.LOST, "node 192.0.2.1 .* is gone"),
        (RayActorError("Worker exits with an exit code 3."), Cause.LOST, "ended with exit code 3"),
        (RayActorError("killed due to the node running low on memory"), Cause.MEMORY, "ran low on memory"),
        (RayActorError("connection error code 2. End of file"), Cause.LOST, "was killed, or crashed"),
        (RayError("cannot be read"), Cause.LOST, "could not say how this trial ended: cannot be read"),
    ],
)
def test_a_worker_that_ends_loses_its_trial_and_says_how(
    failure: Exception, cause: Cause, said: str, fake: FakeRay
) -> None:
    fake.fails = lambda actor, method: failure if (actor, method) == (0, "begin") else None
    driver = run(Ray(1), EchoJob(), ScriptedDriver([[assignment(0)], [assignment(1)]]))
    outcomes = driver.by_trial()
    assert (outcomes[0].state, outcomes[0].cause) == (TrialState.FAILED, cause)
    assert re.search(said, outcomes[0].error or ""), outcomes[0].error
    assert outcomes[1].state is TrialState.COMPLETE
    assert fake.actors == 2, "the worker was not replaced"


def test_a_worker_that_ends_before_it_is_up_loses_no_trial(fake: FakeRay) -> None:
    fake.fails = lambda actor, method: RayActorError("gone") if actor < 2 else None
    driver = run(Ray(1), EchoJob(), ScriptedDriver([[assignment(0)]]))
    assert driver.outcomes[0].state is TrialState.COMPLETE


def test_workers_that_never_come_up_end_the_run(fake: FakeRay) -> None:
    fake.fails = lambda actor, method: RayActorError("No module named 'holdfast'")
    with pytest.raises(HoldfastError, match="holdfast is not installed on the nodes"):
        Ray(1).run(EchoJob(), ScriptedDriver([[assignment(0)]]))
    assert fake.actors == 3


def test_nodes_that_die_before_their_workers_are_up_end_nothing(fake: FakeRay) -> None:
    gone = RayActorError("The actor died because its node has died.")
    fake.fails = lambda actor, method: gone if actor < 5 else None
    driver = run(Ray(1), EchoJob(), ScriptedDriver([[assignment(0)]]))
    assert driver.outcomes[0].state is TrialState.COMPLETE


def test_a_cluster_that_others_have_is_told_of(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.execute.ray._LONG", 0.3)
    fake.up_after = 0.8
    with pytest.warns(UserWarning, match=r"no worker has started .* \(a trial needs cpus = 1\)"):
        run(Ray(1), EchoJob(), ScriptedDriver([[assignment(0)]]))


def test_another_version_on_a_node_is_refused(fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = iter(["0.0.1", "0.0.2"])
    for side in ("remote", "fleet"):
        monkeypatch.setattr(f"holdfast.execute.{side}.holdfast_version", lambda: next(versions))
    with pytest.raises(RequestError, match=r"has holdfast 0\.0\.1, and this machine 0\.0\.2"):
        Ray(1).run(EchoJob(), ScriptedDriver([[assignment(0)]]))


def test_slots_are_what_has_room(fake: FakeRay) -> None:
    assert (Ray().slots, Ray(1).slots, Ray(9).slots) == (2, 1, 2)
    fake.alive = False
    with pytest.raises(RequestError, match="is left to run a trial on"):
        _ = Ray().slots
