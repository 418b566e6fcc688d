"""What scikit-learn's searches take for a space, as a `Space`, and a trial's config as parameters of the estimator.

A choice that JSON has no form for (an estimator, a function, an array) stands in the config as a text that names it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, shown
from holdfast.space import Categorical, Derived, Domain, Float, Int, Space
from holdfast.space.domains import with_conditions
from holdfast.space.steps import leaves_one_value

BRANCH = "branch"
"""The hyperparameter that says which of several dicts a config is from; the only one of an empty dict."""

TAIL = 0.001
"""Distributions are cut off below this quantile and above its mirror image, as many have no ends."""

MOST_VALUES = 200
"""A discrete distribution has a choice for each of its values up to so many; for more, as many quantiles stand."""

LONGEST_LABEL = 80
"""The most characters of a text that stands for a choice."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Quantile:
    """A value of a distribution by its quantile, 0 to 1.

    Args:
        frozen: a frozen distribution of scipy, or whatever has a ``ppf``.
    """

    frozen: Any

    def __call__(self, unit: Any) -> float:
        """The value at this quantile."""
        return float(self.frozen.ppf(unit))


@dataclass(frozen=True)
class Chosen:
    """The choice that a label stands for."""

    choices: Mapping[tuple[str, Any], Any]

    def __call__(self, label: Any) -> Any:
        """The choice itself."""
        return self.choices[_identity(label)]


Decoder = Quantile | Chosen | None
"""What makes a parameter of a hyperparameter's value; None leaves it as it is."""


