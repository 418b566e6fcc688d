"""docs/statistics.md: its code runs and prints what stands below it, and its table names functions that are there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import holdfast.stats

TEXT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


def test_the_code_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    exec(compile(code, "docs/statistics.md", "exec"), {"__name__": "statistics_page"})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^# (.*)$", code, re.MULTILINE)


def test_every_module_is_on_the_page_and_every_function_that_it_names_is_there() -> None:
    names = [module.name for module in pkgutil.iter_modules(holdfast.stats.__path__)]
    assert [name for name in names if name not in TEXT] == []
    public = {name for module in names for name in dir(importlib.import_module(f"holdfast.stats.{module}"))}
    tables = re.findall(r"^\| `([a-z_.]+)` \|", TEXT, re.MULTILINE)
    assert len(tables) > 10
    assert [name for name in tables if name.rpartition(".")[2] not in public] == []
