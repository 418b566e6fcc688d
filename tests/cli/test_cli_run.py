"""tune, resume and unseal: Ctrl-C, looking on from another process, sealed rows, wrong plans."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.protocol.folder import find_run, open_book
from holdfast.records import Cause

Call = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]

SLOW = """
[study]
name = "slow"
[data]
source = "sklearn:iris"
[model]
family = "slow_model:make"
[space]
n_neighbors = { type = "int", low = 1, high = 50 }
[search]
strategy = "random"
trials = TRIALS
"""

SLOW_MODEL = """
import time
from pathlib import Path
from sklearn.neighbors import KNeighborsClassifier
class Slow(KNeighborsClassifier):
    def fit(self, X, y):
        while Path("hold").exists():
            Path("held").touch()
            time.sleep(0.15)
        time.sleep(0.15)
        return super().fit(X, y)
def make():
    return Slow()
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    (tmp_path / "plan.toml").write_text(SLOW.replace("TRIALS", "300"))
    (tmp_path / "slow_model.py").write_text(SLOW_MODEL)
    return tmp_path


def status(call: Call, folder: Path) -> dict[str, dict[str, int]]:
    answer = call("status", "slow", "--runs", folder / "runs", "--json")
    found: dict[str, dict[str, int]] = json.loads(answer.stdout) if answer.returncode == 0 else {}
    return found


