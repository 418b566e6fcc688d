"""Trials that are packed away and come back are the trials that went in, in whatever order they are looked at."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.records import Cause, Trial, TrialState
from holdfast.study.packed import Reports, packed, small
from holdfast.study.trials import BLOCK, Trials
from holdfast.usage import NOTHING_KNOWN, Usage, counted

NUMBERS = st.floats(allow_nan=False)
METRICS = st.dictionaries(st.sampled_from(["value", "ms", "a\nb"]), NUMBERS, max_size=2)
WHOLE = st.none() | st.integers(0, 2**40)
TRIAL = st.builds(
    Trial,
    number=st.just(0),
    config=st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.integers() | NUMBERS | st.text()),
    state=st.sampled_from(TrialState),
    reason=st.text(max_size=5),
    seed=st.integers(0, 2**31),
    metrics=METRICS,
    reports=st.lists(st.tuples(st.integers(0, 300), METRICS), max_size=4).map(tuple),
    until_step=WHOLE,
    start_step=st.integers(0, 9),
    checkpoint=st.none() | st.tuples(st.integers(0, 9), st.just("e" * 64)),
    rows=st.none() | st.just({"values": {"blob": "f" * 64}, "n": 3}),
    error=st.none() | st.text(max_size=5),
    cause=st.none() | st.sampled_from(Cause),
    parent=WHOLE,
    asked_at=st.floats(0, 2e9),
    told_at=st.none() | st.floats(0, 2e9),
    seconds=st.floats(0, 1e9),
    restarts=st.integers(0, 3),
    extra=st.just({}) | st.just({"list": [1, {"b": None}]}),
    usage=st.sampled_from([(), (NOTHING_KNOWN,), (Usage(wall_seconds=counted(0.5)), NOTHING_KNOWN)]),
    replaces=WHOLE,
)


@settings(deadline=None)
@given(st.lists(TRIAL, max_size=6), st.data())
def test_whatever_happens_to_packed_trials_happens_to_a_list_of_them(given_trials: list[Trial], data: Any) -> None:
    trials, plain = Trials(), list[Trial]()
    for drawn in given_trials:
        trial = dataclasses.replace(drawn, number=len(plain))
        trials.append(trial)
        plain.append(trial)
        at = data.draw(st.integers(0, len(plain) - 1))
        match data.draw(st.sampled_from(["pack", "report", "look", "replace", "nothing"])):
            case "pack":
                trials.pack()
            case "report":
                step, said = data.draw(st.integers(0, 9)), {"value": 0.25, "ms": math.inf}
                trials.reported(at, step, said)
                before = (report for report in plain[at].reports if report[0] < step)
                plain[at] = dataclasses.replace(plain[at], reports=(*before, (step, said)))
            case "look":
                assert trials[at] == plain[at] == trials[at - len(plain)]
            case "replace":
                state = data.draw(st.sampled_from([TrialState.RUNNING, TrialState.PAUSED]))
                plain[at] = dataclasses.replace(trials[at], checkpoint=None, state=state)
                trials[at] = plain[at]
    assert list(trials[1:4]) == plain[1:4]
    assert trials.running == {trial.number for trial in plain if trial.state is TrialState.RUNNING}
    assert trials.paused == {trial.number for trial in plain if trial.state is TrialState.PAUSED}
    assert trials.saved == {trial.number for trial in plain if trial.checkpoint is not None}
    again = Trials(trials.pack())
    assert list(trials) == list(again) == plain
    assert (again.running, again.paused, again.saved) == (trials.running, trials.paused, trials.saved)


def test_more_trials_than_a_block_come_back_in_order() -> None:
    trials = Trials()
    for number in range(2 * BLOCK + 3):
        trials.append(Trial(number, {"x": number}, TrialState.COMPLETE, "r", 1))
    trials.pack()
    trials[5] = dataclasses.replace(trials[5], reason="changed")
    assert [trial.config["x"] for trial in trials] == list(range(2 * BLOCK + 3))
    assert [trial.number for trial in trials if trial.reason == "changed"] == [5]


def test_values_that_are_no_numbers_come_back() -> None:
    said: tuple[tuple[int, dict[str, float]], ...] = ((1, {"value": math.nan}), (2, {"value": -math.inf}), (3, {}))
    trials = Trials()
    trials.append(Trial(0, {}, TrialState.FAILED, "r", 1, metrics={"value": math.nan}, reports=said))
    trials.pack()
    assert math.isnan(trials[0].metrics["value"])
    assert str(trials[0].reports) == str(said)


def test_whole_numbers_take_as_few_bytes_as_hold_them() -> None:
    columns = packed([Trial(0, {}, TrialState.RUNNING, "r", 1, reports=((300, {"v": 1.0}),))])
    assert columns.steps.itemsize == 2
    assert small(columns.steps.astype("int64") * 2**40).itemsize == 8


def test_a_list_of_no_trials_is_empty() -> None:
    assert list(Trials(Trials().pack())) == []
    with pytest.raises(IndexError):
        Trials()[0]


def test_reports_of_packed_trials_are_a_tuple_to_everybody() -> None:
    said = ((1, {"value": 0.5}), (3, {"value": 0.25, "ms": 2.0}))
    trials = Trials()
    trials.append(Trial(0, {}, TrialState.COMPLETE, "r", 1, reports=said))
    trials.append(Trial(1, {}, TrialState.COMPLETE, "r", 1))
    trials.pack()
    found = trials[0].reports
    assert type(found) is Reports
    assert found == said
    assert said == found
    assert found == Trials(trials.pack())[0].reports
    assert found != said[:1]
    assert (found[-1], found[:1], len(found), repr(found)) == (said[-1], said[:1], 2, repr(said))
    assert type(pickle.loads(pickle.dumps(found))) is tuple
    assert dataclasses.asdict(trials[0])["reports"] == said
    assert trials[1].reports == ()
