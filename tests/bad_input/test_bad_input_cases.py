"""Every bad input gets the one sentence that docs/bad-input.md shows, and nothing is done or lost."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.bad_input.bench import TUNE, Case, ask
    from tests.bad_input.cases import CASES, PAGE, page, read_page
else:
    from bench import TUNE, Case, ask
    from cases import CASES, PAGE, page, read_page

JARGON = re.compile(
    r"bug in holdfast|Traceback|pydantic|polars\.|tomllib|sqlite3?\.|datetime\.|NoneType|\bUnion\b|<class"
    r"|\bobject at 0x|holdfast\.errors|ComputeError|Input should"
)
"""Words of the machinery, which a person should not have to read."""


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_gets_the_sentence_of_the_page(name: str, tmp_path: Path) -> None:
    case: Case = CASES[name]
    answer = ask(case, tmp_path.resolve())
    assert answer.code == case.code, answer.err
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("holdfast: ")
    assert not JARGON.search(answer.err)
    if not case.changes:
        assert answer.after == answer.before
    assert answer.sentence == read_page().get(name), "look at it, then run: python tests/bad_input/cases.py --write"


REFUSED = [name for name, case in CASES.items() if (case.command, case.code, case.around) == (TUNE, 2, nullcontext)]
"""The plans that are refused for what they are, and not for what lies around them."""


@pytest.mark.parametrize("name", [name for name in REFUSED if not name.startswith("The disk")])
def test_pricing_a_plan_says_what_running_it_says(name: str, tmp_path: Path) -> None:
    answer = ask(replace(CASES[name], command=("plan", "plan.toml", "--no-timing")), tmp_path.resolve())
    assert (answer.code, answer.out, answer.sentence) == (2, "", read_page().get(name))
    assert answer.after == answer.before


def test_the_page_is_made_of_these_cases() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_page())


def test_the_plan_and_the_table_of_the_cases_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cases change is right as it stands: the plan is prepared, so that each refusal is about the change."""
    from holdfast.protocol.folder import RunFolder
    from holdfast.protocol.prepare import prepare_study
    from holdfast.protocol.read import read_plan

    ask(CASES["The command line: no plan"], tmp_path)  # lays out the files
    monkeypatch.chdir(tmp_path)
    prepare_study(read_plan("plan.toml"), RunFolder(Path("runs"), "mine")).close()
