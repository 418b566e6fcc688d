"""One study in the hands of several threads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast import Float, Study
from holdfast.records import TrialState
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
