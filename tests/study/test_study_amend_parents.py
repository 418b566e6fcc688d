"""Spaces amended so that a parent is fixed or narrowed: what hangs on the values that are gone goes as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast import Categorical, Derived, Float, Int, Space, Study
from holdfast.errors import RequestError, SpaceError
from holdfast.study.load import load_study
from holdfast.study.snapshot import state_from_bytes, state_to_bytes

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


@pytest.mark.parametrize(
    "changes", [{"optimizer": "adam"}, {"beta": Float(0, 1, when={"optimizer": "adam"})}, {"new": Float("momentum", 2)}]
)
def test_a_slip_is_no_change(changes: Any) -> None:
    if "optimizer" in changes:  # a value that nobody knew is a new one
        assert SPACE.with_changes(changes).names == ("optimizer", "rate", "layers")
        return
    with pytest.raises(SpaceError, match=r"impossible value|never holds|needs finite bounds"):
        SPACE.with_changes(changes)


@pytest.mark.parametrize("given", ["space", "mapping", "left out"])
def test_a_parent_is_fixed(given: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
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
