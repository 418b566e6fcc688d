"""The columnar history against a naive fold, and its promise that a view never changes."""

from __future__ import annotations

import math
import time
from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.records import TrialState
from holdfast.search.history import (
    COMPLETE,
    FAILED,
    PAUSED,
    RUNNING,
    STATES,
    STOPPED,
    TO_THE_END,
    History,
    HistoryBuilder,
)
from holdfast.space import Categorical, Float, Int, Space

SPACE = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"]), "n": Int(1, 3, when={"kind": "b"})})

STEP = st.tuples(
    st.sampled_from(["ask", "report", "pause", "resume", "tell"]),
    st.integers(0, 30),  # which trial
    st.integers(0, 5),  # which step
    st.floats(allow_nan=True),
    st.sampled_from([TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED]),
)


class Naive:
    """The same as a list of dicts."""

    def __init__(self) -> None:
        self.trials: list[dict[str, Any]] = []

    def apply(self, builder: HistoryBuilder, step: tuple[str, int, int, float, TrialState]) -> None:
        what, at, level, value, end = step
        until = None if level == 0 else level
        if what == "ask":
            config = SPACE.sample(np.random.default_rng(len(self.trials)))
            builder.asked(config, until)
            self.trials.append({"config": config, "state": RUNNING, "until": until, "loss": math.nan, "reports": []})
            return
        if not self.trials:
            return
        number = at % len(self.trials)
        trial = self.trials[number]
        if what == "report" and trial["state"] == RUNNING:
            builder.reported(number, level, [value])
            trial["reports"].append((level, -value))
        elif what == "pause" and trial["state"] == RUNNING:
            builder.moved(number, PAUSED, trial["until"])
            trial["state"] = PAUSED
        elif what == "resume" and trial["state"] == PAUSED:
            builder.moved(number, RUNNING, until)
            trial.update(state=RUNNING, until=until)
        elif what == "tell" and trial["state"] == RUNNING:
            builder.told(number, end, [value])
            trial["state"] = STATES.index(end)
            if end is TrialState.COMPLETE:
                trial["loss"] = -value if math.isfinite(value) else math.nan

    def agrees(self, history: History) -> None:
        trials = self.trials
        assert len(history) == len(trials)
        assert history.states.tolist() == [t["state"] for t in trials]
        assert history.until.tolist() == [TO_THE_END if t["until"] is None else t["until"] for t in trials]
        assert np.array_equal(history.losses, np.array([t["loss"] for t in trials]), equal_nan=True)
        assert history.pending.tolist() == [i for i, t in enumerate(trials) if t["state"] == RUNNING]
        assert [history.config(i) for i in range(len(trials))] == [t["config"] for t in trials]
        for level in range(7):
            reached = [[r for r in t["reports"] if r[0] >= level] for t in trials]
            assert history.reported_at(level).tolist() == [bool(r) for r in reached]
            first = [[loss for step, loss in r if step == min(s for s, _ in r)][-1:] or [math.nan] for r in reached]
            expected = np.array([loss for (loss,) in first])
            assert np.array_equal(history.loss_at(level), expected, equal_nan=True)
        for number, trial in enumerate(trials):
            assert np.array_equal(history.units[number], SPACE.encode(trial["config"]), equal_nan=True)
            assert history.contains(trial["config"])


@given(st.lists(STEP, max_size=60))
@settings(max_examples=80, deadline=None)
def test_a_history_agrees_with_a_naive_fold(steps: list[tuple[str, int, int, float, TrialState]]) -> None:
    builder, naive = HistoryBuilder(SPACE, ["maximize"]), Naive()
    for step in steps:
        naive.apply(builder, step)
    naive.agrees(builder.snapshot(len(steps)))


