from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.execute.inline import Inline
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import tune


@pytest.mark.parametrize(
    ("family", "split", "count"),
    [
        ("logistic", {"train": 0.6, "validation": 0.2, "test": 0.2}, 39 + 3 * 13 + 3),
        ("knn", {"folds": 3, "test": 0.2}, 39 + 142 * 13 + 142),
    ],
)
def test_the_record_says_what_the_model_learned(tmp_path: Path, family: str, split: dict[str, Any], count: int) -> None:
    wanted = {
        "study": {"name": "wines"},
        "data": {"source": "sklearn:wine", "split": split},
        "model": {"family": family},
        "search": {"trials": 2, "strategy": "random"},
    }
    tune(wanted, runs=tmp_path, executor=Inline())
    (fitted,) = open_book(find_run(tmp_path, "wines")).state.notes["model.fitted"]
    found = fitted["parameters"]
    assert found["count"] == count == sum(row[2] for row in found["arrays"])
    assert "39 numbers from the same rows" in found["text"]  # median, mean and scale of 13 columns
