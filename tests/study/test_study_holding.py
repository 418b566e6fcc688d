"""Whoever is gone is noticed in seconds, whoever was only slow is told so, and nothing counts twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import holdfast
from holdfast.execute.base import Nothing
from holdfast.log.leases import NOBODY, Lease
from holdfast.log.verify import verify
from holdfast.records import Cause, Trial, TrialState, Verdict
from holdfast.search.random import RandomSearch
from holdfast.study import driver, holding
from holdfast.study.holding import Watch, in_hand
from holdfast.study.load import load_study
from holdfast.study.study import Study

if TYPE_CHECKING:  # the checker knows the module by its path, pytest by its name
    from tests.study.study_objectives import Spent
else:
    from study_objectives import Spent

WORKER = """
import sys, time
sys.path.insert(0, sys.argv[3])
from study_objectives import FIDELITY
import json, holdfast
from holdfast.study import holding
holding.GRACE_OF_THE_LIVING = 1.5
storage, pause = sys.argv[1], float(sys.argv[2])
study = holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage)
def train(trial):
    done = 0 if trial.checkpoint is None else json.loads(trial.checkpoint)
    for step in range(done + 1, 6):
        time.sleep(pause if step > 2 else 0.0)
        trial.report(trial["x"] + 1 / step, step)
        trial.save(json.dumps(step).encode(), step)
        print(trial.number, step, flush=True)
    return trial["x"]
study.optimize(train, n_trials=int(sys.argv[4]))
"""


def worker(storage: str, pause: float, trials: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WORKER, storage, str(pause), str(Path(__file__).parent), str(trials)],
        stdout=subprocess.PIPE,
        text=True,
    )


def lines_until(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    while (found := process.stdout.readline()) and found.strip() != line:
        pass
    assert found, f"the worker ended before it said '{line}'"


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/s.db"
    address: str = request.getfixturevalue("postgres")
    return address


def events(study: Study, kind: str) -> list[Mapping[str, Any]]:
    return [event.data for event in study.book.log.read() if event.kind == kind]


def test_the_trial_of_a_killed_worker_goes_on_in_another_from_its_last_checkpoint(storage: str) -> None:
    first = worker(storage, 60.0, 1)
    lines_until(first, "0 2")
    second = worker(storage, 0.1, 3)
    lines_until(second, "1 1")
    first.kill()
    first.communicate()
    began = time.monotonic()
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert time.monotonic() - began < 30
    study = load_study("study", storage)
    assert [(trial.state, trial.restarts) for trial in study.trials] == [
        (TrialState.COMPLETE, 1),
        *[(TrialState.COMPLETE, 0)] * 3,
    ]
    (again,) = events(study, "trial.restarted")
    assert again["why"] == "the process that ran it is gone"
    assert again["start_step"] >= 2
    assert f"0 {again['start_step'] + 1}" in out.splitlines()
    assert [step for step, _ in study.trials[0].reports] == [1, 2, 3, 4, 5]
    assert verify(study.book.log).ok
    study.close()


@pytest.mark.long
def test_a_worker_that_was_only_slow_is_told_so_and_counts_once(storage: str) -> None:
    slow = worker(storage, 1.0, 1)
    lines_until(slow, "0 1")
    slow.send_signal(signal.SIGSTOP)
    quick = worker(storage, 0.8, 1)
    quick.communicate(timeout=60)
    slow.send_signal(signal.SIGCONT)
    slow.communicate(timeout=60)
    assert (slow.returncode, quick.returncode) == (0, 0)
    study = load_study("study", storage)
    assert [(trial.state, trial.restarts) for trial in study.trials] == [
        (TrialState.COMPLETE, 1),
        (TrialState.COMPLETE, 0),
    ]
    (late,) = events(study, "trial.late")
    assert (late["trial"], late["token"], late["state"]) == (0, 0, "stopped")
    assert [told["trial"] for told in events(study, "trial.told")].count(0) == 1
    study.close()


def test_a_person_who_tells_late_is_warned_and_keeps_the_result(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage)
    trial = study.ask()
    assert trial.report(0.5, 1) is Verdict.CONTINUE
    other = load_study("study", storage)
    other.book.note("trial.restarted", {"trial": 0, "why": "no sign of life", "start_step": 0})
    assert trial.report(0.4, 2) is Verdict.STOP
    with pytest.warns(UserWarning, match="trial 0 had been given to somebody else meanwhile"):
        assert study.tell(trial, 0.3).state is TrialState.RUNNING
    assert [late["metrics"] for late in events(study, "trial.late")] == [{"value": 0.3}]
    assert other.tell(0, 0.2).metrics == {"value": 0.2}
    assert study.tell(study.ask(), 0.7).number == 1


# the watch, by a clock of its own


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Board:
    """Leases that a test writes."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []

    def beat(self, owner: str, tokens: Mapping[int, int]) -> None:
        raise NotImplementedError

    def give_up(self, owner: str) -> None:
        raise NotImplementedError

    def held(self) -> list[Lease]:
        return self.leases


def running(number: int, restarts: int = 0) -> Trial:
    return Trial(number=number, config={}, state=TrialState.RUNNING, reason="", seed=0, restarts=restarts)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(holding, "time", found)
    return found


FAR = json.dumps(["another machine", 1, "2", "x"])


