"""Studies whose logs have lost events: what is left can be looked at, and goes on."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import ExhaustedError, LogError
from holdfast.log import MemoryLog
from holdfast.log.base import Conflict
from holdfast.log.salvage import LOST, SALVAGED
from holdfast.log.verify import blob_references
from holdfast.records import Cause, Entry, RowScores, Trial, TrialState
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.search.registry import make_strategy
from holdfast.space import Categorical, Domain, Float, Int
from holdfast.study.book import Book
from holdfast.study.handle import LiveTrial
from holdfast.study.losses import WHY, is_lost
from holdfast.study.replay import replay
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.study import Study

SPACE: dict[str, Domain] = {"x": Float(0, 1), "kind": Categorical(["a", "b"]), "depth": Int(1, 3, when={"kind": "b"})}


def scored(trial: LiveTrial) -> float:
    trial.rows = RowScores(np.array([trial["x"] - 0.25, trial["x"] + 0.25]))
    return float(trial["x"])


def suggesting(trial: LiveTrial) -> float:
    if trial.suggest_categorical("kind", ["a", "b"]) == "b":
        trial.suggest_int("depth", 1, 3)
    return trial.suggest_float("x", 0, 1)


def in_pieces(trial: LiveTrial) -> float | None:
    for step in range(trial.start_step + 1, 10):
        trial.save(b"%d" % step)
        if trial.report(trial["x"], step) is not holdfast.Verdict.CONTINUE:
            return None
    return float(trial["x"])


def plain() -> Study:
    study = Study(SPACE, strategy="random", seed=0)
    study.enqueue({"x": 0.5, "kind": "b", "depth": 2}, why="a guess")
    study.optimize(scored, n_trials=4)
    study.enqueue({"x": 0.25, "kind": "a"})
    study.enqueue({"x": 0.75, "kind": "a"})
    study.optimize(scored, n_trials=4)
    return study


def amended() -> Study:
    study = plain()
    study.amend({**SPACE, "x": Float(0, 2), "new": Int(1, 4)}, why="wider", values={"new": 2})
    study.optimize(scored, n_trials=4)
    return study


def made(strategy: str, objective: Callable[[LiveTrial], float | None], n_trials: int = 9, **settings: Any) -> Study:
    own = {"pbt": PopulationBasedTraining(population=4, interval=2)}
    study = Study(settings.pop("space", SPACE), strategy=own.get(strategy, strategy), seed=3, **settings)
    study.optimize(objective, n_trials=n_trials)
    return study


STEPS = holdfast.Fidelity("epoch", 1, 9)
MAKERS: dict[str, tuple[Callable[[], Study], Callable[[LiveTrial], float | None]]] = {
    "plain": (plain, scored),
    "amended": (amended, scored),
    "discovered": (lambda: made("random", suggesting, space=None), suggesting),
    "halving": (lambda: made("asha", in_pieces, fidelity=STEPS), in_pieces),
    "population": (lambda: made("pbt", in_pieces, fidelity=STEPS), in_pieces),
    "in order": (lambda: made("random", scored, deterministic=True, workers=2), scored),
}


@pytest.fixture(scope="module")
def whole() -> dict[str, Study]:
    return {kind: make() for kind, (make, _) in MAKERS.items()}


def without(study: Study, lost: Collection[int], blobs_lost: int = 0) -> MemoryLog:
    """The log of a study as it is salvaged where these events and so many blobs are lost."""
    old, log = study.book.log, MemoryLog()
    entries = [
        Entry(LOST, {}, event.time) if event.index in lost else Entry(event.kind, event.data, event.time)
        for event in old.read()
    ]
    for name in list(old.blobs())[blobs_lost:]:
        log.put(old.get(name))
    named = {name for entry in entries for name in blob_references(entry.data)}
    entries.append(Entry(SALVAGED, {"missing": sorted(named - set(log.blobs()))}, entries[-1].time + 1e6))
    assert not isinstance(log.append(entries, log.head()), Conflict)
    return log


def gone_on(log: MemoryLog) -> Study:
    settings = Book(log).state.settings
    return Study(
        settings.space,
        strategy=make_strategy(settings.strategy, settings.strategy_settings),
        seed=settings.seed,
        storage=log,
        fidelity=settings.fidelity,
        deterministic=settings.workers is not None,
        workers=settings.workers or 1,
    )


def known(trial: Trial) -> tuple[object, ...]:
    return trial.number, trial.config, trial.seed, trial.metrics


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_left_of_a_study_stands_and_goes_on(whole: dict[str, Study], data: st.DataObject) -> None:
    which = data.draw(st.sampled_from(list(MAKERS)), label="which")
    length = whole[which].book.head.length
    first = data.draw(st.integers(1, length - 1), label="first")
    lost = set(range(first, first + data.draw(st.integers(1, 12), label="many")))
    lost |= data.draw(st.sets(st.integers(1, length - 1), max_size=3), label="more")
    log = without(whole[which], lost, blobs_lost=data.draw(st.integers(0, 3), label="blobs"))
    state = Book(log).state
    before = whole[which].trials
    for trial in state.trials:
        assert trial.number < len(before)
        if is_lost(trial):
            assert (trial.state, trial.cause, trial.config) == (TrialState.FAILED, Cause.LOST, {})
        elif trial.state is TrialState.COMPLETE and which != "discovered":
            assert known(trial) == known(before[trial.number])
    kept = state_from_bytes(state_to_bytes(state, Book(log).head))
    assert kept is not None
    assert list(kept[0].trials) == list(state.trials)
    n = len(state.trials)
    study = gone_on(log)
    with contextlib.suppress(ExhaustedError):  # populations and brackets may be at their end
        study.suggest_next()
    study.optimize(MAKERS[which][1], n_trials=4)
    assert len(study.trials) == n + 4 or which in {"halving", "population"}
    assert all(is_lost(trial) or trial.told_at or trial.state is TrialState.PAUSED for trial in study.trials)
    assert math.isfinite(study.best_value)
    replay(log.read(), make_strategy("random"))


def test_no_strategy_sees_a_trial_that_is_lost() -> None:
    study = plain()
    asked = [event.index for event in study.book.log.read() if event.kind == "trial.asked"]
    state = Book(without(study, asked[2:4])).state
    assert [trial.reason == WHY for trial in state.trials] == [n in {2, 3} for n in range(len(state.trials))]
    history = state.history.snapshot(state.length)
    assert {2, 3}.isdisjoint(history.told_trial.tolist())
    assert {2, 3} == set(state.history.masked)
    lost = [trial for trial in state.trials if is_lost(trial)]
    assert all(trial.usage for trial in lost), "what they used is spent all the same"


def test_the_days_before_a_log_was_salvaged_are_no_time_spent() -> None:
    study = plain()
    assert Book(without(study, [20])).state.elapsed == pytest.approx(study.book.state.elapsed)


def test_a_choice_that_is_lost_in_part_is_made_again_and_the_opening_counts() -> None:
    study = plain()
    study.book.note("choice.made", {"trial": 1})
    study.book.note("estimate.made", {"score": None})
    study.book.note("model.fitted", {"files": {}})
    study.book.note("test.opened", {"opening": 1})
    length = study.book.head.length
    notes = Book(without(study, [])).state.notes
    assert {"choice.made", "estimate.made", "model.fitted", "test.opened"} <= set(notes)
    winner = [event.index for event in study.book.log.read() if event.kind == "trial.asked"][1]
    for lost in (length - 4, length - 3, winner):
        notes = Book(without(study, [lost])).state.notes
        assert not {"choice.made", "estimate.made", "model.fitted", "test.opened"} & set(notes)
        assert [note["opening"] for note in notes["test.opened before"]] == [1]


def test_without_its_first_event_there_is_no_study() -> None:
    with pytest.raises(LogError, match="the event that the study began with is lost, so nothing can be made of"):
        Book(without(plain(), [0]))
