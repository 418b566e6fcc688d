"""The domain of one hyperparameter: which values it may take, and where they lie in the unit interval.

Discrete domains cut the unit interval into cells, one a value; a value's position lies in its cell. The cells of an Int
on a logarithmic scale have their shares of that scale, all others are equal.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest, shown
from holdfast.space.expression import parse
from holdfast.space.priors import Normal
from holdfast.space.steps import Steps, checked_steps

LARGEST = sys.float_info.max
"""The largest bound."""

LEAST_POSITIVE = sys.float_info.min

Scalar = str | int | float | bool | None
NUMBER = (int, float)
When = Mapping[str, Any]
"""Conditions: the hyperparameter is active only while each parent has (one of) the given value(s)."""


@dataclass(frozen=True, init=False)
class Float:
    """A real number in [low, high], uniform on a linear or logarithmic scale unless it has a ``prior``.

    With a ``step`` it is one of low, low + step, ... up to high, which is moved down to the last of them. They are free
    of rounding, as ``0.3`` and not ``0.1 + 0.2``, and each has a cell of the unit interval; ``steps`` holds them.

    A bound may be an expression of other hyperparameters, such as ``Float("1e-4 * batch_size / 32", 0.1, log=True)``:
    the domain is *coupled* then, ``bounds`` holds what was written, and within a space ``low`` and ``high`` are the
    widest bounds that any configuration has. Its place in the unit interval is relative to its own configuration's.

    Raises:
        SpaceError: if ``low >= high``, a bound is not finite, a log scale touches zero, or a step leaves one value, is
            too small, or stands beside a log scale or an expression.
    """

    low: float
    high: float
    log: bool
    default: float | None
    when: When
    prior: Normal | None
    bounds: tuple[float | str, float | str] | None
    step: float | None
    steps: Steps | None = field(repr=False, compare=False)

    def __init__(
        self,
        low: float | str,
        high: float | str,
        log: bool = False,
        default: float | None = None,
        when: When | None = None,
        *,
        step: float | None = None,
        prior: Normal | None = None,
    ) -> None:
        bounds = None
        if isinstance(low, str) or isinstance(high, str):
            bounds = tuple(parse(bound).text if isinstance(bound, str) else bound for bound in (low, high))
            low = (LEAST_POSITIVE if log is True else -LARGEST) if isinstance(low, str) else low
            high = LARGEST if isinstance(high, str) else high
        _check_bounds("Float", low, high, log=log)
        low, high, steps = float(low), float(high), None
        if step is not None:
            steps = checked_steps(low, high, step, bounds, log=log)
            low, high, step = steps.at(0), steps.last, float(step)
        _check_prior("Float", prior, low, high)
        for key, value in (("low", low), ("high", high), ("log", bool(log)), ("default", default), ("step", step)):
            object.__setattr__(self, key, value)
        for key, other in (("when", _conditions(when)), ("prior", prior), ("bounds", bounds), ("steps", steps)):
            object.__setattr__(self, key, other)
        if self.default is not None:
            object.__setattr__(self, "default", self.check(self.default, "default"))

    def within(self, low: float, high: float, *, bounds: bool = False) -> Float:
        """The same between these bounds; with ``bounds`` still coupled. Default and mean are moved inside.

        ``low`` may equal ``high``: the one value lies in the middle of the unit interval then.
        """
        own = object.__new__(Float)
        moved = None if self.default is None else min(max(self.default, low), high)
        prior = None if self.prior is None else Normal(min(max(self.prior.mean, low), high), self.prior.sd)
        fields = {"low": low, "high": high, "log": self.log, "default": moved, "when": self.when, "prior": prior}
        if bounds:
            fields.update(default=self.default, prior=self.prior)
        fields.update(step=None, steps=None)  # a coupled one has no step
        for key, value in {**fields, "bounds": self.bounds if bounds else None}.items():
            object.__setattr__(own, key, value)
        return own

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The bounds on the domain's scale."""
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    @property
    def cells(self) -> int | None:
        """The number of values; None where there is no step, since there are infinitely many."""
        return None if self.steps is None else self.steps.count

    def check(self, value: Scalar, name: str) -> float:
        """``value`` as a float, or `SpaceError`."""
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise SpaceError(f"'{name}' is {shown(value)}; it takes a number from {self.low:g} to {self.high:g}")
        exact = None if self.steps is None else self.steps.value_of(value)
        if exact is not None:
            return exact
        if not self.low <= value <= self.high:
            raise SpaceError(f"'{name}' is {shown(value)}, outside of {self.low:g} to {self.high:g}")
        if self.step is not None:
            raise SpaceError(f"'{name}' is {shown(value)}; it goes from {self.low:.12g} in steps of {self.step:.12g}")
        return float(value)

    def position(self, value: Scalar) -> int:
        """Which of the values of a Float with a step is nearest, counted from 0."""
        assert self.steps is not None
        assert isinstance(value, NUMBER)
        return self.steps.nearest(value)

    def to_unit(self, value: Scalar) -> float:
        """Where ``value`` lies in [0, 1]; with a step, the middle of the cell of the value that is nearest."""
        assert isinstance(value, NUMBER)
        if self.steps is not None:
            return (self.steps.nearest(value) + 0.5) / self.steps.count
        low, high = self._ends
        if low == high:
            return 0.5
        if self.log:
            return (math.log(value) - low) / (high - low)
        width = high - low
        if width == math.inf:
            return (value / 2 - low / 2) / (high / 2 - low / 2)
        return (value - low) / width

    def from_unit(self, unit: float) -> float:
        """The value at ``unit`` in [0, 1], or whose cell holds it."""
        if self.steps is not None:
            return self.steps.at(min(int(unit * self.steps.count), self.steps.count - 1))
        low, high = self._ends
        value = low * (1 - unit) + high * unit
        if self.log:
            value = math.exp(value)
        return min(max(value, self.low), self.high)

    def grid(self, resolution: int) -> Iterator[float]:
        """``resolution`` values from end to end, evenly spaced on the domain's scale; with steps, each once."""
        if self.steps is not None:
            if self.steps.count <= resolution:
                return iter(self.steps)
            units = np.linspace(self.to_unit(self.low), self.to_unit(self.high), resolution)
            return iter(dict.fromkeys(self.from_unit(float(u)) for u in (units if resolution > 1 else [0.5])))
        points = np.linspace(0.0, 1.0, resolution) if resolution > 1 and self.low < self.high else [0.5]
        return (self.from_unit(float(u)) for u in points)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values for `domain_from_json`."""
        low, high = self.bounds or (self.low, self.high)
        data = {"type": "float", "low": low, "high": high}
        if self.step is not None:
            data["step"] = self.step
        return _with_options(data, self)


@dataclass(frozen=True)
class Int:
    """A whole number low, low + step, ... up to high; ``log`` spreads the values evenly over magnitudes.

    Raises:
        SpaceError: if ``low >= high``, a bound is no integer, a step leaves one value, or a log scale starts under 1
            or has a step.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    default: int | None = None
    when: When = field(default_factory=dict)
    prior: Normal | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        given: dict[str, Any] = {"low": self.low, "high": self.high, "step": self.step}
        for key, bound in given.items():
            if isinstance(bound, bool) or not isinstance(bound, int | np.integer):
                hint = ", and only a Float takes an expression" if isinstance(bound, str) else ""
                raise SpaceError(f"Int has {key} = {shown(bound)}; low, high and step must be whole numbers{hint}")
            object.__setattr__(self, key, int(bound))
        _check_bounds("Int", self.low, self.high, log=self.log)
        if self.step < 1:
            raise SpaceError(f"Int has step = {self.step}; it needs at least 1")
        if self.step > self.high - self.low:
            raise SpaceError(
                f"Int has step = {self.step}, which leaves one value from low = {self.low} to high = {self.high}; give "
                "a smaller step, or a plain value for a constant"
            )
        if self.log and self.step != 1:
            raise SpaceError(f"Int has a log scale and step = {self.step}; a log scale takes no step")
        object.__setattr__(self, "high", self.low + (self.high - self.low) // self.step * self.step)
        _check_prior("Int", self.prior, self.low, self.high)
        object.__setattr__(self, "when", _conditions(self.when))
        if self.default is not None:
            object.__setattr__(self, "default", self.check(self.default, "default"))

    @cached_property
    def cells(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1

    @cached_property
    def log_ends(self) -> tuple[float, float]:
        """The ends of the first and the last cell, on a logarithmic scale."""
        return math.log(self.low - 0.5), math.log(self.high + 0.5)

    def check(self, value: Scalar, name: str) -> int:
        """``value`` as an int, or `SpaceError`."""
        whole = isinstance(value, int | np.integer) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole:
            raise SpaceError(f"'{name}' is {shown(value)}; it takes a whole number from {self.low} to {self.high}")
        number = int(value)  # type: ignore[arg-type]
        if not self.low <= number <= self.high:
            raise SpaceError(f"'{name}' is {number}, outside of {self.low} to {self.high}")
        if (number - self.low) % self.step:
            raise SpaceError(f"'{name}' is {number}; it goes from {self.low} in steps of {self.step}")
        return number

    def position(self, value: Scalar) -> int:
        """Which of the values is nearest, counted from 0."""
        assert isinstance(value, NUMBER)
        cell = (2 * (value - self.low) + self.step) // (2 * self.step)
        return min(max(int(cell), 0), self.cells - 1)

    def to_unit(self, value: Scalar) -> float:
        """The middle of the cell of ``value`` in [0, 1]."""
        assert isinstance(value, NUMBER)
        if self.log:
            low, high = self.log_ends
            return (math.log(value) - low) / (high - low)
        return ((int(value) - self.low) // self.step + 0.5) / self.cells

    def from_unit(self, unit: float) -> int:
        """The value of the cell that holds ``unit``."""
        if self.log:
            low, high = self.log_ends
            return min(max(round(math.exp(low * (1 - unit) + high * unit)), self.low), self.high)
        return self.low + min(int(unit * self.cells), self.cells - 1) * self.step

    def grid(self, resolution: int) -> Iterator[int]:
        """Every value if there are at most ``resolution``, else so many spread from end to end."""
        if self.cells <= resolution:
            return iter(range(self.low, self.high + 1, self.step))
        ends = (self.to_unit(self.low), self.to_unit(self.high))
        units = np.linspace(*ends, resolution) if resolution > 1 else [0.5]
        return iter(dict.fromkeys(self.from_unit(float(u)) for u in units))

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values for `domain_from_json`."""
        data = {"type": "int", "low": self.low, "high": self.high}
        if self.step != 1:
            data["step"] = self.step
        return _with_options(data, self)


@dataclass(frozen=True)
class Categorical:
    """One of a few values (strings, numbers, booleans, None), ``ordered`` or not.

    ``weights``, one a choice, say how likely each is thought to be good; only their ratios count. One choice alone is a
    constant; within a space a plain value is short for it.

    Raises:
        SpaceError: if there are no choices, a choice is no JSON scalar, one stands twice, or weights do not fit.
    """

    choices: Sequence[Scalar]
    ordered: bool = False
    default: Scalar = None
    when: When = field(default_factory=dict)
    weights: Sequence[float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.choices, str) or not isinstance(self.choices, Sequence) or len(self.choices) == 0:
            raise SpaceError(f"Categorical has choices = {shown(self.choices)}; it needs a list of at least one value")
        _check_flag("Categorical", "ordered", self.ordered)
        object.__setattr__(self, "choices", tuple(_plain(choice) for choice in self.choices))
        for choice in self.choices:
            if not (choice is None or isinstance(choice, str | bool | int | float)) or (
                isinstance(choice, int | float) and not abs(choice) <= LARGEST
            ):
                raise SpaceError(
                    f"Categorical has the choice {shown(choice)}; it takes texts, finite numbers up to 1.8e308, and "
                    "true or false"
                )
        positions = {_identity(c): i for i, c in enumerate(self.choices)}
        if len(positions) < len(self.choices):
            raise SpaceError(f"Categorical has a choice twice in {shown(list(self.choices))}; name each one once")
        object.__setattr__(self, "_positions", positions)
        if self.weights is not None:
            object.__setattr__(self, "weights", _checked_weights(self.weights, len(self.choices)))
        object.__setattr__(self, "when", _conditions(self.when))
        if self.default is not None:
            self.check(self.default, "default")

    @property
    def cells(self) -> int:
        """The number of choices."""
        return len(self.choices)

    def position(self, value: Scalar) -> int | None:
        """The index of ``value`` among the choices, or None."""
        positions: dict[tuple[type, Scalar], int] = self._positions  # type: ignore[attr-defined]
        try:
            return positions.get(_identity(value))
        except TypeError:  # what cannot be looked up is none of them
            return None

    def check(self, value: Scalar, name: str) -> Scalar:
        """``value`` if it is a choice, or `SpaceError`."""
        index = self.position(value)
        if index is None:
            some = ", ".join(repr(c) for c in self.choices[:10]) + (", ..." if len(self.choices) > 10 else "")
            raise SpaceError(f"'{name}' is {shown(value)}; it takes one of {some}{self.meant_by(value)}")
        return self.choices[index]

    def meant_by(self, value: Scalar) -> str:
        """Which choice may be meant by a value that is none, as `nearest` says it; empty where none is like it."""
        return nearest(value, [c for c in self.choices if isinstance(c, str)]) if isinstance(value, str) else ""

    def to_unit(self, value: Scalar) -> float:
        """The middle of the cell of ``value`` in [0, 1]."""
        index = self.position(value)
        assert index is not None
        return (index + 0.5) / self.cells

    def from_unit(self, unit: float) -> Scalar:
        """The choice whose cell holds ``unit``."""
        return self.choices[min(int(unit * self.cells), self.cells - 1)]

    def grid(self, resolution: int) -> Iterator[Scalar]:  # noqa: ARG002 - every choice, at any resolution
        """Every choice."""
        return iter(self.choices)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values for `domain_from_json`."""
        data: dict[str, Any] = {"type": "categorical", "choices": list(self.choices)}
        if self.ordered:
            data["ordered"] = True
        return _with_options(data, self)


Domain = Float | Int | Categorical

_KEYS = {
    "float": {"low", "high", "log", "step", "default", "when", "prior"},
    "int": {"low", "high", "log", "step", "default", "when", "prior"},
    "categorical": {"choices", "ordered", "default", "when", "weights"},
}


def domain_from_json(name: str, data: Any) -> Domain:
    """The domain that a dict such as ``{"type": "float", "low": 0, "high": 1}`` describes.

    Raises:
        SpaceError: in one sentence that begins with the hyperparameter's name.
    """
    if not isinstance(data, Mapping) or "type" not in data:
        raise SpaceError(f"hyperparameter '{name}' needs a table with a type: float, int, categorical or derived")
    kind = data["type"]
    if not isinstance(kind, str) or kind not in _KEYS:
        hint = nearest(str(kind), _KEYS)
        raise SpaceError(
            f"hyperparameter '{name}' has type = {shown(kind)}; float, int, categorical and derived exist{hint}"
        )
    options = {key: value for key, value in data.items() if key != "type"}
    for key in options:
        if key not in _KEYS[kind]:
            hint = nearest(key, _KEYS[kind]) or f"; it takes {', '.join(sorted(_KEYS[kind]))}"
            raise SpaceError(f"hyperparameter '{name}' of type {kind} has the unknown key '{key}'{hint}")
    required = ("choices",) if kind == "categorical" else ("low", "high")
    for key in required:
        if key not in options:
            raise SpaceError(f"hyperparameter '{name}' of type {kind} lacks '{key}'")
    try:
        if "prior" in options:
            options["prior"] = Normal.from_json(options["prior"])
        match kind:
            case "float":
                return Float(**options)
            case "int":
                return Int(**options)
            case _:
                return Categorical(**options)
    except SpaceError as exc:
        raise SpaceError(f"hyperparameter '{name}'{_of_a_domain(str(exc))}") from None


def _of_a_domain(sentence: str) -> str:
    """What is wrong with a domain, said of its hyperparameter."""
    for kind in ("Float", "Int", "Categorical"):
        if sentence.startswith(f"{kind} has"):
            return sentence.removeprefix(kind)
    return f": {sentence}"


def _identity(value: Scalar) -> tuple[type, Scalar]:
    """A key that keeps True, 1 and 1.0 apart."""
    return (type(value), value)


def with_conditions(name: str, domain: Domain, when: When) -> Domain:
    """The same domain, active ``when`` other conditions hold."""
    return domain_from_json(name, {**domain.to_json(), "when": dict(when)})


def _check_bounds(kind: str, low: Any, high: Any, *, log: bool) -> None:
    for key, bound in (("low", low), ("high", high)):
        if isinstance(bound, bool) or not isinstance(bound, int | float | np.integer | np.floating):
            raise SpaceError(f"{kind} has {key} = {shown(bound)}; low and high must be numbers")
        number = bound.item() if isinstance(bound, np.generic) else bound  # NumPy would narrow what it is compared with
        if not -LARGEST <= number <= LARGEST:
            raise SpaceError(f"{kind} has {key} = {shown(bound)}; low and high must be finite, and at most 1.8e308")
    _check_flag(kind, "log", log)
    if low >= high:
        raise SpaceError(f"{kind} has low = {low!r} and high = {high!r}; low must be under high")
    if log and low <= 0:
        raise SpaceError(f"{kind} has a log scale and low = {low!r}; a log scale needs low above zero")


def _check_prior(kind: str, prior: Any, low: float, high: float) -> None:
    if prior is None:
        return
    if not isinstance(prior, Normal):
        raise SpaceError(f"{kind} has prior = {shown(prior)}; it takes holdfast.Normal(mean, sd)")
    if not low <= prior.mean <= high:
        raise SpaceError(f"{kind} has a prior with mean = {prior.mean:g}, outside of {low:g} to {high:g}")


def _checked_weights(weights: Any, count: int) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence | np.ndarray) or len(weights) != count:
        raise SpaceError(f"Categorical has weights = {shown(weights)}; it takes one number for each of {count} choices")
    for weight in weights:
        number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
        if not number or not 0 < weight < math.inf:
            raise SpaceError(f"Categorical has the weight {shown(weight)}; weights are finite numbers above zero")
    return tuple(float(weight) for weight in weights)


def _check_flag(kind: str, key: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool_):
        raise SpaceError(f"{kind} has {key} = {shown(value)}; it is true or false")


def _conditions(when: When | None) -> dict[str, tuple[Scalar, ...]]:
    """Conditions in one form: parent -> tuple of values."""
    if when is None:
        return {}
    if not isinstance(when, Mapping):
        raise SpaceError(f'when = {shown(when)} must be a table such as {{optimizer = "sgd"}}')
    return {
        parent: tuple(
            _plain(value) for value in (values if isinstance(values, list | tuple | set | frozenset) else (values,))
        )
        for parent, values in when.items()
    }


def _plain(value: Any) -> Any:
    """A value of NumPy's as one of Python's, which a log can hold."""
    return value.item() if isinstance(value, np.generic) else value


def _with_options(data: dict[str, Any], domain: Domain) -> dict[str, Any]:
    if getattr(domain, "log", False):
        data["log"] = True
    if domain.default is not None:
        data["default"] = domain.default
    if isinstance(domain, Categorical):
        if domain.weights is not None:
            data["weights"] = list(domain.weights)
    elif domain.prior is not None:
        data["prior"] = domain.prior.to_json()
    if domain.when:
        data["when"] = {parent: list(values) for parent, values in domain.when.items()}
    return data
