"""Trials on machines that have neither the folder of the run nor that of the plan."""

from __future__ import annotations

import pickle
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.data.columns import Schema
from holdfast.errors import RequestError
from holdfast.execute import Driver, Inline, Ray
from holdfast.protocol import carried, drive
from holdfast.protocol.carried import CarriedJob
from holdfast.protocol.job import TrainJob
from holdfast.protocol.learn import Recipe
from holdfast.protocol.read import read_plan
from holdfast.protocol.tune import tune
from holdfast.records import Job

OWN = """
from sklearn.tree import DecisionTreeClassifier

def trees(config):
    from beside_models import DEPTH
    return DecisionTreeClassifier(max_depth=config.get("max_depth", DEPTH), random_state=0)
"""


@dataclass(frozen=True)
class Elsewhere:
    """Runs the job as it arrives on a machine where these paths do not exist."""

    gone: tuple[Path, ...]
    slots: int = 1

    def run(self, job: Job, driver: Driver) -> None:
        data = pickle.dumps(job)
        for path in self.gone:
            path.rename(path.with_name(f"{path.name}.away"))
        for name in ("carried_models", "beside_models"):
            sys.modules.pop(name, None)
        Inline().run(pickle.loads(data), driver)
        for path in self.gone:
            path.with_name(f"{path.name}.away").rename(path)


def plan_with_own_code(folder: Path) -> Path:
    (folder / "carried_models.py").write_text(OWN)
    (folder / "beside_models.py").write_text("DEPTH = 4\n")
    path = folder / "plan.toml"
    path.write_text(
        '[study]\nname = "wines"\n[data]\nsource = "sklearn:wine"\n[model]\nfamily = "carried_models:trees"\n'
        '[space]\nmax_depth = { type = "int", low = 1, high = 6 }\n[search]\ntrials = 3\nstrategy = "random"\n'
    )
    return path


def test_a_job_brings_its_rows_and_code_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plan_with_own_code(tmp_path)
    here = tune(path, runs=tmp_path / "here", executor=Inline())
    monkeypatch.setattr(drive, "train_job", lambda ready, make=drive.train_job: CarriedJob.of(make(ready)))
    run = tmp_path / "there" / "wines"
    gone = (run / "data", run / "sealed", tmp_path / "carried_models.py", tmp_path / "beside_models.py")
    rows = set(Path(tempfile.gettempdir()).glob("holdfast-rows-*"))
    there = tune(path, runs=tmp_path / "there", executor=Elsewhere(gone))
    assert (there.best_config, there.naive) == (here.best_config, here.naive)
    assert set(Path(tempfile.gettempdir()).glob("holdfast-rows-*")) <= rows, "rows stay on the disk"


def test_no_test_rows_are_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[CarriedJob] = []

    def carry(ready: Any, make: Any = drive.train_job) -> TrainJob:
        job: TrainJob = make(ready)
        made.append(CarriedJob.of(job))
        return job

    monkeypatch.setattr(drive, "train_job", carry)
    tune(plan_with_own_code(tmp_path), runs=tmp_path / "runs", executor=Inline())
    assert set(made[0].rows) == {"data/train.arrow", "data/validation.arrow"}
    assert set(made[0].code) == {"carried_models.py", "beside_models.py"}
    job = made[0].job
    plain = replace(job, recipe=replace(job.recipe, family="tree"))
    assert not CarriedJob.of(plain).code, "code goes along only where a plan names some"


def test_too_much_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "MOST_CODE", 10)
    (tmp_path / "carried_models.py").write_text(OWN)
    recipe = Recipe("carried_models:trees", None, Schema((), None, "clustering"), tmp_path)
    job = TrainJob(recipe, tmp_path, folds=False)
    with pytest.raises(RequestError, match="put the plan and its code into a folder of their own"):
        CarriedJob.of(job)


def test_electricity_elsewhere_is_no_budget(tmp_path: Path) -> None:
    path = plan_with_own_code(tmp_path)
    path.write_text(path.read_text() + "[budget]\nkwh = 1.0\n")
    with pytest.raises(RequestError, match=r"line \d+: .*the electricity of other machines is not metered"):
        tune(read_plan(path), runs=tmp_path / "runs", executor=Ray())
