"""docs/inspect.md: its code runs, and its picture of a terminal is what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "inspect.md").read_text(encoding="utf-8")


def test_the_terminal_shows_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = re.findall(r"```console\n\$ holdfast (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert main(shown[0].split()) == 0
    assert capsys.readouterr().out == shown[1]


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_its_code_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "inspect.md", "exec"), {})
    out = capsys.readouterr().out
    assert not out or out.startswith("31\nstandardscaler.mean_")