def frozen(history: History, configs: list[dict[str, Any]]) -> list[Any]:
    """Everything that can be asked of a history, as values."""
    columns = [getattr(history, column.name) for column in fields(history)]
    arrays = [value.copy() for value in columns if isinstance(value, np.ndarray)]
    derived = [history.states.copy(), history.until.copy(), history.losses.copy(), history.loss_at(1)]
    own = [history.config(number) for number in range(len(history))]
    seen = [history.contains(config) for config in configs]
    return [history.space, len(history), history.trials_left, [a.tobytes() for a in arrays + derived], own, seen]


@given(st.lists(STEP, max_size=50), st.integers(0, 49))
@settings(max_examples=60, deadline=None)
def test_a_view_never_changes(steps: list[tuple[str, int, int, float, TrialState]], cut: int) -> None:
    builder, naive = HistoryBuilder(SPACE, ["minimize"]), Naive()
    configs = [SPACE.sample(np.random.default_rng(number)) for number in range(50)]
    for step in steps[:cut]:
        naive.apply(builder, step)
    view = builder.snapshot(cut)
    before = frozen(view, configs)
    late = builder.snapshot(cut)
    for step in steps[cut:] * 4:  # past the first growth of the arrays, too
        naive.apply(builder, step)
    builder.trials_limit = 7
    assert frozen(view, configs) == before
    assert frozen(late, configs) == before  # though nothing had been asked of it in time


DRAWS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["x", "y"]), st.sampled_from([1.0, 2.0]), st.floats(0, 1)),
    max_size=25,
)


