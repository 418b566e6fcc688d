"""A run whose log was damaged: every command says so, and `doctor --salvage` saves what is left."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.log.sqlite import SqliteLog

Call = Callable[..., subprocess.CompletedProcess[str]]

PAGE = 4096
COMMANDS = [
    ("status", "bc"),
    ("best", "bc"),
    ("verify", "bc"),
    ("report", "bc"),
    ("resume", "bc", "-q"),
    ("tune", "plan.toml", "-q"),
]


def damage(path: Path, pages: Callable[[bytes], bool]) -> None:
    """Zero every page but the first that is chosen."""
    data = path.read_bytes()
    parts = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    gone = [at for at, part in enumerate(parts) if at > 0 and pages(part)]
    assert gone
    path.write_bytes(b"".join(bytes(len(part)) if at in gone else part for at, part in enumerate(parts)))
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def without_header(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def test_every_command_names_the_one_that_saves(call: Call, finished: Path) -> None:
    without_header(Path("runs/bc/study.db"))
    for command in COMMANDS:
        answer = call(*command)
        assert answer.returncode == 1, command
        assert answer.stderr.count("\n") == 1, command
        assert answer.stderr.rstrip().endswith(
            "; save what can be saved of it with: holdfast doctor --salvage --storage sqlite:///runs/bc/study.db"
        )


def test_a_run_goes_on_from_what_was_saved(call: Call, finished: Path) -> None:
    path = Path("runs/bc/study.db")
    head = json.loads(call("verify", "bc", "--json").stdout)["head"]
    damage(path, lambda page: b"choice.made" in page)
    before = path.read_bytes()
    done = call("doctor", "bc", "--salvage")
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_bytes() == before
    assert "in 'runs/bc/study.salvaged.db'; the damaged file was not changed" in done.stdout
    assert done.stdout.rstrip().endswith("go on with: holdfast resume bc")
    said = " ".join(done.stdout.split())
    assert "trials 3 of 3 saved" in said
    assert "results 3 saved" in said
    again = call("resume", "bc", "-q")
    assert (again.returncode, again.stderr) == (0, "")
    assert call("verify", "bc").returncode == 0
    assert "salvaged" in call("verify", "bc").stdout
    log = SqliteLog("runs/bc/study.salvaged.db", "bc", read_only=True)
    kinds = [event.kind for event in log.read()]
    log.close()
    assert kinds.count("log.salvaged") == 1
    assert "salvaged" in Path("runs/bc/summary.md").read_text(encoding="utf-8")
    assert head not in Path("runs/bc/summary.md").read_text(encoding="utf-8")


def test_as_json_and_by_its_storage(call: Call, finished: Path) -> None:
    path = Path("runs/bc/study.db")
    damage(path, lambda page: b"trial.told" in page)
    said = json.loads(call("doctor", "--salvage", "--storage", f"sqlite:///{path}", "--json").stdout)
    (study,) = said["studies"]
    assert (said["path"], study["name"]) == ("runs/bc/study.salvaged.db", "bc")
    assert study["lost"]
    head = call("verify", "bc", "--head", study["last"][1])
    assert head.returncode == 1
    assert "was the head of the damaged log that this one was salvaged from; of its" in head.stdout
    assert study["events"] + sum(last - first + 1 for first, last in study["lost"]) == study["last"][0]


def test_a_ledger_is_saved_and_used_from_then_on(call: Call, finished: Path) -> None:
    path = Path("runs/openings.db")
    without_header(path)
    assert call("verify", "bc").stderr.rstrip().endswith("--salvage --storage sqlite:///runs/openings.db")
    done = call("doctor", "--salvage", "--storage", "sqlite:///runs/openings.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the ledger of looks at rows:" in done.stdout
    assert call("verify", "bc").returncode == 0


def test_a_whole_log_is_left_as_it_is(call: Call, finished: Path) -> None:
    answer = call("doctor", "bc", "--salvage")
    assert answer.returncode == 0
    assert answer.stdout == "nothing is damaged in 'runs/bc/study.db', so nothing was written\n"
    assert not list(Path("runs/bc").glob("*salvaged*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--salvage",), "--salvage needs the name of a study, or --storage"),
        (("bd", "--salvage"), "there is no study 'bd' in runs; there are bc"),
        (("bc",), "doctor looks at the machine; for the log of a study add --salvage"),
        (("bc", "--salvage", "--storage", "postgresql://host/base"), "is kept by a server"),
        (("bc", "--salvage", "--storage", "sqlite:///none.db"), "there is no log at 'none.db'"),
    ],
)
def test_what_cannot_be_salvaged(call: Call, finished: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = call("doctor", *arguments)
    assert answer.returncode != 0
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
