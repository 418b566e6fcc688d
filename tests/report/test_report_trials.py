"""All trials as a table, and where a study stands."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.report.history import best_so_far, robust_scale
from holdfast.report.status import status_dict
from holdfast.report.trials_table import TIME_COLUMNS, export, trials_csv, trials_json, trials_rows

if TYPE_CHECKING:
    from tests.report import studies
else:
    import studies


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIME_COLUMNS} for row in rows]


def test_every_trial_is_a_row_with_its_config_metrics_and_error() -> None:
    study = studies.toy_study()
    rows = trials_rows(study.book.state)
    assert [row["number"] for row in rows] == list(range(12))
    assert rows[4]["state"] == "failed"
    assert rows[4]["error"] == "ValueError: the network exploded"
    for trial, row in zip(study.trials, rows, strict=True):
        for name in ("learning_rate", "layers", "optimizer", "momentum"):
            assert row[f"config.{name}"] == trial.config.get(name)
        assert row["metric.accuracy"] == trial.metrics.get("accuracy")
    assert tuple(rows[0])[-len(TIME_COLUMNS) :] == TIME_COLUMNS


def test_two_equal_runs_are_identical_apart_from_times() -> None:
    first, second = (trials_rows(studies.toy_study().book.state) for _ in range(2))
    assert without_times(first) == without_times(second)
    assert first != second


def test_exports_say_the_same_in_every_format(tmp_path: Path) -> None:
    state = studies.toy_study().book.state
    for ending in ("csv", "parquet", "json"):
        export(state, tmp_path / f"t.{ending}")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        from_csv = list(csv.DictReader(file))
    frame = pl.read_parquet(tmp_path / "t.parquet")
    records = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    for number, trial in enumerate(state.trials):
        if "accuracy" in trial.metrics:
            assert float(from_csv[number]["metric.accuracy"]) == trial.metrics["accuracy"]
            assert frame["metric.accuracy"][number] == trial.metrics["accuracy"]
        assert records[number]["config"] == trial.config
    with pytest.raises(RequestError, match=r"trials are exported to \.csv, \.parquet or \.json"):
        export(state, tmp_path / "t.xlsx")


def test_mixed_and_awkward_values_survive() -> None:
    study = holdfast.Study({"c": holdfast.Categorical(["a,b", '"q"', 1, None, True])}, strategy="grid")
    for value in (1.0, math.inf, -0.0, 2.0, 3.0):
        study.tell(study.ask(), value)
    rows = list(csv.DictReader(trials_csv(study.book.state).splitlines()))
    assert [row["config.c"] for row in rows][:2] == ["a,b", '"q"']
    assert json.loads(trials_json(study.book.state))[1]["metrics"]["value"] == "inf"


def test_the_status_of_a_running_study() -> None:
    study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.tell(study.ask(), 0.5)
    study.ask()
    status = status_dict(study.book.state)
    assert status["trials"] == {"running": 1, "paused": 0, "complete": 1, "stopped": 0, "failed": 0}
    assert status["best"]["value"] == 0.5
    assert status["running"][0]["trial"] == 1
    assert status["halted"] is None
    json.dumps(status, allow_nan=False)


def test_the_status_after_the_protocol_has_run() -> None:
    status = status_dict(studies.governed_study().book.state)
    assert all(status["stages"].values())
    assert status["best"]["chosen"] is True
    assert status["openings"] == 1
    assert status["reopened"] == []


def test_the_status_says_that_test_rows_had_been_read_before() -> None:
    study = studies.governed_study()
    studies.note_opening(study, opening=2, earlier=["by study 'old'"], why="a second look")
    (text,) = status_dict(study.book.state)["reopened"]
    assert "for the second time" in text
    assert "by study 'old'" in text


def test_best_so_far_follows_the_direction() -> None:
    values = [(0, 3.0), (1, 4.0), (2, 1.0), (3, 2.0)]
    assert [step["trial"] for step in best_so_far(values, "minimize")] == [0, 2]
    assert [step["trial"] for step in best_so_far(values, "maximize")] == [0, 1]


def test_a_few_bad_trials_do_not_flatten_the_picture() -> None:
    import numpy as np

    low, high = robust_scale(np.array([*np.linspace(0.90, 0.99, 50), -1e6]), [0.97], "maximize")
    assert low > 0.5
    assert high < 1.1
    assert robust_scale(np.array([]), [], "minimize") == (0.0, 1.0)
