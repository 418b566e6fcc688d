"""A metric of one's own that raises where a study looks at rows in another way than its search did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.execute.inline import Inline
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, tune

FUNCTIONS = """
import numpy as np

def test_rows(y, predicted):
    if len(y) in {35, 36}:
        raise KeyError("no such row")
    return float((y == predicted).mean())

def many(y, predicted):
    return [float((y == predicted).mean())][0 if len(y) >= 40 else 1]
"""


@pytest.fixture(autouse=True)
def _functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metrics_that_raise.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))


def finished(runs: Path, function: str, split: dict[str, Any]) -> Result:
    wanted = {
        "study": {"name": "wines"},
        "data": {"source": "sklearn:wine", "split": split},
        "model": {"family": "logistic"},
        "search": {"trials": 2, "strategy": "random"},
        "metric": {"name": f"metrics_that_raise:{function}"},
    }
    return tune(wanted, runs=runs, executor=Inline())


def test_test_rows_without_a_score_are_opened_and_told(tmp_path: Path) -> None:
    result = finished(tmp_path, "test_rows", {"folds": 3, "test": 0.2})
    assert result.test is None
    assert result.estimate is not None
    said = "on the test rows the metric 'metrics_that_raise:test_rows' cannot score 36 rows; it ended in KeyError"
    assert any(text.startswith(said) for text in result.missing)
    (opened,) = open_book(find_run(tmp_path, "wines")).state.notes["test.opened"]
    assert opened["score"] is None
    assert said in (tmp_path / "wines" / "summary.md").read_text()


def test_finalists_that_cannot_be_scored_are_no_candidates(tmp_path: Path) -> None:
    result = finished(tmp_path, "test_rows", {"folds": 3, "select": 0.2, "test": 0.1})
    assert result.test is not None
    notes = open_book(find_run(tmp_path, "wines")).state.notes
    assert notes["choice.made"][0]["rule"] == "best validation score"
    told = [text for text in notes["estimate.made"][0]["sentences"] if "has no score on the select rows" in text]
    assert len(told) == 2


def test_one_that_raises_in_bootstraps_has_no_estimate(tmp_path: Path) -> None:
    result = finished(tmp_path, "many", {"train": 0.5, "validation": 0.25, "test": 0.25})
    assert result.estimate is None
    assert result.test is not None
    assert any("undefined in all 200 bootstraps" in text for text in result.missing)
