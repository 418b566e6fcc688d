"""Workers that join a study, as processes of their own: by the command, on a file and on a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import RequestError
from holdfast.log.verify import verify
from holdfast.records import Cause, TrialState
from holdfast.study.load import load_study
from holdfast.study.study import Study
from holdfast.study.worker import work_on

TRAIN = """
import time
from pathlib import Path
def loss(trial):
    while trial.number == 0 and trial.start_step == 0 and not Path("go").exists():
        time.sleep(0.05)
    return (trial["x"] - 0.3) ** 2
"""

Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a worker in a folder that holds the module of the objective."""
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    started: list[subprocess.Popen[str]] = []

    def run(storage: str, *more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "worker", "mine", "--storage", storage, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def study_of_x(storage: str) -> Study:
    return Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage, name="mine")


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def has_begun(storage: str) -> bool:
    study = load_study("mine", storage)
    begun = bool(study.trials)
    study.close()
    return begun


def test_a_worker_goes_on_until_nothing_is_left(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study_of_x(storage).close()
    told: list[int] = []
    book = work_on(
        "mine", storage, lambda trial: float(trial["x"]), trials=3, on_finish=lambda _, t: told.append(t.number)
    )
    assert told == [0, 1, 2]
    assert [trial.state for trial in book.state.trials] == [TrialState.COMPLETE] * 3
    work_on("mine", storage, lambda trial: float(trial["x"]))  # the number of trials is reached
    assert len(load_study("mine", storage).trials) == 3


def test_a_worker_without_an_end_or_a_study_is_refused(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study_of_x(storage).close()
    with pytest.raises(
        RequestError, match="study 'mine' has no number of trials, so a worker would never end; add some"
    ):
        work_on("mine", storage, lambda trial: float(trial["x"]))
    with pytest.raises(RequestError, match=r"has no study named 'mien' \(did you mean 'mine'\?\)"):
        work_on("mien", storage, lambda trial: float(trial["x"]))


def test_a_worker_that_is_asked_to_end_hands_its_trial_over_at_once(tmp_path: Path, begin: Begin) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study_of_x(storage).close()
    leaves = begin(storage, "--objective", "train:loss", "--trials", "1")
    until(lambda: has_begun(storage))
    time.sleep(0.2)
    leaves.send_signal(signal.SIGTERM)
    assert leaves.wait(20) == 130
    study = load_study("mine", storage)
    assert [(t.state, t.cause) for t in study.trials] == [(TrialState.RUNNING, Cause.PREEMPTED)]
    study.optimize(lambda trial: float(trial["x"]), n_trials=0)
    assert [(t.state, t.restarts) for t in study.trials] == [(TrialState.COMPLETE, 1)]
    why = [event.data["why"] for event in study.book.log.read() if event.kind == "trial.restarted"]
    assert why == ["the machine took its process away"]


@pytest.mark.long
@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_three_workers_of_whom_one_is_killed_do_every_trial_once(
    where: str, tmp_path: Path, begin: Begin, request: pytest.FixtureRequest
) -> None:
    storage = f"sqlite:///{tmp_path}/s.db" if where == "sqlite" else request.getfixturevalue("postgres")
    study_of_x(storage).close()
    first = begin(storage, "--objective", "train:loss", "--trials", "40")
    until(lambda: has_begun(storage))
    others = [begin(storage, "--objective", "train:loss", *more) for more in ([], ["--jobs", "2"])]
    time.sleep(1.0)
    first.kill()
    (tmp_path / "go").touch()
    told = [process.communicate(timeout=120) for process in others]
    assert [process.returncode for process in others] == [0, 0], told
    assert all("nothing is left to run" in err for _, err in told)
    study = load_study("mine", storage)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 40
    assert [t.restarts for t in study.trials] == [1] + [0] * 39
    numbers = [event.data["trial"] for event in study.book.log.read() if event.kind == "trial.told"]
    assert sorted(numbers) == list(range(40))
    assert verify(study.book.log).ok
    study.close()
