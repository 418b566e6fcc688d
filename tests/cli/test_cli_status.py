"""status: one study, all of them, and one that is looked at while it runs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import holdfast
from holdfast.cli import standing as words
from holdfast.cli import status
from holdfast.facts.gain import gain_words
from holdfast.records import Score
from holdfast.report.status import status_dict
from holdfast.study.study import Study

Answer = subprocess.CompletedProcess[str]
Call = Callable[..., Answer]
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def growing(tmp_path: Path) -> tuple[Path, Study]:
    """A study in runs/mine that the test itself tells results to."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    space = {"x": holdfast.Float(0, 1)}
    return tmp_path / "runs", Study(space, seed=0, storage=f"sqlite:///{folder / 'study.db'}", name="mine")


def tell(study: Study, value: float) -> None:
    study.tell(study.ask(), value)


def test_of_a_finished_study(call: Call, finished: Path) -> None:
    answer = call("status", "bc")
    assert "state       finished\n" in answer.stdout
    assert "3 of 3: 3 complete" in answer.stdout
    assert "test rows   opened once by this study" in answer.stdout
    assert "(95%)" in answer.stdout
    found = json.loads(call("status", "bc", "--json").stdout)
    assert found["trials"]["complete"] == 3
    assert found["stages"]["test.opened"] is True
    assert found["spending"]["hours"]["spent"] > 0
    assert found["scores"]["test"]["n"] == 114


def test_an_alarm_where_only_luck_grows(call: Call, growing: tuple[Path, Study]) -> None:
    runs, study = growing
    tell(study, 0.5)
    assert json.loads(call("status", "mine", "--runs", runs, "--json").stdout)["overtuning"] is None
    rng = np.random.default_rng(0)
    storage = f"sqlite:///{runs / 'mine' / 'study.db'}"
    lucky = Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage, name="lucky")
    for number in range(60):
        rows = rng.normal(size=200)
        rows += (1 - 0.1 * number) - rows.mean() if number < 11 else 0.0
        lucky.tell(lucky.ask(), float(rows.mean()), rows=holdfast.RowScores(rows))
    alarm = lucky.overtuning().alarm
    assert alarm
    assert json.loads(call("status", "lucky", "--storage", storage, "--json").stdout)["overtuning"] == alarm
    assert re.search(r"^overtuning +For the last ", call("status", "lucky", "--storage", storage).stdout, re.MULTILINE)


def test_what_one_more_trial_would_gain(call: Call, growing: tuple[Path, Study]) -> None:
    runs, study = growing
    tell(study, 0.5)
    said = call("status", "mine", "--runs", runs)
    assert (
        "gain       study 'mine' has no expected gain yet; it needs 5 complete trials whose scores differ"
        in said.stdout
    )
    found = json.loads(call("status", "mine", "--runs", runs, "--json").stdout)
    assert found["expected_gain"] is None
    assert found["expected_gain_missing"].endswith("5 complete trials whose scores differ")
    for value in (0.4, 0.3, 0.6, 0.7, 0.55):
        tell(study, value)
    found = json.loads(call("status", "mine", "--runs", runs, "--json").stdout)
    assert found["expected_gain"] == study.expected_gain().to_json()
    assert found["expected_gain_missing"] is None
    line = next(line for line in call("status", "mine", "--runs", runs).stdout.splitlines() if line.startswith("gain"))
    assert line == f"gain       one more trial is expected to gain {gain_words(study.expected_gain(), 'value')}"


