"""What a message tells people to type works in their shell and finds their folder of runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from holdfast.protocol.folder import RunFolder, command


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
