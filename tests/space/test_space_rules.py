"""Priors, couplings, computed values and forbidden combinations: what a space says beyond its hyperparameters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import truncnorm

from holdfast.errors import SpaceError
from holdfast.space import Categorical, Derived, Domain, Float, Int, Normal, Space

COUPLED = Space(
    {
        "learning_rate": Float("1e-4 * batch_size / 32", "0.1 * batch_size / 32", log=True),
        "batch_size": Int(16, 256, log=True),
        "layers": Int(1, 4),
        "dropout": Float(0, "0.1 * (layers - 1)"),
        "optimizer": Categorical(["sgd", "adamw"], weights=[1, 3]),
        "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
        "seed": 3,
        "doubled": Derived("batch_size * 2"),
        "size": Derived("'large' if doubled > 100 else 'small'"),
    },
    forbid=["optimizer == 'sgd' and learning_rate > 0.1", "momentum > 0.9", "layers in [2, 3] and batch_size < 20"],
)


def test_bounds_follow_their_configuration() -> None:
    config = COUPLED.validate({"batch_size": 64, "learning_rate": 0.2, "layers": 1}, fill=True)
    assert config["doubled"] == 128
    assert isinstance(config["doubled"], int)
    assert config["size"] == "large"
    assert config["seed"] == 3
    assert config["dropout"] == 0.0
    assert COUPLED.encode(config)[0] == pytest.approx(1.0)
    assert list(config) == [name for name in (*COUPLED.names, "doubled", "size") if name in config]
    learning_rate = COUPLED["learning_rate"]
    assert isinstance(learning_rate, Float)
    assert (learning_rate.low, learning_rate.high) == pytest.approx((0.5e-4, 0.8))
    with pytest.raises(SpaceError, match=r"outside of 0\.0002 to 0\.2"):
        COUPLED.validate({"batch_size": 64, "learning_rate": 0.3}, fill=True)
    with pytest.raises(SpaceError, match="computed as batch_size"):
        COUPLED.validate({"batch_size": 64, "doubled": 64}, fill=True)


@given(st.integers(0, 2**32 - 1))
def test_every_draw_is_allowed_and_survives_encoding_and_json(seed: int) -> None:
    rng = np.random.default_rng(seed)
    again = Space.from_json(json.loads(json.dumps(COUPLED.to_json())))
    assert again == COUPLED
    points = COUPLED.sample_units(rng, 40)
    assert points.shape == (40, len(COUPLED))
    assert COUPLED.allowed(points).all()
    np.testing.assert_allclose(COUPLED.snap(points), points, atol=1e-9)
    for config in (COUPLED.sample(rng), *map(COUPLED.decode, points)):
        assert COUPLED.validate(config) == config
        assert COUPLED.allows(config)
        assert config.get("momentum", 0) <= 0.9  # type: ignore[operator]
        assert not (config["optimizer"] == "sgd" and config["learning_rate"] > 0.1)  # type: ignore[operator]
        np.testing.assert_allclose(COUPLED.snap(COUPLED.encode(config)[None])[0], COUPLED.encode(config), atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_points_and_configurations_are_forbidden_alike(seed: int) -> None:
    points = np.random.default_rng(seed).random((50, len(COUPLED)))
    one_by_one = [COUPLED.allows(COUPLED.decode(point)) for point in points]
    assert COUPLED.allowed(points).tolist() == one_by_one


def test_some_points_are_forbidden() -> None:
    assert not COUPLED.allowed(np.random.default_rng(0).random((500, len(COUPLED)))).all()


def test_count_and_grid_leave_out_what_is_forbidden() -> None:
    space = Space({"a": Int(1, 6), "b": Int(1, 6)}, forbid=["a > b", lambda config: config["a"] == config["b"]])
    pairs = [(config["a"], config["b"]) for config in space.grid(10)]
    assert len(pairs) == 15 == space.count()
    assert all(a < b for a, b in pairs)  # type: ignore[operator]
    assert Space.from_json(space.to_json()).forbid[1].predicate is None
    with pytest.raises(SpaceError, match="which a log cannot hold"):
        Space.from_json(space.to_json()).allows({"a": 1, "b": 2})


def test_a_predicate_that_looks_for_what_is_not_active_gets_one_sentence() -> None:
    momentum = Float(0, 1, when={"optimizer": "sgd"})
    domains: dict[str, Domain] = {"optimizer": Categorical(["sgd", "adamw"]), "momentum": momentum}
    says = "careless' in forbid looks for 'momentum', which the configuration optimizer = 'adamw' does not have; .*get"

    def careless(config: Mapping[str, Any]) -> bool:
        return bool(config["momentum"] > 0.9)

    with pytest.raises(SpaceError, match=says):
        Space(domains, forbid=[careless])

    def careful(config: Mapping[str, Any]) -> bool:
        try:
            return bool(config["momentum"] > 0.9)
        except KeyError:
            return False

    assert Space(domains, forbid=[careful]).allows({"optimizer": "adamw"})


@pytest.mark.parametrize(
    "domain", [Float(0.001, 10, log=True, prior=Normal(0.1, 0.5)), Float(-3, 5, prior=Normal(4, 2))]
)
def test_a_normal_prior_is_cut_off_at_the_bounds(domain: Float) -> None:
    space = Space({"x": domain})
    units = np.linspace(0, 1, 2001)[:, None]
    assert domain.prior is not None
    sd = domain.prior.sd / (4 if domain.log else 8)
    mean = domain.to_unit(domain.prior.mean)
    expected = truncnorm((0 - mean) / sd, (1 - mean) / sd, mean, sd)
    np.testing.assert_allclose(space.log_prior(units), expected.logpdf(units[:, 0]), atol=1e-9)
    rng = np.random.default_rng(0)
    drawn = [float(space.encode(space.sample(rng))[0]) for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(expected.mean(), abs=4 * expected.std() / 63)
    assert space.default_config()["x"] == pytest.approx(domain.prior.mean)


@pytest.mark.parametrize(
    "domain",
    [
        Int(1, 9, prior=Normal(3, 1.5)),
        Int(2, 20, step=3, prior=Normal(8, 4)),
        Int(1, 40, log=True, prior=Normal(10, 0.3)),
        Categorical(["a", "b", "c"], weights=[1, 6, 3]),
    ],
)
def test_cells_are_drawn_as_often_as_the_density_says(domain: Domain) -> None:
    space = Space({"x": domain})
    at = np.linspace(0, 1, 100_001)[:-1] + 5e-6
    shares = np.exp(space.log_prior(at[:, None]))
    assert shares.mean() == pytest.approx(1, abs=1e-3)
    rng = np.random.default_rng(1)
    drawn = Counter(space.sample(rng)["x"] for _ in range(5000))
    for value in domain.grid(100):
        mine = np.array([domain.from_unit(float(unit)) == value for unit in at[::20]])
        assert drawn[value] / 5000 == pytest.approx(float((shares[::20] * mine).mean()), abs=0.03)


KINDS: dict[str, Domain] = {
    "k": Categorical(["rbf", "linear"]),
    "x": Float(0, 2),
    "n": Int(1, 3),
    "flag": Categorical([False, True]),
}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(0, 1, prior=Normal(2, 1)), "mean = 2, outside of 0 to 1"),
        (lambda: Normal(0, 0), "must be above zero"),
        (lambda: Normal("a", 1), "finite numbers"),  # type: ignore[arg-type]
        (lambda: Categorical(["a", "b"], weights=[1]), "one number for each of 2"),
        (lambda: Categorical(["a", "b"], weights=[1, 0]), "above zero"),
        (lambda: Space({"x": Float(0, "widht"), "width": Int(1, 3)}), "did you mean 'width'"),
        (lambda: Space({"x": Float(0, "width - 2"), "width": Int(1, 3)}), "goes from 0 to -1 where width = 1"),
        (lambda: Space({"x": Float(0, "y"), "y": Float(0, "x")}), "go round in a circle"),
        (lambda: Space({"x": Float(0, "kind"), "kind": Categorical(["a"])}), "gives no number"),
        (lambda: Space({"x": Derived("y"), "y": 3}, forbid=["z > 1"]), "'z', which is not in the space"),
        (lambda: Space({"x": Float(0, 1)}, forbid=["x >= 0"]), "forbids everything"),
        (lambda: Space({"x": Float(0, 1)}, forbid="x > 0"), "takes a list"),
        (lambda: Space({"x": Categorical(["a", "b"])}, forbid=["x > 1"]), "mixes texts and numbers"),
        (lambda: Space(KINDS, forbid=["k == 'rfb'"]), "'k' is 'rfb'; it takes one of 'rbf', 'linear'.* mean 'rbf'"),
        (lambda: Space(KINDS, forbid=["x > 1 and 'rfb' == k"]), "'k' is 'rfb'; it takes one of"),
        (lambda: Space(KINDS, forbid=["k not in ['rbf', 'rfb']"]), "'k' is 'rfb'; it takes one of"),
        (lambda: Space(KINDS, forbid=["x == 'rbf'"]), "impossible: 'x' is 'rbf'; it takes a number from 0 to 2"),
        (lambda: Space(KINDS, forbid=["n != 'rbf'"]), "impossible: 'n' is 'rbf'; it takes a whole number from 1 to 3"),
        (lambda: Space(KINDS, forbid=["flag == 1"]), "impossible: 'flag' is 1; it takes one of False, True"),
        (lambda: Space({"x": Derived("1 / (y - 3)"), "y": 3}), "not finite"),
        (
            lambda: Space({"d": Derived("a"), "a": 1, "x": Float(0, 1, when={"d": 1})}),
            "'d', which is computed; name what",
        ),
        (lambda: Space.from_json({"x": {"type": "derived"}}), "lacks 'expression'"),
        (lambda: Space.from_json({"x": {"type": "float", "low": 0, "high": 1, "prior": {"mean": 1}}}), "lacks 'sd'"),
    ],
)
def test_what_cannot_be_meant_gets_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_rule_survives_a_space_that_has_lost_its_choice() -> None:
    space = Space(KINDS, forbid=["k == 'linear' and x > 1", "n in [0, 1] and x > 1.5"])
    narrower = Space({**KINDS, "k": "rbf"}, forbid=space.forbid)
    assert Space.from_json(narrower.to_json()) == narrower
    with pytest.raises(SpaceError, match="'k' is 'linear'; it takes one of 'rbf'"):
        Space({**KINDS, "k": "rbf"}, forbid=["k == 'linear' and x > 1"])


@pytest.mark.parametrize(
    ("domain", "expression"), [(Float(-1, 3), "log(a)"), (Int(0, 4), "10 // a"), (Int(0, 4), "1 / (a - 2)")]
)
def test_what_cannot_be_computed_is_never_proposed(domain: Domain, expression: str) -> None:
    space = Space({"a": domain, "d": Derived(expression)})
    rng = np.random.default_rng(0)
    configs = [space.sample(rng) for _ in range(50)] + [*space.grid(5)]
    points = space.sample_units(rng, 50)
    for config in configs + [space.decode(point) for point in points]:
        assert space.validate(config) == config
        assert np.isfinite(config["d"])  # type: ignore[arg-type]
    drawn = rng.random((50, 1))
    allowed = space.allowed(drawn).tolist()
    assert allowed == [space.allows(space.decode(point)) for point in drawn]
    assert 0 < sum(allowed) < 50
    assert space.count() in {None, 4}


def test_a_value_that_cannot_be_computed_is_named_with_what_it_is_computed_from() -> None:
    space = Space({"a": Float(-1, 3), "b": Int(1, 2), "d": Derived("log(a) + b")})
    with pytest.raises(
        SpaceError, match=r"'d' is not finite: log\(a\) \+ b gives nan where a = -0.5, b = 1; give bounds"
    ):
        space.validate({"a": -0.5, "b": 1})


RICH = Space(
    {
        "kind": Categorical(["sgd", "adamw", None]),
        "batch": Int(16, 256, log=True),
        "rate": Float("1e-4 * batch / 32", "0.1 * batch / 32", log=True),
        "top": Float("rate", "10 * rate", log=True, when={"kind": ["sgd", None]}),
        "momentum": Float(0, 0.99, when={"kind": "sgd"}),
        "nesterov": Categorical([True, False], when={"kind": "sgd"}),
        "dropout": Float(0, 0.5, step=0.05),
        "power": Categorical([1, 2.5, 4], ordered=True),
        "width": Int(16, 512, step=16),
        "steps": Derived("65536 // batch"),
        "double": Derived("momentum * 2"),
        "sum": Derived("log(top) + exp(power)"),
        "plain": Derived("kind == 'sgd'"),
        "seed": 3,
    }
)


def test_a_function_gets_the_very_configurations_that_are_proposed() -> None:
    points = RICH.snap(np.random.default_rng(5).random((500, len(RICH))))
    seen: list[Mapping[str, Any]] = []

    def remember(config: Mapping[str, Any]) -> bool:
        seen.append(dict(config))
        return False

    space = RICH.with_rules([remember])
    seen.clear()
    assert space.allowed(points).all()
    assert [repr(config) for config in seen] == [repr(space.decode(point)) for point in points]


def test_a_function_is_asked_once_and_no_candidate_is_decoded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, decoded = [0], [0]

    def forbids(config: Mapping[str, Any]) -> bool:
        calls[0] += 1
        return bool(config["kind"] == "adamw" and config["width"] > 400)

    slow, quick = RICH.with_rules([forbids]), RICH.with_rules(["kind == 'adamw' and width > 400"])
    decode = Space.decode

    def counted(space: Space, unit: np.ndarray) -> dict[str, Any]:
        decoded[0] += 1
        return decode(space, unit)

    monkeypatch.setattr(Space, "decode", counted)
    points, calls[0] = np.random.default_rng(1).random((300, len(RICH))), 0
    for _ in range(2):
        np.testing.assert_array_equal(slow.allowed(points), quick.allowed(points))
    assert 0 < calls[0] <= 300
    assert decoded[0] == 0


def test_bounds_that_cannot_be_are_said_where_a_function_is_asked() -> None:
    space = Space(
        {"x": Float(0, 1), "y": Float(0, "1 - 2 * (x > 0.31 and x < 0.31001)")},
        forbid=[lambda config: config["y"] > 0.5],
    )
    with pytest.raises(SpaceError, match=r"'y' goes from 0 to -1 where x = 0\.310005"):
        space.allowed(np.array([[0.5, 0.2], [0.310005, 0.5]]))


def test_a_rule_holds_of_the_choice_none() -> None:
    space = Space(
        {"weights": Categorical(["balanced", None]), "depth": Int(1, 3, when={"weights": "balanced"})},
        forbid=["weights == None"],
    )
    assert not space.allows({"weights": None})
    assert [config["weights"] for config in space.grid(3)] == ["balanced"] * 3
    copied = Space({"weights": Categorical(["balanced", None]), "copy": Derived("weights")})
    assert list(copied.grid(1)) == [{"weights": "balanced", "copy": "balanced"}, {"weights": None, "copy": None}]


A_IS_NONE = Space(
    {"a": Categorical([None, True, "u"]), "b": Float("1 if a == None else 2", 5), "c": Int(1, 3), "d": Derived("a")}
)


@pytest.mark.parametrize(
    "rule",
    [
        lambda config: config["d"] is None and config["c"] == 3,
        lambda config: config["d"] != "u" and config["d"] is not None,
        "b > 1.5 and a == None",
    ],
    ids=["function", "other function", "expression"],
)
def test_the_choice_none_is_the_same_to_one_configuration_and_to_many_points(rule: Any) -> None:
    space = A_IS_NONE.with_rules([rule])
    points = space.snap(np.random.default_rng(3).random((200, len(space))))
    one_by_one = [space.allows(space.decode(point)) for point in points]
    assert space.allowed(points).tolist() == one_by_one
    assert 0 < sum(one_by_one) < 200


def test_bounds_by_the_choice_none_are_those_of_its_configurations() -> None:
    domain = A_IS_NONE.domain_in("b", {"a": None})
    assert isinstance(domain, Float)
    assert (domain.low, domain.high) == (1, 5)