def test_no_sign_of_life_for_the_grace_is_a_loss_and_a_sign_begins_it_anew(clock: Clock) -> None:
    board, trials = Board(), [running(0), running(1), running(2, restarts=1)]
    watch = Watch(board)
    for second in range(30):
        clock.now = float(second)
        beat = min(second, 10)  # the owner of trial 1 is gone after ten seconds; nobody ever held trial 2 as it is now
        board.leases = [Lease(0, 0, FAR, second), Lease(1, 0, FAR, beat), Lease(2, 0, FAR, second)]
        lost = [trial.number for trial in watch.lost(trials, own=())]
        assert lost == [n for n, at in ((1, 10), (2, 0)) if second > at + holding.GRACE]
    assert watch.alive == {0}


def test_what_was_given_up_or_belongs_to_a_process_that_ended_here_is_lost_at_once(clock: Clock) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = json.dumps([holding._machine(), ended.pid, "1", "x"])
    board, here = Board(), holding._this_process()
    board.leases = [Lease(0, 0, NOBODY, 3), Lease(1, 0, gone, 3), Lease(2, 0, here, 3), Lease(3, 0, FAR, 3)]
    watch = Watch(board)
    trials = [running(number) for number in range(5)]
    assert [trial.number for trial in watch.lost(trials, own={4})] == [0, 1]
    assert (watch.alive, watch.undecided) == ({2}, {3})
    clock.now = holding.GRACE + 1
    assert [trial.number for trial in watch.lost(trials[2:], own={4})] == [3]
    clock.now = holding.GRACE_OF_THE_LIVING + 1
    assert [trial.number for trial in watch.lost(trials[2:3], own={4})] == [2]


class Beating(Board):
    """The owner of a trial gives a sign of life each time one looks."""

    def held(self) -> list[Lease]:
        self.leases = [Lease(0, 0, FAR, 1 + (self.leases[0].beat if self.leases else 0))]
        return self.leases


def test_it_is_said_as_soon_as_it_is_known_whether_somebody_has_a_trial_in_hand(clock: Clock) -> None:
    board, trials = Board(), [running(0)]
    assert not in_hand([], board)
    board.leases = [Lease(0, 0, holding._this_process(), 3)]
    assert in_hand(trials, board)
    assert clock.now == 0
    assert in_hand(trials, Beating())
    assert clock.now <= holding.BEAT
    clock.now, board.leases = 0.0, [Lease(0, 0, FAR, 3)]
    assert not in_hand(trials, board)
    assert holding.GRACE < clock.now <= holding.GRACE + holding.BEAT


# again by cause


def failing(once: BaseException | None, always: Mapping[int, BaseException]) -> Any:
    seen: set[int] = set()

    def objective(trial: Any) -> float:
        if trial.number in always:
            raise always[trial.number]
        if once is not None and trial.number == 0 and not seen:
            seen.add(0)
            raise once
        return float(trial["x"])

    return objective


def test_a_trial_that_ran_out_of_memory_runs_again_once_and_a_bug_does_not() -> None:
    study = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    bad = {1: MemoryError("8 GiB"), 2: ValueError("a bug")}
    study.optimize(failing(MemoryError("busy"), bad), n_trials=4)
    assert [(t.state.value, t.cause, t.restarts) for t in study.trials] == [
        ("complete", None, 1),
        ("failed", Cause.MEMORY, 1),
        ("failed", Cause.ERROR, 0),
        ("complete", None, 0),
    ]
    assert [again["why"] for again in events(study, "trial.restarted")] == ["memory ran out while it ran"] * 2


def test_a_worker_that_the_machine_took_away_gives_its_trial_another_turn(tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        mark = tmp_path / "once"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        return float(trial["x"])

    study = Study({"x": holdfast.Float(0, 1)}, strategy="random")
    study.optimize(objective, n_trials=1, n_jobs=2)
    assert [(t.state.value, t.restarts) for t in study.trials] == [("complete", 1)]
    assert [again["why"] for again in events(study, "trial.restarted")] == ["the machine took its process away"]


def test_a_trial_that_ends_its_worker_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "MOST_RESTARTS", 2)
    storage = f"sqlite:///{tmp_path}/s.db"
    for _ in range(3):
        study = Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage)
        if not study.trials:
            study.ask()
        else:
            study.book.note("trial.restarted", {"trial": 0, "why": "gone", "start_step": 0})
        study.close()
    study = load_study("study", storage)
    study.optimize(lambda trial: float(trial["x"]), n_trials=1)
    assert [(t.state.value, t.cause) for t in study.trials] == [("failed", Cause.LOST), ("complete", None)]
    assert study.trials[0].error == "it was restarted 2 times, and each time the process that ran it is gone"


def test_whoever_minds_a_budget_waits_for_what_others_run_while_there_is_room(tmp_path: Path) -> None:
    study, other = (Study({"x": holdfast.Float(0, 1)}, storage=f"sqlite:///{tmp_path}/s.db") for _ in range(2))
    trial, overseer = other.ask(), Spent()
    study.book.refresh()
    minding = driver.StudyDriver(study.book, RandomSearch(), overseer=overseer, watch=Watch(study.book.log.leases))
    assert minding.next() is Nothing.DONE  # it does not stay
    minding.stays = True
    assert minding.next() is Nothing.WAIT
    overseer.room = False
    assert minding.next() is Nothing.DONE
    overseer.room = True
    other.tell(trial, 0.5)
    assert minding.next() is Nothing.DONE
    assert study.trials[0].metrics == {"value": 0.5}
    other.close()
