"""All allowed combinations as columns: those of the plain walk through the grid, to the bit, and without its price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.errors import SpaceError
from holdfast.space import Categorical, Derived, Float, Int, Space
from holdfast.space.product import Product, configs
from holdfast.testing.spaces import RULED, SPACES

MANY: dict[str, Space] = {
    **{name: space for name, space in {**SPACES, **RULED}.items() if space.count_grid(3, 3000) is not None},
    "chained bounds": Space(
        {
            "a": Int(1, 5),
            "b": Float("a", 5),
            "c": Float("b", 6, log=True),
            "d": Derived("log(c - 1)"),
            "whole": Derived("a * 2"),
        },
        forbid=["whole > 8", "d > 1"],
    ),
    "bounds of one value": Space({"a": Int(1, 3), "x": Float(1, "a"), "y": Float("x / 2", 9, when={"a": [2, 3]})}),
    "a boundary within": Space({"x": Float(1e-4, 1, log=True), "y": Float(0, 1, step=0.1)}, forbid=["x > 0.01"]),
    "all kinds of choices": Space(
        {
            "t": Categorical(["a", 1, None, True]),
            "of": Categorical(["p", "q"], when={"t": ["a", True]}),
            "n": Int(1, 4, when={"t": "a", "of": "p"}),
            "copy": Derived("t"),
        },
        forbid=["t == 'a' and n > 3", "copy == 1 and of == 'p'"],
    ),
    "vast": Space({"n": Int(-(10**30), 10**30), "x": Float(-1e300, 1e300)}, forbid=["n > 0 and x > 0"]),
    "a function": Space(
        {"a": Int(1, 9), "x": Float(0, "a", when={"a": [3, 4, 5]}), "twice": Derived("2 * a")},
        forbid=[lambda config: config["a"] == 5 or config.get("x", 0) > 2, lambda config: config["twice"] == 14],
    ),
}


@pytest.mark.parametrize("resolution", [1, 2, 3, 9])
@pytest.mark.parametrize("name", MANY)
def test_rows_are_the_configurations_of_the_grid(name: str, resolution: int) -> None:
    space = MANY[name]
    if space.count_grid(resolution, 3000) is None:
        pytest.skip("larger than the plain walk should go")
    product, plain = Product(space, resolution), list(space.grid(resolution))
    assert [list(product.config(row).items()) for row in range(len(product))] == [list(c.items()) for c in plain]
    assert [list(config.items()) for config in configs(product)] == [list(config.items()) for config in plain]
    for i, each in enumerate(space.names):
        units = np.append(product.units[each], np.nan)[product.cells[each]]
        assert np.array_equal(units, [space.encode(config)[i] for config in plain], equal_nan=True)


class NotTogether:
    """A predicate that says what it reads, and counts how often it is asked."""

    reads, notices = ("a",), ("x",)

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, config: Any) -> bool:
        self.asked += 1
        return bool(config["a"] == 2 and "x" in config)


def test_a_predicate_that_says_what_it_reads_is_asked_once_for_all_that_agree() -> None:
    rule = NotTogether()
    space = Space({"a": Int(1, 4), "b": Int(1, 9), "c": Int(1, 9), "x": Float(0, 1, when={"b": [1, 2]})}, forbid=[rule])
    rule.asked = 0
    product = Product(space, 9)
    assert rule.asked == 8
    assert len(product) == sum(1 for _ in space.grid(9))


def test_forbidden_combinations_are_not_combined_further() -> None:
    wide = {f"x{i}": Float(0, 1) for i in range(4)}
    space = Space({"a": Int(1, 100), "b": Int(1, 100), **wide}, forbid=["a != b"])
    assert len(Product(space, 6)) == 6 * 6**4


def test_a_predicate_that_a_log_lacks_is_asked_for() -> None:
    known = Space({"a": Int(1, 3)}, forbid=[NotTogether()])
    with pytest.raises(SpaceError, match="which a log cannot hold"):
        Product(Space.from_json(known.to_json()), 3)


def test_a_space_with_rules_is_counted_without_making_its_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space({"a": Int(1, 200), "b": Int(1, 200)}, forbid=["a < b"])
    made: list[int] = []
    completed = space._completed

    def counted(config: Any) -> Any:
        made.append(1)
        return completed(config)

    monkeypatch.setattr(space, "_completed", counted)
    assert space.count() == 200 * 201 // 2
    assert not made
