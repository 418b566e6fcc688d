"""Disks that are full or take no writes: nothing that was told is lost, and the same command goes on afterwards."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdfast import Float, Study
from holdfast.cli import main
from holdfast.errors import LogError
from holdfast.log.open import open_log

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, TABLE
else:
    from bench import PLAN, TABLE

Mount = Callable[..., None]


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    """Mounts a small file system over the folder ``runs``, or changes its options; skips where that is not allowed."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", "runs"], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip("this user may not mount a file system")

    yield run
    # lazily: what this process has still open there would keep it, and pytest from clearing its folder ever after
    subprocess.run(["umount", "--lazy", tmp_path / "runs"], capture_output=True, check=False)


def test_what_was_told_before_the_disk_was_full_is_on_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    storage = f"sqlite:///{tmp_path / 'study.db'}"

    def in_little_room(*args: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **more)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    def begin() -> Study:
        return Study({"x": Float(0, 1)}, strategy="random", seed=0, storage=storage, name="mine")

    told: list[float] = []
    monkeypatch.setattr(sqlite3, "connect", in_little_room)
    study = begin()
    with pytest.raises(LogError, match="is full; what was logged is kept, free some space and resume"):
        tell_on(study, told)
    study.close()
    monkeypatch.setattr(sqlite3, "connect", connect)
    assert len(told) > 3
    study = begin()
    assert [value for trial in study.trials for value in trial.metrics.values()] == told
    study.optimize(lambda trial: trial["x"], n_trials=2)
    assert len([value for trial in study.trials for value in trial.metrics.values()]) > len(told)
    study.close()


def tell_on(study: Study, told: list[float]) -> None:
    """Ask and tell, and note what was told."""
    for _ in range(500):
        trial = study.ask()
        study.tell(trial, trial["x"])
        told.append(trial["x"])


def test_a_file_system_that_takes_no_writes(mount: Mount, capfd: pytest.CaptureFixture[str]) -> None:
    mount("size=4m,ro")
    assert main(["tune", "plan.toml", "--quiet"]) == 2
    said = capfd.readouterr().err
    assert said == "holdfast: nothing can be written to 'runs' (read-only file system); name another folder: --runs\n"


@pytest.mark.long
@pytest.mark.parametrize("size", ["40k", "110k", "180k", "260k", "400k", "560k"])
def test_a_disk_that_is_full_somewhere_on_the_way(mount: Mount, size: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Wherever the room ends: one sentence, an intact log, and a whole result once there is more room."""
    mount(f"size={size}")
    code = main(["tune", "plan.toml", "--quiet"])
    said = capfd.readouterr()
    assert code == 1, said
    assert said.err.count("\n") == 1
    assert "full" in said.err or "no space left" in said.err
    assert "bug" not in said.err
    before = hashes()
    mount("remount,size=64m")
    assert main(["tune", "plan.toml", "--quiet"]) == 0, capfd.readouterr().err
    assert hashes()[: len(before)] == before
    assert main(["verify", "mine"]) == 0


def hashes() -> list[str]:
    """The hashes of all events of the study; none if there is no log."""
    if not Path("runs/mine/study.db").exists():
        return []
    with contextlib.closing(open_log("sqlite:///runs/mine/study.db", "mine", read_only=True)) as log:
        return [event.hash for event in log.read()]