def test_what_would_be_tried_next_and_why(call: Call, growing: tuple[Path, Study]) -> None:
    runs, study = growing
    for value in (0.4, 0.3, 0.6, 0.7, 0.55, 0.5):
        tell(study, value)
    before, advice = study.book.head, study.suggest_next()
    answer = call("status", "mine", "--next", "--runs", runs)
    assert answer.returncode == 0, answer.stderr
    text, gain, table = answer.stdout.split("\n\n")
    assert text == str(advice)
    assert gain == f"One more trial is expected to gain {gain_words(study.expected_gain(), 'value')}."
    assert table.splitlines()[0].split() == ["hyperparameter", "next", "trial", "1,", "the", "best"]
    assert table.splitlines()[1].split()[:2] == ["x", f"{advice.config['x']:.4g}"]
    found = json.loads(call("status", "mine", "--next", "--json", "--runs", runs).stdout)
    assert found["config"] == advice.config
    assert found["expected_gain"] == study.expected_gain().to_json()
    study.book.refresh()
    assert study.book.head == before
    assert study.ask().config == advice.config


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--next"], "--next needs the name of a study, as in: holdfast status NAME --next"),
        (["mine", "--next", "--follow"], "leave out one of them"),
    ],
)
def test_next_is_asked_of_one_study_once(
    call: Call, growing: tuple[Path, Study], options: list[str], words: str
) -> None:
    answer = call("status", *options, "--runs", growing[0])
    assert (answer.returncode, answer.stdout) == (2, "")
    assert words in answer.stderr


def test_all_studies_stand_in_a_table_the_latest_first(call: Call, finished: Path) -> None:
    folder = finished / "runs" / "later"
    folder.mkdir()
    study = Study({"x": holdfast.Float(0, 1)}, seed=0, storage=f"sqlite:///{folder / 'study.db'}", name="later")
    tell(study, 0.25)
    (finished / "runs" / "broken").mkdir()
    (finished / "runs" / "broken" / "study.db").write_text("no database")
    answer = call("status")
    assert answer.returncode == 0
    header, first, second, third = answer.stdout.splitlines()
    assert header.split() == ["study", "state", "metric", "trials", "naive", "estimate", "test"]
    assert first.split() == ["later", "open", "value", "1", "0.25", "-", "-"]
    assert second.split()[:6] == ["bc", "finished", "accuracy", "3", "of", "3"]
    assert third.split()[:2] == ["broken", "unreadable"]
    found = json.loads(call("status", "--json").stdout)
    assert [item["name"] for item in found] == ["later", "bc", "broken"]


def test_no_studies_and_no_folder_of_them(call: Call, tmp_path: Path) -> None:
    empty = call("status", "--runs", tmp_path)
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "begin one with: holdfast tune PLAN" in empty.stderr
    missing = call("status", "--runs", tmp_path / "nowhere")
    assert missing.returncode == 2
    assert "there is no folder of runs" in missing.stderr
    assert call("status", "--follow").returncode == 2


def test_a_study_without_a_plan_is_found_by_its_storage(call: Call, growing: tuple[Path, Study]) -> None:
    runs, study = growing
    tell(study, 0.5)
    storage = f"sqlite:///{runs / 'mine' / 'study.db'}"
    assert "state      open; the last event was " in call("status", "mine", "--storage", storage).stdout
    assert call("status", "--storage", storage).stdout.splitlines()[1].split()[:2] == ["mine", "open"]
    assert call("export", "mine", "-", "--storage", storage).stdout.count("\n") == 2
    missing = call("status", "mime", "--storage", storage)
    assert missing.returncode == 2
    assert "(did you mean 'mine'?)" in missing.stderr


def test_following_a_finished_study_is_one_line(call: Call, finished: Path) -> None:
    answer = call("status", "bc", "--follow")
    assert answer.returncode == 0
    assert answer.stdout.count("\n") == 1
    assert answer.stdout.startswith("finished, 3 of 3: 3 complete, best accuracy 0.9")


