"""Clones: trials that begin from what another one had learned, with lineage, checkpoints and disk in order."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.log.sqlite import SqliteLog
from holdfast.log.verify import verify
from holdfast.records import Cause, Event, Fidelity, Outcome, TrialState, Verdict
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.study import actions
from holdfast.study.handle import LiveTrial
from holdfast.study.load import load_study
from holdfast.study.schedule import Schedule
from holdfast.study.study import Study

FIDELITY = Fidelity("epoch", 1, 9)
PBT = PopulationBasedTraining(population=4, interval=3)


def make_study(storage: str | None = None, strategy: PopulationBasedTraining = PBT) -> Study:
    return Study({"x": holdfast.Float(-1, 1)}, strategy=strategy, seed=3, fidelity=FIDELITY, storage=storage)


def learn(trial: LiveTrial) -> float | None:
    """A loop of one's own: a checkpoint holds, of every epoch, which value of x it was trained with."""
    done: list[float] = [] if trial.checkpoint is None else json.loads(trial.checkpoint)
    assert len(done) == trial.start_step
    loss = 0.0
    for epoch in range(trial.start_step + 1, FIDELITY.max + 1):
        done.append(trial["x"])
        loss = sum(abs(x) for x in done) / epoch
        if trial.report(loss, epoch) is not Verdict.CONTINUE:
            trial.save(json.dumps(done).encode())
            return None
    trial.set_user_attr("done", done)
    return loss


def events(study: Study, *kinds: str) -> list[Event]:
    return [event for event in study.book.log.read() if event.kind in kinds]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_clones_go_on_from_what_their_parents_had_learned(n_jobs: int) -> None:
    study = make_study()
    study.optimize(learn, n_trials=12, n_jobs=n_jobs)
    trials = study.trials
    clones = [trial for trial in trials if trial.parent is not None]
    assert clones
    finished = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert len(finished) == 4
    for trial in finished:
        expected: list[float] = []
        step, heir = 9, trial
        while True:  # back along its lineage
            expected = [float(heir.config["x"] or 0)] * (step - heir.parent_step) + expected
            if heir.parent is None:
                break
            step, heir = heir.parent_step, trials[heir.parent]
        assert trial.extra["done"] == expected
    asked = {event.data["trial"]: event.data for event in events(study, "trial.asked")}
    for trial in clones:
        assert asked[trial.number]["parent"] == trial.parent
        assert asked[trial.number]["start_step"] == trial.parent_step > 0
        assert trials[asked[trial.number]["replaces"]].state is TrialState.PAUSED
        assert trial.reports[0][0] == trial.parent_step + 1


