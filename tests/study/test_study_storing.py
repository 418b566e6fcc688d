"""Studies whose checkpoints lie in a place of their own, with a quota or without."""

from __future__ import annotations

import logging
from pathlib import Path
from unittest import mock

import fsspec
import pytest

import holdfast
from holdfast.errors import LogError, RequestError
from holdfast.log.store import Store
from holdfast.log.verify import verify
from holdfast.records import TrialState
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.study.checkpoints import drop_all
from holdfast.study.handle import LiveTrial
from holdfast.study.load import load_study
from holdfast.study.lock import safe_name
from holdfast.study.storing import Elsewhere
from holdfast.study.study import Study

STEPS = holdfast.Fidelity("epoch", 1, 9)
SIZE = 1000


def train(trial: LiveTrial) -> float | None:
    done = 0 if trial.checkpoint is None else int(trial.checkpoint.split()[0])
    assert done == trial.start_step
    for epoch in range(trial.start_step + 1, 10):
        verdict = trial.report(trial["x"] + 1 / epoch, epoch)
        trial.save((b"%d %d" % (epoch, trial.number)).ljust(SIZE))
        if verdict is not holdfast.Verdict.CONTINUE:
            return None
    return float(trial["x"])


def study_in(place: str | holdfast.Checkpoints, strategy: str = "asha", storage: str | None = None) -> Study:
    own = {"pbt": PopulationBasedTraining(population=4, interval=3)}
    return Study(
        {"x": holdfast.Float(0, 1)},
        strategy=own.get(strategy, strategy),
        seed=2,
        fidelity=None if strategy == "random" else STEPS,
        checkpoints=place,
        storage=storage,
    )


def lying(study: Study) -> dict[str, int]:
    place = study.book.checkpoints
    assert isinstance(place, Elsewhere)
    return place.store.sizes()


def kept(study: Study) -> set[str]:
    return {trial.checkpoint[1] for trial in study.trials if trial.checkpoint is not None}


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "kept")
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return "memory://bucket/kept"


@pytest.mark.parametrize("strategy", ["asha", "pbt"])
def test_checkpoints_lie_there_and_not_in_the_log(url: str, strategy: str) -> None:
    study = study_in(url, strategy)
    study.optimize(train, n_trials=9)
    assert list(study.book.log.blobs()) == []
    assert set(lying(study)) == kept(study)
    assert verify(study.book.log).ok
    alone = Study({"x": holdfast.Float(0, 1)}, strategy=study._strategy, seed=2, fidelity=STEPS)
    alone.optimize(train, n_trials=9)
    assert [trial.metrics for trial in alone.trials] == [trial.metrics for trial in study.trials]
    drop_all(study.book)
    assert lying(study) == {}


def test_another_process_finds_them_by_the_log(tmp_path: Path) -> None:
    storage, place = f"sqlite:///{tmp_path}/study.db", tmp_path / "kept"
    study = study_in(str(place), storage=storage)
    study.optimize(train, n_trials=6)
    study.close()
    again = load_study("study", storage)
    again.optimize(train, n_trials=6)
    assert set(lying(again)) == kept(again)
    assert list(again.book.log.blobs()) == []
    again.close()


