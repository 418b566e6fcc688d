"""What freeze-thaw begins, continues and leaves, and what it finds beside asha."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, Suggestion, TrialState, Verdict
from holdfast.rng import Streams
from holdfast.search.base import Strategy, judge
from holdfast.search.freeze_thaw import FreezeThaw
from holdfast.search.history import COMPLETE, PAUSED
from holdfast.search.random import RandomSearch
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})
EPOCHS = Fidelity("epoch", 1, 27)


def bowl(config: Config) -> float:
    return (float(str(config["x"])) - 0.3) ** 2 + (float(str(config["y"])) - 0.7) ** 2


def learn(rehearsal: Rehearsal, strategy: Strategy, suggestion: Suggestion) -> int:
    """Train as suggested along a curve that falls to the bowl as 1 / epoch; how many epochs that took."""
    trial = rehearsal.take(suggestion)
    history = rehearsal.history()
    steps = history.report_step[history.report_trial == trial]
    begun, until = int(steps.max(initial=0)), min(suggestion.until_step or EPOCHS.max, EPOCHS.max)
    for epoch in range(begun + 1, until + 1):
        rehearsal.report(trial, epoch, bowl(history.config(trial)) + 1 / epoch)
    if judge(strategy, rehearsal.history(), trial) is Verdict.PAUSE:
        rehearsal.pause(trial)
    else:
        rehearsal.finish(trial, bowl(history.config(trial)) + 1 / EPOCHS.max)
    return until - begun


def searched(strategy: Strategy, epochs: int, seed: int, budget: int | None = None) -> Rehearsal:
    rehearsal = Rehearsal(SPACE, EPOCHS, budget=budget)
    while epochs > 0 and (asked := strategy.ask(rehearsal.history(), 1, Streams(seed))):
        epochs -= learn(rehearsal, strategy, asked[0])
    return rehearsal


def test_a_curve_that_leads_is_continued_and_the_reason_says_what_is_expected() -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS), FreezeThaw(n_initial=1, candidates=16)
    for x in (0.3, 0.9, 0.95, 0.02, 0.99):
        learn(rehearsal, strategy, Suggestion({"x": x, "y": 0.7}, "", 0, until_step=4))
    rehearsal.budget = 5
    history = rehearsal.replayed()
    asked = strategy.ask(history, 1, Streams(0))[0]
    assert (asked.resume_from, asked.until_step) == (0, 8)
    assert asked.reason.startswith("freeze-thaw: on from epoch 4 to 8, expected to end at ")


@pytest.mark.parametrize(("growth", "following"), [(1, [1, 2, 3]), (2, [1, 2, 4]), (100, [1, 27])])
def test_a_trial_goes_on_as_far_as_the_setting_says(growth: float, following: list[int]) -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS, budget=1), FreezeThaw(growth=growth)
    found = []
    for _ in following:
        asked = strategy.ask(rehearsal.history(), 1, Streams(0))[0]
        learn(rehearsal, strategy, asked)
        found.append(asked.until_step)
    assert found == following


def test_a_trial_begins_with_the_lowest_rung() -> None:
    history = Rehearsal(SPACE, Fidelity("epoch", 1, 52)).history()
    assert [item.until_step for item in FreezeThaw().ask(history, 3, Streams(0))] == [2, 2, 2]


def test_a_search_ends_with_a_configuration_that_was_trained_to_the_end() -> None:
    for seed in range(3):
        history = searched(FreezeThaw(candidates=32), epochs=2000, seed=seed, budget=8).history()
        assert len(history) == 8
        assert (history.states == COMPLETE).any()
        assert set(history.states) <= {COMPLETE, PAUSED}
        best = int(np.nanargmin(history.losses))
        ends = [bowl(history.config(trial)) for trial in range(8)]
        assert ends[best] < sorted(ends)[2]


@pytest.mark.parametrize("seed", [0, 4])
def test_a_search_without_an_end_neither_ends_nor_only_begins(seed: int) -> None:
    history = searched(FreezeThaw(candidates=32), epochs=180, seed=seed).history()
    assert len(history.report_step) >= 180
    assert 3 <= (history.states == COMPLETE).sum() <= len(history) / 3
    best = int(np.nanargmin(history.losses))
    assert bowl(history.config(best)) < 0.02


def test_with_fewer_trials_than_the_start_has_the_best_of_them_is_trained_on() -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS, budget=4), FreezeThaw(n_initial=10)
    for x in (0.9, 0.95, 0.31, 0.02):
        learn(rehearsal, strategy, Suggestion({"x": x, "y": 0.7}, "", 0, until_step=4))
    assert strategy.ask(rehearsal.history(), 1, Streams(0))[0].resume_from == 2


def test_what_runs_is_not_continued_and_several_at_once_differ() -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS), FreezeThaw(n_initial=2, candidates=32)
    for x in (0.3, 0.4, 0.9):
        learn(rehearsal, strategy, Suggestion({"x": x, "y": 0.7}, "", 0, until_step=4))
    asked = strategy.ask(rehearsal.history(), 4, Streams(0))
    assert len(asked) == 4
    resumed = [suggestion.resume_from for suggestion in asked if suggestion.resume_from is not None]
    assert len(set(resumed)) == len(resumed)
    assert len({SPACE.key(suggestion.config) for suggestion in asked}) == 4
    for suggestion in asked:
        rehearsal.take(suggestion)
    again = strategy.ask(rehearsal.history(), 4, Streams(0))
    assert {s.resume_from for s in again if s.resume_from is not None}.isdisjoint(resumed)


def test_what_promises_little_beside_the_first_is_not_asked_for_with_it() -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS, budget=6), FreezeThaw(n_initial=2)
    for x in (0.99, 0.95, 0.31, 0.29, 0.9, 1.0):
        learn(rehearsal, strategy, Suggestion({"x": x, "y": 0.7}, "", 0, until_step=4))
    together = [asked.resume_from for asked in strategy.ask(rehearsal.history(), 6, Streams(0))]
    assert together
    assert set(together) <= {2, 3}
    for trial in (2, 3):  # one at a time, somebody always goes on
        rehearsal.take(Suggestion(rehearsal.history().config(trial), "", 0, resume_from=trial, until_step=8))
    assert [asked.resume_from for asked in strategy.ask(rehearsal.history(), 1, Streams(0))] != []


def test_a_trial_that_diverged_is_never_continued_and_keeps_others_away() -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS), FreezeThaw(n_initial=2, candidates=64)
    for x in np.linspace(0.05, 0.95, 10):
        trial = rehearsal.start({"x": float(x), "y": 0.7}, 4)
        for epoch in range(1, 5):
            rehearsal.report(trial, epoch, math.nan if x > 0.5 else x / 10 + 1 / epoch)
        if x > 0.5:
            rehearsal.finish(trial, math.nan, TrialState.FAILED)
        else:
            rehearsal.pause(trial)
    asked = strategy.ask(rehearsal.history(), 4, Streams(0))
    assert all(float(str(suggestion.config["x"])) < 0.6 for suggestion in asked)


def test_better_than_training_everything_to_the_end() -> None:
    ended = {}
    for name, make in (("random", RandomSearch), ("freeze-thaw", lambda: FreezeThaw(candidates=64))):
        found = [searched(make(), epochs=120, seed=seed).history() for seed in range(3)]
        ended[name] = sum(float(np.nanmin(history.losses)) - 1 / 27 for history in found)
    assert ended["freeze-thaw"] < 0.5 * ended["random"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [({"growth": 0.5}, "growth = 0.5"), ({"growth": math.inf}, "growth = inf"), ({"n_initial": 0}, "n_initial = 0")],
)
def test_settings_that_cannot_be_meant(settings: dict[str, float], wrong: str) -> None:
    with pytest.raises(RequestError, match=wrong):
        FreezeThaw(**settings)  # type: ignore[arg-type]


def test_without_a_fidelity_or_with_two_objectives_it_is_refused() -> None:
    with pytest.raises(RequestError, match="freeze-thaw' needs a fidelity"):
        FreezeThaw().ask(Rehearsal(SPACE).history(), 1, Streams(0))
    with pytest.raises(RequestError, match="freeze-thaw"):
        FreezeThaw().ask(Rehearsal(SPACE, EPOCHS, ("minimize", "minimize")).history(), 1, Streams(0))


@pytest.mark.parametrize("at_once", [1, 3])
def test_where_nothing_tells_trials_apart_one_is_trained_to_the_end_and_no_more(at_once: int) -> None:
    rehearsal, strategy = Rehearsal(SPACE, EPOCHS, budget=12), FreezeThaw()
    while asked := strategy.ask(rehearsal.history(), at_once, Streams(0)):
        for suggestion in asked:
            trial = rehearsal.take(suggestion)
            until = min(suggestion.until_step or EPOCHS.max, EPOCHS.max)
            rehearsal.report(trial, until, 0.5)
            if judge(strategy, rehearsal.history(), trial) is Verdict.PAUSE:
                rehearsal.pause(trial)
            else:
                rehearsal.finish(trial, 0.5)
    states = rehearsal.history().states
    assert len(states) == 12
    assert 1 <= int((states == COMPLETE).sum()) <= at_once
    assert int((states == PAUSED).sum()) >= 12 - at_once
