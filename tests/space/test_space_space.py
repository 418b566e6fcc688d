"""Spaces: values, conditions, and their place in the unit cube."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.errors import SpaceError
from holdfast.space import Categorical, Float, Int, Space, domain_from_json

NESTED = Space(
    {
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "learning_rate": Float(1e-5, 1e-1, log=True, default=1e-3),
        "nesterov": Categorical([False, True], when={"optimizer": ["sgd"], "layers": [2, 3]}),
        "layers": Int(1, 6),
        "optimizer": Categorical(["adamw", "sgd"]),
        "width": Int(4, 512, log=True),
        "even": Int(2, 11, step=2, when={"nesterov": True}),
    }
)

bounds = st.floats(-1e300, 1e300)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    domains: dict[str, Any] = {}
    for i in range(draw(st.integers(1, 6))):
        parents = [n for n, d in domains.items() if d.cells is not None]
        when: dict[str, Any] = {}
        for parent in draw(st.lists(st.sampled_from(parents), max_size=2, unique=True)) if parents else ():
            values = list(domains[parent].grid(3))
            when[parent] = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique_by=repr))
        match draw(st.sampled_from(["float", "log", "steps", "int", "logint", "cat"])):
            case "float":
                low = draw(st.floats(-1e6, 1e6))
                domains[f"x{i}"] = Float(low, low + draw(st.floats(1e-3, 1e6)), when=when)
            case "log":
                low = draw(st.floats(1e-12, 1e3))
                domains[f"x{i}"] = Float(low, low * draw(st.floats(1.5, 1e6)), log=True, when=when)
            case "steps":
                low, step_float = draw(st.integers(-1000, 1000)) / 10, draw(st.integers(1, 300)) / 100
                high = low + step_float * draw(st.integers(1, 300))
                domains[f"x{i}"] = Float(low, high + 1e-9, step=step_float, when=when)
            case "int":
                low_int = draw(st.integers(-1000, 1000))
                step = draw(st.integers(1, 7))
                domains[f"x{i}"] = Int(low_int, low_int + draw(st.integers(step, 2000)), step=step, when=when)
            case "logint":
                low_int = draw(st.integers(1, 50))
                domains[f"x{i}"] = Int(low_int, low_int + draw(st.integers(1, 5000)), log=True, when=when)
            case _:
                choices = draw(st.lists(st.sampled_from(["a", "b", 1, 2.5, True, None]), min_size=1, unique_by=repr))
                domains[f"x{i}"] = Categorical(choices, when=when)
    return Space(domains)


@given(spaces(), st.integers(0, 2**32 - 1))
def test_a_sample_survives_encoding_and_json(space: Space, seed: int) -> None:
    config = space.sample(np.random.default_rng(seed))
    assert space.validate(config) == config
    again = space.decode(space.encode(config))
    assert again.keys() == config.keys()
    for name, value in config.items():
        assert again[name] == (pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value)
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


@given(spaces(), st.integers(0, 2**32 - 1))
def test_snap_agrees_with_decoding_and_encoding_one_by_one(space: Space, seed: int) -> None:
    units = np.random.default_rng(seed).random((20, len(space)))
    one_by_one = np.array([space.encode(space.decode(u)) for u in units])
    np.testing.assert_allclose(space.snap(units), one_by_one, atol=1e-6)


@given(spaces(), st.integers(0, 2**32 - 1))
def test_what_is_active_is_the_same_everywhere(space: Space, seed: int) -> None:
    points = space.sample_units(np.random.default_rng(seed), 10)
    assert space.allowed(points).all()
    assert np.array_equal(space.log_prior(points), np.zeros(10))
    for point in points:
        config = space.decode(point)
        active = set(space.active(config))
        assert set(config) == active == {name for name, u in zip(space.names, point, strict=True) if not np.isnan(u)}
        for name, domain in space.domains.items():
            met = all(parent in active and repr(config[parent]) in map(repr, v) for parent, v in domain.when.items())
            assert (name in active) == met


@given(spaces(), st.integers(1, 3), st.integers(0, 300))
def test_a_grid_is_counted_without_laying_it_out(space: Space, resolution: int, most: int) -> None:
    size = sum(1 for _ in itertools.islice(space.grid(resolution), most + 1))
    assert space.count_grid(resolution, most) == (size if size <= most else None)


@given(spaces())
def test_count_is_the_length_of_the_full_grid(space: Space) -> None:
    count = space.count()
    if any(d.cells is None and not d.when for d in space.domains.values()):
        assert count is None
    elif count is not None and count < 3000:
        grid = list(space.grid(10**6))
        assert len(grid) == count
        assert len({space.key(c) for c in grid}) == count


def test_nested_conditions() -> None:
    assert NESTED.default_config() == {"learning_rate": 1e-3, "layers": 4, "optimizer": "adamw", "width": 42}
    config: dict[str, Any] = {
        "optimizer": "sgd",
        "layers": 2,
        "nesterov": True,
        "even": 4,
        "momentum": 0.5,
        "learning_rate": 0.1,
        "width": 8,
    }
    assert list(NESTED.validate(config)) == list(NESTED.names)
    assert not np.isnan(NESTED.encode(config)).any()
    assert np.isnan(NESTED.encode(NESTED.default_config())).sum() == 3


def test_int_high_is_the_last_step() -> None:
    even = NESTED["even"]
    assert isinstance(even, Int)
    assert even.high == 10
    assert list(even.grid(99)) == [2, 4, 6, 8, 10]


def test_log_int_gives_each_magnitude_its_share() -> None:
    values = [NESTED["width"].from_unit(u) for u in np.linspace(0, 1, 10001)]
    assert min(values) == 4  # type: ignore[type-var]
    assert max(values) == 512  # type: ignore[type-var]
    assert sum(v <= 42 for v in values) == pytest.approx(5000, abs=150)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 1), "low must be under high"),
        (lambda: Float(0, 1, log=True), "log scale needs low above zero"),
        (lambda: Float(0, float("inf")), "must be finite"),
        (lambda: Float(0, [1]), "must be numbers"),  # type: ignore[arg-type]
        (lambda: Float(0, "1"), "names no hyperparameter"),
        (lambda: Float(0, 1, default=2.0), "outside of 0 to 1"),
        (lambda: Int(0, 1.5), "must be whole numbers"),  # type: ignore[arg-type]
        (lambda: Int(1, 8, log=True, step=2), "takes no step"),
        (lambda: Int(1, 8, step=0), "at least 1"),
        (lambda: Int(1, 9, step=3, default=3), "in steps of 3"),
        (lambda: Categorical([]), "at least one value"),
        (lambda: Categorical("abc"), "at least one value"),
        (lambda: Categorical(["a", "a"]), "twice"),
        (lambda: Categorical([[1]]), "it takes texts, finite numbers up to 1.8e308, and true or false"),  # type: ignore[list-item]
        (lambda: Space({"x": Float(0, 1), "n": 10**400}, forbid=["x > 0.5"]), "has the choice 1e400; it takes texts"),
        (lambda: Categorical(["a", "b"], default="c"), "takes one of 'a', 'b'"),
        (lambda: Space({}), "the space is empty"),
        (lambda: Space({"x": [3]}), "must be a Float"),  # type: ignore[dict-item]
        (lambda: Space({"x": Float(0, 1, when={"y": 1})}), "depends on 'y', which is not in the space"),
        (lambda: Space({"x": Float(0, 1), "y": Float(0, 1, when={"x": 0.5})}), "a Float; it needs an Int"),
        (lambda: Space({"x": Int(0, 1), "y": Float(0, 1, when={"x": 7})}), "condition that never holds"),
        (lambda: Int(1, "a"), "whole numbers, and only a Float takes an expression"),  # type: ignore[arg-type]
        (lambda: Int(1, 10, step=20), "step = 20, which leaves one value from low = 1 to high = 10"),
        (
            lambda: Space({"x": Int(0, 1), "y": Float(0, 1, when={"x": [1, 7]})}),
            "condition on an impossible value: 'x'",
        ),
        (lambda: Space({"x": Int(0, 1, when={"y": 1}), "y": Int(0, 1, when={"x": 1})}), "in a circle"),
        (lambda: NESTED.validate({"learning_rat": 1e-3}), "did you mean 'learning_rate'"),
        (lambda: NESTED.validate({"learning_rate": 1e-3}), "lacks 'layers'"),
        (lambda: NESTED.validate({"momentum": 0.5, "optimizer": "adamw"}, fill=True), "active only when optimizer is"),
        (lambda: NESTED.validate({"optimizer": "sdg"}, fill=True), "did you mean 'sgd'"),
        (lambda: NESTED.validate({"layers": True}, fill=True), "whole number"),
        (lambda: domain_from_json("x", {"type": "flot"}), "did you mean 'float'"),
        (lambda: domain_from_json("x", {"type": "float", "low": 0, "hihg": 1}), "unknown key 'hihg'"),
        (lambda: domain_from_json("x", {"type": "float", "low": 0}), "lacks 'high'"),
        (lambda: domain_from_json("x", 3), "needs a table with a type"),
    ],
)
def test_impossible_requests_get_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@given(bounds, bounds)
@example(-5e-324, 0.0)
@example(-1.7e308, 1.7e308)
def test_any_finite_bounds_either_fit_or_are_refused(low: float, high: float) -> None:
    try:
        domain = Float(low, high)
    except SpaceError:
        return
    assert domain.from_unit(0.0) == domain.low
    assert domain.from_unit(1.0) == domain.high
    assert 0.0 <= domain.to_unit(domain.from_unit(0.3)) <= 1.0


def test_true_and_one_are_different_choices() -> None:
    domain = Categorical([True, 1, "1", None])
    assert [domain.position(v) for v in (True, 1, "1", None)] == [0, 1, 2, 3]


def test_bounds_may_be_narrow_numpy_numbers() -> None:
    narrow: Any = np.float32(0), np.float16(1)
    assert Float(*narrow) == Float(0, 1)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ("adam", "it takes one of 'sgd', 'adamw' (did you mean 'adamw'?)"),
        ("lbfgs", "it takes one of 'sgd', 'adamw'; leave 'beta' out if it is not to be searched"),
        (["lbfgs", "adam"], "it takes one of 'sgd', 'adamw'; leave 'beta' out if it is not to be searched"),
        (
            ["lbfgs", "adamw"],
            "has a condition on an impossible value: 'optimizer' is 'lbfgs'; it takes one of 'sgd', 'adamw'",
        ),
        (3, "it takes one of 'sgd', 'adamw'; leave 'beta' out if it is not to be searched"),
    ],
)
def test_a_condition_on_a_slip_says_what_may_be_meant_and_any_other_what_to_leave_out(values: Any, ends: str) -> None:
    with pytest.raises(SpaceError) as refused:
        Space({"optimizer": Categorical(["sgd", "adamw"]), "beta": Float(0, 1, when={"optimizer": values})})
    assert str(refused.value).endswith(ends)
