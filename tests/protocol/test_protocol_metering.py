"""Sharing electricity among trials: none is lost, none counts twice, and what it covers is said."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdfast.meter.budget import Limits
from holdfast.meter.price import Price
from holdfast.protocol.metering import StudyMeter
from holdfast.protocol.steward import Steward
from holdfast.records import Cause, Outcome, TrialState
from holdfast.space import Float
from holdfast.study import actions
from holdfast.study.study import Study
from holdfast.usage import UNKNOWN, Figure, Method, Usage

A_KILOWATT_HOUR_EACH_SECOND = Price(watts=3.6e6)


@dataclass
class Readings:
    """A meter that says what it is told to, lap after lap."""

    laps: list[Figure] = field(default_factory=list)

    def lap(self, *, wait: bool = True) -> Figure:
        return self.laps.pop(0) if self.laps else UNKNOWN

    def close(self) -> None:
        pass


def drawn(kwh: float) -> Figure:
    return Figure(kwh, Method.COUNTER, 1.0, 0.05)


def meter_of(*laps: Figure, price: Price | None = None) -> StudyMeter:
    return StudyMeter(Study({"x": Float(0, 1)}).book, price or Price(), Readings(list(laps)))


def complete(trial: int) -> Outcome:
    return Outcome(trial, TrialState.COMPLETE, {"value": 1.0}, seconds=1.0)


def of_search(meter: StudyMeter) -> Usage:
    (note,) = meter.book.state.notes["phase.metered"]
    assert note["phase"] == "search"
    return Usage.from_json(note["usage"])


def test_trials_side_by_side_share_what_was_drawn() -> None:
    meter = meter_of(drawn(0.0), drawn(2.0), drawn(4.0), drawn(8.0))
    meter.begin([0])
    meter.begin([1])
    assert meter.end(complete(0)).usage.kwh.value == pytest.approx(2.0 + 4.0 / 2)
    assert meter.end(complete(1)).usage.kwh.value == pytest.approx(4.0 / 2 + 8.0)
    assert meter.kwh == 14.0


def test_what_an_interrupted_trial_drew_is_not_lost() -> None:
    meter = meter_of(drawn(1.0), drawn(5.0))

    def run() -> None:
        with meter.search():
            meter.begin([0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert of_search(meter).kwh.value == 6.0


def test_what_a_lost_trial_drew_belongs_to_the_search() -> None:
    meter = meter_of(drawn(0.0), drawn(5.0), drawn(1.0), drawn(2.0), drawn(0.5))
    with meter.search():
        meter.begin([0])
        meter.end(Outcome(0, TrialState.FAILED, cause=Cause.LOST, seconds=1.0))
        meter.begin([0])
        assert meter.end(complete(0)).usage.kwh.value == 2.0
    assert of_search(meter).kwh.value == 5.0 + 1.0 + 0.5


def test_a_long_lap_that_is_unknown_weighs_more_than_a_short_one() -> None:
    meter = meter_of(UNKNOWN, UNKNOWN, drawn(1.0))
    meter.begin([0])
    time.sleep(0.3)
    meter.lap()
    time.sleep(0.1)
    kwh = meter.end(complete(0)).usage.kwh
    assert kwh.value == 1.0
    assert 0.1 < kwh.coverage < 0.4


def test_the_power_is_the_one_that_was_given_from_the_first_moment_on(tmp_path: Path) -> None:
    meter = meter_of(price=A_KILOWATT_HOUR_EACH_SECOND)
    time.sleep(0.5)
    steward = Steward(meter, tmp_path, Limits(kwh=100.0))
    steward.given([0])
    assert meter.kwh_per_second == 1.0
    time.sleep(0.2)
    assert steward.spent()["kwh"] < 2.0


def test_a_long_trial_is_read_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.protocol.steward.GRACE", 0.0)
    monkeypatch.setattr("holdfast.protocol.steward.LONGEST_LAP", 0.0)
    steward = Steward(meter_of(UNKNOWN, drawn(0.5), drawn(7.0)), tmp_path, Limits(kwh=5.0))
    steward.given([0])
    time.sleep(0.3)  # so that what was drawn by then comes to little in the time between two looks
    assert steward.overdue() is None
    assert steward.overdue() == "the budget of 5 kWh was spent while this trial ran"


def test_what_is_kept_free_is_for_all_legs_of_a_trial(tmp_path: Path) -> None:
    study = Study({"x": Float(0, 1)})
    leg = Outcome(study.ask().number, TrialState.PAUSED, {"value": 1.0}, seconds=900.0)
    steward = Steward(StudyMeter(study.book, Price(), Readings()), tmp_path, Limits(hours=1.0))
    steward.given([0])
    actions.tell(study.book, steward.ended(leg))
    assert not steward.enough()
    again = {"trial": 0, "until_step": 9, "start_step": 3, "reason": "", "seen": 0}
    study.book.note("trial.resumed", again)
    steward.given([0])
    actions.tell(study.book, steward.ended(leg))
    assert steward.enough()
