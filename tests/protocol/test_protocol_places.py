"""Plans whose checkpoints lie in a place of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import RequestError
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import tune


def plan(name: str, **study: Any) -> dict[str, Any]:
    return {
        "study": {"name": name, **study},
        "data": {"source": "sklearn:wine", "target": "target", "split": {"folds": 4, "test": 0.2}},
        "model": {"family": "knn"},
        "search": {"strategy": "asha", "trials": 4, "fidelity": {"name": "folds", "min": 1, "max": 4, "eta": 2}},
    }


@pytest.mark.long
def test_a_plan_s_checkpoints_are_kept_there_and_gone_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = tune(plan("elsewhere", checkpoints="kept"))
    book = open_book(find_run(Path("runs"), "elsewhere"))
    saved = [event.data for event in book.log.read() if event.kind == "trial.saved"]
    assert saved
    assert all(set(data["checkpoint"]) == {"sha256", "bytes"} for data in saved)
    assert [file.name for file in Path("kept").glob("*/*")] == []
    assert result.naive.value > 0.5


def test_a_quota_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="checkpoint_quota is for checkpoints in a place of their own"):
        tune(plan("mine", checkpoint_quota="1 GB"), runs=tmp_path)
    assert list(tmp_path.glob("mine*")) == []
