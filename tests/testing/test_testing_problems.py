from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from holdfast.records import Config, Fidelity, TrialState
from holdfast.search.asha import Asha
from holdfast.search.grid import GridSearch
from holdfast.search.history import PAUSED
from holdfast.search.pbt import PopulationBasedTraining
from holdfast.search.random import RandomSearch
from holdfast.search.registry import make_strategy
from holdfast.space import Categorical, Float, Space
from holdfast.study.study import Study
from holdfast.testing.problems import PROBLEMS, TURNS, TURNS_STEPS, Problem, problem, regrets, take_turns
from holdfast.testing.rehearsal import Rehearsal, random_trials, search

OPTIMA: dict[str, Config] = {
    "branin": {"x": math.pi, "y": 2.275},
    "hartmann6": dict(
        zip((f"x{i}" for i in range(6)), (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573), strict=True)
    ),
    "mixed": {
        "learning_rate": 1e-3,
        "weight_decay": 10**-3.3,
        "layers": 5,
        "width": 90,
        "activation": "gelu",
        "optimizer": "adam",
    },
    "conditional": {
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "momentum": 0.85,
        "nesterov": True,
        "layers": 3,
        "dropout2": 0.3,
        "dropout3": 0.6,
    },
    "choices": {"a": "c", "b": "v", "c": 3, "d": True},
}


@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_the_optimum_is_where_it_is_said_to_be(toy: Problem) -> None:
    config = toy.space.validate(OPTIMA[toy.name])
    assert toy.loss(config) == pytest.approx(toy.best, abs=1e-6)


@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_nothing_is_better_than_the_optimum(toy: Problem) -> None:
    rng = np.random.default_rng(0)
    assert min(toy.loss(toy.space.sample(rng)) for _ in range(2000)) >= toy.best


def test_regrets_never_rise_and_last_as_long_as_asked() -> None:
    found = regrets(RandomSearch(), problem("branin"), trials=30, seed=0)
    assert found.shape == (30,)
    assert np.all(np.diff(found) <= 0)
    assert np.all(found > 0)


def test_regrets_of_an_exhausted_space_end_at_zero() -> None:
    found = regrets(GridSearch(), problem("choices"), trials=300, seed=0)
    assert found.shape == (300,)
    assert found[-1] == 0


def test_a_replayed_history_is_equal_and_shares_nothing() -> None:
    rehearsal = Rehearsal(problem("conditional").space)
    random_trials(rehearsal, [0.5, math.nan, 0.2])
    one, other = rehearsal.history(), rehearsal.replayed()
    np.testing.assert_array_equal(one.units, other.units)
    np.testing.assert_array_equal(one.told_loss, other.told_loss)
    assert one.index == other.index == 6
    assert one.token is not other.token
    assert not np.shares_memory(one.units, other.units)


def test_trials_pause_at_their_rung_and_go_on_when_promoted() -> None:
    rehearsal = Rehearsal(Space({"x": Float(0, 1)}), Fidelity("epoch", 1, 9), budget=9)
    taken = search(Asha(), rehearsal, lambda config: float(str(config["x"])), asks=40, seed=0)
    assert sum(suggestion.resume_from is None for suggestion in taken) == 9
    assert any(suggestion.resume_from is not None for suggestion in taken)
    history = rehearsal.history()
    assert np.sum(history.states == PAUSED) > 0
    assert list(TrialState)[history.told_state[0]] is TrialState.COMPLETE


def test_a_failed_trial_is_told_as_failed() -> None:
    rehearsal = Rehearsal(Space({"x": Categorical(["a", "b"])}))
    search(RandomSearch(), rehearsal, lambda config: math.nan, asks=2, seed=0)
    assert [list(TrialState)[state] for state in rehearsal.history().told_state] == [TrialState.FAILED] * 2


@pytest.mark.long
@pytest.mark.parametrize("name", ["gp", "tpe", "cma-es", "evolution", "auto"])
def test_a_strategy_that_learns_beats_random_search(name: str) -> None:
    """After 40 trials, over seeds and toy problems, by a sign test; ties count for neither."""
    wins, losses = 0, 0
    for toy in PROBLEMS:
        for seed in range(6):
            ours = regrets(make_strategy(name), toy, trials=40, seed=seed)[-1]
            chance = regrets(RandomSearch(), toy, trials=40, seed=seed)[-1]
            wins, losses = wins + int(ours < chance), losses + int(ours > chance)
    assert binomtest(wins, wins + losses, alternative="greater").pvalue < 0.01, f"{wins} wins, {losses} losses"


def test_a_population_solves_what_no_fixed_configuration_does() -> None:
    """The toy problem of the paper on population-based training."""

    def study(strategy: str | PopulationBasedTraining) -> Study:
        fidelity = None if strategy == "grid" else TURNS_STEPS
        return Study(TURNS, direction="maximize", strategy=strategy, fidelity=fidelity, duplicates="replicate", seed=1)

    fixed = study("grid")
    fixed.optimize(take_turns, n_trials=2)
    assert [trial.metrics["value"] for trial in fixed.trials] == [pytest.approx(0.39, abs=1e-6)] * 2
    population = study(PopulationBasedTraining(population=6))
    population.optimize(take_turns, n_trials=40)
    assert population.best_value > 1.19
    schedule = population.schedule()
    assert {"first", "second"} == {value for _, _, value in schedule.values("along")}
    assert population.replay_schedule(take_turns) == population.best_trial.metrics
