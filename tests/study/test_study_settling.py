"""Results on their way to the disk while the next trials run."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from holdfast import Float, Study
from holdfast.errors import LogError
from holdfast.log.database import Database
from holdfast.study.handle import LiveTrial
from holdfast.study.settling import MOST


class Disk:
    """Counts the times that the disk was waited for; a wait lasts until the disk is free, and may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits = 0
        self.fails = False
        self.free = threading.Event()
        self.free.set()
        real = Database.flush

        def flush(database: Database) -> None:
            assert self.free.wait(30)
            if self.fails:
                raise LogError("the disk failed to write")
            real(database)
            self.waits += 1

        monkeypatch.setattr(Database, "flush", flush)


def objective(trial: LiveTrial) -> float:
    return float(trial["x"]) ** 2


def study_in(folder: Path) -> Study:
    return Study({"x": Float(-1, 1)}, strategy="random", storage=f"sqlite:///{folder / 's.db'}")


def test_trials_go_on_while_the_disk_is_slow_but_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    done: list[int] = []
    by_then: list[int] = []

    def let_on() -> None:
        by_then.append(len(done))
        disk.free.set()

    def counted(trial: LiveTrial) -> float:
        done.append(trial.number)
        if len(done) == 1:
            disk.free.clear()
        if len(done) == MOST + 1:
            threading.Timer(0.3, let_on).start()
        return objective(trial)

    with closing(study_in(tmp_path)) as study:
        study.optimize(counted, n_trials=2 * MOST)
    assert by_then == [MOST + 1]
    assert len(done) == 2 * MOST


def test_a_run_ends_when_all_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)

    def slow_disk(trial: LiveTrial) -> float:
        disk.free.clear()
        return objective(trial)

    study = study_in(tmp_path)
    run = threading.Thread(target=study.optimize, args=(slow_disk, 3))
    run.start()
    run.join(0.5)
    assert run.is_alive()
    disk.free.set()
    run.join(30)
    assert not run.is_alive()
    assert [trial.state.value for trial in study.trials] == 3 * ["complete"]
    study.close()


def test_a_disk_that_fails_ends_the_run_with_its_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    with closing(study_in(tmp_path)) as study:
        study.optimize(objective, n_trials=1)
        disk.fails = True
        with pytest.raises(LogError, match="the disk failed to write"):
            study.optimize(objective, n_trials=1000)
        assert len(study.trials) < 1000


def test_whoever_is_told_of_a_trial_is_told_when_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    with closing(study_in(tmp_path)) as study:
        study.optimize(objective, n_trials=1)
        before, seen = disk.waits, []
        study.optimize(objective, n_trials=3, on_finish=lambda trial: seen.append(disk.waits))
    assert seen == [before + 2, before + 3, before + 4]  # the first wait was for the budget


def test_a_run_in_memory_has_nothing_to_wait_for() -> None:
    study = Study({"x": Float(-1, 1)}, strategy="random")
    assert study.book.log.flush is None
    study.optimize(objective, n_trials=3)
    assert len(study.trials) == 3