def test_a_clone_is_as_good_as_its_lineage_when_the_study_is_loaded(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = make_study(storage)
    study.optimize(learn, n_trials=8)
    before = study.trials
    study.book.save_snapshot()
    study.close()
    loaded = load_study("study", storage)
    assert loaded.trials == before
    assert any(trial.parent is not None for trial in before)
    loaded.book.reload()
    assert loaded.trials == before
    assert loaded.history.origins.tolist() == study.history.origins.tolist()


def test_a_person_can_ask_for_a_clone_and_tell(tmp_path: Path) -> None:
    study = make_study()
    for number in range(4):
        trial = study.ask()
        trial.report(float(number), 3)
        trial.save(f"weights of {number}".encode())
        study.tell(trial)
    for _ in range(3):
        study.ask()
    clone = study.ask()
    assert (clone.number, clone.parent, clone.start_step, clone.until_step) == (4, 0, 3, 6)
    assert clone.checkpoint == b"weights of 0"
    assert clone["x"] != study.trials[0].config["x"]


def test_a_parent_without_a_checkpoint_is_refused_with_the_reason() -> None:
    study = make_study()

    def forgetful(trial: LiveTrial) -> None:
        for epoch in range(1, 10):
            if trial.report(trial["x"] + epoch, epoch) is not Verdict.CONTINUE:
                return

    with pytest.raises(RequestError, match=r"'pbt' clones trial \d, which has saved no checkpoint; .* trial.save"):
        study.optimize(forgetful, n_trials=8)


def with_a_clone(storage: str) -> tuple[Study, LiveTrial]:
    """A study and a clone of its trial 0 in hand."""
    study = make_study(storage)
    for number in range(4):
        trial = study.ask()
        trial.report(float(number), 3)
        trial.save(f"weights of {number}".encode())
        study.tell(trial)
    taken = [study.ask() for _ in range(4)]
    return study, taken[-1]


def test_a_clone_that_is_lost_begins_again_from_its_parent(tmp_path: Path) -> None:
    study, clone = with_a_clone(f"sqlite:///{tmp_path}/s.db")
    assert clone.parent == 0
    again = actions.restart(study.book, study.trials[clone.number], "gone")
    assert again is not None
    assert (again.parent, again.start_step, again.checkpoint) == (0, 3, b"weights of 0")
    trial = study.trials[clone.number]
    assert (trial.parent, trial.parent_step, trial.replaces) == (0, 3, 3)


@pytest.mark.parametrize("damage", ["DELETE FROM blob", "UPDATE blob SET data = 'nonsense'"])
def test_a_checkpoint_that_is_gone_or_edited_costs_its_trial_what_it_had_learned(tmp_path: Path, damage: str) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study, clone = with_a_clone(storage)
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute(f"{damage} WHERE data = ?", (b"weights of 0",))
    connection.close()
    again = actions.restart(study.book, study.trials[clone.number], "gone")
    assert again is not None
    assert (again.parent, again.start_step, again.checkpoint, again.until_step) == (None, 0, None, 6)
    (why,) = [event.data["why"] for event in events(study, "trial.restarted") if event.data["start_step"] == 0]
    assert "its checkpoint at step 3 is of no use" in why
    assert "so it begins anew, without what trial 0 had learned" in why
    trial = study.trials[clone.number]
    assert (trial.parent, trial.checkpoint, trial.reports) == (None, None, ())
    study.close()
    log = SqliteLog(tmp_path / "s.db", "study")
    assert verify(log).ok  # the log says that it is gone
    log.close()
    again_loaded = load_study("study", storage)
    assert again_loaded.trials[clone.number].parent is None
    again_loaded.optimize(learn_anew, n_trials=8)
    assert again_loaded.best_trial.state is TrialState.COMPLETE


def test_a_clone_whose_own_checkpoint_is_gone_had_saved_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    study, clone = with_a_clone(f"sqlite:///{tmp_path}/s.db")
    clone.report(-1.0, 6)
    clone.save(b"weights of its own")
    assert study.tell(clone, -1.0).state is TrialState.PAUSED
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("DELETE FROM blob WHERE data = ?", (b"weights of its own",))
    connection.close()
    study.optimize(learn_anew, n_trials=0)
    assert any("is of no use" in text and "so it begins anew" in text for text in caplog.messages)
    assert not any("had saved nothing" in text for text in caplog.messages)


def test_what_is_kept_is_in_a_declared_space(tmp_path: Path) -> None:
    keep = PopulationBasedTraining(keep=("y",))
    with pytest.raises(RequestError, match=r"keep = 'y', which is no hyperparameter of the space.*; it has x"):
        make_study(f"sqlite:///{tmp_path}/s.db", keep)
    make_study(f"sqlite:///{tmp_path}/s.db").close()  # nothing of the other one is there


def learn_anew(trial: LiveTrial) -> float | None:
    """As `learn`, with checkpoints that say nothing."""
    for epoch in range(trial.start_step + 1, FIDELITY.max + 1):
        if trial.report(abs(trial["x"]), epoch) is not Verdict.CONTINUE:
            trial.save(f"{trial.number} {epoch}".encode())
            return None
    return abs(float(trial["x"]))


def kept(path: Path) -> set[bytes]:
    with sqlite3.connect(path) as connection:
        found = {bytes(data) for (data,) in connection.execute("SELECT data FROM blob")}
    connection.close()
    return found


def test_checkpoints_that_nobody_needs_are_deleted(tmp_path: Path) -> None:
    study = make_study(f"sqlite:///{tmp_path}/s.db")
    study.optimize(learn_anew, n_trials=12)
    needed = {trial.checkpoint[1] for trial in study.trials if trial.checkpoint is not None}
    assert len(kept(tmp_path / "s.db")) == len(needed) <= 4
    saved = [event.data for event in events(study, "trial.saved")]
    assert len(saved) > 2 * len(needed)
    assert verify(study.book.log).ok
    replaced = [trial.replaces for trial in study.trials if trial.replaces is not None]
    assert replaced
    assert all(study.trials[number].checkpoint is None for number in replaced)


def test_a_checkpoint_that_a_clone_began_from_stays_until_the_clone_has_its_own(tmp_path: Path) -> None:
    study, clone = with_a_clone(f"sqlite:///{tmp_path}/s.db")
    parent = study.trials[0]
    assert parent.state is TrialState.RUNNING
    study._report(holdfast.records.Report(0, 6, checkpoint=b"later weights of 0"))
    assert b"weights of 0" in kept(tmp_path / "s.db")
    clone.report(0.0, 6)
    clone.save(b"weights of the clone")
    found = kept(tmp_path / "s.db")
    assert b"weights of 0" not in found
    assert {b"later weights of 0", b"weights of the clone"} <= found
    assert verify(study.book.log).ok


def test_a_failed_trial_leaves_no_checkpoint(tmp_path: Path) -> None:
    study, clone = with_a_clone(f"sqlite:///{tmp_path}/s.db")
    before = kept(tmp_path / "s.db")
    actions.tell(study.book, Outcome(1, TrialState.FAILED, error="broken", cause=Cause.ERROR))
    assert before - kept(tmp_path / "s.db") == {b"weights of 1"}
    actions.tell(study.book, Outcome(clone.number, TrialState.FAILED, error="broken", cause=Cause.ERROR))
    assert b"weights of 0" in kept(tmp_path / "s.db")  # its parent needs it
    assert verify(study.book.log).ok


def test_another_study_in_the_file_keeps_the_same_checkpoint(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    other = Study({"x": holdfast.Float(-1, 1)}, strategy=PBT, seed=3, fidelity=FIDELITY, storage=storage, name="other")
    same = other.ask()
    same.report(0.0, 3)
    same.save(b"weights of 1")
    study, _ = with_a_clone(storage)
    actions.tell(study.book, Outcome(1, TrialState.FAILED, error="broken", cause=Cause.ERROR))
    assert b"weights of 1" in kept(tmp_path / "s.db")
    assert verify(other.book.log).ok


def test_the_schedule_of_a_trial_follows_its_lineage_and_can_be_trained_again(tmp_path: Path) -> None:
    study = make_study()
    study.optimize(learn, n_trials=12)
    heir = next(t for t in study.trials if t.parent is not None and t.state is TrialState.COMPLETE)
    schedule = study.schedule(heir.number)
    assert schedule.trial == heir.number
    assert (schedule.pieces[0].start, schedule.pieces[-1].until, schedule.unit) == (0, 9, "epoch")
    assert len(schedule.pieces) > 1
    assert [schedule.at(step)["x"] for step in range(1, 10)] == heir.extra["done"]
    assert schedule.changed == ("x",)
    schedule.save(tmp_path / "schedule.json")
    again = Schedule.load(tmp_path / "schedule.json")
    assert again == schedule
    assert study.replay_schedule(learn, again) == heir.metrics
    assert study.replay_schedule(learn) == study.best_trial.metrics
    with pytest.raises(RequestError, match=r"the schedule of trial .* ends with step 9, before 10"):
        schedule.at(10)


def test_a_trial_without_a_parent_has_a_schedule_of_one_piece() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", seed=0)
    study.optimize(lambda trial: float(trial["x"]), n_trials=2)
    schedule = study.schedule()
    assert [(piece.trial, piece.start, piece.until) for piece in schedule.pieces] == [
        (study.best_trial.number, 0, None)
    ]
    assert schedule.at(7) == study.best_config
    assert schedule.changed == ()
    assert study.replay_schedule(lambda trial: float(trial["x"])) == study.best_trial.metrics


def test_a_replay_needs_what_was_saved() -> None:
    study = make_study()
    study.optimize(learn_anew, n_trials=12)
    heir = next(t for t in study.trials if t.parent is not None)
    with pytest.raises(RequestError, match=r"the objective saved nothing at step .*, where trial .* was cloned"):
        study.replay_schedule(lambda trial: float(trial["x"]), study.schedule(heir.number))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "cannot be read"),
        ("[]", "holds no schedule"),
        ("{}", "this is no schedule: KeyError"),
        ('{"unit": "epoch", "score": {}, "complete": true, "pieces": []}', "have to follow each other from step 0"),
    ],
)
def test_a_file_that_holds_no_schedule_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "schedule.json").write_text(text)
    with pytest.raises(RequestError, match=words):
        Schedule.load(tmp_path / "schedule.json")


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "populations.md"
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(compile(code, page.name, "exec"), found)
    assert found["study"].replay_schedule(found["descend"]) == found["study"].best_trial.metrics
    assert len(found["schedule"].pieces) > 1
