from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.throughput_parts.size import NAME, asked, checked, folded, opened, write_log

from holdfast import load_study
from holdfast.log.sqlite import SqliteLog
from holdfast.log.verify import verify


def test_the_log_is_one_that_a_study_could_have_written(tmp_path: Path) -> None:
    write_log(tmp_path / "study.db", 20, 3)
    log = SqliteLog(tmp_path / "study.db", NAME, read_only=True)
    assert verify(log).ok
    study = load_study(NAME, f"sqlite:///{tmp_path / 'study.db'}")
    assert [len(trial.reports) for trial in study.trials] == [3] * 20
    assert study.best_trial.metrics["value"] == min(trial.metrics["value"] for trial in study.trials)
    study.tell(study.ask(), 1.0)


@pytest.mark.long
def test_a_hundred_thousand_trials_with_twenty_reports_each_are_no_burden(tmp_path: Path) -> None:
    """By processor time, which other work on the machine prolongs less."""
    path = tmp_path / "study.db"
    write_log(path, 100_000, 20)
    assert folded(path)["open"][1] < 60
    found = opened(path)
    assert found["reports"] == 2_000_000
    assert found["open"][1] < 3
    assert found["best"][1] < 100
    for strategy in ("random", "tpe"):
        assert asked(path, strategy)["median"][1] < 5
    assert checked(path)["million"][1] < 30


def test_a_study_that_grew_since_its_snapshot_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    write_log(path, 300, 20)
    study = load_study(NAME, f"sqlite:///{path}")
    for _ in range(3):
        study.tell(study.ask(), 1.0)
    again = load_study(NAME, f"sqlite:///{path}")
    assert again.trials == study.trials
    assert np.array_equal(again.history.units, study.history.units, equal_nan=True)
