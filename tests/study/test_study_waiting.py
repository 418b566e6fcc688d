"""How much of the workers' time passes in waiting."""

from __future__ import annotations

import pytest

from holdfast.records import Event
from holdfast.study.waiting import idle_share


def events(*said: tuple[str, int, float]) -> list[Event]:
    return [Event(index, kind, {"trial": trial}, time, "") for index, (kind, trial, time) in enumerate(said)]


def test_two_workers_of_which_one_waits() -> None:
    said = [
        ("trial.asked", 0, 0.0),
        ("trial.asked", 1, 0.0),
        ("trial.told", 1, 2.0),
        ("trial.told", 0, 8.0),
        ("trial.asked", 2, 8.0),
        ("trial.paused", 2, 10.0),
    ]
    assert idle_share(events(*said), 2) == pytest.approx(8.0 / 20.0)


def test_the_time_between_sessions_does_not_count() -> None:
    said = [
        ("trial.asked", 0, 0.0),
        ("run.began", 0, 1000.0),
        ("trial.restarted", 0, 1001.0),
        ("trial.told", 0, 1002.0),
    ]
    assert idle_share(events(*said), 1) == pytest.approx(0.0)


def test_before_a_trial_has_ended_nobody_can_say() -> None:
    assert idle_share(events(("trial.asked", 0, 0.0), ("trial.asked", 1, 3.0)), 2) is None
