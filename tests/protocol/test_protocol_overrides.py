"""A plan's [space] over a family's default space."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import SpaceError
from holdfast.protocol.overrides import overridden
from holdfast.space import Categorical, Float, Int, Normal, Space

DEFAULT = Space(
    {
        "rate": Float(1e-4, 1e-1, log=True, default=1e-3),
        "optimizer": Categorical(["adamw", "sgd"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "nesterov": Categorical([False, True], when={"optimizer": "sgd"}),
        "depth": Int(1, 4, default=2),
    }
)


def test_nothing_overridden_is_the_default() -> None:
    assert overridden(DEFAULT, {}) == DEFAULT


def test_a_typed_table_replaces_or_adds() -> None:
    space = overridden(
        DEFAULT, {"depth": {"type": "int", "low": 1, "high": 9}, "mine": {"type": "float", "low": 0, "high": 1}}
    )
    assert space["depth"] == Int(1, 9)
    assert space["mine"] == Float(0, 1)


def test_a_table_without_a_type_changes_bounds_and_drops_a_default_they_may_exclude() -> None:
    assert overridden(DEFAULT, {"rate": {"low": 1e-2}})["rate"] == Float(1e-2, 1e-1, log=True)
    assert overridden(DEFAULT, {"rate": {"default": 0.01}})["rate"] == Float(1e-4, 1e-1, log=True, default=0.01)


def test_a_table_without_a_type_takes_and_moves_steps() -> None:
    space = overridden(DEFAULT, {"momentum": {"high": 0.9, "step": 0.1}})
    assert space["momentum"] == Float(0.0, 0.9, step=0.1, when={"optimizer": "sgd"})
    assert overridden(space, {"momentum": {"low": 0.5}})["momentum"] == Float(
        0.5, 0.9, step=0.1, when={"optimizer": "sgd"}
    )
    with pytest.raises(SpaceError, match=r"'rate' has a log scale and step = 0\.01; a log scale takes no step"):
        overridden(DEFAULT, {"rate": {"step": 0.01}})


def test_a_value_fixes_and_a_list_restricts() -> None:
    space = overridden(DEFAULT, {"depth": 3, "rate": [1e-3, 1e-2]})
    assert space["depth"] == Categorical([3])
    assert space["rate"] == Categorical([1e-3, 1e-2])
    assert overridden(DEFAULT, {"depth": 30})["depth"] == Categorical([30])


def test_children_that_can_never_be_active_go() -> None:
    assert overridden(DEFAULT, {"optimizer": "adamw"}).names == ("rate", "optimizer", "depth")
    assert "momentum" in overridden(DEFAULT, {"optimizer": "sgd"})


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"dept": 3}, "did you mean 'depth'"),
        ({"depth": 1.5}, "should be a whole number"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"rate": {"low": 1.0}}, "low must be under high"),
        ({"rate": {"hihg": 1.0}}, "unknown key 'hihg'"),
        (
            {"optimizer": "adamw", "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": "sgd"}}},
            "never holds",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(SpaceError, match=says):
        overridden(DEFAULT, wanted)


def test_an_own_family_needs_a_space() -> None:
    with pytest.raises(SpaceError, match=r"\[space\] is empty"):
        overridden(None, {})


def test_priors_expressions_and_rules_of_a_plan() -> None:
    wanted = {
        "rate": {"prior": {"mean": 1e-3, "sd": 0.5}},
        "optimizer": {"weights": [1, 3]},
        "width": {"type": "float", "low": 0.1, "high": "depth", "default": 1.0},
        "double": {"type": "derived", "expression": "depth * 2"},
        "forbid": {"type": "int", "low": 1, "high": 2},
    }
    space = overridden(DEFAULT, wanted, forbid=["double > 6"])
    assert space["rate"] == Float(1e-4, 1e-1, log=True, default=1e-3, prior=Normal(1e-3, 0.5))
    assert space.default_config()["double"] == 2 * space.default_config()["depth"]  # type: ignore[operator]
    assert "forbid" in space
    assert not space.allows({"depth": 4, "optimizer": "adamw"})
    assert overridden(DEFAULT, {"rate": {"low": 1e-2}})["rate"].default is None
    with pytest.raises(SpaceError, match="lacks 'sd'"):
        overridden(DEFAULT, {"rate": {"prior": {"mean": 1e-3}}})
    with pytest.raises(SpaceError, match="'deph', which is not in the space"):
        overridden(DEFAULT, {}, forbid=["deph > 3"])


def test_what_a_family_knows_is_fixed_though_it_is_not_searched() -> None:
    space = overridden(DEFAULT, {"ema": 0.9, "epochs": [10, 20]}, known={"ema", "epochs"})
    assert space["ema"] == Categorical([0.9])
    assert space["epochs"] == Categorical([10, 20])
    with pytest.raises(SpaceError, match=r"'epoch', which the family does not have .did you mean 'epochs'"):
        overridden(DEFAULT, {"epoch": 10}, known={"ema", "epochs"})
    parent = Space(
        {"optimizer": Categorical(["adamw", "sgd"]), "kind": Categorical(["a"], when={"optimizer": ["sgd"]})}
    )
    other = overridden(parent, {"optimizer": ["adam", "sgd"], "kind": "b"}, known={"optimizer", "kind"})
    assert other["optimizer"] == Categorical(["adam", "sgd"])
    assert other["kind"] == Categorical(["b"], when={"optimizer": ["sgd"]})


def test_conditions_lose_the_values_that_a_plan_leaves_out() -> None:
    default = Space(
        {
            "augmentation": Categorical(["none", "shift", "shift+flip"]),
            "share": Float(0.1, 0.2, when={"augmentation": ["shift", "shift+flip"]}),
        }
    )
    space = overridden(default, {"augmentation": ["none", "shift"]})
    assert space["share"] == Float(0.1, 0.2, when={"augmentation": ["shift"]})
    assert "share" not in overridden(default, {"augmentation": "none"})


KERNELS = Space(
    {
        "kernel": Categorical(["rbf", "poly", "linear"]),
        "gamma": Float(1e-3, 1.0, log=True, when={"kernel": ["rbf", "poly"]}),
        "degree": Int(2, 4, when={"kernel": "poly"}),
    }
)


@pytest.mark.parametrize("kernel", ["rbf", ["rbf", "linear"]])
@pytest.mark.parametrize("gamma", [0.1, [0.1, 0.2], {"low": 1e-2}])
def test_a_parent_is_narrowed_and_its_child_overridden_at_once(kernel: Any, gamma: Any) -> None:
    space = overridden(KERNELS, {"kernel": kernel, "gamma": gamma})
    assert space.names == ("kernel", "gamma")
    assert dict(space["gamma"].when) == {"kernel": ("rbf",)}


def test_a_child_that_a_plan_sets_where_it_can_never_be_active_is_refused() -> None:
    with pytest.raises(SpaceError, match="'gamma' has a condition that never holds: 'kernel' is 'rbf'"):
        overridden(KERNELS, {"kernel": "linear", "gamma": 0.1})
    with pytest.raises(SpaceError, match="'gamma' has a condition on an impossible value: 'kernel' is 'poly'"):
        overridden(KERNELS, {"kernel": "rbf", "gamma": {"when": {"kernel": ["rbf", "poly"]}}})