def test_following_says_each_change_once(
    growing: tuple[Path, Study], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks a trial ends, nothing happens, and the study ends itself."""
    runs, study = growing
    tell(study, 0.5)
    steps: list[Callable[[], None]] = [
        lambda: study.book.note("study.halted", {"why": "that was it"}),
        lambda: None,
        lambda: tell(study, 0.25),
    ]
    monkeypatch.setattr("holdfast.cli.status.time.sleep", lambda _: steps.pop()())
    answer = call("status", "mine", "--follow", "--runs", runs)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "open, 1: 1 complete, best value 0.5 (naive)",
        "open, 2: 2 complete, best value 0.25 (naive)",
        "halted, 2: 2 complete, best value 0.25 (naive)",
    ]


def test_following_as_json_is_an_object_a_line(
    growing: tuple[Path, Study], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, study = growing
    monkeypatch.setattr(
        "holdfast.cli.status.time.sleep", lambda _: study.book.note("study.halted", {"why": "that was it"})
    )
    lines = call("status", "mine", "--follow", "--json", "--runs", runs).stdout.splitlines()
    assert [json.loads(line)["halted"] for line in lines] == [None, "that was it"]


def test_ctrl_c_ends_the_looking_without_a_word(growing: tuple[Path, Study], begin: Begin) -> None:
    runs, study = growing
    tell(study, 0.5)
    process = begin("status", "mine", "--follow", "--runs", runs)
    assert process.stdout is not None
    assert process.stdout.readline() == "open, 1: 1 complete, best value 0.5 (naive)\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


def test_on_a_terminal_the_page_is_drawn_over(growing: tuple[Path, Study]) -> None:
    pty = pytest.importorskip("pty")
    runs, study = growing
    tell(study, 0.5)
    ours, theirs = pty.openpty()
    program = "import sys; from holdfast.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "status", "mine", "-f", "--runs", str(runs)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "60"},
    )
    os.close(theirs)
    seen, deadline, noted = b"", time.monotonic() + 60, False
    while b"that was it" not in seen and time.monotonic() < deadline:
        seen += os.read(ours, 65536)
        if b"open; the last event was" in seen and not noted:
            noted = True
            study.book.note("study.halted", {"why": "that was it"})
    assert process.wait(20) == 0
    os.close(ours)
    assert b"\x1b[2K" in seen


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        ([], "beginning"),
        (["asked"], "searching"),
        (["asked", "interrupted"], "stopped"),
        (["asked", "told"], "searching"),
        (["asked", "told", "study.halted"], "halted"),
        (["asked", "told", "choice.made"], "finishing"),
        (["asked", "told", "choice.made", "model.fitted"], "finishing"),
        (["asked", "told", "choice.made", "model.fitted", "test.opened"], "finished"),
    ],
)
def test_the_state_in_one_word(happened: list[str], state: str) -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    study.book.note("plan.resolved", {"plan": {"study": {"unseal": "auto"}}})
    study.book.note("data.split", {"roles": {"test": {}}})
    choice: dict[str, Any] = {"trial": 0, "metric": "value", "direction": "minimize", "rule": "best"}
    naive = holdfast.Score(0.5, None, None, 0.95, "uncorrected", "", 10).to_json()
    opened = {"score": naive, "opening": 1, "earlier": [], "why": ""}
    notes = {
        "study.halted": {"why": "x"},
        "choice.made": {**choice, "config": {}, "naive": naive},
        "model.fitted": {},
        "test.opened": opened,
    }
    trial = None
    for event in happened:
        if event == "asked":
            trial = study.ask()
        elif event == "told":
            assert trial is not None
            study.tell(trial, 0.5)
        elif event == "interrupted":
            study.book.note("trial.interrupted", {"trial": 0})
        else:
            study.book.note(event, notes[event])
    found = status_dict(study.book.state)
    assert found["state"] == state
    assert words.rows(found)[1][1].startswith(state)


def test_a_test_that_never_opens_is_not_waited_for() -> None:
    """It is refused where the rows were opened before."""
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    tell(study, 0.5)
    naive = holdfast.Score(0.5, None, None, 0.95, "uncorrected", "", 10).to_json()
    choice = {"trial": 0, "metric": "value", "direction": "minimize", "rule": "best", "config": {}, "naive": naive}
    for kind, data in (("plan.resolved", {"plan": {"study": {}}}), ("choice.made", choice), ("model.fitted", {})):
        study.book.note(kind, data)
    assert status_dict(study.book.state)["state"] == "finishing"
    assert status_dict(study.book.state, now=time.time() + 60)["state"] == "finished"


@pytest.mark.parametrize(
    ("state", "quiet", "words"),
    [
        ("stopped", 5.0, "stopped by Ctrl-C; go on with: holdfast resume digits --runs elsewhere"),
        ("searching", 5.0, ""),
        ("searching", 700.0, "nothing has been written for 11 min 40 s; if no process works on it, go on with: "),
        ("finished", 700.0, ""),
    ],
)
def test_it_says_how_to_go_on(state: str, quiet: float, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    status._hint({"state": state, "quiet_seconds": quiet}, Path("elsewhere/digits"))
    said = capsys.readouterr().err
    assert words in said
    assert bool(said) == bool(words)


def test_several_objectives_are_all_named() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, direction={"loss": "minimize", "speed": "maximize"}, seed=0)
    study.tell(study.ask(), {"loss": 0.5, "speed": 2.0})
    text = status.page(status_dict(study.book.state))
    assert "judged by loss (lower is better) and speed (higher is better)\n" in text
    assert "\nbest" not in text


def test_the_budget_is_shown_against_what_was_spent() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0)
    price = dict.fromkeys(("usd_per_hour", "watts", "kg_co2e_per_kwh", "carbon_uncertainty"))
    study.book.note("price.set", {**price, "usd_per_run": 2.0, "carbon_source": "", "workers": 1, "machine": ""})
    limits = dict.fromkeys(("trials", "hours", "kg_co2e", "disk_bytes"))
    study.book.note("limits.set", {**limits, "usd": 8.0, "kwh": 1.0})
    expected = {"hours": [0.5, "counter", 1, 0], "usd": [12.0, "given", 1, 0], "kwh": [None, "unknown", 0, None]}
    study.book.note("forecast.made", expected)
    tell(study, 0.5)
    text = status.page(status_dict(study.book.state))
    assert "money      2 of 8 USD (25%)\n" in text
    assert "energy     unknown of 1 kWh\n" in text
    assert "forecast   30 min, 12 USD in all\n" in text


@pytest.mark.parametrize(
    ("strategy", "said"), [("tpe", "tpe: the start, which fills the space evenly"), ("auto", "auto: gp, because")]
)
def test_a_strategy_is_named_once(strategy: str, said: str) -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy=strategy, seed=0)
    tell(study, 0.5)
    assert f"\nstrategy   {said}" in status.page(status_dict(study.book.state))


def test_the_best_of_a_choice_has_the_naive_score_of_the_pages() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0, name="mine", direction="maximize")
    tell(study, 0.5)
    assert ["best", "0.5 (naive), trial 0, the best so far"] in words.rows(status_dict(study.book.state))
    naive = Score(0.25, None, None, 0.95, "uncorrected", "the very model that was scored", 40)
    chosen = {"trial": 0, "config": {}, "rule": "best of 5 finalists", "metric": "value", "direction": "maximize"}
    study.book.note("choice.made", {**chosen, "naive": naive.to_json()})
    found = status_dict(study.book.state)
    assert ["best", "0.25 (naive), trial 0, chosen"] in words.rows(found)
    assert "best value 0.25 (naive)" in words.line(found)


def test_that_test_rows_had_been_read_before_is_said() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, seed=0, name="mine")
    tell(study, 0.5)
    found = {**status_dict(study.book.state), "reopened": ["The test rows were opened for the second time."]}
    assert ["note", "The test rows were opened for the second time."] in words.rows(found)


def test_what_running_trials_are_expected_to_end_at(call: Call, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    space, fidelity = {"x": holdfast.Float(0, 1)}, holdfast.Fidelity("epoch", 1, 9)
    study = Study(space, strategy="random", storage=storage, name="ahead", fidelity=fidelity)
    for number in range(8):
        trial = study.ask()
        for epoch in range(1, 10 if number < 4 else 3):
            trial.report(float(str(trial["x"])) + 1 / epoch, step=epoch)
        if number < 4:
            study.tell(trial, float(str(trial["x"])) + 1 / 9)
    study.close()
    shown = call("status", "ahead", "--storage", storage).stdout
    found = json.loads(call("status", "ahead", "--storage", storage, "--json").stdout)["predicted"]
    assert [item["step"] for item in found] == [2, 2, 2, 2]
    assert {item["trial"] for item in found} == {4, 5, 6, 7}
    assert [item["value"] for item in found] == sorted(item["value"] for item in found)
    first = found[0]
    assert f"predicted   trial {first['trial']}, at 2 now, to end at {first['value']:.4g}"[:40] in shown
    assert "; 1 others" not in shown
    assert "(95%); 1 other\n" in shown
