"""CMA-ES by the package cmaes: rebuilt from the history, injected trials, restarts."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from holdfast.errors import MissingExtraError, RequestError
from holdfast.records import Config, TrialState
from holdfast.rng import Streams
from holdfast.search import cmaes
from holdfast.search.cmaes import CmaEs
from holdfast.search.random import RandomSearch
from holdfast.space import Categorical, Float, Int, Normal, Space
from holdfast.testing.problems import PROBLEMS, Problem, problem, regrets
from holdfast.testing.rehearsal import Rehearsal, random_trials, search
from holdfast.testing.spaces import VAST

SQUARE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def number(config: Config, name: str) -> float:
    return float(str(config[name]))


def bowl(config: Config) -> float:
    return (number(config, "x") - 0.7) ** 2 + 3 * (number(config, "y") - 0.2) ** 2


def basins(config: Config) -> float:
    """Four basins along x, of which that around a third is the lowest."""
    x, y = number(config, "x"), number(config, "y")
    return 1 - math.cos(6 * math.pi * x) + 0.3 * abs(x - 1 / 3) + y


def test_the_default_comes_first_then_an_even_start_then_generations() -> None:
    space = Space({"x": Float(0, 1, default=0.2), "y": Float(0, 1)})
    rehearsal = Rehearsal(space)
    taken = search(CmaEs(population=6), rehearsal, bowl, asks=14, seed=0)
    assert taken[0].config == {"x": 0.2, "y": 0.5}
    reasons = [suggestion.reason for suggestion in taken]
    assert reasons[0] == "cma-es: the default configuration"
    assert all("the start" in reason for reason in reasons[1:6])
    assert ["generation 1" in reason for reason in reasons[6:12]] == [True] * 6
    assert ["generation 2" in reason for reason in reasons[12:]] == [True] * 2


def test_the_first_run_begins_at_the_best_of_the_start() -> None:
    rehearsal = Rehearsal(SQUARE)
    search(CmaEs(population=8), rehearsal, bowl, asks=8, seed=0)
    best = rehearsal.history().units[np.argmin(rehearsal.history().losses)]
    drawn = CmaEs(population=8).ask(rehearsal.history(), 60, Streams(0))
    units = np.array([SQUARE.encode(suggestion.config) for suggestion in drawn])
    np.testing.assert_allclose(units.mean(axis=0), best, atol=0.1)


@pytest.mark.parametrize("at_once", [1, 5])
def test_its_own_draws_are_known_again(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Only trials of the start whose results are late are injected, even if results come out of order."""
    injected: list[bytes] = []
    original = cmaes._Coding.injected

    def recorded(coding: cmaes._Coding, drawn: object, unit: np.ndarray, optimiser: object) -> object:
        injected.append(unit.tobytes())
        return original(coding, drawn, unit, optimiser)

    monkeypatch.setattr(cmaes._Coding, "injected", recorded)
    rehearsal, strategy, rng = Rehearsal(SQUARE), CmaEs(population=6), np.random.default_rng(0)
    running: list[int] = []
    start = 0
    for _ in range(40):
        asked = strategy.ask(rehearsal.history(), at_once, Streams(0))
        start += sum("generation" not in suggestion.reason for suggestion in asked)
        running += [rehearsal.take(suggestion) for suggestion in asked]
        while len(running) >= 2 * at_once:
            trial = running.pop(int(rng.integers(min(4, len(running)))))
            rehearsal.finish(trial, bowl(rehearsal.history().config(trial)))
    history = rehearsal.history()
    assert len(history) == 40 * at_once
    assert set(injected) <= {unit.tobytes() for unit in history.units[:start]}


def test_late_results_and_a_new_process_change_nothing() -> None:
    rehearsal, strategy, rng = Rehearsal(problem("conditional").space), CmaEs(population=5), np.random.default_rng(0)
    running: list[int] = []
    for _ in range(25):
        asked = strategy.ask(rehearsal.history(), 2, Streams(0))
        assert CmaEs(population=5).ask(rehearsal.replayed(), 2, Streams(0)) == asked
        running += [rehearsal.take(suggestion) for suggestion in asked]
        while len(running) > 4:
            trial = running.pop(int(rng.integers(len(running))))
            rehearsal.finish(trial, problem("conditional").loss(rehearsal.history().config(trial)))


def test_trials_of_others_take_part() -> None:
    """Results far from the mean, which it did not propose, draw the search to them without blowing it up."""
    rehearsal = Rehearsal(SQUARE)
    search(CmaEs(population=6), rehearsal, bowl, asks=12, seed=0)
    for i in range(18):
        trial = rehearsal.start({"x": 0.02 + 0.001 * i, "y": 0.97})
        rehearsal.finish(trial, -5.0 - 0.01 * i)
    drawn = CmaEs(population=6).ask(rehearsal.history(), 40, Streams(0))
    units = np.array([SQUARE.encode(suggestion.config) for suggestion in drawn])
    np.testing.assert_allclose(np.median(units, axis=0), [0.03, 0.97], atol=0.25)


