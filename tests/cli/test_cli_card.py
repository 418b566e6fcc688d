"""The command `card`: it writes the card, keeps a person's words, and says what is left."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast

CARD = Path("runs/bc/MODEL_CARD.md")


def answer_all(path: Path) -> None:
    """Write on a card what only a person can."""
    text = re.sub(r"^# license:.*$", "license: mit", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(re.sub(r"^> \*\*To be written.*$", "My words.", text, flags=re.MULTILINE), encoding="utf-8")


def test_a_card_is_written_checked_filled_and_written_anew(finished: Path, call: Callable[..., Any]) -> None:
    CARD.unlink(missing_ok=True)
    missing = call("card", "bc", "--check")
    assert missing.returncode == 2
    assert "there is no model card" in missing.stderr
    assert "holdfast card bc" in missing.stderr
    done = call("card", "bc")
    assert done.returncode == 0
    assert "8 parts are still to be written by a person" in done.stderr
    assert "not validated" not in done.stderr
    check = call("card", "bc", "--check")
    assert check.returncode == 1
    assert "Intended use" in check.stdout
    found = json.loads(call("card", "bc", "--check", "--json").stdout)
    assert [item["part"] for item in found["to_write"]][:2] == ["license", "intended-use"]
    assert found["front_matter"] == {"validated": True, "problems": [], "why_not": None}
    answer_all(CARD)
    check = call("card", "bc", "--check")
    assert (check.returncode, "is complete" in check.stdout) == (0, True)
    assert call("card", "bc", "--source", "https://example.org/report.html").returncode == 0
    text = CARD.read_text(encoding="utf-8")
    assert text.count("My words.") == 7
    assert "url: https://example.org/report.html" in text
    assert call("card", "bc", "--check").returncode == 0


def test_a_card_that_was_changed_elsewhere_is_left_alone(finished: Path, call: Callable[..., Any]) -> None:
    call("card", "bc")
    changed = re.sub(r"sealed test rows", "test rows", CARD.read_text(encoding="utf-8"))
    CARD.write_text(changed, encoding="utf-8")
    done = call("card", "bc")
    assert done.returncode == 2
    assert "is left as it is, because its front matter and top were changed" in done.stderr
    assert CARD.read_text(encoding="utf-8") == changed


def test_without_the_extra_the_card_is_written_and_not_validated(
    finished: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    done = call("card", "bc")
    assert done.returncode == 0
    assert "the front matter was not validated" in done.stderr
    assert "pip install 'holdfast[card]'" in done.stderr
    answer_all(CARD)
    check = call("card", "bc", "--check")
    assert check.returncode == 1
    assert "nothing is left to write" in check.stdout


def test_a_study_without_a_plan_has_a_card_by_its_storage(
    tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, storage="sqlite:///study.db", name="mine")
    study.optimize(lambda trial: trial["x"], n_trials=2)
    done = call("card", "mine", "--storage", "sqlite:///study.db", "--out", "card.md")
    assert done.returncode == 0
    assert "holdfast card mine --storage sqlite:///study.db --out card.md --check" in done.stderr
    assert "tuned in 2 trials" in Path("card.md").read_text(encoding="utf-8")
    head = re.search(
        r"holdfast verify mine --storage ADDRESS --head ([0-9a-f]{64})", Path("card.md").read_text("utf-8")
    )
    assert head is not None
    verified = call("verify", "mine", "--storage", "sqlite:///study.db", "--head", head[1])
    assert (verified.returncode, "is as it was written" in verified.stdout) == (0, True)
    for command in ("card", "verify"):
        missing = call(command, "mime", "--storage", "sqlite:///study.db")
        assert missing.returncode == 2
        assert "there is no study 'mime' in sqlite:///study.db (did you mean 'mine'?)" in missing.stderr
