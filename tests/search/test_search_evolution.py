"""NSGA-II as a function of the history: who survives, what a child is, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search import evolution
from holdfast.search.base import Strategy
from holdfast.search.evolution import Evolution, Genes, Population, crossed, mutated
from holdfast.search.history import History, HistoryBuilder
from holdfast.search.pareto import hypervolume
from holdfast.search.random import RandomSearch
from holdfast.space import Categorical, Float, Normal, Space
from holdfast.testing.problems import PROBLEMS, Problem, problem, regrets
from holdfast.testing.rehearsal import Rehearsal, random_trials, search
from holdfast.testing.spaces import VAST

CUBE = Space({f"x{i}": Float(0, 1) for i in range(6)})
Losses = Callable[[Config], tuple[float, ...]]


def numbers(config: Config) -> np.ndarray:
    return np.array([float(str(value)) for value in config.values()])


def convex(config: Config) -> tuple[float, ...]:
    """ZDT1: the front is where all but the first number are 0."""
    x = numbers(config)
    g = 1 + 9 * float(x[1:].mean())
    return float(x[0]), g * (1 - math.sqrt(x[0] / g))


def run(strategy: Strategy, losses: Losses, *, trials: int, seed: int, at_once: int = 1) -> History:
    builder = HistoryBuilder(CUBE, ["minimize", "minimize"])
    while len(builder) < trials:
        first = len(builder)
        for suggestion in strategy.ask(builder.snapshot(first), at_once, Streams(seed)):
            builder.asked(suggestion.config, None)
        for trial in range(first, len(builder)):
            builder.told(trial, TrialState.COMPLETE, losses(builder.snapshot(0).config(trial)))
    return builder.snapshot(len(builder))


def genes(*cells: int, unordered: bool = False) -> Genes:
    return Genes(np.full(len(cells), unordered), np.array(cells, dtype=float))


def test_the_default_comes_first_then_an_even_start_then_children() -> None:
    rehearsal = Rehearsal(Space({"x": Float(0, 1, default=0.2), "y": Float(0, 1)}))
    taken = search(Evolution(population=4), rehearsal, lambda c: float(numbers(c).sum()), asks=8, seed=0)
    assert taken[0].config == {"x": 0.2, "y": 0.5}
    assert taken[0].reason == "evolution: the default configuration"
    assert [s.reason for s in taken[1:3]] == [f"evolution: the start, trial {i} of 4" for i in (2, 3)]
    assert [s.reason for s in taken[4:6]] == [f"evolution: a child of the best 4 of {i} results" for i in (4, 5)]
    assert Evolution(population=4).explain(rehearsal.history()) == "evolution: children of the best 4"


@pytest.mark.parametrize(("budget", "expected"), [(None, 20), (400, 20), (40, 10), (5, 4)])
def test_the_population_is_at_most_a_quarter_of_the_budget(budget: int | None, expected: int) -> None:
    assert Evolution().size(Rehearsal(CUBE, budget=budget).history()) == expected


def test_survivors_are_the_best_in_order_of_fronts_then_crowding() -> None:
    builder = HistoryBuilder(CUBE, ["minimize", "maximize"])
    values = [(1.0, -5.0), (5.0, -1.0), (3.0, -3.0), (2.9, -3.1), (4.0, -4.0), (9.0, -9.0), (0.5, math.nan)]
    for trial, losses in enumerate(values):
        builder.asked(CUBE.sample(np.random.default_rng(trial)), None)
        state = TrialState.COMPLETE if math.isfinite(losses[1]) else TrialState.FAILED
        builder.told(trial, state, losses)
    chosen, rank, crowd = evolution._selected(builder.snapshot(14), np.arange(7), 4)
    assert sorted(chosen.tolist()) == [0, 1, 2, 3]
    assert rank.tolist() == [0, 0, 0, 0]
    assert set(chosen[np.isinf(crowd)].tolist()) == {0, 1}
    assert evolution._selected(builder.snapshot(14), np.arange(7), 5)[0][-1] == 4


def test_trials_that_were_stopped_early_come_after_complete_ones() -> None:
    rehearsal = Rehearsal(CUBE)
    for trial, (value, state) in enumerate(
        [
            (0.1, TrialState.STOPPED),
            (5.0, TrialState.COMPLETE),
            (math.nan, TrialState.FAILED),
            (0.2, TrialState.STOPPED),
        ]
    ):
        rehearsal.start(CUBE.sample(np.random.default_rng(trial)))
        rehearsal.finish(trial, value, state)
    assert evolution._selected(rehearsal.history(), np.arange(4), 4)[0].tolist() == [1, 0, 3]


def test_generations_are_remembered_and_nothing_but_the_results_matters() -> None:
    rehearsal = Rehearsal(problem("conditional").space)
    search(Evolution(population=5), rehearsal, problem("conditional").loss, asks=33, seed=0)
    warm = evolution._survivors(rehearsal.history(), 5, 6)
    cold = evolution._survivors(rehearsal.replayed(), 5, 6)
    assert warm.tolist() == cold.tolist()
    assert (
        evolution._survivors(rehearsal.history(), 5, 2).tolist()
        == evolution._survivors(rehearsal.replayed(), 5, 2).tolist()
    )


def test_crossing_keeps_the_middle_and_the_spread_of_its_parents() -> None:
    rng = np.random.default_rng(0)
    one, other = np.full(4000, 0.4), np.full(4000, 0.6)
    children = crossed(one, other, genes(*[0] * 4000), rng)
    moved = children[children != 0.4]
    assert 0.4 < len(moved) / 4000 < 0.6
    assert moved.mean() == pytest.approx(0.5, abs=0.01)
    assert moved.std() == pytest.approx(0.1, abs=0.015)
    ends = crossed(np.zeros(4000), np.ones(4000), genes(*[0] * 4000), rng)
    assert ends.min() >= 0
    assert ends.max() <= 1
    choices = crossed(np.full(4000, 0.1), np.full(4000, 0.9), genes(*[5] * 4000, unordered=True), rng)
    assert set(choices.tolist()) == {0.1, 0.9}


def test_equal_parents_have_an_equal_child() -> None:
    point = np.linspace(0, 1, 9)
    assert (crossed(point, point, genes(*[0] * 9), np.random.default_rng(0)) == point).all()


def test_mutation_stays_within_bounds_and_near() -> None:
    rng = np.random.default_rng(0)
    for start in (0.0, 0.02, 0.5, 1.0):
        moved = mutated(np.full(4000, start), genes(*[0] * 4000), 1.0, rng)
        assert moved.min() >= 0
        assert moved.max() <= 1
        assert 0 < np.abs(moved - start).mean() < 0.08
    assert (mutated(np.full(50, 0.3), genes(*[0] * 50), 0.0, rng) == 0.3).all()


@pytest.mark.parametrize("unordered", [True, False])
@pytest.mark.parametrize("cells", [2, 3, 7])
def test_mutation_of_few_values_reaches_every_other_value(cells: int, unordered: bool) -> None:
    rng = np.random.default_rng(0)
    for cell in range(cells):
        start = (cell + 0.5) / cells
        moved = mutated(np.full(3000, start), genes(*[cells] * 3000, unordered=unordered), 1.0, rng)
        found = np.floor(moved * cells).astype(int)
        assert set(found.tolist()) - {cell} == set(range(cells)) - {cell}
        assert np.mean(found == cell) < 0.2


def test_what_is_hidden_is_inherited_from_where_it_is_active() -> None:
    space = Space({"kind": Categorical(["a", "b", "c"]), "rate": Float(0, 1, when={"kind": "a"})})
    units = np.array([[0.5, np.nan], [0.5, np.nan], [1 / 6, 0.123]])
    population = Population(space, units, np.array([0, 0, 9]), np.zeros(3))
    rng = np.random.default_rng(0)
    children = np.array([population.child(rng) for _ in range(400)])
    assert np.isfinite(children).all()
    revealed = children[children[:, 0] < 1 / 3]
    assert len(revealed) > 50
    assert np.mean(np.abs(revealed[:, 1] - 0.123) < 0.2) > 0.9


def test_failures_alone_are_met_with_random_draws_in_words() -> None:
    rehearsal = Rehearsal(CUBE)
    random_trials(rehearsal, [math.nan] * 30)
    (suggestion,) = Evolution().ask(rehearsal.history(), 1, Streams(0))
    assert "no result to select from" in suggestion.reason


@pytest.mark.parametrize("at_once", [1, 8])
def test_two_objectives_against_random_search(at_once: int) -> None:
    reference = np.array([1.1, 8.0])
    for seed in range(4):
        pair = [run(s, convex, trials=200, seed=seed, at_once=at_once) for s in (Evolution(), RandomSearch())]
        own, random = (hypervolume(history.told_loss, reference) for history in pair)
        assert own > random + 0.5


def test_ten_thousand_trials() -> None:
    import time

    rng = np.random.default_rng(0)
    builder = HistoryBuilder(CUBE, ["minimize", "minimize"])
    for trial in range(10_000):
        builder.asked(CUBE.sample(rng), None)
        builder.told(trial, TrialState.COMPLETE, rng.random(2).tolist())
    history = builder.snapshot(20_000)
    start = time.process_time()
    Evolution().ask(history, 1, Streams(0))
    assert time.process_time() - start < 5  # from nothing: every generation is selected again
    start = time.process_time()
    Evolution().ask(history, 1, Streams(0))
    assert time.process_time() - start < 0.1


def test_two_hundred_dimensions() -> None:
    rehearsal = Rehearsal(VAST["200 hyperparameters"])
    random_trials(rehearsal, [math.sin(i) for i in range(30)])
    assert len(Evolution().ask(rehearsal.history(), 3, Streams(0))) == 3


def test_a_population_that_is_too_small_is_refused() -> None:
    with pytest.raises(RequestError, match="population = 3"):
        Evolution(population=3)


@pytest.mark.long
@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_a_hundred_and_fifty_trials_are_worth_more_than_random_ones(toy: Problem) -> None:
    pairs = [
        [regrets(strategy, toy, trials=150, seed=seed)[-1] for strategy in (Evolution(), RandomSearch())]
        for seed in range(10)
    ]
    assert sum(own <= random for own, random in pairs) >= 9  # a sign test: by chance about 1 percent


def test_outcome_constraints_are_kept() -> None:
    """The best losses are where the constraint is missed."""
    rehearsal = Rehearsal(CUBE, directions=("minimize", "minimize"), constraints=("ms <= 1",))
    missed = []
    for _ in range(150):
        (suggestion,) = Evolution().ask(rehearsal.history(), 1, Streams(0))
        violation = 0.5 - float(numbers(suggestion.config)[0])
        rehearsal.finish(rehearsal.take(suggestion), convex(suggestion.config), violation=[violation])
        missed.append(violation > 0)
    assert np.mean(missed[100:]) < 0.3
    population = evolution._population(rehearsal.history(), 20)
    assert (population.units[:, 0] >= 0.5).all()


def test_while_nothing_is_feasible_what_violates_less_has_children() -> None:
    rehearsal = Rehearsal(CUBE, constraints=("ms <= 1",))
    for trial in range(20):
        rehearsal.start(CUBE.sample(np.random.default_rng(trial)))
        rehearsal.finish(trial, float(trial), violation=[20.0 - trial])
    chosen, _, _ = evolution._selected(rehearsal.history(), np.arange(20), 4)
    assert chosen.tolist() == [19, 18, 17, 16]


def test_forbidden_configurations_are_never_proposed_and_the_start_follows_priors() -> None:
    space = Space({"x": Float(0, 1, prior=Normal(0.9, 0.02)), "y": Float(0, 1)}, forbid=["x + y < 1.0"])
    rehearsal = Rehearsal(space)
    taken = search(Evolution(), rehearsal, lambda c: float(numbers(c).sum()), asks=60, seed=0)
    assert all(space.allows(suggestion.config) for suggestion in taken)
    assert np.median([float(str(suggestion.config["x"])) for suggestion in taken[1:20]]) > 0.8