def test_a_run_that_has_converged_is_followed_by_another_one() -> None:
    rehearsal = Rehearsal(SQUARE)
    taken = search(CmaEs(), rehearsal, bowl, asks=420, seed=0)
    assert any("run 2" in suggestion.reason for suggestion in taken)
    assert np.nanmin(rehearsal.history().losses) < 1e-8
    late = np.array([SQUARE.encode(suggestion.config) for suggestion in taken[-60:]])
    assert late.std(axis=0).max() > 1e-3


def test_restarts_find_the_lowest_of_several_basins() -> None:
    space = Space({"x": Float(0, 1, default=0.9), "y": Float(0, 1)})
    found = []
    for seed in range(3):
        rehearsal = Rehearsal(space)
        search(CmaEs(), rehearsal, basins, asks=900, seed=seed)
        best = rehearsal.history().config(int(np.nanargmin(rehearsal.history().losses)))
        found.append(number(best, "x"))
    assert np.sum(np.abs(np.array(found) - 1 / 3) < 0.01) >= 2


def test_failures_rank_last_and_alone_are_no_obstacle() -> None:
    rehearsal = Rehearsal(SQUARE)
    taken = search(CmaEs(), rehearsal, lambda c: math.nan if number(c, "x") > 0.6 else -number(c, "x"), asks=80, seed=0)
    xs = [number(suggestion.config, "x") for suggestion in taken[40:]]
    assert 0.3 < np.median(xs) < 0.7
    rehearsal = Rehearsal(SQUARE)
    random_trials(rehearsal, [math.nan] * 30)
    assert len(CmaEs().ask(rehearsal.history(), 3, Streams(0))) == 3


def test_trials_that_were_stopped_early_come_after_complete_ones() -> None:
    rehearsal = Rehearsal(SQUARE)
    for i, state in enumerate([TrialState.STOPPED, TrialState.COMPLETE, TrialState.FAILED, TrialState.COMPLETE]):
        trial = rehearsal.start(SQUARE.sample(np.random.default_rng(i)))
        rehearsal.finish(trial, float(i), state)
    order, known = cmaes._order(rehearsal.history(), 0, 4)
    assert order.tolist() == [1, 3, 0, 2]
    assert known.tolist() == [True, True, False, True]


def test_outcome_constraints_are_kept() -> None:
    rehearsal = Rehearsal(SQUARE, constraints=("ms <= 1",))
    xs = []
    for _ in range(120):
        (suggestion,) = CmaEs().ask(rehearsal.history(), 1, Streams(0))
        xs.append(number(suggestion.config, "x"))
        rehearsal.finish(rehearsal.take(suggestion), bowl(suggestion.config), violation=[xs[-1] - 0.4])
    assert np.mean(np.array(xs[80:]) <= 0.4) > 0.4
    assert np.median(xs[80:]) == pytest.approx(0.4, abs=0.1)


def test_forbidden_configurations_are_never_proposed_and_the_start_follows_priors() -> None:
    space = Space({"x": Float(0, 1, prior=Normal(0.9, 0.02)), "y": Float(0, 1)}, forbid=["x + y < 1.0"])
    rehearsal = Rehearsal(space)
    taken = search(CmaEs(population=10), rehearsal, bowl, asks=60, seed=0)
    assert all(space.allows(suggestion.config) for suggestion in taken)
    assert np.median([number(suggestion.config, "x") for suggestion in taken[1:10]]) > 0.8


def test_a_space_of_one_value_and_two_hundred_dimensions() -> None:
    rehearsal = Rehearsal(VAST["200 hyperparameters"])
    random_trials(rehearsal, [math.sin(i) for i in range(60)])
    assert len(CmaEs().ask(rehearsal.history(), 2, Streams(0))) == 2
    one = Space({"a": Categorical(["only"]), "b": Int(1, 10**9, log=True), "c": Categorical(list(range(10_000)))})
    rehearsal = Rehearsal(one)
    random_trials(rehearsal, [math.sin(i) for i in range(30)])
    assert len(CmaEs().ask(rehearsal.history(), 2, Streams(0))) == 2


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(MissingExtraError, match=r"strategy 'cma-es' needs the package 'cmaes'.*holdfast\[cma\]"):
        CmaEs().ask(Rehearsal(SQUARE).history(), 1, Streams(0))


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(RequestError, match="population = 3"):
        CmaEs(population=3)
    history = Rehearsal(SQUARE, directions=("minimize", "minimize")).history()
    with pytest.raises(RequestError, match=r"'cma-es' handles one objective, .*; gp, tpe and evolution do"):
        CmaEs().ask(history, 1, Streams(0))


@pytest.mark.parametrize("toy", PROBLEMS, ids=lambda toy: toy.name)
def test_a_hundred_trials_are_worth_more_than_random_ones(toy: Problem) -> None:
    pairs = [
        [regrets(strategy, toy, trials=100, seed=seed)[-1] for strategy in (CmaEs(), RandomSearch())]
        for seed in range(10)
    ]
    assert sum(own <= random for own, random in pairs) >= 9  # a sign test: by chance about 1 percent