def test_those_of_before_stay_in_the_log_and_are_found(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    study = Study({"x": holdfast.Float(0, 1)}, strategy="asha", seed=2, fidelity=STEPS, storage=storage)
    study.optimize(train, n_trials=6)
    study.close()
    again = study_in(str(tmp_path / "kept"), storage=storage)
    again.optimize(train, n_trials=6)
    assert lying(again)
    assert all(trial.state is not TrialState.FAILED for trial in again.trials)
    again.close()


def test_studies_of_one_name_do_not_delete_each_others(tmp_path: Path) -> None:
    one, other = (study_in(str(tmp_path / "kept")) for _ in range(2))
    one.optimize(train, n_trials=4)
    drop_all(other.book)
    assert set(lying(one)) == kept(one) != set()


def test_names_of_studies_stay_apart() -> None:
    names = ["digits", "a/b", "a b", "..", ".", "", "ä", "x" * 80, "x" * 81]
    assert safe_name("digits") == "digits"
    found = [safe_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert all("/" not in name and name not in {"", ".", ".."} for name in found)


def finish(trial: LiveTrial) -> float:
    trial.report(trial["x"], 1)
    trial.save((b"%d" % trial.number).ljust(SIZE))
    return float(trial["x"])


def test_the_worst_complete_trials_make_room(url: str) -> None:
    study = study_in(holdfast.Checkpoints(url, quota=f"{4 * SIZE / 1000} KB"), "random")
    study.optimize(finish, n_trials=10)
    left = [trial for trial in study.trials if trial.checkpoint is not None]
    assert len(left) == 4
    assert set(lying(study)) == kept(study)
    assert study.best_trial in left
    newest = study.trials[-1]
    gone = [trial for trial in study.trials if trial not in left]
    assert all(trial.metrics["value"] >= other.metrics["value"] for trial in gone for other in left if other != newest)
    events = [event for event in study.book.log.read() if event.kind == "checkpoints.dropped"]
    assert [number for event in events for number in event.data["trials"]] != []
    assert verify(study.book.log).ok


def test_what_the_best_trial_has_in_common_with_the_worst_stays(url: str) -> None:
    study = study_in(holdfast.Checkpoints(url, quota=f"{2 * SIZE / 1000} KB"), "random")
    for value, state in ((0.0, b"a"), (3.0, b"a"), (2.0, b"b"), (1.0, b"c")):
        trial = study.ask()
        trial.report(value, 1)
        trial.save(state.ljust(SIZE))
        study.tell(trial, value)
    assert [trial.number for trial in study.trials if trial.checkpoint is not None] == [0, 1, 3]
    assert set(lying(study)) == kept(study)


def test_what_paused_trials_need_is_never_deleted_and_what_has_no_room_is_said(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    study = study_in(holdfast.Checkpoints(url, quota="3 KB"))
    with caplog.at_level(logging.WARNING, logger="holdfast"):
        study.optimize(train, n_trials=9)
    unsaved = [event.data for event in study.book.log.read() if event.kind == "trial.unsaved"]
    assert unsaved
    text = unsaved[0]["text"]
    assert "1,000 bytes, where 3,000 of the 3,000 of the quota are taken by others that are needed" in text
    assert text in caplog.text
    assert sum(lying(study).values()) <= 3 * SIZE
    assert set(lying(study)) == kept(study)
    assert all(trial.state is not TrialState.FAILED for trial in study.trials), "training goes on all the same"


def test_a_place_that_fails_costs_the_checkpoint_and_not_the_trial(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = study_in(str(tmp_path / "kept"))
    with mock.patch.object(Store, "put", side_effect=LogError("checkpoints cannot be written to: no route to host")):
        study.optimize(train, n_trials=4)
    assert "the checkpoint of trial 0 at step 1 was not kept: checkpoints cannot be written to: no route" in caplog.text
    assert [event.kind for event in study.book.log.read()].count("trial.unsaved") >= 4
    study.optimize(train, n_trials=5)
    assert all(trial.state is not TrialState.FAILED for trial in study.trials)
    assert kept(study)


def test_one_that_was_changed_is_not_gone_on_with(tmp_path: Path) -> None:
    study = study_in(str(tmp_path / "kept"))
    study.optimize(train, n_trials=3)
    for file in (tmp_path / "kept").glob("study-*/*"):
        file.write_bytes(b"9 9")
    study.optimize(train, n_trials=6)
    why = [event.data["why"] for event in study.book.log.read() if event.kind == "trial.restarted"]
    assert why
    assert all("no longer has that sha256" in text for text in why)
    assert all(trial.state is not TrialState.FAILED for trial in study.trials)


@pytest.mark.parametrize("quota", ["plenty", 0, "-1 GB"])
def test_a_quota_that_cannot_be_meant(quota: str | float, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="checkpoint_quota ="):
        study_in(holdfast.Checkpoints(str(tmp_path), quota=quota))
