"""Floats whose values lie a step apart: exact decimals, the same from everywhere."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.errors import SpaceError
from holdfast.space import Derived, Float, Int, Normal, Space, columns, domain_from_json

DROPOUT = Float(0.0, 0.5, step=0.05)
TWENTIETHS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]


@st.composite
def stepped(draw: st.DrawFn) -> Float:
    """Bounds and a step as people write them, or as a computer found them."""
    if draw(st.booleans()):
        digits = 10 ** draw(st.integers(0, 6))
        low, step = draw(st.integers(-(10**6), 10**6)) / digits, draw(st.integers(1, 10**4)) / digits
    else:
        low = draw(st.floats(-1e6, 1e6))
        step = draw(st.floats(1e-3, 1e3))
    high = low + step * draw(st.one_of(st.integers(1, 10**4), st.floats(1.01, 1e4)))
    return Float(low, math.nextafter(high, math.inf), step=step)


def test_the_values_are_free_of_rounding_wherever_they_come_from() -> None:
    space = Space({"x": DROPOUT})
    drawn = {space.sample(np.random.default_rng(seed))["x"] for seed in range(200)}
    assert sorted(drawn) == TWENTIETHS  # type: ignore[type-var]
    assert [config["x"] for config in space.grid(99)] == TWENTIETHS
    assert [DROPOUT.check(i * 0.05, "x") for i in range(11)] == TWENTIETHS
    assert [json.loads(json.dumps(config))["x"] for config in space.grid(99)] == TWENTIETHS
    assert DROPOUT.check(0.1 + 0.2, "x") == 0.3
    assert space.count() == DROPOUT.cells == 11
    assert len({space.key(space.validate({"x": i * 0.05})) for i in range(11)}) == 11


@pytest.mark.parametrize(
    ("low", "high", "step", "values"),
    [
        (0, 1, 0.4, [0.0, 0.4, 0.8]),
        (-0.3, 0.3, 0.2, [-0.3, -0.1, 0.1, 0.3]),
        (0.1, 0.8, 0.35, [0.1, 0.45, 0.8]),
        (1e-4, 4e-4, 1e-4, [1e-4, 2e-4, 3e-4, 4e-4]),
        (0, 1, 1 / 3, [0.0, 1 / 3, 2 / 3, 1.0]),
        (0, 1, 1 / 11, [i / 11 for i in range(12)]),  # eleven of it are more than 1, by its last digit
        (0.1 + 0.2, 0.5, 0.1, [0.1 + 0.2, 0.4 + 4e-17, 0.5]),
        (1e9, 1e9 + 0.5, 0.25, [1e9, 1e9 + 0.25, 1e9 + 0.5]),
        (0, 10, 5, [0.0, 5.0, 10.0]),
        (-1.7e308, 1.7e308, 1.7e308, [-1.7e308, 0.0, 1.7e308]),
    ],
)
def test_the_last_value_is_the_upper_bound(low: float, high: float, step: float, values: list[float]) -> None:
    domain = Float(low, high, step=step)
    assert list(domain.grid(99)) == pytest.approx(values, rel=1e-15)
    assert (domain.low, domain.high) == (low, values[-1])
    assert all(type(value) is float for value in domain.grid(99))


@given(stepped(), st.integers(0, 2**32 - 1))
@example(Float(0, 1, step=1e-12), 0)
@example(Float(-1e300, 1e300, step=1e298), 0)
@example(Float(1e-30, 1e-28, step=1e-30), 0)
def test_a_value_comes_back_from_its_place_and_from_json_and_columns_are_the_same(domain: Float, seed: int) -> None:
    assert domain.cells is not None
    assert domain.cells > 1
    again = domain_from_json("x", json.loads(json.dumps(domain.to_json())))
    assert isinstance(again, Float)
    assert (again, again.steps) == (domain, domain.steps)
    units = np.concatenate([np.random.default_rng(seed).random(20), [0.0, 1.0]])
    one_by_one = [domain.from_unit(unit) for unit in units.tolist()]
    assert columns.values_at(domain, units).tolist() == one_by_one
    assert np.isnan(columns.values_at(domain, np.array([np.nan]))).all()
    assert (one_by_one[-2], one_by_one[-1]) == (domain.low, domain.high)
    for value in one_by_one:
        assert domain.check(value, "x") == value
        assert domain.check(math.nextafter(value, math.inf), "x") == value
        assert domain.from_unit(domain.to_unit(value)) == value
    space = Space({"x": domain})
    snapped = space.snap(units[:, None])[:, 0]
    assert snapped.tolist() == [domain.to_unit(value) for value in one_by_one]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(0, 1, step=0), "Float has step = 0; it needs a finite number above zero"),
        (lambda: Float(0, 1, step=-0.1), "Float has step = -0.1; it needs a finite number above zero"),
        (lambda: Float(0, 1, step=math.inf), "Float has step = inf; it needs a finite number above zero"),
        (lambda: Float(0, 1, step=math.nan), "Float has step = nan; it needs a finite number above zero"),
        (lambda: Float(0, 1, step="a"), "Float has step = 'a'; it takes a number above zero"),  # type: ignore[arg-type]
        (lambda: Float(0, 1, step=True), "Float has step = true; it takes a number above zero"),
        (lambda: Float(0, 1, step=1.5), "step = 1.5, which leaves one value from low = 0 to high = 1; give a smaller"),
        (lambda: Float(1, 2, log=True, step=0.1), "Float has a log scale and step = 0.1; a log scale takes no step"),
        (
            lambda: Float(0, "0.1 * layers", step=0.1),
            r"Float has the bound '0.1 \* layers' and step = 0.1; bounds that are expressions take no step",
        ),
        (lambda: Float(0, 1, step=1e-13), "step = 1e-13, too fine beside 1; it needs a millionth of a millionth"),
        (lambda: Float(0, 1, step=0.25, default=0.3), "'default' is 0.3; it goes from 0 in steps of 0.25"),
        (lambda: Float(0, 0.6, step=0.25, prior=Normal(0.6, 1)), "mean = 0.6, outside of 0 to 0.5"),
        (lambda: DROPOUT.check(0.07, "x"), "'x' is 0.07; it goes from 0 in steps of 0.05"),
        (lambda: DROPOUT.check(0.55, "x"), "'x' is 0.55, outside of 0 to 0.5"),
        (lambda: DROPOUT.check(-0.01, "x"), "'x' is -0.01, outside of 0 to 0.5"),
        (lambda: DROPOUT.check(10**400, "x"), "outside of 0 to 0.5"),
        (lambda: DROPOUT.check(math.nan, "x"), "'x' is nan, outside of 0 to 0.5"),
        (lambda: DROPOUT.check("a", "x"), "'x' is 'a'; it takes a number from 0 to 0.5"),
        (
            lambda: domain_from_json("x", {"type": "float", "low": 0, "high": 1, "step": 2}),
            "hyperparameter 'x' has step = 2, which leaves one value",
        ),
        (
            lambda: Space({"x": DROPOUT, "y": Int(0, 1, when={"x": 0.07})}),
            "condition that never holds: 'x' is 0.07; it goes from 0 in steps of 0.05",
        ),
        (lambda: Space({"x": Float(0, 1), "y": Int(0, 1, when={"x": 0.5})}), "an Int, a Categorical, or a Float with"),
    ],
)
def test_impossible_steps_get_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_default_is_the_value_that_it_is_but_for_rounding() -> None:
    assert Float(0, 0.5, step=0.1, default=0.1 + 0.2).default == 0.3
    assert Space({"x": DROPOUT}).default_config() == {"x": 0.25}
    assert Space({"x": Float(0, 1, step=0.25, prior=Normal(0.6, 0.1))}).default_config() == {"x": 0.5}


def test_others_may_depend_on_a_value() -> None:
    space = Space({"x": DROPOUT, "y": Int(1, 3, when={"x": [0.1 + 0.2, 0.4]}), "z": Float(0, 1, step=0.5)})
    assert space["y"].when == {"x": (0.3, 0.4)}
    assert space.count() == (9 + 2 * 3) * 3
    assert space.active({"x": 0.3}) == ("x", "z", "y")
    assert Space.from_json(space.to_json()) == space
    points = space.sample_units(np.random.default_rng(0), 500)
    there = ~np.isnan(points[:, 1])
    assert {space.decode(point)["x"] for point in points[there]} == {0.3, 0.4}
    assert all("y" not in space.decode(point) for point in points[~there])


def test_expressions_and_rules_see_the_values() -> None:
    space = Space({"x": DROPOUT, "twice": Derived("2 * x"), "n": Float(0, "x + 0.1")}, forbid=["x == 0.3", "x > 0.4"])
    points = space.sample_units(np.random.default_rng(0), 300)
    configs = [space.decode(point) for point in points]
    assert {config["x"] for config in configs} == {*TWENTIETHS[:9]} - {0.3}
    assert all(config["twice"] == 2 * config["x"] for config in configs)  # type: ignore[operator]
    assert not space.allows(space.validate({"x": 0.1 + 0.2}, fill=True))
    whole = Space({"x": Float(0, 4, step=1), "y": Derived("2 * x")}).default_config()
    assert whole == {"x": 2.0, "y": 4.0}
    assert type(whole["y"]) is float


def test_a_prior_has_the_mass_of_each_cell() -> None:
    space = Space({"x": Float(0, 1, step=0.1, prior=Normal(0.3, 0.1))})
    units = np.array([[space["x"].to_unit(value)] for value in space["x"].grid(99)])
    mass = np.exp(space.log_prior(units)) / 11
    assert mass.sum() == pytest.approx(1)
    drawn = [space.sample(np.random.default_rng(seed))["x"] for seed in range(4000)]
    shares = [drawn.count(value) / 4000 for value in space["x"].grid(99)]
    assert shares == pytest.approx(mass, abs=0.03)
    ints = Space({"x": Int(0, 10, prior=Normal(3, 1))})
    assert space.log_prior(units) == pytest.approx(ints.log_prior(units))


@pytest.mark.parametrize(
    ("resolution", "values"), [(1, [0.25]), (3, [0.0, 0.25, 0.5]), (5, [0.0, 0.15, 0.25, 0.4, 0.5])]
)
def test_a_coarse_grid_goes_from_end_to_end(resolution: int, values: list[float]) -> None:
    found = list(DROPOUT.grid(resolution))
    assert found == pytest.approx(values, abs=0.05)
    assert set(found) <= set(TWENTIETHS)
    assert Space({"x": DROPOUT}).count_grid(resolution, 99) == len(found)


def test_without_a_step_nothing_is_rounded() -> None:
    assert Float(0, 1).check(0.1 + 0.2, "x") == 0.1 + 0.2
    assert Float(0, 1).cells is None
    assert "step" not in Float(0, 1).to_json()
    assert Float(0, 1) != Float(0, 1, step=0.5)