@given(DRAWS, st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_a_view_of_a_growing_space_never_changes(draws: list[tuple[int, str, float, float]], cut: int) -> None:
    builder = HistoryBuilder(None, ["minimize"])
    configs = [{"x": draw[3]} for draw in draws] + [{"y": draw[3]} for draw in draws]
    drawn: list[dict[str, Any]] = []
    view, before = builder.snapshot(0), frozen(builder.snapshot(0), configs)
    for number, (trial, name, high, value) in enumerate(draws):
        if number == cut:
            view, before = builder.snapshot(number), frozen(builder.snapshot(number), configs)
        while len(drawn) <= trial:
            builder.asked({"x": 0.5, "unknown": "text", "y": -7.0}, None)  # a wish that fits no domain
            drawn.append({})
        drawn[trial] = {**drawn[trial], name: value}
        builder.drew(trial, {name: Float(0, high)}, dict(drawn[trial]))
    assert frozen(view, configs) == before
    last = builder.snapshot(len(draws))
    assert all(last.contains(config) for config in drawn if config)
    for number, config in enumerate(drawn):
        if config:
            assert last.space is not None
            assert np.array_equal(last.units[number], last.space.encode(config), equal_nan=True)


def test_arrays_cannot_be_written_through_a_view() -> None:
    builder = HistoryBuilder(SPACE, ["minimize"])
    builder.asked(SPACE.default_config(), None)
    view = builder.snapshot(1)
    for value in vars(view).values():
        assert not isinstance(value, np.ndarray) or not value.flags.writeable


def test_contains_knows_what_was_there_at_the_time() -> None:
    builder = HistoryBuilder(SPACE, ["minimize"])
    configs = [SPACE.sample(np.random.default_rng(number)) for number in range(3)]
    views = []
    for config in configs:
        views.append(builder.snapshot(0))
        builder.asked(config, None)
        builder.asked(config, None)
    assert [[view.contains(config) for config in configs] for view in views] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


def test_the_token_names_the_prefix() -> None:
    builder = HistoryBuilder(None, ["minimize"])
    builder.asked({}, None)
    builder.drew(0, {"x": Float(0, 1)}, {"x": 0.5})
    first = builder.snapshot(2).token
    builder.asked({"x": 0.25}, None)
    builder.drew(1, {"x": Float(0, 1)}, {"x": 0.25})
    assert builder.snapshot(4).token is first
    builder.drew(1, {"x": Float(0, 2)}, {"x": 0.25})
    assert builder.snapshot(5).token is not first


def test_trials_left_and_several_objectives() -> None:
    builder = HistoryBuilder(SPACE, ["minimize", "maximize"])
    assert builder.snapshot(0).trials_left is None
    builder.trials_limit = 1
    assert builder.snapshot(0).trials_left == 1
    for _ in range(2):
        builder.asked(SPACE.default_config(), None)
    assert builder.snapshot(0).trials_left == 0
    builder.told(1, TrialState.COMPLETE, [1.0, 2.0])
    builder.told(0, TrialState.FAILED, [math.inf, math.nan])
    history = builder.snapshot(0)
    assert history.told_trial.tolist() == [1, 0]
    assert np.array_equal(history.told_loss, [[1.0, -2.0], [np.nan, np.nan]], equal_nan=True)
    assert history.told_state.tolist() == [COMPLETE, FAILED]
    assert STATES[STOPPED] is TrialState.STOPPED


def _seconds_of_views(n: int) -> float:
    builder = HistoryBuilder(SPACE, ["minimize"])
    config = SPACE.default_config()
    for number in range(n):
        builder.asked(config, None)
        builder.reported(number, 1, [0.5])
        builder.told(number, TrialState.COMPLETE, [0.5])
    spent = []
    for _ in range(300):
        began = time.perf_counter()
        builder.snapshot(n)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def test_a_view_costs_the_same_at_any_length() -> None:
    short, long = _seconds_of_views(10), _seconds_of_views(20_000)
    print(f"a view takes {short * 1e6:.1f} us at 10 trials and {long * 1e6:.1f} us at 20,000")
    assert long < 5 * short + 1e-4


def test_trials_that_do_not_fit_an_amended_space_are_masked_and_come_back() -> None:
    builder = HistoryBuilder(Space({"x": Float(0, 1)}), ["minimize"], constraints=["ms <= 5"])
    for number, x in enumerate([0.1, 0.9, 0.3, 0.8]):
        builder.asked({"x": x}, None)
        if number < 3:
            builder.told(number, TrialState.COMPLETE, [x], 2.0 * number, [x - 0.5])
    before = builder.snapshot(7)
    builder.amended(Space({"x": Float(0, 0.5), "n": Int(1, 3)}), {"n": 3})
    builder.told(3, TrialState.COMPLETE, [0.8])
    narrow = builder.snapshot(9)
    assert narrow.token is not before.token
    assert narrow.told_trial.tolist() == [0, 2]
    assert narrow.told_seconds.tolist() == [0.0, 4.0]
    np.testing.assert_allclose(narrow.told_violation[:, 0], [-0.4, -0.2])
    np.testing.assert_allclose(narrow.units[[0, 2]], [[0.2, 5 / 6], [0.6, 5 / 6]])
    assert np.isnan(narrow.losses[[1, 3]]).all()
    assert narrow.contains({"x": 0.1, "n": 3})
    restored = HistoryBuilder(Space({"x": Float(0, 1)}), ["minimize"], constraints=["ms <= 5"])
    restored.restore(*builder.to_columns(), builder.configs)
    assert restored.snapshot(9).told_trial.tolist() == [0, 2]
    builder.amended(Space({"x": Float(0, 2), "n": Int(1, 3)}), {})
    wide = builder.snapshot(10)
    assert wide.told_trial.tolist() == [0, 1, 2, 3]
    assert wide.losses.tolist() == [0.1, 0.9, 0.3, 0.8]
    np.testing.assert_allclose(wide.units[:, 1], 5 / 6)
    assert before.told_trial.tolist() == [0, 1, 2]
    assert len(before.units[0]) == 1


def test_earlier_studies_are_mapped_into_the_space() -> None:
    builder = HistoryBuilder(Space({"x": Float(0, 2), "n": Int(1, 2, default=2)}), ["maximize"])
    builder.learned("old", [{"x": 1.0}, {"x": 3.0}, {"x": 2.0, "n": 1, "gone": "a"}], [0.5, 0.1, 0.7])
    (earlier,) = builder.snapshot(0).earlier
    assert earlier.name == "old"
    assert earlier.units.tolist() == [[0.5, 0.75], [1.0, 0.25]]
    assert earlier.losses.tolist() == [0.5, 0.7]