@dataclass(frozen=True)
class SearchSpace:
    """A space, and how its configs are parameters of an estimator.

    Args:
        space: what the study searches.
        parameters: for hyperparameters that are not simply a parameter: its name (None where there is none), and what
            makes its value.
    """

    space: Space
    parameters: Mapping[str, tuple[str | None, Decoder]] = field(default_factory=dict)

    def to_parameters(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters to set on the estimator, by name."""
        parameters = {}
        for name, value in config.items():
            parameter, decoder = self.parameters.get(name, (name, None))
            if parameter is not None:
                parameters[parameter] = value if decoder is None else decoder(value)
        return dict(sorted(parameters.items()))


def search_space(space: Any) -> SearchSpace:
    """The space that a person gave: a `Space`, a dict, or a list of dicts, one of which applies at a time.

    A value of a dict is a domain of holdfast, a list of choices, a frozen distribution of scipy, a distribution of
    Optuna, or a plain value. Where all values are lists, names go in alphabetical order, as in scikit-learn's grids.

    Raises:
        SpaceError: for what is none of these.
    """
    if isinstance(space, Space):
        return SearchSpace(space)
    if isinstance(space, Mapping):
        return _from_dicts([space])
    if isinstance(space, Sequence) and not isinstance(space, str) and space:
        for number, part in enumerate(space):
            if not isinstance(part, Mapping):
                raise SpaceError(f"space[{number}] is {shown(part)}; a list of spaces has dicts of hyperparameters")
        return _from_dicts(list(space))
    raise SpaceError(
        f"space = {shown(space)}; it must be a holdfast.Space, a dict of hyperparameters, or a list of dicts"
    )


@dataclass(frozen=True)
class _Part:
    """One hyperparameter of one dict."""

    parameter: str
    domain: Domain | Derived
    decoder: Decoder


def _from_dicts(dicts: Sequence[Mapping[Any, Any]]) -> SearchSpace:
    tables = [[_part(name, given) for name, given in _in_order(items)] for items in dicts]
    if len(tables) == 1 and tables[0]:
        named = {_name(part): part for part in tables[0]}
        domains = {name: part.domain for name, part in named.items()}
        return SearchSpace(Space(domains), {name: (p.parameter, p.decoder) for name, p in named.items()})
    labels = [str(number) for number in range(1, len(tables) + 1)]
    domains = {BRANCH: Categorical(labels)}
    parameters: dict[str, tuple[str | None, Decoder]] = {BRANCH: (None, None)}
    for name, part, branches in _shared(tables, labels):
        domains[name] = _active_in(part, branches)
        parameters[name] = (part.parameter, part.decoder)
    return SearchSpace(Space(domains), parameters)


def _in_order(items: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """The entries of a dict: by name where all are lists of choices, as in scikit-learn's grids."""
    lists = all(isinstance(value, list | tuple | np.ndarray | range) for value in items.values())
    return sorted(items.items(), key=lambda pair: str(pair[0])) if lists else list(items.items())


def _shared(tables: Sequence[Sequence[_Part]], labels: Sequence[str]) -> Iterator[tuple[str, _Part, list[str]]]:
    """Each hyperparameter once, with the branches it is active in; one that differs between branches says which."""
    seen: list[tuple[_Part, list[str]]] = []
    for label, table in zip(labels, tables, strict=True):
        for part in table:
            same = [branches for other, branches in seen if _alike(other, part)]
            if same:
                same[0].append(label)
            else:
                seen.append((part, [label]))
    count: dict[str, int] = {}
    for part, _ in seen:
        count[part.parameter] = count.get(part.parameter, 0) + 1
    for part, branches in seen:
        where = f" (branch {', '.join(branches)})" if count[part.parameter] > 1 or part.parameter == BRANCH else ""
        yield f"{_name(part)}{where}", part, branches


def _alike(first: _Part, second: _Part) -> bool:
    """Whether two dicts say the same of a parameter."""
    return (
        first.parameter == second.parameter
        and not isinstance(first.decoder, Quantile)
        and first.decoder == second.decoder
        and first.domain == second.domain
    )


def _active_in(part: _Part, branches: Sequence[str]) -> Domain:
    domain = part.domain
    if isinstance(domain, Derived) or domain.when:
        raise SpaceError(
            f"hyperparameter '{part.parameter}' stands in one of several dicts and has a condition or an expression of "
            "its own; give one holdfast.Space instead, with its branches as a Categorical"
        )
    return with_conditions(part.parameter, domain, {BRANCH: list(branches)})


def _name(part: _Part) -> str:
    return f"{part.parameter} (quantile)" if isinstance(part.decoder, Quantile) else part.parameter


def _part(name: Any, given: Any) -> _Part:
    if not isinstance(name, str) or not name:
        raise SpaceError(f"a hyperparameter is named {shown(name)}; names are those of the estimator's parameters")
    if isinstance(given, Float | Int | Categorical | Derived):
        return _Part(name, given, None)
    if type(given).__module__.startswith("optuna."):
        return _Part(name, _from_optuna(given), None)
    if hasattr(given, "ppf") and hasattr(given, "support"):
        return _from_scipy(name, given)
    if isinstance(given, str | bool | int | float):
        return _Part(name, Categorical([given]), None)
    if isinstance(given, np.ndarray) and given.ndim != 1:
        raise SpaceError(
            f"hyperparameter '{name}' is an array of shape {given.shape}; choices are an array of one axis"
        )
    if isinstance(given, Sequence | np.ndarray):
        return _from_choices(name, list(given))
    what = (
        "has rvs but no ppf, by which a strategy could choose a value" if hasattr(given, "rvs") else "is none of these"
    )
    raise SpaceError(
        f"hyperparameter '{name}' is {shown(given)}; it must be a Float, an Int, a Categorical, a list of choices or a "
        f"frozen distribution of scipy, and this {what}"
    )


def _from_choices(name: str, values: Sequence[Any]) -> _Part:
    """A list of choices of any kind; one that stands twice counts once."""
    if not values:
        raise SpaceError(f"hyperparameter '{name}' has an empty list of choices; it needs at least one")
    choices: dict[tuple[str, Any], Any] = {}
    labels: list[Any] = []
    said: set[tuple[str, Any]] = set()
    for value in values:
        label, plain = _label(value)
        if (plain and _identity(label) in said) or any(value is other for other in choices.values()):
            continue
        if plain:
            said.add(_identity(label))
        text, number = label, 2
        while _identity(label) in choices:
            label, number = f"{text} ({number})", number + 1
        choices[_identity(label)] = value
        labels.append(label)
    decoder = None if all(label is choices[_identity(label)] for label in labels) else Chosen(choices)
    return _Part(name, Categorical(labels, ordered=_monotone(labels)), decoder)


def _label(value: Any) -> tuple[Any, bool]:
    """What stands for a choice in a config, and whether that says all of it."""
    if isinstance(value, np.generic) and value.ndim == 0:
        value = value.item()
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value, True
    if isinstance(value, float):
        return str(value), True
    text = " ".join(readable(value).split())
    return (text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 3]}..."), False


