"""holdfast worker: what is refused, and joining the search of a plan."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import PLAN, Call

import holdfast
from holdfast.protocol.folder import RunFolder, open_book
from holdfast.protocol.prepare import prepare_study
from holdfast.protocol.read import read_plan


def test_a_worker_searches_a_plan_and_leaves_the_rest_to_tune(call: Call, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    prepare_study(read_plan(tmp_path / "plan.toml"), RunFolder(tmp_path, "bc")).close()
    answer = call("worker", "bc", "--runs", tmp_path, "--executor", "fresh")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stderr.splitlines()
    assert [line.partition(",")[0] for line in lines[:3]] == [f"trial {number}: complete" for number in range(3)]
    assert lines[3] == "study 'bc': nothing is left to run; 3 of its 3 trials ended here"
    assert "choice.made" not in open_book(RunFolder(tmp_path, "bc")).state.notes
    open_book(RunFolder(tmp_path, "bc"), read_only=False).note("choice.made", {"trial": 0})
    answer = call("worker", "bc", "--runs", tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == "holdfast: study 'bc' has made its choice, so that there is nothing left to search\n"


def test_what_is_missing_is_said(call: Call, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    holdfast.Study({"x": holdfast.Float(0, 1)}, storage=storage, name="mine").close()
    for words, sentence in (
        (("mine",), "the folder runs/mine is not here, and with it the plan and the rows"),
        (("mine", "--storage", storage), "study 'mine' has no plan; name its objective: --objective module:function"),
        (("mine", "--objective", "train:loss"), "a study without a plan lies in a storage; name it"),
        (("mine", "--storage", storage, "--objective", "no_such:loss"), "there is no module 'no_such'"),
        (("mine", "--executor", "fesh"), "there is no executor 'fesh' (did you mean 'fresh'?)"),
        (("mine", "--executor", "ray"), "a worker runs its trials where it is; --executor ray is for holdfast tune"),
    ):
        answer = call("worker", *words)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert sentence in answer.stderr
