"""Truncation selection: who is replaced, by a clone of whom, and how its hyperparameters differ."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, Fidelity, Suggestion, TrialState
from holdfast.rng import Streams
from holdfast.search.pbt import PopulationBasedTraining, interval_of, perturbed
from holdfast.space import Categorical, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal, search
from holdfast.testing.spaces import SPACES

SPACE = Space({"x": Float(0, 1)})
FIDELITY = Fidelity("epoch", 1, 9)
FOUR = PopulationBasedTraining(population=4, interval=3, resample=0.0)


def population(losses: list[float], budget: int | None = None) -> Rehearsal:
    """Members paused at epoch 3 with these losses; those of NaN have failed."""
    rehearsal = Rehearsal(SPACE, FIDELITY, budget=budget)
    for number, loss in enumerate(losses):
        trial = rehearsal.start({"x": 0.1 * (number + 1)}, 3)
        rehearsal.report(trial, 3, loss)
        if math.isnan(loss):
            rehearsal.finish(trial, loss, TrialState.FAILED)
        else:
            rehearsal.pause(trial)
    return rehearsal


def ask(rehearsal: Rehearsal, n: int, strategy: PopulationBasedTraining = FOUR, seed: int = 0) -> list[Suggestion]:
    return strategy.ask(rehearsal.history(), n, Streams(seed))


def what(suggestions: list[Suggestion]) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return [(s.resume_from, s.parent, s.replaces, s.until_step) for s in suggestions]


def test_the_worst_quarter_is_replaced_by_clones_of_the_best_quarter() -> None:
    rehearsal = population([0.4, 0.1, 0.2, 0.3])
    asked = ask(rehearsal, 4)
    assert what(asked) == [(None, 1, 0, 6), (1, None, None, 6), (2, None, None, 6), (3, None, None, 6)]
    assert asked[0].config["x"] == pytest.approx(0.2 * 1.2) or asked[0].config["x"] == pytest.approx(0.2 * 0.8)
    assert asked[0].reason == "pbt: from trial 1, in the place of trial 0, 4 of 4 at epoch 3, to epoch 6"
    numbers = [rehearsal.take(suggestion) for suggestion in asked]
    assert numbers == [4, 1, 2, 3]
    assert rehearsal.history().origins[4].tolist() == [1, 3, 0]
    assert ask(rehearsal, 4) == []  # the one that was replaced never goes on


def test_a_new_member_comes_before_one_that_goes_on() -> None:
    rehearsal = population([0.4, 0.1])
    assert what(ask(rehearsal, 3)) == [(None, None, None, 3), (None, None, None, 3), (0, None, None, 6)]


def test_who_has_trained_least_goes_first_and_is_compared_at_its_step() -> None:
    rehearsal = population([0.1, 0.2, 0.3, 0.4])
    for trial in (0, 1, 2):
        rehearsal.take(Suggestion(rehearsal.history().config(trial), "", 0, resume_from=trial, until_step=6))
        rehearsal.report(trial, 6, 1.0)  # worse than at epoch 3, where the last one is compared
        rehearsal.pause(trial)
    (first,) = ask(rehearsal, 1)
    assert (first.parent, first.replaces, first.until_step) == (0, 3, 9)  # its parent has trained to epoch 6


def test_members_that_diverge_are_replaced() -> None:
    asked = ask(population([0.4, 0.1, math.nan, 0.3]), 1)
    assert what(asked) == [(None, 1, None, 6)]
    assert "in the place of one that failed" in asked[0].reason


def test_a_population_that_diverged_altogether_begins_anew() -> None:
    assert what(ask(population([math.nan] * 4), 2)) == [(None, None, None, 3)] * 2


def test_without_trials_left_the_population_goes_on_as_it_is() -> None:
    rehearsal = population([0.4, 0.1, 0.2, 0.3], budget=4)
    assert what(ask(rehearsal, 4)) == [(trial, None, None, 6) for trial in range(4)]


def test_a_population_larger_than_the_budget_is_refused() -> None:
    with pytest.raises(RequestError, match="has a population of 4, and the budget is 3 trials; it needs 4 or more"):
        ask(Rehearsal(SPACE, FIDELITY, budget=3), 1)


def test_an_interval_as_long_as_training_is_refused() -> None:
    fidelity = Fidelity("epoch", 1, 20)
    assert interval_of(fidelity, 19) == 19
    with pytest.raises(RequestError, match="interval = 20, and training ends at epoch 20; take a shorter one"):
        interval_of(fidelity, 20)


@pytest.mark.parametrize(("budget", "size"), [(None, 20), (60, 40), (12, 8), (3, 3)])
def test_the_budget_leaves_room_for_clones(budget: int | None, size: int) -> None:
    history = Rehearsal(SPACE, FIDELITY, budget=budget).history()
    assert PopulationBasedTraining(interval=3).size(history) == size


def test_the_interval_is_a_tenth_of_training_and_at_least_the_least_that_shows_something() -> None:
    for fidelity, first in ((Fidelity("epoch", 1, 81), 9), (Fidelity("epoch", 12, 81), 12), (Fidelity("s", 1, 4), 1)):
        (asked,) = PopulationBasedTraining().ask(Rehearsal(SPACE, fidelity).history(), 1, Streams(0))
        assert asked.until_step == first


def progressing(config: Config) -> float:
    return abs(float(config.get("rate", 0.1) or 0) - 0.01) + 0.1 * float(config.get("depth", 0) or 0)


@pytest.mark.parametrize("space", ["flat", "conditional", "mixed"])
def test_a_strategy_made_anew_clones_as_one_that_was_there_all_along(space: str) -> None:
    """And every clone is a valid configuration, of a member that was among the best, and keeps what it is told to."""
    kept = SPACES[space].names[0]

    def make() -> PopulationBasedTraining:
        return PopulationBasedTraining(population=8, interval=1, keep=(kept,))

    rehearsal, warm, clones = Rehearsal(SPACES[space], FIDELITY), make(), 0
    for _ in range(60):
        asked = warm.ask(rehearsal.history(), 1, Streams(3))
        assert make().ask(rehearsal.replayed(), 1, Streams(3)) == asked
        for suggestion in asked:
            assert SPACES[space].validate(suggestion.config) == suggestion.config
            if suggestion.parent is not None:
                clones += 1
                parent = rehearsal.history().config(suggestion.parent)
                assert suggestion.config.get(kept) == parent.get(kept)
        search(warm, rehearsal, progressing, asks=1, seed=3)
    assert clones >= 8


def test_every_member_is_trained_to_the_end_whatever_the_number_of_workers() -> None:
    for at_once in (1, 3, 8):
        rehearsal = Rehearsal(SPACE, FIDELITY, budget=24)
        search(FOUR, rehearsal, progressing, asks=100, seed=1, at_once=at_once)
        history = rehearsal.history()
        assert int((history.told_state == 2).sum()) == 4


@pytest.mark.parametrize(
    ("domain", "value", "down", "up"),
    [
        (Float(1e-4, 1.0, log=True), 0.1, 0.08, 0.12),
        (Float(0, 1), 0.5, 0.4, 0.6),
        (Float(0, 1), 0.9, 0.72, 1.0),
        (Float(-1, 1), 0.0, -0.2, 0.2),
        (Int(1, 100), 10, 8, 12),
        (Int(1, 100), 2, 1, 3),
        (Categorical([16, 32, 64], ordered=True), 32, 16, 64),
        (Categorical([16, 32, 64], ordered=True), 16, 16, 32),
        (Categorical(["a", "b", "c"]), "b", "b", "b"),
        (Float(0, 0.5, step=0.05), 0.1, 0.05, 0.15),
        (Float(0, 1, step=0.05), 0.5, 0.4, 0.6),
        (Float(0, 0.5, step=0.05), 0.0, 0.0, 0.05),
        (Float(0, 0.5, step=0.05), 0.5, 0.4, 0.5),
        (Float(-1, 1, step=0.25), 0.0, -0.25, 0.25),
        (Float(0, 9, step=1), 2.0, 1.0, 3.0),
        (Int(0, 64, step=8), 8, 0, 16),
        (Int(0, 64, step=8), 24, 16, 32),
        (Int(-10, 30, step=20), 10, -10, 30),
    ],
)
def test_a_value_is_perturbed(domain: Float | Int | Categorical, value: object, down: object, up: object) -> None:
    found = [domain.from_unit(perturbed(domain, value, up=side)) for side in (False, True)]  # type: ignore[arg-type]
    assert found == [pytest.approx(down), pytest.approx(up)]


def test_hyperparameters_are_drawn_anew_as_often_as_asked() -> None:
    rehearsal = population([0.4, 0.1, 0.2, 0.3])
    anew = PopulationBasedTraining(population=4, interval=3, resample=1.0)
    drawn = [float(ask(rehearsal, 1, anew, seed)[0].config["x"] or 0) for seed in range(200)]
    assert np.std(drawn) == pytest.approx(1 / math.sqrt(12), abs=0.03)
    kept = PopulationBasedTraining(population=4, interval=3, resample=1.0, keep=("x",))
    assert ask(rehearsal, 1, kept)[0].config == {"x": 0.2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"population": 1}, "pbt has population = 1; it needs a whole number of at least 2"),
        ({"interval": 0}, "pbt has interval = 0"),
        ({"quantile": 0.6}, "pbt has quantile = 0.6; it is a share above 0, at most 0.5"),
        ({"quantile": "x"}, "pbt has quantile = 'x'; it is a share above 0, at most 0.5"),
        ({"resample": 1.5}, "pbt has resample = 1.5; it is a probability"),
        ({"resample": None}, "pbt has resample = None; it is a probability"),
        ({"keep": "rate"}, "pbt has keep = 'rate'; it takes a list of names"),
        ({"keep": None}, "pbt has keep = None; it takes a list of names"),
        ({"keep": [1]}, "pbt has keep = .1.; it takes a list of names"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        PopulationBasedTraining(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("losses", "quantile"), [([0.4, 0.1], 0.25), ([0.2, 0.4, 0.1, 0.3], 0.1)])
def test_one_of_a_small_population_is_replaced_and_at_most_half_of_any(losses: list[float], quantile: float) -> None:
    rehearsal = population(losses)
    small = PopulationBasedTraining(population=len(losses), interval=3, quantile=quantile)
    best, worst = losses.index(min(losses)), losses.index(max(losses))
    clones = [item for item in ask(rehearsal, len(losses), small) if item.parent is not None]
    assert [(item.parent, item.replaces) for item in clones] == [(best, worst)]
    three = PopulationBasedTraining(population=3, interval=3, quantile=0.5)
    clones = [item for item in ask(population([0.4, 0.1, 0.2]), 3, three) if item.parent is not None]
    assert [(item.parent, item.replaces) for item in clones] == [(1, 0)]


def test_it_needs_a_fidelity_and_one_objective() -> None:
    with pytest.raises(RequestError, match="strategy 'pbt' needs a fidelity, such as Study"):
        FOUR.ask(Rehearsal(SPACE).history(), 1, Streams(0))
    with pytest.raises(RequestError, match="'pbt' handles one objective, and the study has 2; bohb, asha, hyper"):
        FOUR.ask(Rehearsal(SPACE, FIDELITY, ("minimize", "maximize")).history(), 1, Streams(0))
