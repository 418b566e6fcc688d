"""A study stopped by each kind of budget ends as any other: with a model, a report, a card, and a word about it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import MissingExtraError, PlanError
from holdfast.execute.inline import Inline
from holdfast.execute.processes import Processes
from holdfast.facts.cost import account_of
from holdfast.log.open import open_log
from holdfast.meter import energy
from holdfast.protocol.drive import BudgetTooSmallError
from holdfast.protocol.folder import find_run, open_book
from holdfast.protocol.tune import Result, resume, tune
from holdfast.records import Cause, Trial, TrialState
from holdfast.search.random import RandomSearch
from holdfast.study import actions
from holdfast.study.book import Book
from holdfast.study.holding import Holder
from holdfast.study.state import StudyState

SLEEPER = """
import time
from sklearn.tree import DecisionTreeClassifier

class Sleeper(DecisionTreeClassifier):
    def fit(self, X, y):
        time.sleep(SECONDS if self.max_depth < 3 else 90.0)
        return super().fit(X, y)

def make(config):
    return Sleeper(max_depth=config["max_depth"], min_samples_leaf=config["min_samples_leaf"])
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A plan whose trials take a twentieth of a second, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(seconds: float = 0.05, **tables: Any) -> dict[str, Any]:
        module = f"sleeper_{str(seconds).replace('.', '_')}"
        (tmp_path / f"{module}.py").write_text(SLEEPER.replace("SECONDS", str(seconds)), encoding="utf-8")
        space = {
            "max_depth": {"type": "int", "low": 1, "high": 2},
            "min_samples_leaf": {"type": "int", "low": 1, "high": 60},
        }
        return {
            "study": {"name": "short"},
            "data": {"source": "sklearn:iris"},
            "model": {"family": f"{module}:make", "ship": "refitted"},
            "search": {"trials": 100, "strategy": "random"},
            "space": space,
            **tables,
        }

    return make


def state_of(result: Result) -> StudyState:
    return open_book(find_run(result.folder.parent, result.name)).state


BY_THE_SECOND = {"watts": 3.6e6, "usd_per_hour": 3600.0, "kg_co2e_per_kwh": 1.0}
"""A second costs a dollar, a kilowatt-hour and a kilogram of carbon."""

BUDGETS = {
    "hours": ({"watts": 100.0}, {"hours": 2.0 / 3600}, 2.0 / 3600),
    "usd": (BY_THE_SECOND, {"usd": 2.0}, 2.0),
    "kwh": (BY_THE_SECOND, {"kwh": 2.0}, 2.0),
    "kg_co2e": (BY_THE_SECOND, {"kg_co2e": 2.0}, 2.0),
    "disk_bytes": ({}, {"disk": "2.45 MB"}, 2.45e6),
    "trials": ({}, {"trials": 3}, 3),
}


@pytest.mark.parametrize("limit", BUDGETS)
def test_each_kind_of_budget_ends_a_study_well(plan: Any, limit: str) -> None:
    price, budget, allowed = BUDGETS[limit]
    result = tune(plan(price=price, budget=budget), executor=Inline())
    state = state_of(result)
    (reached,) = state.notes["limits.reached"]
    assert (reached["limit"], reached["allowed"]) == (limit, allowed)
    assert reached["spent"] <= allowed
    assert f"ended the search after {len(state.trials)} of 100 trials" in reached["text"]
    assert 1 <= len(state.trials) < 100
    assert result.estimate is not None
    assert result.test is not None
    assert list((result.folder / "model").iterdir())
    for name in ("report.html", "summary.md", "MODEL_CARD.md", "trials.csv"):
        assert (result.folder / name).stat().st_size > 0
    assert reached["text"] in (result.folder / "summary.md").read_text(encoding="utf-8").replace("\\", "")
    resume("short", executor=Inline())
    assert len(state_of(result).trials) == len(state.trials)


