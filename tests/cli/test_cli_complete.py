"""Completion, asked as each shell asks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs, a third elsewhere, and plans at two depths."""
    for name in ("runs/digits/plan.toml", "runs/diabetes/study.db", "runs/.tune", "other/wine/plan.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "runs" / "empty").mkdir()
    for name in ("plan.toml", "notes.md", "examples/digits.toml", "examples/digits.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def completed(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """What is offered for the last word of a line; an error or a message fails."""
    words = line.split(" ")
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    if shell != "bash":
        asked = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", "from holdfast.cli import main; main()"],
        cwd=folder,
        env={**os.environ, **asked, "_HOLDFAST_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("holdfast st", ["status"]),
        ("holdfast status ", ["diabetes", "digits"]),
        ("holdfast resume di", ["diabetes", "digits"]),
        ("holdfast best dig", ["digits"]),
        ("holdfast best --runs other ", ["wine"]),
        ("holdfast best --runs nowhere ", []),
        ("holdfast tune ", [str(Path("examples/digits.toml")), "plan.toml"]),
        ("holdfast tune ex", [str(Path("examples/digits.toml"))]),
        ("holdfast tune examples/d", ["examples/digits.toml"]),
        ("holdfast tune nowhere/", []),
        ("holdfast predict digits ex", [str(Path("examples/digits.csv"))]),
        ("holdfast export digits ", ["digits.csv", "digits.parquet", "digits.json", "-"]),
        ("holdfast export digits out/t.p", ["out/t.parquet"]),
        ("holdfast verify --h", ["--head", "--help"]),
    ],
)
def test_the_tab_key_offers(folder: Path, line: str, offered: list[str]) -> None:
    assert completed(folder, line) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_offered_the_names(folder: Path, shell: str) -> None:
    said = " ".join(completed(folder, "holdfast status di", shell))
    assert "digits" in said
    assert "diabetes" in said


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from holdfast.cli import main; main()"],
        env={**os.environ, "_HOLDFAST_COMPLETE": f"source_{shell}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"complete_{shell}" in done.stdout


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_passed_over_in_silence(folder: Path) -> None:
    (folder / "runs").chmod(0)
    assert completed(folder, "holdfast status ") == []
    (folder / "runs").chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_passed_over_in_silence(folder: Path) -> None:
    assert completed(folder, "holdfast status --runs plan.toml ") == []