def readable(value: Any) -> str:
    """A text for an object that is the same in every process: functions by their names, no addresses."""
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _ADDRESS.sub("", repr(value))


def _identity(label: Any) -> tuple[str, Any]:
    """Labels by type and value: 1, 1.0 and True are three choices."""
    return (type(label).__name__, label)


def _monotone(labels: Sequence[Any]) -> bool:
    """Whether choices are at least three numbers in order, so that neighbours are alike."""
    if len(labels) < 3 or not all(isinstance(x, int | float) and not isinstance(x, bool) for x in labels):
        return False
    steps = np.diff(np.asarray(labels, dtype=float))
    return bool((steps > 0).all() or (steps < 0).all())


def _from_scipy(name: str, frozen: Any) -> _Part:
    """A frozen distribution: uniform, loguniform and discrete ones as they are, any other one by its quantiles."""
    if hasattr(frozen, "freeze") and getattr(frozen, "numargs", False):
        raise SpaceError(
            f"hyperparameter '{name}' is scipy's {frozen.name} without its arguments; give them, as in "
            f"scipy.stats.{frozen.name}({', '.join(f'{part.strip()}=...' for part in frozen.shapes.split(','))})"
        )
    dist = getattr(frozen, "dist", frozen)
    kind = getattr(dist, "name", "")
    low, high = (float(end) for end in frozen.support())
    median = float(frozen.ppf(0.5))
    if not math.isfinite(median):
        raise SpaceError(f"hyperparameter '{name}' is a distribution whose median is {median}; check its arguments")
    if hasattr(dist, "pmf"):
        return _Part(name, _discrete(frozen, dist, low, high), None)
    if kind == "uniform" and low < high:
        return _Part(name, Float(low, high), None)
    moved = not 0 < low < high or not math.isclose(median, math.sqrt(low * high), rel_tol=1e-6)  # by its loc
    if kind in {"loguniform", "reciprocal"} and not moved:
        return _Part(name, Float(low, high, log=True), None)
    return _Part(name, Float(TAIL, 1 - TAIL), Quantile(frozen))


def _discrete(frozen: Any, dist: Any, low: float, high: float) -> Domain:
    """Whole numbers that are all alike as an Int, any other values as choices in order with their probabilities."""
    own = getattr(dist, "xk", None)  # of scipy's rv_discrete(values=...), which need not be whole numbers
    if own is None and dist.name == "randint" and low < high:
        return Int(int(low), int(high))
    weights: dict[float, float] = {}
    values, probabilities = _probabilities(frozen, dist, low, high)
    for value, weight in zip(values, probabilities, strict=True):
        number = float(value) if own is not None and value.dtype.kind == "f" else int(value)  # as scipy draws them
        weights[number] = weights.get(number, 0.0) + float(weight)
    likely = {number: weight for number, weight in weights.items() if weight > 0}
    return Categorical(list(likely), ordered=len(likely) > 2, weights=list(likely.values()))


def _probabilities(frozen: Any, dist: Any, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The values of a discrete distribution, shape (n,), and how likely each is; of many, those at even quantiles."""
    own = getattr(dist, "xk", None)
    if own is not None and len(own) <= MOST_VALUES:
        return own + (frozen.support()[0] - own[0]), np.asarray(dist.pk)
    if not high - low < MOST_VALUES:
        low, high = (float(frozen.ppf(level)) for level in (TAIL, 1 - TAIL))
    if own is None and high - low < MOST_VALUES:
        values = np.arange(low, high + 1)
        return values, np.asarray(frozen.pmf(values))
    levels = (np.arange(MOST_VALUES) + 0.5) / MOST_VALUES
    return np.unique(np.asarray(frozen.ppf(levels)), return_counts=True)


def _from_optuna(given: Any) -> Domain:
    """A distribution of Optuna's, by its fields."""
    if hasattr(given, "choices"):
        return Categorical(list(given.choices))
    low, high, log, step = given.low, given.high, bool(getattr(given, "log", False)), getattr(given, "step", None)
    if low == high:
        return Categorical([low])
    if isinstance(low, int):
        return Int(low, high, log=log, step=1 if step is None else step)
    if leaves_one_value(low, high, step):
        return Categorical([low])
    return Float(low, high, log=log, step=step)