@pytest.mark.long
def test_a_budget_of_time_waits_for_workers_as_long_as_it_can_and_says_what_still_runs(plan: Any) -> None:
    held: list[Holder] = []

    def join(book: Book, _: Trial) -> None:
        """A worker takes a trial and keeps it, with signs of life."""
        if not held:
            log = open_log("sqlite:///runs/short/study.db", "short")
            theirs = Book(log)
            (assignment,) = actions.ask(theirs, RandomSearch())
            held.append(Holder(log.leases, shared=True))
            held[0].hold(actions.tokens_of(theirs.state, [assignment]))
        book.refresh()

    result = tune(plan(price={"watts": 100.0}, budget={"hours": 3.0 / 3600}), executor=Inline(), progress=join)
    (reached,) = state_of(result).notes["limits.reached"]
    assert "1 trial still ran elsewhere, for which there was no time left to wait" in reached["text"]
    assert result.test is not None
    held[0].close()


def test_money_by_the_run_buys_just_so_many(plan: Any) -> None:
    result = tune(plan(seconds=0.0, price={"usd_per_run": 1.0}, budget={"usd": 5.0}), executor=Inline())
    state = state_of(result)
    assert len(state.trials) == 5
    assert account_of(state).total.usd.value == 5.0


def test_a_budget_too_small_for_one_trial_leaves_nothing_and_says_what_one_costs(plan: Any, tmp_path: Path) -> None:
    with pytest.raises(
        BudgetTooSmallError, match=r"hours = 1e-06, which is too small for one trial: the first one took"
    ):
        tune(plan(budget={"hours": 1e-6}), executor=Inline())
    assert not (tmp_path / "runs" / "short").exists()
    with pytest.raises(BudgetTooSmallError, match="disk = '1 kB', which is too small for one trial"):
        tune(plan(budget={"disk": "1 kB"}), executor=Inline())
    assert not (tmp_path / "runs" / "short").exists()
    with pytest.raises(PlanError, match=r"usd = 500, which is too little for one trial: it costs 1,000 USD"):
        tune(plan(price={"usd_per_run": 1000.0}, budget={"usd": 500.0}))


def test_a_budget_that_nothing_can_hold_is_refused(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanError, match=r"usd = 5, but nothing says what work costs; add usd_per_hour"):
        tune(plan(budget={"usd": 5.0}))
    monkeypatch.setattr(energy, "INSTALLED", False)
    with pytest.raises(MissingExtraError, match=r"kwh = 1, but nothing meters electricity here; pip install"):
        tune(plan(budget={"kwh": 1.0}))


def test_what_a_study_took_is_on_its_log(plan: Any) -> None:
    result = tune(plan(search={"trials": 4, "strategy": "random"}, price=BY_THE_SECOND), executor=Inline())
    state = state_of(result)
    for trial in state.trials:
        seconds = trial.used.wall_seconds.value
        assert seconds is not None
        assert seconds >= 0.05
        assert trial.used.kwh.value == pytest.approx(seconds, rel=0.5)
    phases = [phase["phase"] for phase in state.notes["phase.metered"]]
    assert phases == ["search", "choose", "fit", "test"]
    total = account_of(state).total
    assert total.machine_seconds.value == pytest.approx(state.elapsed, rel=0.05)
    assert total.usd.value == pytest.approx(state.elapsed, rel=0.05)
    assert len(state.notes["forecast.made"][0]["timed"]) == 2


@pytest.mark.long
def test_what_runs_is_ended_when_the_budget_is_spent(plan: Any) -> None:
    """The second trial would take a minute and a half; the first one's result still ships."""
    space = {
        "max_depth": {"type": "int", "low": 2, "high": 3},
        "min_samples_leaf": {"type": "int", "low": 1, "high": 60},
    }
    trials = [{"config": {"max_depth": 2}}, {"config": {"max_depth": 3}}]
    began = time.monotonic()
    result = tune(plan(space=space, trials=trials, budget={"hours": 25.0 / 3600}), executor=Processes(1))
    assert time.monotonic() - began < 60.0
    state = state_of(result)
    assert [(trial.state, trial.cause) for trial in state.trials] == [
        (TrialState.COMPLETE, None),
        (TrialState.FAILED, Cause.BUDGET),
    ]
    assert state.elapsed < 25.0
    assert result.test is not None


@pytest.mark.long
def test_a_first_trial_that_outlasts_the_budget_is_ended_and_nothing_is_left(plan: Any, tmp_path: Path) -> None:
    with pytest.raises(BudgetTooSmallError, match=r"the first one was ended after [0-9.]+ s without a result"):
        tune(plan(seconds=90.0, budget={"hours": 1e-3}), executor=Processes(1))
    assert not (tmp_path / "runs" / "short").exists()
