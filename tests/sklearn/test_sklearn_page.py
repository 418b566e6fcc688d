"""docs/sklearn.md: its code runs, and prints what is shown."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "sklearn.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+")


def test_the_code_of_the_page_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python\n") > 3
    names: dict[str, object] = {}
    for code, shown in blocks:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, "sklearn.md", "exec"), names)
        assert NUMBER.sub("0.0", said.getvalue()) == NUMBER.sub("0.0", shown)
        pairs = zip(NUMBER.findall(said.getvalue()), NUMBER.findall(shown), strict=True)
        for found, expected in pairs:  # the last digits differ between machines
            assert float(found) == pytest.approx(float(expected), abs=0.01)
