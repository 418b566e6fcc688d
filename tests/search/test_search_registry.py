"""Strategies by name."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from holdfast.errors import RequestError
from holdfast.records import Fidelity, Suggestion
from holdfast.rng import Streams
from holdfast.search.grid import GridSearch
from holdfast.search.registry import NAMES, Traits, make_strategy, settings_of, traits_named
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal, search

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})
BUDGET = 21


@functools.cache
def searched(name: str, sign: float = 1.0) -> list[Suggestion]:
    """What a strategy suggests one after the other where the loss falls, or rises, with x and y."""
    pauses = traits_named(name).pauses
    rehearsal = Rehearsal(SPACE, Fidelity("epoch", 1, 9) if pauses else None, budget=BUDGET)
    strategy = make_strategy(name, {"grid": {"resolution": 4}, "gp": {"candidates": 64}}.get(name))
    asks = 2 * BUDGET if pauses else BUDGET
    return search(strategy, rehearsal, lambda config: sign * float(SPACE.encode(config).sum()), asks=asks, seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_makes_its_strategy_again_from_its_settings(name: str) -> None:
    strategy = make_strategy(name)
    assert strategy.name == name
    settings = json.loads(json.dumps(settings_of(strategy)))
    assert make_strategy(name, settings) == strategy


def test_settings_are_passed_on() -> None:
    assert make_strategy("grid", {"resolution": 3}) == GridSearch(3)
    assert settings_of(GridSearch(3)) == {"resolution": 3}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("randon", {}, r"strategy 'randon' does not exist; there are manual, grid.*did you mean 'random'"),
        ("freeze-thaw", {"growth": 0.5}, "freeze-thaw has growth = 0.5; it needs a number of at least 1"),
        ("hyperband", {"synchronous": 1}, "hyperband has synchronous = 1; it takes true or false"),
        ("bohb", {"random_share": 2}, "bohb has random_share = 2; it needs a number from 0 to 1"),
        ("bohb", {"candidates": 2}, "bohb has candidates = 2; it needs a whole number of at least 16"),
        ("bohb", {"brackets": "all"}, "bohb has brackets = 'all'; it takes 'learned' or 'hyperband'"),
        ("bohb", {"synchronous": True}, "bohb has synchronous = True, which goes with brackets = 'hyperband'"),
        ("priorband", {"synchronous": "no"}, "priorband has synchronous = 'no'; it takes true or false"),
        ("asha", {"type": "stop"}, "asha has type = 'stop'; it takes 'promotion' or 'stopping'"),
        ("grid", {"resolutoin": 3}, r"has no setting 'resolutoin'; it has resolution \(did you mean 'resolution'\?\)"),
        ("random", {"name": "x"}, "strategy 'random' has no setting 'name'; it has none"),
        ("grid", {"resolution": 0}, "grid has resolution = 0"),
        ("evolution", {"population": "ten"}, "evolution has population = 'ten'; it needs a whole number of at least 4"),
        ("evolution", {"population": 9.0}, "evolution has population = 9.0; it needs a whole number"),
        ("cma-es", {"population": True}, "cma-es has population = True; it needs a whole number of at least 4"),
        ("tpe", {"n_initial": 1.5}, "tpe has n_initial = 1.5; it needs a whole number of at least 1"),
        ("tpe", {"candidates": "24"}, "tpe has candidates = '24'; it needs a whole number of at least 1"),
        ("tpe", {"prior_weight": "1"}, "tpe has prior_weight = '1'; it needs a finite number above 0"),
        ("tpe", {"prior_weight": float("nan")}, "tpe has prior_weight = nan; it needs a finite number above 0"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make_strategy(name, settings)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("bohb", "candidates"),
        ("cma-es", "population"),
        ("evolution", "population"),
        ("freeze-thaw", "candidates"),
        ("freeze-thaw", "n_initial"),
        ("gp", "candidates"),
        ("gp", "n_initial"),
        ("grid", "resolution"),
        ("pbt", "interval"),
        ("pbt", "population"),
        ("tpe", "candidates"),
        ("tpe", "n_initial"),
    ],
)
def test_a_whole_number_of_numpy_is_one(name: str, setting: str) -> None:
    made = make_strategy(name, {setting: np.int64(16)})
    assert made == make_strategy(name, {setting: 16})
    assert type(getattr(made, setting)) is int
    for refused in (np.float64(16), np.bool_(True), np.array([16])):
        with pytest.raises(RequestError, match=f"{name} has {setting} = .*; it needs a whole number of at least"):
            make_strategy(name, {setting: refused})


def test_a_person_s_strategy_proposes_nothing() -> None:
    assert make_strategy("manual").ask(Rehearsal(Space({"x": Float(0, 1)})).history(), 3, Streams(0)) == []


@pytest.mark.parametrize("name", NAMES)
def test_traits_say_what_depends_on_scores(name: str) -> None:
    found = searched(name), searched(name, -1.0)
    steps = [[(item.config, item.resume_from, item.until_step) for item in each] for each in found]
    assert (steps[0] != steps[1]) == traits_named(name).adaptive
    new = [[item.config for item in each if item.resume_from is None] for each in found]
    common = min(map(len, new))
    assert (new[0][:common] != new[1][:common]) == traits_named(name).learns


@pytest.mark.parametrize("name", NAMES)
def test_traits_say_what_a_strategy_needs_and_when_it_ends(name: str) -> None:
    traits, found = traits_named(name), searched(name)
    assert (found != []) == traits.proposes
    assert any(item.resume_from is not None or item.until_step is not None for item in found) == traits.pauses
    if traits.finite:
        assert len(found) == (16 if traits.proposes else 0)
    if traits.pauses:
        with pytest.raises(RequestError, match=f"strategy '{name}' needs a fidelity"):
            make_strategy(name).ask(Rehearsal(SPACE).history(), 1, Streams(0))


def test_a_strategy_that_learns_is_adaptive() -> None:
    for name in NAMES:
        assert traits_named(name).adaptive >= traits_named(name).learns


def test_nobody_knows_what_a_strategy_of_another_name_does_so_its_traits_are_the_safe_ones() -> None:
    assert traits_named("mine") == Traits()
    assert Traits().adaptive
    assert Traits().learns
    assert Traits().sequential
