"""The page on ways of validating: its pictures are what its lines of Python do, and its code runs."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.data.scheme import SplitPlan

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = r"^```toml\nsplit = (.*?)\n```\n\n```python\nsplits = (.*?)\n```\n\n```text\n(.*?)```"
SCHEMES = re.findall(BLOCKS, TEXT, re.MULTILINE | re.DOTALL)
NAMES = {"holdfast": holdfast, "y": np.array(["a", "b"] * 24), "who": np.arange(48) // 4, "day": np.arange(48)}


def picture(splits: holdfast.Splits) -> str:
    """A line for each pair: `.` is learned from, `V` validates, `T` is for the test."""
    lines = []
    for train, validation in splits:
        row = np.full(48, " ")
        for mark, rows in ((".", train), ("V", validation), ("s", splits.select), ("T", splits.test)):
            row[rows] = mark
        lines.append("".join(row).rstrip() + "\n")
    return "".join(lines)


@pytest.mark.parametrize(("plan", "code", "shown"), SCHEMES, ids=[plan for plan, _, _ in SCHEMES])
def test_the_picture_is_what_the_line_does(plan: str, code: str, shown: str) -> None:
    import tomllib

    splits = eval(code, dict(NAMES))
    trials = [splits.of_trial(number) for number in range(3)] if "reshuffle" in code else [splits]
    assert "".join(map(picture, trials)) == shown
    wanted = SplitPlan.from_mapping(tomllib.loads(f"split = {plan}")["split"])
    assert wanted.folds == splits._plan.folds
    assert (wanted.repeats, wanted.window, wanted.gap, wanted.reshuffle, wanted.shares) == (
        splits._plan.repeats,
        splits._plan.window,
        splits._plan.gap,
        splits._plan.reshuffle,
        splits._plan.shares,
    )


def test_every_scheme_has_a_picture() -> None:
    assert len(SCHEMES) == 7


def test_the_code_of_the_page_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    blocks: list[Any] = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    module = types.ModuleType("validation")
    monkeypatch.setitem(sys.modules, "validation", module)
    exec("\n".join(block for block in blocks if not block.startswith("splits = ")), vars(module))
    estimate, procedure = capsys.readouterr().out.splitlines()
    assert "[" in estimate
    assert "[" in procedure
