"""What a forecast rests on, and what becomes of a search that the budget ended before there was a result."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.errors import HoldfastError
from holdfast.execute.inline import Inline
from holdfast.facts.cost import account_of
from holdfast.log.base import Head
from holdfast.log.open import open_log
from holdfast.meter.watch import processor_seconds
from holdfast.protocol.drive import BudgetTooSmallError, seconds_to_start, timed_trials
from holdfast.protocol.folder import RunFolder, open_book
from holdfast.protocol.tune import resume, tune
from holdfast.records import Entry, Fidelity, Trial, TrialState
from holdfast.usage import Usage, counted

MODEL = """
from sklearn.tree import DecisionTreeClassifier

def make(config):
    return DecisionTreeClassifier(max_depth=config["max_depth"])
"""

BUSY = """
import time
from sklearn.tree import DecisionTreeClassifier

class Busy(DecisionTreeClassifier):
    def fit(self, X, y):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return super().fit(X, y)

def make(config):
    return Busy(max_depth=config["max_depth"])
"""

BROKEN = """
from sklearn.tree import DecisionTreeClassifier

class Broken(DecisionTreeClassifier):
    def fit(self, X, y):
        raise ValueError(f"no model of depth {self.max_depth}")

def make(config):
    return Broken(max_depth=config["max_depth"])
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small plan in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(model: str = MODEL, **tables: Any) -> dict[str, Any]:
        module = {MODEL: "driven_tree", BUSY: "driven_busy", BROKEN: "driven_broken"}[model]
        (tmp_path / f"{module}.py").write_text(model, encoding="utf-8")
        return {
            "study": {"name": "driven"},
            "data": {"source": "sklearn:iris"},
            "model": {"family": f"{module}:make"},
            "space": {"max_depth": {"type": "int", "low": 1, "high": 12}},
            "search": {"trials": 6, "strategy": "random"},
            "price": {"watts": 100.0},
            **tables,
        }

    return make


def stop_after(number: int) -> Any:
    """A progress that is interrupted at the end of a trial."""

    def progress(_: object, trial: Trial) -> None:
        if trial.number == number:
            raise KeyboardInterrupt

    return progress


def without_metering(run: RunFolder) -> None:
    """Make a log as a version without metering would have written it."""
    storage = run.storage(None)
    log = open_log(storage, run.name)
    newer = {"price.set", "limits.set", "run.began", "forecast.made", "phase.metered"}
    entries = [
        Entry(event.kind, {key: value for key, value in event.data.items() if key != "usage"}, event.time)
        for event in log.read()
        if event.kind not in newer
    ]
    log.close()
    with sqlite3.connect(run.path / "study.db") as database:
        database.execute("DELETE FROM event")
        database.execute("DELETE FROM snapshot")
    database.close()
    log = open_log(storage, run.name)
    log.append(entries, Head())
    log.close()


@pytest.mark.parametrize("told", [1, 3])
def test_a_study_of_a_version_without_metering_goes_on(plan: Any, told: int, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(plan(), executor=Inline(), progress=stop_after(told - 1))
    run = RunFolder(tmp_path / "runs", "driven")
    without_metering(run)
    result = resume("driven", executor=Inline())
    state = open_book(run).state
    assert result.test is not None
    assert len(state.trials) == 6
    assert "forecast.made" not in state.notes
    assert account_of(state).total.usd.value is None


def test_a_trial_that_paused_at_a_rung_counts_for_a_full_training() -> None:
    used = Usage(wall_seconds=counted(9.0), kwh=counted(9.0))
    paused = Trial(0, {}, TrialState.PAUSED, "", 0, until_step=2, seconds=3.0, usage=(used,))
    (timed,) = timed_trials([paused], Fidelity("epochs", 2, 60, 3))
    assert timed.seconds == 90.0
    assert (timed.kwh.value, timed.watched) == (9.0, 9.0), "the power is that of the time that was metered"
    assert timed_trials([paused])[0].seconds == 3.0


def test_the_warming_up_of_the_first_fit_is_not_multiplied_by_the_steps_that_are_left() -> None:
    cold, warm = (Trial(n, {}, TrialState.PAUSED, "", 0, until_step=4, seconds=s) for n, s in ((0, 7.4), (1, 0.4)))
    timed = timed_trials([cold, warm], Fidelity("max_iter", 4, 108, 3))
    assert [each.seconds for each in timed] == pytest.approx([7.4 + 104 * 0.1, 108 * 0.1])


def test_the_time_to_start_is_that_of_the_session_in_which_the_first_trial_ran() -> None:
    first = Trial(0, {}, TrialState.COMPLETE, "", 0, asked_at=1001.0, told_at=1010.0, seconds=2.0)
    assert seconds_to_start([first], [10.0, 1000.0, 2000.0]) == 8.0
    assert seconds_to_start([], [10.0]) == 0.0
    used = Usage(wall_seconds=counted(5.0))
    paused = Trial(0, {}, TrialState.PAUSED, "", 0, asked_at=1001.0, seconds=2.0, usage=(used,))
    assert seconds_to_start([paused], [1000.0]) == 4.0


def test_a_model_that_fails_is_not_taken_for_a_budget_that_is_too_small(plan: Any, tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match=r"no trial with a score.*no model of depth"):
        tune(plan(BROKEN, budget={"trials": 2}), executor=Inline())
    assert len(open_book(RunFolder(tmp_path / "runs", "driven")).state.trials) == 2


def test_processor_time_of_trials_in_this_process_counts_once(plan: Any, tmp_path: Path) -> None:
    before = processor_seconds()  # children of earlier tests may be waited for meanwhile
    tune(plan(BUSY), executor=Inline())
    spent = processor_seconds() - before
    state = open_book(RunFolder(tmp_path / "runs", "driven")).state
    assert 6 * 0.3 <= (account_of(state).total.usage.cpu_seconds.value or 0.0) <= spent


def test_the_time_between_a_crash_and_the_test_is_not_spent(
    plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("holdfast.protocol.tune.open_test", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tune(plan(), executor=Inline())  # the model is there, its test score is not
    run = RunFolder(tmp_path / "runs", "driven")
    before = open_book(run).state.elapsed
    a_day_later = time.time() + 86_400.0
    monkeypatch.setattr("holdfast.study.book.time", SimpleNamespace(time=lambda: a_day_later))
    assert resume("driven", executor=Inline()).test is not None
    assert open_book(run).state.elapsed < before + 60.0


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_budget_that_was_spent_before_any_trial_ended_is_too_small(
    plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plan(budget={"hours": 100.0})
    monkeypatch.setattr("holdfast.protocol.job.TrainJob.run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune(file, executor=Inline())
    monkeypatch.setattr("holdfast.study.state.StudyState.elapsed", 100.0 * 3600)
    with pytest.raises(BudgetTooSmallError, match="none has a result"):
        tune(file, executor=Inline())
    assert len(open_book(RunFolder(tmp_path / "runs", "driven")).state.trials) == 1
