"""One study in the hands of several threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from holdfast import Float, Study
from holdfast.records import TrialState
from holdfast.study import actions
from holdfast.study.load import load_study

THREADS = 4
EACH = 25


@pytest.fixture(autouse=True)
def _threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def drive(study: Study) -> list[tuple[int, float]]:
    """Ask, report, look and tell, as one of several threads does; the trials with their values."""
    found = []
    for _ in range(EACH):
        trial = study.ask()
        trial.report(trial["x"], step=1)
        assert len(study.trials) > trial.number
        study.tell(trial, trial["x"] / 2)
        assert study.best_value <= trial["x"] / 2
        found.append((trial.number, trial["x"] / 2))
    return found


@pytest.mark.parametrize("kept", ["memory", "sqlite"])
def test_threads_share_a_study(kept: str, tmp_path: Path) -> None:
    storage = None if kept == "memory" else f"sqlite:///{tmp_path / 'study.db'}"
    study = Study({"x": Float(0, 1)}, strategy="random", storage=storage)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = list(pool.map(lambda _: drive(study), range(THREADS)))
    told = dict(pair for run in runs for pair in run)
    assert sorted(told) == list(range(THREADS * EACH)), "every trial is given to one thread"
    assert {trial.number: trial.metrics["value"] for trial in study.trials} == told
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    study.close()
    if storage is not None:
        assert [trial.metrics for trial in load_study("study", storage).trials] == [
            {"value": told[number]} for number in sorted(told)
        ]


def test_a_trial_that_is_given_out_while_another_is_told_is_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread has in hand is gone through while another one is given a trial."""
    study = Study({"x": Float(0, 1)}, strategy="random")
    first, second = study.ask(), study.ask()
    holds = actions.holds

    def interrupted(*given: Any) -> bool:
        monkeypatch.setattr(actions, "holds", holds)
        study.ask()
        return holds(*given)

    monkeypatch.setattr(actions, "holds", interrupted)
    study.tell(first, 1.0)
    study.tell(second, 2.0)
    assert [trial.state for trial in study.trials][:2] == [TrialState.COMPLETE] * 2


def test_what_a_study_is_asked_is_answered_while_no_other_thread_changes_it() -> None:
    """A fold that is half done is waited for, and not looked at."""
    study = Study({"x": Float(0, 1)}, strategy="random")
    study.tell(study.ask(), 1.0)
    asked = (
        lambda: study.history,
        lambda: study.trials,
        lambda: study.best_value,
        lambda: study.best_config,
        lambda: study.best_trials,
    )
    with ThreadPoolExecutor(len(asked)) as pool:
        with study.book.still():
            answers = [pool.submit(each) for each in asked]
            assert wait(answers, timeout=0.2).done == set()
        assert len(wait(answers, timeout=60).done) == len(asked)
