"""Exit codes, and one sentence for everything that goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from holdfast.cli import entry, status
from holdfast.cli.app import app
from holdfast.protocol.plan import Plan

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_version(call: Call) -> None:
    answer = call("--version")
    assert (answer.returncode, answer.stdout) == (0, f"holdfast {version('holdfast')}\n")


def test_help_teaches_by_example(call: Call) -> None:
    answer = call("--help")
    assert answer.returncode == 0
    assert "holdfast tune plan.toml" in answer.stdout
    assert answer.stderr == ""


def test_no_command_shows_the_help_as_an_error(call: Call) -> None:
    answer = call()
    assert answer.returncode == 2
    assert "holdfast tune plan.toml" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tun", "plan.toml"], "there is no command 'tun' (did you mean 'tune'?); see holdfast --help"),
        (["zzz"], "there is no command 'zzz'; there are plan, lr-find, tune, resume,"),
        (["tune"], "missing argument 'PLAN'; see holdfast tune --help"),
        (["status", "--jsno", "x"], "there is no option '--jsno' (did you mean '--json'?); see holdfast status --help"),
        (
            ["tune", "plan.toml", "--trials", "5"],
            "there is no option '--trials'; that stands in the plan, as [search] trials; see holdfast tune --help",
        ),
        (["best", "a", "--trials"], "there is no option '--trials'; see holdfast best --help"),
        (["help"], "there is no command 'help'; type: holdfast --help"),
        (["ls"], "there is no command 'ls'; type: holdfast status"),
        (
            ["export", "a", "-", "--format", "xlsx"],
            "invalid value for '--format': 'xlsx' is not one of 'csv', 'parquet', 'json'; see holdfast export --help",
        ),
        (["best", "a", "b"], "got unexpected extra argument (b); see holdfast best --help"),
        (["best", "a", "--runs"], "option '--runs' requires an argument; see holdfast best --help"),
        (["unseal", "a", "--again"], '--again needs a reason; add --why "the reason"'),
    ],
)
def test_a_wrong_command_line_is_one_sentence(call: Call, arguments: list[str], sentence: str) -> None:
    answer = call(*arguments)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"holdfast: {sentence}")
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""


def test_what_is_meant_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {meant.split()[0] for meant in entry.MEANT.values()} - set(commands) == {"--help", "--version"}
    assert not set(entry.MEANT) & set(commands)
    for key in entry.IN_THE_PLAN.values():
        table, name = key.removeprefix("[").split("] ")
        assert name in Plan.model_fields[table].annotation.model_fields  # type: ignore[union-attr]


def test_an_unforeseen_error_is_told_as_a_bug_with_its_traceback_in_a_file(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a number was divided by nothing")

    monkeypatch.setattr("holdfast.protocol.folder.find_run", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = call("status", "bc")
    assert answer.returncode == 1
    assert answer.stderr.startswith(
        "holdfast: this is a bug in holdfast: ZeroDivisionError: a number was divided by nothing (please report it"
    )
    assert answer.stderr.count("\n") == 1
    (file,) = tmp_path.glob("holdfast-bug-*.txt")
    assert str(file) in answer.stderr
    assert "Traceback" in file.read_text()
    assert status.__file__ in file.read_text()


def test_what_the_system_refuses_is_one_sentence(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('[study]\nname = "a"\n[data]\nsource = "sklearn:iris"\n[model]\nfamily="knn"\n')
    (tmp_path / "runs").write_text("a file where the folder of runs should be")
    monkeypatch.chdir(tmp_path)
    answer = call("tune", "plan.toml", "--quiet")
    assert answer.returncode in {1, 2}
    assert answer.stderr.startswith("holdfast: ")
    assert answer.stderr.count("\n") == 1
    assert "bug" not in answer.stderr


def test_a_reader_that_goes_away_is_no_error_to_talk_about(finished: Path) -> None:
    command = f"{sys.executable} -m holdfast best bc | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=finished, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize(("line", "code"), [("best bc >&-", 0), ("bets bc 2>&-", 2), ("best bc >/dev/full", 1)])
def test_streams_that_are_closed_or_full_are_no_bug(finished: Path, line: str, code: int) -> None:
    command = f"{sys.executable} -m holdfast {line}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=finished, check=False)
    assert done.returncode == code
    assert "bug" not in done.stderr
    assert done.stderr.count("\n") == int(">/dev/full" in line)
