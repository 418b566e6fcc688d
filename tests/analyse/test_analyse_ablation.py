from __future__ import annotations

import numpy as np
import pytest

import holdfast
from holdfast.analyse.ablation import Joint, ablation, beginning
from holdfast.analyse.observed import Observed
from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.space import Domain

TERMS = {"a": 3.0, "b": 1.0, "c": -0.5, "d": 0.0}
SPACE = holdfast.Space({name: holdfast.Float(0, 1, default=0.0) for name in TERMS})


def exactly(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return losses, np.zeros((len(losses), len(losses)))


def additive(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return exactly(5.0 - units @ np.array(list(TERMS.values())))


def test_on_an_additive_function_the_steps_are_its_terms() -> None:
    target: Config = dict.fromkeys(TERMS, 1.0)
    found = ablation(SPACE, SPACE.default_config(), target, additive)
    assert {step.changed: step.gain for step in found.steps} == {(name,): gain for name, gain in TERMS.items()}
    assert [step.changed[0] for step in found.steps] == ["a", "b", "d", "c"]
    assert [step.metric for step in found.steps] == [2.0, 1.0, 1.0, 1.5]
    assert (found.metric, found.gain, found.sure) == (5.0, 3.5, True)
    assert [step.changed[0] for step in found.largest] == ["a", "b"]
    assert found.sentence() == (
        "2 changes of 4, a and b, gave 114% of the expected gain of 3.5 over the default; others took some of it back."
    )


def test_a_sentence_calls_both_ends_what_they_are() -> None:
    target = {**SPACE.default_config(), "a": 1.0}
    ends = ("the source", "the target")
    there = ablation(SPACE, SPACE.default_config(), target, additive, ends=ends)
    assert there.sentence() == "It takes the one change, a, for nine tenths of the expected gain of 3 over the source."
    back = ablation(SPACE, target, SPACE.default_config(), additive, ends=ends)
    assert back.sentence() == "The source is expected to be as good as the target: nothing is gained."


def test_a_metric_to_maximise_is_turned_back() -> None:
    target = {**SPACE.default_config(), "a": 1.0}
    found = ablation(SPACE, SPACE.default_config(), target, additive, sign=-1.0)
    assert (found.metric, found.gain, found.steps[0].metric) == (-5.0, 3.0, -2.0)


def test_two_that_act_only_together_are_both_on_the_way() -> None:
    def both(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return exactly(-units[:, 0] * units[:, 1])

    target = {**SPACE.default_config(), "a": 1.0, "b": 1.0}
    found = ablation(SPACE, SPACE.default_config(), target, both)
    assert [step.gain for step in found.steps] == [0.0, 1.0]
    target["d"] = 1.0
    found = ablation(SPACE, SPACE.default_config(), target, both)
    assert found.sentence() == (
        "2 changes of 3, b and a, gave all of the expected gain of 1 over the default, and only together."
    )


def test_a_change_that_made_nothing_possible_is_not_named() -> None:
    def first_nothing(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return exactly(-0.01 * units[:, 3] - units[:, 0] * units[:, 1])

    target = {**SPACE.default_config(), "a": 1.0, "b": 1.0, "d": 1.0}
    found = ablation(SPACE, SPACE.default_config(), target, first_nothing)
    assert [step.changed[0] for step in found.steps] == ["d", "a", "b"]
    assert {step.changed[0] for step in found.largest} == {"a", "b"}
    assert found.alone == pytest.approx(1.0)


def conditional() -> tuple[holdfast.Space, Joint]:
    domains: dict[str, Domain] = {
        "optimizer": holdfast.Categorical(["adam", "sgd"]),
        "beta": holdfast.Float(0, 1, when={"optimizer": "adam"}),
        "momentum": holdfast.Float(0, 1, when={"optimizer": "sgd"}),
        "nesterov": holdfast.Categorical([False, True], when={"optimizer": "sgd"}),
        "x": holdfast.Float(0, 1, default=0.0),
    }
    space = holdfast.Space(domains)

    def joint(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return exactly(1.0 - np.nan_to_num(units[:, 2]) - 0.1 * units[:, 4])

    return space, joint


def test_a_choice_takes_along_what_it_switches_on() -> None:
    space, joint = conditional()
    target: Config = {"optimizer": "sgd", "momentum": 0.8, "nesterov": True, "x": 1.0}
    found = ablation(space, space.default_config(), target, joint)
    first, second = found.steps
    assert first.changed == ("optimizer", "beta", "momentum", "nesterov")
    assert first.before == {"optimizer": "adam", "beta": 0.5}
    assert first.after == {"optimizer": "sgd", "momentum": 0.8, "nesterov": True}
    assert (first.gain, second.gain) == pytest.approx((0.8, 0.1))


def test_nothing_to_change_is_said() -> None:
    with pytest.raises(RequestError, match="the winner is the default configuration itself"):
        ablation(SPACE, SPACE.default_config(), SPACE.default_config(), additive)


def test_a_change_to_a_forbidden_combination_is_left_for_later() -> None:
    space = holdfast.Space(
        {"a": holdfast.Float(0, 1, default=0.0), "b": holdfast.Float(0, 1, default=0.0)}, forbid=["a > 0.5 and b < 0.5"]
    )
    target: Config = {"a": 1.0, "b": 1.0}
    found = ablation(space, space.default_config(), target, lambda units: exactly(-3 * units[:, 0] - units[:, 1]))
    assert [(step.changed, step.gain) for step in found.steps] == [(("b",), 1.0), (("a",), 3.0)]
    both = holdfast.Space(space.domains, forbid=["a > 0.5 and b < 0.5", "b > 0.5 and a < 0.5"])
    (step,) = ablation(both, both.default_config(), target, lambda units: exactly(-units.sum(axis=1))).steps
    assert (step.changed, step.gain) == (("a", "b"), 2.0)


def test_a_value_beyond_its_own_bounds_waits_for_them() -> None:
    space = holdfast.Space(
        {
            "dropout": holdfast.Float(0.0, "width / 1000", default=0.1),
            "width": holdfast.Int(100, 900, default=100),
            "double": holdfast.Derived("width * 2"),
        }
    )
    target = space.validate({"width": 900, "dropout": 0.8})
    found = ablation(space, space.default_config(), target, lambda units: exactly(-units[:, 1]))
    assert [step.changed[0] for step in found.steps] == ["width", "dropout"]
    assert found.steps[0].after == {"width": 900, "double": 1800}
    assert found.steps[1].after == {"dropout": 0.8}


def test_a_trial_with_a_value_that_an_amended_space_has_not_is_no_beginning() -> None:
    space = holdfast.Space(
        {"x": holdfast.Float(0, 1, default=0.5), "n": holdfast.Int(1, 9, default=5)}, forbid=["x == 0.5"]
    )
    units = np.array([[np.nan, 0.5], [0.52, np.nan], [0.9, 0.1]])
    seen = Observed(space, np.arange(3), units, np.zeros(3), 1.0, 0, 0)
    config, called = beginning(seen, {"x": 0.1, "n": 1})
    assert config == {"x": 0.9, "n": 1}
    assert called.startswith("trial 2 ")
