"""holdfast report: the pages again, from the log alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import holdfast

if TYPE_CHECKING:
    from tests.cli.conftest import Call


def test_the_log_is_all_it_needs(finished: Path, call: Call, tmp_path: Path) -> None:
    run, elsewhere = finished / "runs" / "bc", tmp_path / "elsewhere" / "bc"
    elsewhere.mkdir(parents=True)
    shutil.copy(run / "study.db", elsewhere)
    answer = call("report", "bc", "--runs", elsewhere.parent, "--json")
    assert answer.returncode == 0, answer.stderr
    files = json.loads(answer.stdout)["files"]
    assert {"report.html", "summary.md", "trials.csv", "figures/history.png", "figures/scores.svg"} <= set(files)
    for name in files:
        assert (elsewhere / name).read_bytes() == (run / name).read_bytes(), name


def test_pages_of_a_study_of_ones_own(call: Call, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'own.db'}"
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage, name="mine")
    study.optimize(lambda trial: trial["x"], n_trials=4)
    answer = call("report", "mine", "--storage", storage, "--out", tmp_path / "pages")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == str(tmp_path / "pages" / "report.html")
    assert "figures" in answer.stderr
    assert (tmp_path / "pages" / "figures" / "hyperparameter-x.png").exists()


def test_a_study_that_is_not_there(finished: Path, call: Call, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'own.db'}"
    holdfast.Study({"x": holdfast.Float(0, 1)}, storage=storage, name="mine").ask()
    answer = call("report", "mind", "--storage", storage, "--out", tmp_path / "pages")
    assert answer.returncode == 2
    assert "did you mean 'mine'?" in answer.stderr
    assert not (tmp_path / "pages").exists()
    assert call("report", "bd").returncode == 2