def wait_for_trials(call: Call, folder: Path, many: int, process: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = status(call, folder).get("trials", {}).get("complete", 0)
        if done >= many:
            return done
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError("no trial has ended in a minute")


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"there is no {file.name} after a minute"
        time.sleep(0.05)


def test_ctrl_c_says_what_is_on_record_and_resume_goes_on(call: Call, begin: Begin, slow: Path) -> None:
    process = begin("tune", "plan.toml")
    seen = wait_for_trials(call, slow, 3, process)
    answer = call("status", "slow", "--runs", slow / "runs")
    assert "1 running" in answer.stdout
    assert "to come" in answer.stdout
    refused = call("tune", slow / "plan.toml", "--runs", slow / "runs", "--quiet")
    assert refused.returncode == 2
    assert "is being driven by another process" in refused.stderr

    (slow / "hold").touch()
    wait_for(slow / "held", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)  # the fit that runs would not end, so that it is not waited for
    (slow / "hold").unlink()
    assert process.returncode == 130
    assert out == ""
    last = err.splitlines()[-1]
    done = int(last.split(";")[1].split()[0])
    assert done >= seen
    assert last == f"holdfast: stopped; {done} of 300 trials are on record; go on with: holdfast resume slow"
    assert "Traceback" not in err
    book = open_book(find_run(slow / "runs", "slow"))
    assert [(trial.number, trial.cause) for trial in book.state.trials][done:] == [(done, Cause.INTERRUPTED)]

    code, seen_on_terminal = resumed_on_a_terminal(slow)
    assert code == 130
    assert " of 300 trials, best accuracy 0." in seen_on_terminal
    assert "\x1b[2K" in seen_on_terminal, "the line is drawn over"
    last = seen_on_terminal.splitlines()[-1]
    assert int(last.split(";")[1].split()[0]) >= done + 2
    assert "go on with: holdfast resume slow" in last


def resumed_on_a_terminal(folder: Path) -> tuple[int, str]:
    """Resume on a terminal, stop as soon as the time left is guessed; the exit code and all that was drawn."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "resume", "slow"],
        cwd=folder,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    while b" left" not in seen and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.5)[0]:
            seen += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and select.select([ours], [], [], 10)[0]:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # the other end of the terminal is closed
            break
    os.close(ours)
    return process.wait(20), seen.decode()


def test_a_finished_study_is_not_run_again(call: Call, finished: Path) -> None:
    before = call("verify", "bc", "--json").stdout
    answer = call("resume", "bc", "--json")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["name"] == "bc"
    assert "had made its choice before; no further trial was run" in answer.stderr
    assert json.loads(call("verify", "bc", "--json").stdout)["events"] == json.loads(before)["events"]


def test_another_plan_under_the_name_of_a_finished_study_is_only_refused(call: Call, finished: Path) -> None:
    plan = finished / "plan.toml"
    plan.write_text(plan.read_text(encoding="utf-8").replace('"logistic"', '"forest"'), encoding="utf-8")
    answer = call("tune", "plan.toml")
    assert answer.returncode == 2
    assert "family was 'logistic' and is 'forest'" in answer.stderr
    assert "no further trial" not in answer.stderr


def test_a_second_opening_needs_a_reason(call: Call, finished: Path) -> None:
    answer = call("unseal", "bc")
    assert answer.returncode == 1
    assert 'holdfast unseal bc --again --why "the reason"' in answer.stderr
    first = json.loads(call("best", "bc", "--json").stdout)["test"]
    answer = call("unseal", "bc", "--again", "--why", "to see whether it widens", "--json")
    assert answer.returncode == 0, answer.stderr
    second = json.loads(answer.stdout)["test"]
    assert second["value"] == first["value"]
    assert second["high"] - second["low"] > first["high"] - first["low"]
    shown = call("best", "bc")
    assert "opened for the second time. The reason given: to see whether it widens." in shown.stdout


def test_a_changed_plan_is_refused(call: Call, finished: Path) -> None:
    Path("plan.toml").write_text(Path("plan.toml").read_text().replace("trials = 3", "trials = 4"))
    answer = call("tune", "plan.toml", "--quiet")
    assert answer.returncode == 2
    assert "[search] trials was 3 and is 4" in answer.stderr


PLAN = '[study]\nname = "a"\n[data]\nsource = "sklearn:iris"\n[model]\nfamily = "knn"\n'


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ("", "plan.toml: the plan lacks the table [study]"),
        ("[study\n", "plan.toml, line 1, column 7, is not TOML: "),
        (PLAN.replace("knn", "knnn"), "there is no model family 'knnn' (did you mean 'knn'?)"),
        (PLAN.replace("iris", "irises"), "there is no table 'sklearn:irises' (did you mean 'iris'?)"),
        (PLAN + '[metric]\nname = "acuracy"\n', "(did you mean 'accuracy'?)"),
        (PLAN + "[search]\ntrails = 3\n", "line 8: [search] has the unknown key 'trails' (did you mean 'trials'?)"),
        (PLAN + '[search]\ntrials = "ten"\n', "line 8: [search] has trials = 'ten'; it should be a whole number"),
        (PLAN + "[search]\ntrials = 0\n", "line 8: [search] has trials = 0; it should be at least 1"),
        (PLAN + '[serach]\nstrategy = "gp"\n', "the plan has the unknown table [serach] (did you mean 'search'?)"),
        (PLAN + '[search]\nstrategy = "gpp"\n', "strategy 'gpp' does not exist"),
        (PLAN + "[space]\nn_neighbours = 3\n", "(did you mean 'n_neighbors'?)"),
        (PLAN.replace("[data]", "[dat]"), "line 3: the plan has the unknown table [dat] (did you mean 'data'?)"),
        (PLAN.replace('"knn"', "knn"), "line 6, column 10, is not TOML: no value stands here; write text in quotes"),
        (PLAN + "[[trials]]\nconfig = { n_neighbors = 500 }\n", "[[trials]] number 1: 'n_neighbors' is 500"),
    ],
)
def test_a_wrong_plan_is_one_sentence_and_leaves_nothing_behind(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.toml").write_text(plan)
    answer = call("tune", "plan.toml", "--quiet")
    assert answer.returncode == 2
    assert answer.stderr.startswith("holdfast: ")
    assert sentence in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not Path("runs/a").exists()


def test_a_missing_plan_is_named_with_the_nearest(call: Call, finished: Path) -> None:
    answer = call("tune", "plam.toml")
    assert answer.returncode == 2
    assert answer.stderr == "holdfast: there is no plan file 'plam.toml' (did you mean 'plan.toml'?)\n"


def test_names_and_plans_that_are_mixed_up_are_told_apart(call: Call, finished: Path) -> None:
    answer = call("tune", "bc")
    assert answer.returncode == 2
    assert (
        answer.stderr
        == "holdfast: there is no plan file 'bc'; the study of that name goes on with: holdfast resume bc\n"
    )
    answer = call("resume", "plan.toml")
    assert answer.returncode == 2
    assert (
        answer.stderr
        == "holdfast: there is no study 'plan.toml' in runs; a plan is run with: holdfast tune plan.toml\n"
    )


def test_a_folder_of_runs_that_is_not_there(call: Call, finished: Path) -> None:
    answer = call("status", "bc", "--runs", "elsewhere")
    assert answer.returncode == 2
    assert "there is no folder of runs 'elsewhere' here" in answer.stderr
    answer = call("status", "bc", "--runs", "runs/bc")
    assert answer.stderr == "holdfast: there is no study 'bc' in runs/bc\n"


def test_a_plan_in_the_folder_that_somebody_broke(call: Call, finished: Path) -> None:
    Path("runs/bc/plan.toml").write_text("[study")
    answer = call("status", "bc")
    assert answer.returncode == 2
    assert "runs/bc/plan.toml is not the plan that was written there" in answer.stderr


def test_trials_that_fail_alike_halt_the_study_with_the_real_error(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.toml").write_text(SLOW.replace("TRIALS", "9"))
    Path("slow_model.py").write_text(SLOW_MODEL.replace("time.sleep(0.15)", "raise ArithmeticError('no luck')"))
    answer = call("tune", "plan.toml")
    assert answer.returncode == 1
    assert "trial 0 failed: ArithmeticError: no luck" in answer.stderr
    assert "trial 1 failed" not in answer.stderr
    assert "5 trials in a row failed alike: ArithmeticError: no luck" in answer.stderr.splitlines()[-1]


@pytest.mark.long
def test_a_plan_on_a_cluster_gives_what_it_gives_here(call: Call, tmp_path: Path, ray_cluster: object) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(SLOW.replace("TRIALS", "3"))
    (tmp_path / "slow_model.py").write_text(SLOW_MODEL)
    here = call("tune", plan, "--runs", tmp_path / "here", "--json", "--quiet")
    there = call("tune", plan, "--runs", tmp_path / "there", "--json", "--quiet", "--executor", "ray")
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    scores = [
        {key: json.loads(answer.stdout)[key] for key in ("config", "naive", "estimate")} for answer in (here, there)
    ]
    assert scores[0] == scores[1]
