"""What a message tells people to type works in their shell and finds their folder of runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from holdfast.errors import RequestError
from holdfast.protocol.folder import RunFolder, command, find_run


@pytest.mark.parametrize(
    ("runs", "name", "typed"),
    [
        ("runs", "digits", "holdfast resume digits"),
        ("elsewhere", "digits", "holdfast resume digits --runs elsewhere"),
        ("my runs", "digits", 'holdfast resume digits --runs "my runs"'),
        ("runs", "a b", 'holdfast resume "a b"'),
    ],
)
def test_the_folder_of_runs_is_named_where_it_is_not_the_usual_one(runs: str, name: str, typed: str) -> None:
    assert RunFolder(Path(runs), name).command("resume") == typed


@pytest.mark.parametrize("word", ["a b", 'say "no"', "$HOME", "it's", "`id`", "a;b", ""])
def test_a_shell_reads_back_every_word(word: str) -> None:
    assert shlex.split(command(Path(word or "runs"), "tune", word))[2] == word


def test_a_folder_under_another_name_says_whose_it_is(tmp_path: Path) -> None:
    moved = RunFolder(tmp_path, "moved")
    moved.path.mkdir()
    moved.plan.write_text('[study]\nname = "digits"\n')
    with pytest.raises(RequestError, match="moved is that of the study 'digits'; give it that name again"):
        find_run(tmp_path, "moved")
    moved.plan.write_text('study = "digits"\n')
    with pytest.raises(RequestError, match=r"plan\.toml is not the plan that was written there"):
        find_run(tmp_path, "moved")
