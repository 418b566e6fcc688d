"""docs/strategies.md: its code runs, and every strategy and setting stands in it with its default."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from holdfast.search.registry import NAMES, make_strategy

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_runs(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(f"strategies_{number}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(BLOCKS[number], module.__name__, "exec"), vars(module))


def test_a_strategy_of_one_s_own_has_twenty_lines() -> None:
    (block,) = [block for block in BLOCKS if "class Tournament" in block]
    own = block.partition("@dataclass")[2].partition("\n\n\nfor check")[0]
    assert len([line for line in own.splitlines() if line.strip()]) <= 20


@pytest.mark.parametrize("name", NAMES)
def test_each_strategy_and_setting_stands_there(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.search(rf"^\| `{name}` \|", text, re.MULTILINE)
    strategy: Any = make_strategy(name)
    settings = {field.name: field.default for field in dataclasses.fields(strategy) if field.name != "name"}
    listed = dict(re.findall(rf"^\| `{name}` \| `(\w+)` \| `(.+?)` \|", text, re.MULTILINE))
    assert listed == {
        key: f'"{default}"' if isinstance(default, str) else repr(default) for key, default in settings.items()
    }
