"""tune, best and export: what they print, and to where."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

Answer = subprocess.CompletedProcess[str]
Call = Callable[..., Answer]


def test_tune_ends_with_three_scores_on_stdout_and_the_rest_on_stderr(finished_once: tuple[Path, Answer]) -> None:
    _, answer = finished_once
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[0] == "accuracy (higher is better) of study 'bc':"
    header = answer.stdout.splitlines()[2].split()
    assert header == ["naive", "estimate", "test"]
    assert "95% interval   -" in answer.stdout
    assert "luck was taken off" in answer.stdout
    assert "study 'bc': logistic on sklearn:breast_cancer, 3 trials" in answer.stderr
    assert "3 of 3 trials, best accuracy 0.9" in answer.stderr
    assert "runs/bc/summary.md" in answer.stderr
    assert "runs/bc/report.html" in answer.stderr
    assert "holdfast verify bc --head" in answer.stderr


def test_the_head_that_tune_shows_verifies(call: Call, finished: Path, finished_once: tuple[Path, Answer]) -> None:
    line = next(line for line in finished_once[1].stderr.splitlines() if line.split()[:1] == ["head"])
    answer = call("verify", "bc", "--head", line.split()[1])
    assert answer.returncode == 0
    assert "cannot be excluded" not in answer.stdout


def test_best_as_json_holds_the_three_scores(call: Call, finished: Path) -> None:
    found = json.loads(call("best", "bc", "--json").stdout)
    assert found["name"] == "bc"
    assert found["metric"] == "accuracy"
    assert found["config"]["C"] > 0
    assert found["estimate"]["value"] <= found["naive"]["value"]
    assert found["test"]["low"] < found["test"]["value"] < found["test"]["high"]
    assert len(found["head"]["hash"]) == 64


def test_best_names_the_hyperparameters(call: Call, finished: Path) -> None:
    answer = call("best", "bc")
    assert answer.returncode == 0
    assert "hyperparameters of trial" in answer.stdout
    assert "penalty" in answer.stdout
    assert answer.stderr == ""


def test_best_why_gives_reasons_in_sentences(call: Call, finished: Path) -> None:
    answer = call("best", "bc", "--why")
    assert (answer.returncode, answer.stderr) == (0, "")
    for said in (
        "was chosen by this rule: best validation score",
        "Of 3 trials with a score the runner-up is trial",
        "the standard error of that difference, row by row, is 0.0",
        "comes out best in",
        "that much luck was taken off",
        "The strategy was random",
        "The configuration of defaults",
    ):
        assert said in answer.stdout, said
    assert any(line.split()[:3] == ["hyperparameter", "winner", "default"] for line in answer.stdout.splitlines())


def test_best_why_as_json_adds_the_reasons(call: Call, finished: Path) -> None:
    plain, found = (json.loads(call("best", "bc", "--json", *more).stdout) for more in ((), ("--why",)))
    assert {key: value for key, value in found.items() if key != "why"} == plain
    rivals = found["why"]["rivals"]
    assert sorted(rival["trial"] for rival in rivals) == [0, 1, 2]
    assert rivals[0]["trial"] == found["trial"]
    assert sum(rival["share"] for rival in rivals) == pytest.approx(1)
    assert {item["name"]: item["value"] for item in found["why"]["values"]} == found["config"]


def test_an_unknown_study_is_named_with_the_nearest(call: Call, finished: Path) -> None:
    for command in ("status", "best", "verify", "unseal", "resume"):
        answer = call(command, "bcc")
        assert answer.returncode == 2
        assert answer.stderr == "holdfast: there is no study 'bcc' in runs (did you mean 'bc'?)\n"


def test_export_to_each_format(call: Call, finished: Path) -> None:
    for name in ("trials.csv", "trials.json", "trials.parquet"):
        answer = call("export", "bc", name)
        assert (answer.returncode, answer.stdout) == (0, "")
        assert answer.stderr == f"wrote 3 trials to {name}\n"
    with Path("trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert len(json.loads(Path("trials.json").read_text())) == 3
    assert pl.read_parquet("trials.parquet")["metric.accuracy"].to_list() == [
        float(row["metric.accuracy"]) for row in rows
    ]


def test_export_to_an_unknown_format_is_refused(call: Call, finished: Path) -> None:
    answer = call("export", "bc", "trials.xlsx")
    assert answer.returncode == 2
    assert ".csv, .parquet or .json" in answer.stderr
