"""Spaces amended so that a parent is fixed or narrowed: what hangs on the values that are gone goes as well."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast import Categorical, Derived, Fidelity, Float, Int, Space, Study, Verdict
from holdfast.errors import RequestError, SpaceError
from holdfast.records import TrialState
from holdfast.search.gain import _tried
from holdfast.search.hyperband import Hyperband
from holdfast.search.pbt import Population, PopulationBasedTraining
from holdfast.space.tree import is_among
from holdfast.study.load import load_study
from holdfast.study.replay import replay
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.testing.rehearsal import Rehearsal

SGD = ["optimizer == 'sgd' and rate > 0.9", "momentum > 0.9 and layers == 1"]
SPACE = Space(
    {
        "optimizer": Categorical(["sgd", "adamw", "lion"]),
        "rate": Float(0, 1),
        "layers": Int(1, 4),
        "momentum": Float(0, 1, when={"optimizer": "sgd"}),
        "nesterov": Categorical([True, False], when={"optimizer": ["sgd", "lion"]}),
        "decay": Float(0, 1, when={"nesterov": True, "optimizer": "sgd"}),
        "beta": Float(0, 1, when={"optimizer": ["adamw", "lion"]}),
        "heavy": Derived("momentum * 2"),
        "heavier": Derived("heavy + layers"),
    },
    forbid=SGD,
)
FIXED = SPACE.with_changes({"optimizer": "adamw"})


def loss(config: Any) -> float:
    return float((config["rate"] - 0.3) ** 2 + config.get("momentum", 0.5) + config.get("beta", 0.6))


def searched(space: Any = SPACE, strategy: str = "random", n: int = 12, **options: Any) -> Study:
    study = Study(space, strategy=strategy, seed=3, **options)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, loss(trial.config))
    return study


def of_kind(study: Study, kind: str) -> list[int]:
    return [trial.number for trial in study.trials if trial.config["optimizer"] == kind]


def test_what_hangs_on_a_value_that_is_gone_goes_with_all_that_names_it() -> None:
    assert FIXED.names == ("optimizer", "rate", "layers", "beta")
    assert not FIXED.derived
    assert [rule.name for rule in FIXED.forbid] == SGD[:1]
    assert FIXED["beta"].when == {"optimizer": ("adamw",)}
    lion = SPACE.with_changes({"optimizer": Categorical(["lion", "adamw"])})
    assert lion.names == ("optimizer", "rate", "layers", "nesterov", "beta")
    assert lion["nesterov"].when == {"optimizer": ("lion",)}
    assert SPACE.with_changes({"nesterov": False}).names == tuple(n for n in SPACE.names if n != "decay")
    assert SPACE.with_changes({"momentum": 0.9})["momentum"] == Categorical([0.9], when={"optimizer": "sgd"})
    assert SPACE.with_changes({}) == SPACE


def test_conditions_that_cannot_hold_at_once_are_found_through_parents_of_parents() -> None:
    space = Space(
        {
            "a": Categorical(["p", "q"]),
            "b": Int(1, 3, when={"a": ["p", "q"]}),
            "c": Float(0, 1, step=0.5, when={"b": [2, 3]}),
            "d": Float(0, 1, when={"c": [0.5, 1.0], "a": "p"}),
        }
    )
    assert space.with_changes({"b": Int(1, 3, when={"a": "q"})}).names == ("a", "b", "c")
    assert space.with_changes({"b": Int(1, 2)})["c"].when == {"b": (2,)}
    assert space.with_changes({"b": 1}).names == ("a", "b")


def test_what_could_never_be_active_goes_where_nothing_is_left_to_depend_on() -> None:
    kinds = Categorical(["p", "q", "r"])
    space = Space({"a": kinds, "b": Int(1, 3, when={"a": "p"}), "c": Int(1, 2, when={"b": 1, "a": ["q", "r"]})})
    assert space.with_changes({"b": Int(1, 2)}).names == ("a", "b", "c")  # it is no change of c
    assert space.with_changes({"b": 2}).names == ("a", "b")
    assert space.with_changes({"a": "q"}).names == ("a",)


def test_a_plain_value_fixes_only_what_there_is() -> None:
    why = r"the space has no 'optimiser' \(did you mean 'optimizer'\?\); a constant that is new takes Categorical"
    with pytest.raises(SpaceError, match=why):
        SPACE.with_changes({"optimiser": "adamw"})
    with pytest.raises(SpaceError):
        SPACE.with_changes({3: 1})  # type: ignore[dict-item]
    assert "new" in SPACE.with_changes({"new": Categorical([1])})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"optimizer": "adam"}, r"did you mean 'adamw'\?\); for another one give Categorical\(\['adam'\]\)"),
        ({"beta": Float(0, 1, when={"optimizer": "adam"})}, "never holds"),
        ({"new": Float("momentum", 2)}, "bounds"),
        (["optimizer"], "changes = .*it takes a dict of hyperparameters by name"),
    ],
)
def test_a_slip_is_no_change(changes: Any, why: str) -> None:
    with pytest.raises(SpaceError, match=why):
        SPACE.with_changes(changes)
    with pytest.raises(SpaceError):
        searched(n=0).amend({**SPACE.domains, **changes} if isinstance(changes, dict) else changes, why="a slip")


def test_a_choice_that_nobody_knew_is_given_as_a_choice() -> None:
    assert SPACE.with_changes({"optimizer": Categorical(["adam"])}).names == ("optimizer", "rate", "layers")


def test_a_number_is_fixed_as_configurations_have_it() -> None:
    space = Space(
        {
            "whole": Int(1, 3),
            "steps": Float(0, 1, step=0.5),
            "choice": Categorical([1.0, 2, True]),
            "a": Float(0, 1, when={"whole": 2}),
            "b": Float(0, 1, when={"steps": 1.0}),
            "c": Float(0, 1, when={"choice": 1.0}),
            "d": Float(0, 1, when={"choice": True}),
        }
    )
    for name, given, child in (("whole", 2.0, "a"), ("steps", 1, "b"), ("choice", 1, "c"), ("choice", True, "d")):
        fixed = space.with_changes({name: given})
        assert child in fixed
        study = Study(space, strategy="random", seed=1)
        for _ in range(12):
            study.tell(study.ask(), 0.5)
        study.amend(fixed, why="it is as good")
        same = [is_among(trial.config[name], (given,)) for trial in study.trials]
        assert study.history.told_trial.tolist() == np.flatnonzero(same).tolist()
        assert any(same)
    with pytest.raises(SpaceError, match="finite numbers"):
        space.with_changes({"whole": math.inf})
    with pytest.raises(SpaceError, match="finite numbers"):
        space.with_changes({"steps": 10**400})


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
@pytest.mark.parametrize("given", ["space", "mapping", "left out"])
def test_a_parent_is_fixed(given: str, where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    storage = f"sqlite:///{tmp_path}/s.db" if where == "sqlite" else request.getfixturevalue("postgres")
    study = searched(storage=storage)
    spaces: dict[str, Any] = {
        "space": FIXED,
        "mapping": {**SPACE.domains, **SPACE.derived, "optimizer": "adamw"},
        "left out": Space(
            {"optimizer": "adamw", "rate": Float(0, 1), "layers": Int(1, 4), "beta": Float(0, 1)}, forbid=FIXED.forbid
        ),
    }
    kept = of_kind(study, "adamw")
    assert 0 < len(kept) < 12
    study.amend(spaces[given], why="adamw wins")
    assert study.history.told_trial.tolist() == kept
    assert study.best_trial.number in kept
    assert study.best_config == study.best_trial.config
    assert set(study.best_config) == set(FIXED.names)
    for _ in range(4):
        trial = study.ask()
        assert set(trial.config) == set(FIXED.names)
        study.tell(trial, loss(trial.config))
    live = study.book.state
    restored = state_from_bytes(state_to_bytes(live, study.book.head))
    assert restored is not None
    view, other = study.history, restored[0].history.snapshot(0)
    assert np.array_equal(view.units, other.units, equal_nan=True)
    study.close()
    again = load_study("study", storage)
    assert again.history.told_trial.tolist() == [*kept, 12, 13, 14, 15]
    assert np.array_equal(again.history.units, view.units, equal_nan=True)


def test_trials_with_a_value_of_what_was_left_out_stay_hidden_until_it_is_back() -> None:
    study = searched()
    everything = study.history.told_trial.tolist()
    study.amend(FIXED, why="adamw wins")
    study.amend(
        FIXED.with_changes({"optimizer": Categorical(["adamw", "sgd", "lion"])}), why="all, but without momentum"
    )
    hidden = [trial.number for trial in study.trials if {"momentum", "nesterov"} & set(trial.config)]
    assert hidden
    assert study.history.told_trial.tolist() == [number for number in everything if number not in hidden]
    restored = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
    assert restored is not None
    assert restored[0].history.masked == set(hidden)
    assert restored[0].history.as_amended(dict(study.trials[hidden[0]].config)) is None
    study.amend(SPACE, why="with momentum again", values={"momentum": 0.5})
    assert study.history.told_trial.tolist() == everything
    assert study.best_config == study.best_trial.config


@pytest.mark.parametrize("strategy", ["sobol", "grid", "tpe", "cma-es", "evolution", "gp", "auto"])
def test_every_strategy_goes_on_with_a_parent_fixed(strategy: str) -> None:
    study = searched(strategy=strategy, n=8)
    pending = study.ask()
    study.amend({**SPACE.domains, **SPACE.derived, "optimizer": "lion"}, why="lion wins")
    study.tell(pending, loss(pending.config))
    for _ in range(5):
        trial = study.ask()
        assert trial.config["optimizer"] == "lion"
        assert {"momentum", "decay", "heavy"}.isdisjoint(trial.config)
        study.tell(trial, loss(trial.config))
    assert study.best_config["optimizer"] == "lion"


def test_what_can_still_be_active_has_to_stay() -> None:
    study = searched()
    without = {name: domain for name, domain in SPACE.domains.items() if name != "momentum"}
    with pytest.raises(
        RequestError, match="lacks 'momentum', which is active where 'optimizer' is 'sgd', and so it can"
    ):
        study.amend(without, why="less")
    beta = {name: domain for name, domain in SPACE.domains.items() if name not in ("beta", "momentum", "decay")}
    with pytest.raises(RequestError, match=r"lacks 'beta', .*fix it at a plain value instead, as in \{'beta': Categ"):
        study.amend({**beta, "optimizer": "adamw"}, why="less")
    with pytest.raises(RequestError, match="lacks 'rate'; fix it at a plain value"):
        study.amend({name: domain for name, domain in SPACE.domains.items() if name != "rate"}, why="less")
    with pytest.raises(SpaceError, match=r"condition that never holds: .*; leave 'momentum' out"):
        Space({**SPACE.domains, "optimizer": "adamw"})
    assert study.book.state.settings.space == SPACE


def test_a_waiting_wish_for_what_is_gone_runs_and_stays_hidden() -> None:
    study = searched()
    wish: dict[str, Any] = {
        "optimizer": "sgd",
        "rate": 0.3,
        "layers": 2,
        "momentum": 0.0,
        "nesterov": False,
        "heavy": 0.0,
        "heavier": 2,
    }
    study.enqueue(wish)
    study.amend(FIXED, why="adamw wins")
    trial = study.ask()
    assert trial.config["momentum"] == 0.0
    study.tell(trial, -9.0)
    assert study.best_trial.number != trial.number
    assert 12 not in study.history.told_trial.tolist()


def test_it_is_said_that_waiting_wishes_do_not_fit_and_the_others_are_computed_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    space = Space({"kind": Categorical(["a", "b"]), "x": Float(0, 1), "y": Float(0, 1, when={"kind": "a"})})
    space = space.with_changes({"twice": Derived("x * 2")})
    study = Study(space, strategy="random")
    study.enqueue({"kind": "a", "x": 0.25, "y": 0.5})
    study.enqueue({"kind": "b", "x": 0.25})
    with caplog.at_level(logging.WARNING, "holdfast"):
        study.amend(space.with_changes({"twice": Derived("x * 3")}), why="three times")
        assert not caplog.records
        study.amend(study.book.state.settings.space.with_changes({"kind": "b"}), why="b wins")  # type: ignore[union-attr]
    said = (
        "1 of 2 enqueued configurations do not fit into the amended space, such as kind = 'a', x = 0.25, y = 0.5, "
        "twice = 0.75; they are tried all the same, and neither strategies nor the choice of the best see them"
    )
    assert caplog.messages == [said]
    assert [study.ask().config for _ in range(2)] == [
        {"kind": "a", "x": 0.25, "y": 0.5, "twice": 0.75},
        {"kind": "b", "x": 0.25, "twice": 0.75},
    ]


def test_trials_stand_at_the_default_that_an_added_parent_had_when_it_came() -> None:
    study = Study({"x": Float(0, 1)}, strategy="random")
    for _ in range(3):
        study.tell(study.ask(), 0.5)
    both = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"]), "y": Float(0, 1, when={"kind": "a"}, default=0.5)})
    study.amend(both, why="two kinds")
    assert study.best_config["kind"] == "a"
    study.amend(both.with_changes({"kind": "b"}), why="b is what we ship")
    restored = state_from_bytes(state_to_bytes(study.book.state, study.book.head))
    assert restored is not None
    for builder in (study.book.state.history, restored[0].history):
        assert builder.masked == {0, 1, 2}
    study.amend(both.with_changes({"y": 0.5}), why="with a again")
    assert study.history.told_trial.tolist() == [0, 1, 2]


FIDELITY = Fidelity("epoch", 1, 9)


def trained(study: Study) -> int:
    trial = study.ask()
    for step in range(trial.start_step + 1, (trial.until_step or FIDELITY.max) + 1):
        trial.save(b"weights")
        if trial.report(loss(trial.config) + 1 / step, step) is not Verdict.CONTINUE:
            break
    study.tell(trial, loss(trial.config) + 1 / step)
    return trial.number


def test_members_of_a_population_that_do_not_fit_give_their_places_to_new_ones() -> None:
    study = Study(SPACE, strategy=PopulationBasedTraining(population=6, interval=3), fidelity=FIDELITY, seed=5)
    for _ in range(10):
        trained(study)
    hidden = [trial.number for trial in study.trials if trial.config["optimizer"] != "adamw"]
    assert len(hidden) > 0
    study.amend(FIXED, why="adamw wins")
    went_on = {trained(study) for _ in range(12)}
    assert went_on.isdisjoint(hidden)
    assert all(set(trial.config) == set(FIXED.names) for trial in study.trials[max(hidden) + 1 :])
    members = Population.of(study.history, FIDELITY, 3).members
    assert len(members) == 6
    assert set(members).isdisjoint(hidden)
    assert study.best_trial.config["optimizer"] == "adamw"


def test_a_bracket_does_not_wait_for_trials_that_do_not_fit() -> None:
    study = Study(SPACE, strategy=Hyperband(synchronous=True), fidelity=FIDELITY, seed=5)
    for _ in range(9):
        trained(study)
    first = [trial.number for trial in study.trials if trial.until_step == 1]
    assert {study.trials[number].config["optimizer"] == "adamw" for number in first} == {True, False}
    study.amend(FIXED, why="adamw wins")
    assert any(trained(study) in first for _ in range(12))


@pytest.mark.parametrize("strategy", ["asha", "hyperband", "bohb", "priorband", "freeze-thaw", "pbt"])
def test_a_running_trial_that_does_not_fit_any_more_pauses_where_it_was_to_run_to(strategy: str) -> None:
    study = Study(SPACE, strategy=strategy, fidelity=FIDELITY, seed=5)
    while (trial := study.ask()).config["optimizer"] == "adamw":
        study.tell(trial, 0.5)
    until = trial.until_step or 0
    assert 0 < until < FIDELITY.max
    study.amend(FIXED, why="adamw wins")
    said = [trial.report(1 / step, step) for step in range(1, until + 1)]
    assert said == [Verdict.CONTINUE] * (until - 1) + [Verdict.PAUSE]
    assert study.tell(trial).state is TrialState.PAUSED
    assert replay(study.book.log.read(), study._strategy).difference is None


def test_trials_that_wait_and_do_not_fit_are_no_luck_of_new_ones() -> None:
    rehearsal = Rehearsal(SPACE, FIDELITY)
    for kind in ("adamw", "sgd"):
        rehearsal.pause(rehearsal.start(SPACE.validate({"optimizer": kind, "rate": 0.5}, fill=True), 1))
    assert _tried(rehearsal.history()) == 2
    rehearsal.amend(FIXED)
    assert _tried(rehearsal.history()) == 1
    assert rehearsal.history().hidden.tolist() == rehearsal.replayed().hidden.tolist() == [1]
