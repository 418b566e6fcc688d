"""verify: it finds what was changed, also where the log does not fold any more."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]


def edit(statement: str) -> None:
    with closing(sqlite3.connect("runs/bc/study.db")) as database, database:
        database.execute(statement)


def test_an_untouched_study_passes_and_says_what_cannot_be_excluded(call: Call, finished: Path) -> None:
    answer = call("verify", "bc")
    assert answer.returncode == 0
    assert "is as it was written" in answer.stdout
    assert "it cannot be excluded" in answer.stdout
    found = json.loads(call("verify", "bc", "--json").stdout)
    assert found["ok"] is True
    assert found["files"] >= 4
    assert found["events"] > 10


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE event SET body = replace(body, '\"seed\":0', '\"seed\":1') WHERE idx = 0", "event 0 was edited"),
        ("DELETE FROM event WHERE idx = 3", "event 3 was removed"),
        ("UPDATE event SET body = 'nonsense' WHERE idx = 2", "event 2 was edited"),
    ],
)
def test_a_changed_log_is_found_though_it_does_not_fold(
    call: Call, finished: Path, statement: str, sentence: str
) -> None:
    edit(statement)
    answer = call("verify", "bc")
    assert answer.returncode == 1
    assert f"study 'bc' was changed: {sentence}" in answer.stdout
    assert answer.stderr == ""


def test_a_ledger_that_was_changed_is_found(call: Call, finished: Path) -> None:
    with closing(sqlite3.connect("runs/openings.db")) as database, database:
        database.execute("UPDATE event SET body = replace(body, '\"configurations\":', '\"configurations\":1')")
    answer = call("verify", "bc")
    assert answer.returncode == 1
    assert "the ledger of the store in runs was changed: event 0 was edited" in answer.stdout


def test_a_log_that_was_cut_off_is_found_with_the_head(call: Call, finished: Path) -> None:
    head = json.loads(call("verify", "bc", "--json").stdout)["head"]
    edit("DELETE FROM event WHERE idx = (SELECT max(idx) FROM event)")
    assert call("verify", "bc").returncode == 0
    answer = call("verify", "bc", "--head", head)
    assert answer.returncode == 1
    assert "the log was cut off before it, or rewritten" in answer.stdout


@pytest.mark.parametrize("name", ["sealed/test.arrow", "data/train.arrow", "model/model.skops"])
def test_a_changed_file_is_found(call: Call, finished: Path, name: str) -> None:
    path = Path("runs/bc") / name
    path.write_bytes(path.read_bytes() + b"x")
    answer = call("verify", "bc")
    assert answer.returncode == 1
    assert f"{path} was changed" in answer.stdout
    path.unlink()
    assert f"{path} is missing" in call("verify", "bc").stdout


def test_a_head_that_is_none_is_refused(call: Call, finished: Path) -> None:
    answer = call("verify", "bc", "--head", "abc")
    assert answer.returncode == 2
    assert answer.stderr == "holdfast: head 'abc' is no hash; give the 64 hex digits that stand in the report\n"
