"""The page for those who come from Optuna names what exists."""

from __future__ import annotations

import re
from pathlib import Path

import holdfast
from holdfast.search.registry import NAMES

PAGE = (Path(__file__).parents[2] / "docs" / "optuna.md").read_text(encoding="utf-8")


def test_the_page_for_optunas_users_names_what_exists() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    ours = "\n".join(row[1] for row in rows)
    owners = {"study": holdfast.Study, "trial": holdfast.LiveTrial}
    named = set(re.findall(r"\b(study|trial)\.(\w+)", ours))
    assert named
    assert [(owner, name) for owner, name in sorted(named) if not hasattr(owners[owner], name)] == []
    chosen = [name for row in rows if row[0] in {"samplers", "pruners"} for name in re.findall(r'"([a-z-]+)"', row[1])]
    assert set(chosen) <= {*NAMES, "epoch"}
    assert len(chosen) > 10
