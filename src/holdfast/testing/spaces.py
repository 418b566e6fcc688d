"""The spaces and results that the conformance suite of strategies runs on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.space import Categorical, Derived, Float, Int, Normal, Space

SPACES: dict[str, Space] = {
    "flat": Space({"x": Float(-1, 1), "y": Float(1e-6, 1, log=True), "z": Float(0, 1e9)}),
    "mixed": Space(
        {
            "rate": Float(1e-5, 1, log=True),
            "layers": Int(1, 6),
            "units": Int(8, 1024, log=True),
            "kind": Categorical(["a", "b", "c"]),
            "size": Categorical([16, 32, 64], ordered=True),
            "constant": Categorical([None]),
        }
    ),
    "conditional": Space(
        {
            "kind": Categorical(["sgd", "adam"]),
            "momentum": Float(0, 0.99, when={"kind": "sgd"}),
            "nesterov": Categorical([True, False], when={"kind": "sgd"}),
            "decay": Float(1e-3, 1, log=True, when={"kind": "sgd", "nesterov": True}),
            "depth": Int(1, 3),
            "width": Int(1, 9, when={"depth": [2, 3]}),
        }
    ),
    "steps": Space(
        {
            "share": Float(0.1, 0.9, step=0.1),
            "fine": Float(-1, 1, step=0.01),
            "rate": Float(1e-4, 1, log=True),
            "extra": Float(0, 0.5, step=0.05, when={"share": [0.1, 0.3]}),
        }
    ),
    "categorical": Space({f"c{i}": Categorical(list("abcde")) for i in range(5)}),
    "one-dimensional": Space({"x": Float(0, 1)}),
    "finite": Space({"a": Categorical(["u", "v", "w"]), "b": Int(1, 2, when={"a": ["u", "v"]})}),
    "finite steps": Space({"x": Float(0, 0.3, step=0.1), "y": Float(1, 2.5, step=0.5, when={"x": 0.3})}),
    "constant": Space({"a": Categorical(["only"])}),
}
"""Spaces by name. "finite" has five configurations, "finite steps" seven, "constant" one."""

RULED: dict[str, Space] = {
    "priors": Space(
        {
            "rate": Float(1e-5, 1, log=True, prior=Normal(1e-3, 0.5)),
            "layers": Int(1, 9, prior=Normal(3, 1.5)),
            "kind": Categorical(["a", "b", "c"], weights=[8, 1, 1]),
        }
    ),
    "coupled": Space(
        {
            "batch": Int(16, 256, log=True),
            "rate": Float("1e-4 * batch / 16", "1e-1 * batch / 16", log=True),
            "depth": Int(1, 4),
            "dropout": Float(0, "0.2 * depth", when={"depth": [2, 3, 4]}),
            "steps": Derived("1024 / batch"),
        }
    ),
    "forbidden": Space(
        {
            "kind": Categorical(["sgd", "adam"]),
            "rate": Float(1e-4, 1, log=True),
            "momentum": Float(0, 0.99, when={"kind": "sgd"}),
            "layers": Int(1, 6),
        },
        forbid=["kind == 'adam' and rate > 0.01", "layers > 3 and rate > 0.1", "momentum > 0.9 and layers == 1"],
    ),
    "finite and forbidden": Space(
        {"a": Categorical(["u", "v", "w"]), "b": Int(1, 4)}, forbid=["a == 'u' and b > 1", "a == 'w' and b == 2"]
    ),
}
"""Spaces with more than bounds and conditions. "finite and forbidden" allows eight configurations."""

VAST: dict[str, Space] = {
    "200 hyperparameters": Space(
        {f"x{i}": Float(0, 1) for i in range(120)}
        | {f"n{i}": Int(1, 9) for i in range(40)}
        | {f"c{i}": Categorical(["a", "b", "c"]) for i in range(40)}
    ),
    "10,000 choices": Space({"id": Categorical([f"item {i}" for i in range(10_000)]), "x": Float(0, 1)}),
    "1e300": Space({"x": Float(-1e300, 1e300), "y": Float(1e-300, 1e300, log=True), "n": Int(1, 10**15)}),
}
"""Spaces of sizes that a person seldom means, and that must work all the same."""

AMENDED: tuple[tuple[str, Space], ...] = (
    ("narrowed", Space({**SPACES["mixed"].domains, "rate": Float(1e-3, 1e-1, log=True), "layers": Int(2, 4)})),
    ("widened", Space({**SPACES["mixed"].domains, "rate": Float(1e-9, 10, log=True)})),
    ("with one more", Space({**SPACES["mixed"].domains, "dropout": Float(0, 0.5, default=0.1)})),
    ("with one fixed", Space({**SPACES["mixed"].domains, "kind": Categorical(["b"])})),
)
"""What the mixed space may become."""

PARENTS_FIXED: tuple[tuple[str, Space], ...] = (
    ("without the children of a parent that is fixed", SPACES["conditional"].with_changes({"kind": "adam"})),
    ("with a parent of parents fixed", SPACES["conditional"].with_changes({"nesterov": False, "depth": Int(2, 3)})),
)
"""What the conditional space may become."""

INFINITE = ("flat", "mixed", "conditional", "steps", "one-dimensional")
FINITE_SIZES = {"finite": 5, "finite steps": 7, "constant": 1}

EXTREMES: dict[str, Sequence[float]] = {
    "all failed": [math.nan] * 8,
    "one failed": [math.nan],
    "all equal": [0.5] * 8,
    "equal but one": [0.5] * 7 + [0.4],
    "infinite": [1.0, math.inf, -math.inf, 2.0, 0.5, 1.5, math.inf, 3.0],
    "huge": [1e300, -1e300, 1.7e308, -1.7e308, 0.0, 1.0, 2.0, 1e300],
    "tiny": [1e-300, 5e-324, 0.0, 2e-300, -1e-300, 0.0, 3e-300, 1e-310],
    "failed late": [0.1, 0.4, 0.3, 0.2, math.nan, math.nan, math.nan, math.nan],
    "failed early": [math.nan, math.nan, math.nan, math.nan, 0.1, 0.4, 0.3, 0.2],
}
"""Results that strategies meet; a value that is not finite is told as a failure."""
