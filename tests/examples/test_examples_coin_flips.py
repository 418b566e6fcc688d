"""The example of coin flips: what it prints, what its page shows of it, and the picture of the page."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE, DRAW = ROOT / "examples" / "coin_flips.py", ROOT / "docs" / "draw_coin_flips.py"


def test_the_naive_score_finds_something_and_the_estimate_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    naive, estimate = capsys.readouterr().out.splitlines()
    value, low, _ = map(float, re.findall(r"\d\.\d+", naive))
    assert value > low > 0.5
    value, low, high = map(float, re.findall(r"\d\.\d+", estimate))
    assert low < 0.5 < high
    assert value == pytest.approx(0.5, abs=0.03)
    page = (ROOT / "docs" / "coin-flips.md").read_text(encoding="utf-8")
    assert naive in page, "the page shows another study"
    shown = next(line for line in page.splitlines() if line.startswith("estimate "))
    assert [*map(float, re.findall(r"\d\.\d+", shown))] == pytest.approx([value, low, high], abs=0.002)


def test_labels_have_nothing_to_do_with_the_rows() -> None:
    search = runpy.run_path(str(EXAMPLE))["search"]
    search.__globals__["TRIALS"] = 20
    study = search(3)
    assert len(study.trials) == 20
    assert 0.45 < sum(trial.metrics["accuracy"] for trial in study.trials) / 20 < 0.55


def test_the_picture_counts_the_intervals_that_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw = runpy.run_path(str(DRAW))
    rows = [
        {"kind": kind, "place": place, "value": 0.55, "low": low, "high": 0.6, "holds": low <= 0.5}
        for kind, low in (("naive", 0.52), ("estimate", 0.48))
        for place in range(3)
    ]
    draw["found"].__globals__["found"] = lambda searches: rows
    draw["main"](["--out", str(tmp_path / "drawn.png")])
    assert 10_000 < (tmp_path / "drawn.png").stat().st_size < 200_000
    assert "naive: mean 0.5500, from 0.550 to 0.550; 0 of 3 intervals hold 50%" in capsys.readouterr().out
    texts = str(draw["figure"](rows).spec)
    assert "0 of 3 intervals hold 50%" in texts
    assert "3 of 3 intervals hold 50%" in texts
    assert "3 searches, in the order of their naive scores" in texts
