"""What a space says beyond its hyperparameters: values that are computed, and combinations that are forbidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest, shown
from holdfast.space.domains import Scalar
from holdfast.space.expression import Expression, parse

Predicate = Callable[[Mapping[str, Scalar]], bool]
"""Says of a configuration whether it is forbidden."""

_DERIVED_KEYS = ("expression", "type")


@dataclass(frozen=True)
class Derived:
    """A value in the configuration that is computed from others, such as ``Derived("hidden * 2")``; never searched.

    It is there where all hyperparameters that it names are active. From whole numbers, ``+ - * // %`` make whole ones.

    Raises:
        SpaceError: if the text is no expression.
    """

    expression: str

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise SpaceError(f"Derived has {shown(self.expression)}; it takes a text such as 'hidden * 2'")
        parse(self.expression)

    def to_json(self) -> dict[str, str]:
        """A dict of JSON values for `from_json`."""
        return {"type": "derived", "expression": self.expression}

    @staticmethod
    def from_json(name: str, data: Mapping[str, Any]) -> Derived:
        """The value that `to_json`, or a plan, describes.

        Raises:
            SpaceError: in one sentence that begins with the value's name.
        """
        for key in data:
            if key not in _DERIVED_KEYS:
                hint = nearest(str(key), _DERIVED_KEYS) or "; it takes expression"
                raise SpaceError(f"hyperparameter '{name}' of type derived has the unknown key '{key}'{hint}")
        if "expression" not in data:
            raise SpaceError(f"hyperparameter '{name}' of type derived lacks 'expression'")
        try:
            return Derived(data["expression"])
        except SpaceError as exc:
            raise SpaceError(f"hyperparameter '{name}': {exc}") from None


class _AbsentError(KeyError):
    """A configuration was asked for a name that it does not have."""


class _Present(dict[str, Scalar]):
    """A configuration that says which name it does not have."""

    def __missing__(self, name: str) -> Scalar:
        raise _AbsentError(name)


@dataclass(frozen=True)
class Forbidden:
    """One rule: an expression, or a predicate by its name. A log holds no code: a predicate read from one lacks it.

    ``made_of`` are the JSON values that a predicate can be made of again, by whoever knows how.
    """

    name: str
    expression: Expression | None = None
    predicate: Predicate | None = None
    made_of: Mapping[str, Any] | None = None

    def to_json(self) -> str | dict[str, Any]:
        """The expression's text; or the predicate's name, and what it is made of where that is known."""
        if self.expression is not None:
            return self.name
        made_of = {} if self.made_of is None else {"made_of": dict(self.made_of)}
        return {"predicate": self.name, **made_of}

    def forbids(self, config: Mapping[str, Scalar]) -> bool:
        """What the predicate says of a configuration.

        Raises:
            SpaceError: if there is none: the space was read from a log; or if it looks for what is not there.
        """
        if self.predicate is None:
            raise SpaceError(
                f"the space forbids combinations by the predicate '{self.name}', which a log cannot hold; give it "
                f"again as load_study(..., forbid=[{self.name}])"
            )
        try:
            return bool(self.predicate(_Present(config)))
        except _AbsentError as exc:
            name, here = exc.args[0], ", ".join(f"{other} = {shown(value)}" for other, value in config.items())
            raise SpaceError(
                f"the predicate '{self.name}' in forbid looks for '{name}', which the configuration {here} does not "
                f"have; an inactive hyperparameter is not there, so take config.get({name!r})"
            ) from exc

    def matches(self, values: Mapping[str, np.ndarray], active: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of which rows the expression holds: (n,) bool. One that names an inactive hyperparameter does not hold."""
        assert self.expression is not None
        there = np.logical_and.reduce([active[name] for name in self.expression.names])
        result = self.expression.evaluate(values)
        known = ~np.isnan(result) if result.dtype.kind == "f" else np.ones(len(result), dtype=bool)
        holds: np.ndarray = there & known & result.astype(bool)
        return holds


def forbidden(rules: Any) -> tuple[Forbidden, ...]:
    """Rules from texts and predicates, or as `Forbidden.to_json` wrote them.

    Raises:
        SpaceError: for anything else.
    """
    if isinstance(rules, str) or callable(rules) or not isinstance(rules, Sequence):
        raise SpaceError(f"forbid = {shown(rules)}; it takes a list of expressions such as \"optimizer == 'sgd'\"")
    return tuple(_rule(item) for item in rules)


def _rule(item: Any) -> Forbidden:
    if isinstance(item, Forbidden):
        return item
    if isinstance(item, str):
        return Forbidden(item, parse(item))
    if isinstance(item, Mapping) and "predicate" in item and set(item) <= {"predicate", "made_of"}:
        return Forbidden(str(item["predicate"]), made_of=item.get("made_of"))
    if callable(item):
        name = getattr(item, "name", None) or getattr(item, "__qualname__", type(item).__name__)
        return Forbidden(str(name), None, item, getattr(item, "made_of", None))
    raise SpaceError(f"forbid holds {shown(item)}; it takes expressions as texts, and functions of a configuration")
