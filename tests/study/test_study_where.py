from __future__ import annotations

import sys

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


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"executor": "rays"}, r"there is no executor 'rays' \(did you mean 'ray'\?\)"),
        ({"address": "auto"}, "address = 'auto' is for trials on a cluster; add the executor 'ray'"),
        ({"resources": {"cpus": 2}}, "is for trials on a cluster"),
        ({"executor": "ray", "resources": {"cpu": 2}}, "which is written 'cpus' here"),
        ({"executor": "ray", "n_jobs": 0}, "n_jobs = 0; it must be at least 1"),
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
