"""Snapshots save time and change nothing: any damage to one means folding the log instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import holdfast
from holdfast.log.base import Head
from holdfast.records import Entry, Outcome, TrialState, Verdict
from holdfast.space import Space
from holdfast.study import actions, book, kept, snapshot
from holdfast.study.book import Book
from holdfast.study.container import MAGIC, from_bytes, to_bytes
from holdfast.study.load import load_study
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.state import StudyState, fold
from holdfast.study.study import Study

SPACE = holdfast.Space(
    {
        "zeta": holdfast.Float(1e-3, 1, log=True),
        "alpha": holdfast.Categorical(["a", "b"]),
        "n": holdfast.Int(1, 4, when={"alpha": "b"}),
    }
)
FIDELITY = holdfast.Fidelity("epoch", 1, 9)


def described(value: Any) -> Any:
    """A value as nested lists, with order and type of all it holds; objects by their attributes."""
    match value:
        case np.ndarray():
            return ["array", str(value.dtype), value.shape, value.tobytes()]
        case Enum() | str() | int() | bool() | None:
            return value
        case float():
            return "nan" if math.isnan(value) else value
        case Space():
            return ["space", value.names, described(value.to_json())]
        case Mapping():
            return [[key, described(item)] for key, item in value.items()]
        case Sequence():
            return [described(item) for item in value]
        case set():
            return sorted(value)
    if is_dataclass(value):
        return [[f.name, described(getattr(value, f.name))] for f in fields(value)]
    skipped = {"_token", "_array"}
    if hasattr(value, "view"):
        return described(value.view())
    return [[name, described(item)] for name, item in sorted(vars(value).items()) if name not in skipped]


def folded(study_book: Book) -> StudyState:
    """The state by the log alone."""
    state: StudyState | None = None
    for event in study_book.log.read():
        state = fold(state, Entry(event.kind, event.data, event.time), event.index)
    assert state is not None
    return state


class AnyStudy(RuleBasedStateMachine):
    """Whatever is done to a study: its state is that of its log, and of a snapshot of it."""

    @initialize(
        declared=st.booleans(),
        strategy=st.sampled_from(["random", "asha", "sobol"]),
        objectives=st.sampled_from([{"value": "minimize"}, {"z": "maximize", "a": "minimize"}]),
    )
    def create(self, declared: bool, strategy: str, objectives: dict[str, Any]) -> None:
        if strategy == "asha":
            objectives = {"value": "maximize"}
        self.study = Study(
            SPACE if declared else None, strategy=strategy, fidelity=FIDELITY, direction=objectives, seed=5
        )
        self.live: list[Any] = []

    @rule()
    @precondition(lambda self: len(self.live) < 4)
    def ask(self) -> None:
        self.live.append(self.study.ask())

    @rule(wish=st.sampled_from([{"alpha": "b", "n": 2}, {"alpha": "a"}, {}]), why=st.text(max_size=3))
    def enqueue(self, wish: dict[str, Any], why: str) -> None:
        self.study.enqueue(wish, why)

    @rule(at=st.integers(0, 3), value=st.floats(), extra=st.floats())
    @precondition(lambda self: self.live)
    def report(self, at: int, value: float, extra: float) -> None:
        trial = self.live[at % len(self.live)]
        trial.report({self.study.book.state.first_metric: value, "extra": extra}, trial._last_step + 1)

    @rule(at=st.integers(0, 3), high=st.sampled_from([1.0, 2.0]), name=st.sampled_from(["x", "alpha"]))
    @precondition(lambda self: self.live and self.study.book.state.settings.space is None)
    def draw(self, at: int, high: float, name: str) -> None:
        trial = self.live[at % len(self.live)]
        if name not in trial.config and trial._assignment.proposal.get(name, 0.5) != "b":
            try:
                trial.suggest_float(name, 0.0, high)
            except holdfast.RequestError:
                assert isinstance(trial._assignment.proposal[name], str)
        trial.flush()

    @rule(at=st.integers(0, 3), data=st.binary(max_size=4))
    @precondition(lambda self: self.live)
    def save(self, at: int, data: bytes) -> None:
        self.live[at % len(self.live)].save(data)

    @rule(at=st.integers(0, 3), value=st.floats(), rows=st.booleans(), paused=st.booleans())
    @precondition(lambda self: self.live)
    def tell(self, at: int, value: float, rows: bool, paused: bool) -> None:
        trial = self.live.pop(at % len(self.live))
        scores = holdfast.RowScores(np.array([value, value])) if rows else None
        named = dict.fromkeys(self.study.book.state.settings.objectives, value)
        trial.set_user_attr("list", (1, {"b": 2, "a": None}))
        self.study.tell(trial, named, rows=scores, state="paused" if paused else None)

    @rule(at=st.integers(0, 3))
    @precondition(lambda self: self.live)
    def fail(self, at: int) -> None:
        self.study.tell(self.live.pop(at % len(self.live)), error="broken\nValueError: no")

    @rule(at=st.integers(0, 3), why=st.sampled_from(["gone", "lost"]))
    @precondition(lambda self: self.live)
    def interrupt_and_restart(self, at: int, why: str) -> None:
        trial = self.live[at % len(self.live)]
        actions.interrupt(self.study.book, [trial.number])
        if actions.restart(self.study.book, self.study.trials[trial.number], why) is None:
            self.live.remove(trial)  # it had reported and saved at its end
            assert self.study.trials[trial.number].state in (TrialState.PAUSED, TrialState.COMPLETE)
            return
        self.study._holder.hold({trial.number: self.study.trials[trial.number].restarts})  # it stays in these hands

    @rule(limit=st.sampled_from([None, 3]))
    def limit(self, limit: int | None) -> None:
        actions.set_budget(self.study.book, limit)
        self.study.book.note("choice.made", {"trial": 0, "ties": (1, 2)})

    @invariant()
    def the_state_is_that_of_the_log_and_of_a_snapshot(self) -> None:
        if not hasattr(self, "study"):
            return
        live = self.study.book.state
        by_log = folded(self.study.book)
        assert all(not live.trials[number].state.finished for number in live.proposals)
        assert described(live) == described(by_log)
        restored = state_from_bytes(state_to_bytes(live, self.study.book.head))
        assert restored is not None
        assert restored[1] == self.study.book.head
        assert described(restored[0]) == described(by_log)

    def teardown(self) -> None:
        """A state that was put away and taken out again, between any two events, is folded on as if it had not been."""
        if not hasattr(self, "study"):
            return
        events = list(self.study.book.log.read())
        for every in (1, 3, 7):
            state: StudyState | None = None
            for event in events:
                state = fold(state, Entry(event.kind, event.data, event.time), event.index)
                if event.index % every == 0:
                    loaded = state_from_bytes(state_to_bytes(state, Head(event.index + 1, event.hash)))
                    assert loaded is not None
                    state = loaded[0]
            assert described(state) == described(folded(self.study.book))


TestAnyStudy = AnyStudy.TestCase
TestAnyStudy.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def busy_study(storage: str | None, n_trials: int = 12) -> Study:
    study = Study(SPACE, strategy="random", storage=storage)
    study.optimize(lambda trial: float(trial["zeta"]), n_trials=n_trials)
    return study


def test_a_snapshot_is_what_a_study_opens_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST", 10)
    storage = f"sqlite:///{tmp_path}/s.db"
    study = busy_study(storage)
    found = study.book.log.load_snapshot()
    assert found is not None
    assert found[0] >= 20
    folds: list[int] = []

    def noted(state: StudyState | None, item: Entry, index: int) -> StudyState:
        folds.append(index)
        return fold(state, item, index)

    monkeypatch.setattr(book, "fold", noted)
    again = load_study("study", storage)
    assert min(folds, default=99) >= found[0]
    assert described(again.book.state) == described(folded(study.book))
    again.optimize(lambda trial: float(trial["zeta"]), n_trials=3)
    assert [t.config for t in again.trials] == [t.config for t in busy_study(None, 15).trials]


def _edited(data: bytes, change: Callable[[Any, Any, Any], Any]) -> bytes:
    values, arrays, lines = from_bytes(data)
    change(values, arrays, lines)
    return to_bytes(values, arrays, lines)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no snapshot",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data.replace(MAGIC, b"another program.\n"),
        lambda data: data[: len(MAGIC)] + b"\xff" * 8 + data[len(MAGIC) + 8 :],
        lambda data: to_bytes({}, [], []),
        lambda data: _edited(data, lambda values, *_: values.update(version=snapshot.VERSION + 1)),
        lambda data: _edited(data, lambda values, *_: values.pop("queue")),
        lambda data: _edited(data, lambda values, *_: values["settings"]["space"].append(["x", {"type": "flaot"}])),
        lambda data: _edited(data, lambda _, arrays, __: arrays.pop()),
        lambda data: _edited(data, lambda _, arrays, __: arrays.__setitem__(1, arrays[1][:, 1:])),
        lambda data: _edited(data, lambda _, __, lines: lines[1].append("[]")),
    ],
)
def test_a_damaged_or_foreign_snapshot_is_ignored(tmp_path: Path, damage: Any) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = busy_study(storage)
    head = study.book.head
    data = damage(state_to_bytes(study.book.state, head))
    assert state_from_bytes(data) is None
    study.book.log.save_snapshot(head.length, head.hash, data)
    again = load_study("study", storage)
    assert described(again.book.state) == described(folded(study.book))


def test_a_snapshot_of_another_history_is_not_used(tmp_path: Path) -> None:
    study = busy_study(f"sqlite:///{tmp_path}/s.db")
    other = busy_study(None, 3)
    study.book.log.save_snapshot(5, other.book.head.hash, state_to_bytes(other.book.state, other.book.head))
    assert len(load_study("study", f"sqlite:///{tmp_path}/s.db").trials) == 12


def test_rows_come_back_from_the_log() -> None:
    study = Study(SPACE, strategy="random")
    rows = holdfast.RowScores(np.array([0.0, 1.0, 0.5]), rows=np.array([7, 8, 9]))
    told = study.tell(study.ask(), 0.5, rows=rows)
    assert told.rows is not None
    back = study.book.get_rows(told.rows)
    assert np.array_equal(back.values, rows.values)
    assert back.rows is not None
    assert np.array_equal(back.rows, [7, 8, 9])
    assert (back.kind, back.aggregate) == ("score", "mean")


def test_the_log_refuses_a_fold_that_does_not_begin_with_a_study() -> None:
    with pytest.raises(holdfast.HoldfastError, match=r"begins with 'trial.told'"):
        fold(None, Entry("trial.told", {}, 0.0), 0)


def test_outcomes_of_a_job_are_logged_as_they_are() -> None:
    study = Study(SPACE, strategy="random")
    number = study.ask().number
    actions.tell(study.book, Outcome(number, TrialState.STOPPED, {"value": math.inf}, extra={"t": (1,)}))
    assert study.trials[0].extra == {"t": [1]}
    assert study.trials[0].metrics == {"value": math.inf}
    assert study.ask().verdict is Verdict.CONTINUE
