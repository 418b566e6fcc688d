"""tune, best and export: what they print, and to where."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import holdfast
from holdfast.protocol.folder import find_run, open_book
from holdfast.study.study import Study

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
    assert "holdfast best bc --why" in answer.stderr
    assert "\n  spent     " in answer.stderr


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


def test_a_budget_that_ended_the_search_is_told(call: Call, finished: Path) -> None:
    assert json.loads(call("best", "bc", "--json").stdout)["limit_reached"] is None
    book = open_book(find_run(Path("runs"), "bc"), read_only=False)
    book.note("limits.reached", {"limit": "usd", "allowed": 5.0, "spent": 4.0, "text": "The budget of 5 USD is spent."})
    book.log.close()
    assert "\nThe budget of 5 USD is spent.\n" in call("best", "bc").stdout
    assert json.loads(call("best", "bc", "--json").stdout)["limit_reached"] == "The budget of 5 USD is spent."
    assert "budget      The budget of 5 USD is spent.\n" in call("status", "bc").stdout


def test_best_why_gives_reasons_in_sentences(call: Call, finished: Path) -> None:
    answer = call("best", "bc", "--why")
    assert (answer.returncode, answer.stderr) == (0, "")
    for said in (
        "was chosen by this rule: best validation score",
        "Of 3 trials with a score the runner-up is trial",
        "The standard error of the difference, row by row, is 0.0",
        "comes out best in",
        "that much luck was taken off",
        "The strategy was random.\n",
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


def flat(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial of the JSON as a line of the tables."""
    nested = {f"{what}.{key}": value for what in ("metric", "config") for key, value in trial[PLURAL[what]].items()}
    return {**{key: value for key, value in trial.items() if key not in PLURAL.values()}, **nested}


PLURAL = {"metric": "metrics", "config": "config"}


def test_the_three_formats_agree(call: Call, finished: Path) -> None:
    for name in ("trials.csv", "trials.json", "trials.parquet"):
        answer = call("export", "bc", name)
        assert (answer.returncode, answer.stdout) == (0, "")
        assert answer.stderr == f"wrote 3 trials to {name}\n"
    with Path("trials.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    records = [flat(trial) for trial in json.loads(Path("trials.json").read_text())]
    frame = pl.read_parquet("trials.parquet")
    assert list(lines[0]) == frame.columns
    assert [row["number"] for row in lines] == ["0", "1", "2"]
    for line, record, row in zip(lines, records, frame.to_dicts(), strict=True):
        for name, value in row.items():
            assert record.get(name) == value
            assert line[name] == ("" if value is None else repr(value) if isinstance(value, float) else str(value))


def test_export_says_what_each_trial_used(call: Call, finished: Path) -> None:
    trials = json.loads(call("export", "bc", "-", "--format", "json").stdout)
    for trial in trials:
        assert trial["seconds"] > 0
        assert trial["cpu_seconds"] > 0
        assert trial["peak_memory_bytes"] > 1e6
        assert trial["kwh"] is None or (trial["kwh"] > 0 and trial["kwh_method"] in {"counter", "TDP estimate"})


def test_what_nobody_measured_is_an_empty_cell(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    study = Study({"x": holdfast.Float(0, 1)}, seed=0, storage=f"sqlite:///{folder / 'study.db'}", name="mine")
    study.tell(study.ask(), 0.5)
    (line,) = csv.DictReader(call("export", "mine", "-", "--runs", tmp_path).stdout.splitlines())
    assert {line[name] for name in ("gpu_seconds", "peak_memory_bytes", "kwh", "kwh_method")} == {""}


def test_export_to_stdout_and_to_another_ending(call: Call, finished: Path) -> None:
    answer = call("export", "bc", "-")
    assert (answer.returncode, answer.stderr) == (0, "")
    call("export", "bc", "trials.csv")
    assert answer.stdout == Path("trials.csv").read_text()
    assert call("export", "bc", "trials.txt", "--format", "json").returncode == 0
    assert json.loads(Path("trials.txt").read_text())[0]["number"] == 0
    assert call("export", "bc", "-", "--format", "xlsx").returncode == 2


def test_export_to_an_unknown_format_is_refused(call: Call, finished: Path) -> None:
    answer = call("export", "bc", "trials.xlsx")
    assert answer.returncode == 2
    assert ".csv, .parquet or .json" in answer.stderr
