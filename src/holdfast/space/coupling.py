"""What holds between hyperparameters: bounds and values that are computed from others, as columns of values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import SpaceError, concerning, nearest
from holdfast.space import columns
from holdfast.space.domains import Categorical, Domain, Float, Int, Scalar
from holdfast.space.expression import Expression, parse
from holdfast.space.rules import Derived, Forbidden

if TYPE_CHECKING:
    from holdfast.space.space import Space

Table = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""Columns of values by name, (n,) each, and where they are active."""

PROBES = 512
CORNERS = 6
"""The bounds are looked at where up to so many of the hyperparameters that they name are at ends or in the middle."""


class Couplings:
    """The expressions in a space's bounds and derived values; ``undefined`` if some are known not to be finite.

    Raises:
        SpaceError: for a name that is not in the space.
    """

    def __init__(self, domains: Mapping[str, Domain], derived: Mapping[str, Derived]) -> None:
        self.bounds: dict[str, tuple[Expression | float, Expression | float]] = {}
        self.values = {name: parse(item.expression) for name, item in derived.items()}
        self.order: tuple[str, ...] = ()
        self.single: set[str] = set()
        self.undefined = False
        known = (*domains, *derived)
        self.needs: dict[str, tuple[str, ...]] = {}
        for name in known:
            with concerning(name):
                self.needs[name] = self._needs(name, domains, known)

    def _needs(self, name: str, domains: Mapping[str, Domain], known: tuple[str, ...]) -> tuple[str, ...]:
        if name in self.values:
            what = [self.values[name]]
            when: Iterable[str] = ()
        else:
            domain = domains[name]
            what, when = [], domain.when
            if isinstance(domain, Float) and domain.bounds is not None:
                low, high = (parse(b) if isinstance(b, str) else float(b) for b in domain.bounds)
                self.bounds[name] = (low, high)
                what = [bound for bound in (low, high) if isinstance(bound, Expression)]
        for expression in what:
            for other in expression.names:
                if other not in known:
                    raise SpaceError(
                        f"hyperparameter '{name}' has the expression '{expression.text}', and '{other}' is not in the "
                        f"space{nearest(other, known)}"
                    )
        return tuple(dict.fromkeys([*when, *(other for expression in what for other in expression.names)]))

    def of_units(self, units: np.ndarray, space: Space, only: Iterable[str] | None = None) -> Table:
        """The values at snapped points of shape (n, d); with ``only``, of these names and all that they need."""
        values: dict[str, np.ndarray] = {}
        active: dict[str, np.ndarray] = {}
        wanted = None if only is None else self.closure(only)
        for name in self.order:
            if wanted is not None and name not in wanted:
                continue
            if name in self.values:
                self.compute(name, values, active)
                continue
            column = units[:, space.names.index(name)]
            active[name] = ~np.isnan(column)
            limits = self._limits(name, values, active) if name in self.bounds else (None, None)
            values[name] = columns.values_at(space.domains[name], column, *limits)
        return values, active

    def of_config(self, config: Mapping[str, Scalar], domains: Mapping[str, Domain]) -> Table:
        """One row: the values of a configuration."""
        values: dict[str, np.ndarray] = {}
        active: dict[str, np.ndarray] = {}
        for name in self.order:
            if name in self.values:
                self.compute(name, values, active)
                continue
            active[name] = np.array([name in config])
            values[name] = columns.column_of(domains[name], [config.get(name, columns.ABSENT)])
        return values, active

    def bounds_at(self, name: str, units: np.ndarray, space: Space) -> tuple[Any, Any]:
        """Columns (n,) of the bounds of a coupled hyperparameter at points (n, d); None and None for any other."""
        if name not in self.bounds:
            return None, None
        values, active = self.of_units(space.snap(units), space, self.needs[name])
        return self._limits(name, values, active)

    def within(self, name: str, config: Mapping[str, Scalar], domains: Mapping[str, Domain]) -> Float:
        """The domain of a coupled hyperparameter with the bounds that it has in a configuration.

        Raises:
            SpaceError: if they cannot be.
        """
        values: dict[str, np.ndarray] = {}
        active: dict[str, np.ndarray] = {}
        for other in self.closure(self.needs[name]):
            if other in self.values:
                self.compute(other, values, active)
            else:
                active[other] = np.array([other in config])
                values[other] = columns.column_of(domains[other], [config.get(other, columns.ABSENT)])
        domain = domains[name]
        assert isinstance(domain, Float)
        low, high = (float(np.asarray(bound).reshape(-1)[0]) for bound in self._limits(name, values, active))
        where = {other: config[other] for other in self.needs[name] if other in config}
        _require_bounds(name, low, high, where, log=domain.log)
        return domain.within(low, high)

    def computed(self, config: Mapping[str, Scalar], domains: Mapping[str, Domain]) -> dict[str, Scalar]:
        """The derived values of a configuration of searched ones."""
        values, active = self.of_config(config, domains)
        found: dict[str, Scalar] = {}
        for name in self.order:
            if name in self.values and active[name][0]:
                found[name] = plain(values[name][0], whole=is_whole(self, name, domains))
        return found

    def widened(self, space: Space) -> dict[str, Domain]:
        """The domains, where they are coupled with the widest bounds that any configuration has.

        They are looked at in corners and at random points: exact for expressions that rise or fall all along.

        Raises:
            SpaceError: if there are bounds that cannot be, or a value that can be computed nowhere.
        """
        if not self.bounds and not self.values:
            return dict(space.domains)
        units = space.snap(_probes(self, space))
        values, active = self.of_units(units, space)
        found = dict(space.domains)
        for name in self.bounds:
            domain = found[name]
            assert isinstance(domain, Float)
            with concerning(name):
                low, high = _possible_limits(self, name, domain, (values, active))
            where = active[name]
            if (low[where] == high[where]).any():
                self.single.add(name)
            if where.any():
                found[name] = domain.within(float(low[where].min()), float(high[where].max()), bounds=True)
        for name in self.values:
            finite = _is_finite(values[name])
            self.undefined |= bool((active[name] & ~finite).any())
            if active[name].any() and not finite[active[name]].any():
                row = {other: column[np.flatnonzero(active[name])[0]] for other, column in values.items()}
                with concerning(name):
                    require_finite(self, name, row[name], row)
        return found

    def centre_single_values(self, snapped: np.ndarray, space: Space) -> None:
        """Move points to the middle where bounds leave one value only (changed in place)."""
        for name in self.order:
            if name in self.single:
                values, active = self.of_units(snapped, space, self.needs[name])
                low, high = self._limits(name, values, active)
                column = snapped[:, space.names.index(name)]
                column[~np.isnan(column) & (np.asarray(low) == np.asarray(high))] = 0.5

    def closure(self, names: Iterable[str]) -> list[str]:
        """These names and all that they need, in order."""
        wanted: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in wanted:
                wanted.add(name)
                left += self.needs[name]
        return [name for name in self.order if name in wanted]

    def compute(self, name: str, values: dict[str, np.ndarray], active: dict[str, np.ndarray]) -> None:
        """Add a derived value to columns of all that it is computed from."""
        expression = self.values[name]
        active[name] = np.logical_and.reduce([active[other] for other in expression.names])
        values[name] = expression.evaluate(values)

    def _limits(self, name: str, values: Mapping[str, np.ndarray], active: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
        del active  # what is not active is NaN, and so are bounds that need it
        low, high = (
            _floats(bound, bound.evaluate(values), name) if isinstance(bound, Expression) else bound
            for bound in self.bounds[name]
        )
        return low, high


def configs_at(
    couplings: Couplings, units: np.ndarray, space: Space, names: tuple[str, ...]
) -> list[dict[str, Scalar]]:
    """The configurations at snapped points of shape (n, d), with their values in the order of ``names``.

    As `Space.decode` has them, but the expressions are computed for all points at once.

    Raises:
        SpaceError: if there are bounds that cannot be.
    """
    found: dict[str, list[Any]] = {}
    values: dict[str, np.ndarray] = {}
    active: dict[str, np.ndarray] = {}
    for name in couplings.order:
        if name in couplings.values:
            couplings.compute(name, values, active)
            whole = is_whole(couplings, name, space.domains)
            pairs = zip(values[name], active[name].tolist(), strict=True)
            found[name] = [plain(value, whole=whole) if here else columns.ABSENT for value, here in pairs]
            continue
        domain, column = space.domains[name], units[:, space.names.index(name)]
        active[name] = ~np.isnan(column)
        domains = _domains_at(couplings, name, domain, (values, active))
        places = zip(domains, column.tolist(), active[name].tolist(), strict=True)
        found[name] = [own.from_unit(unit) if here else columns.ABSENT for own, unit, here in places]
        if couplings.bounds or couplings.values:
            values[name] = columns.column_of(domain, found[name])
    rows = zip(*(found[name] for name in names), strict=True)
    return [{name: v for name, v in zip(names, row, strict=True) if v is not columns.ABSENT} for row in rows]


def _possible_limits(couplings: Couplings, name: str, domain: Float, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """The bounds at n points, (n,) each; where it is active they are refused if they cannot be."""
    values, active = table
    here = active[name]
    low, high = (np.broadcast_to(bound, len(here)) for bound in couplings._limits(name, values, active))
    for i in np.flatnonzero(here & ~_is_possible(low, high, log=domain.log))[:1]:
        where = {other: values[other][i] for other in couplings.needs[name] if active[other][i]}
        _require_bounds(name, float(low[i]), float(high[i]), where, log=domain.log)
    return low, high


def _domains_at(couplings: Couplings, name: str, domain: Domain, table: Table) -> list[Domain]:
    """A hyperparameter's domain at each of n points, with the bounds that it has there.

    Raises:
        SpaceError: if they cannot be.
    """
    if name not in couplings.bounds:
        return [domain] * len(table[1][name])
    assert isinstance(domain, Float)
    low, high = _possible_limits(couplings, name, domain, table)
    return [domain.within(*bounds) for bounds in zip(low.tolist(), high.tolist(), strict=True)]


def sources(couplings: Couplings, names: Iterable[str]) -> list[str]:
    """The searched hyperparameters that these are, or are computed from."""
    found: dict[str, None] = {}
    left = list(names)
    while left:
        name = left.pop()
        if name in couplings.values:
            left += couplings.values[name].names
        else:
            found[name] = None
    return list(found)


def computable(names: Iterable[str], table: Table) -> np.ndarray:
    """(n,) bool, of which rows these derived values are finite."""
    values, active = table
    found: np.ndarray = np.logical_and.reduce([_is_finite(values[name]) | ~active[name] for name in names])
    return found


def require_finite(couplings: Couplings, name: str, value: Any, where: Mapping[str, Any]) -> None:
    """Refuse a derived value that is not finite.

    Raises:
        SpaceError: with the values in ``where`` that it is computed from, and what can be done.
    """
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        text, here = couplings.values[name].text, _listed({n: where[n] for n in couplings.needs[name] if n in where})
        raise SpaceError(
            f"the derived value '{name}' is not finite: {text} gives {float(value)} where {here}; give bounds that "
            "leave this out, or an expression that is a number there as well"
        )


def check_rules(couplings: Couplings, rules: tuple[Forbidden, ...], space: Space) -> None:
    """Refuse a rule that names what is not in the space, or mixes texts and numbers.

    Raises:
        SpaceError: naming the rule.
    """
    expressions = [rule.expression for rule in rules if rule.expression is not None]
    for expression in expressions:
        for name in expression.names:
            if name not in couplings.needs:
                raise SpaceError(
                    f"the rule '{expression.text}' forbids combinations of '{name}', which is not in the "
                    f"space{nearest(name, couplings.needs)}"
                )
    if expressions:
        table = couplings.of_units(space.snap(np.full((1, len(space)), 0.5)), space)
        for rule in rules:
            if rule.expression is not None:
                rule.matches(*table)


def check_values(rules: Iterable[Forbidden], domains: Mapping[str, Domain]) -> None:
    """Refuse a rule that holds a hyperparameter against a choice that it lacks, or a number against a text.

    Raises:
        SpaceError: naming the rule, and what the hyperparameter takes.
    """
    for rule in rules:
        for name, value in () if rule.expression is None else rule.expression.held_against():
            domain = domains.get(name)
            if domain is None or _can_equal(domain, value):
                continue
            try:
                domain.check(value, name)
            except SpaceError as exc:
                raise SpaceError(f"the rule '{rule.name}' is about a value that is impossible: {exc}") from None


def _can_equal(domain: Domain, value: Scalar) -> bool:
    """Whether an expression can find a hyperparameter equal to a plain value; any number may be meant for a number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(domain, Categorical):
        return any(choice == value and isinstance(choice, bool) == isinstance(value, bool) for choice in domain.choices)
    return number


def plain(value: Any, *, whole: bool) -> Scalar:
    """A computed value as a JSON scalar: an int where all that it is computed from is ``whole``."""
    if isinstance(value, float | np.floating):
        return round(float(value)) if whole and math.isfinite(value) else float(value)
    found: Scalar = value.item() if isinstance(value, np.generic) else value
    return found


def is_whole(couplings: Couplings, name: str, domains: Mapping[str, Domain]) -> bool:
    """Whether a value is always a whole number."""
    if name in couplings.values:
        return couplings.values[name].is_whole(lambda other: is_whole(couplings, other, domains))
    domain = domains[name]
    whole = isinstance(domain, Categorical) and all(type(choice) is int for choice in domain.choices)
    return isinstance(domain, Int) or whole


def _probes(couplings: Couplings, space: Space) -> np.ndarray:
    """Points to look at the bounds: corners and middles of what they name, and random ones."""
    named = [
        n
        for n in dict.fromkeys(o for name in couplings.bounds for o in couplings.closure(couplings.needs[name]))
        if n in space.domains
    ]
    rng = np.random.default_rng(0)
    at = [space.names.index(name) for name in named[:CORNERS]]
    corners = np.array(list(itertools.product((0.0, 0.5, 1.0), repeat=len(at))))
    points = rng.random((len(corners) + PROBES, len(space)))
    points[: len(corners), at] = corners
    for name in named:
        domain, i = space.domains[name], space.names.index(name)
        if isinstance(domain, Categorical):  # each choice in turn, whatever the corner
            points[len(corners) :, i] = (np.arange(PROBES) % domain.cells + 0.5) / domain.cells
            rng.shuffle(points[len(corners) :, i])
    return points


def _floats(bound: Expression, result: np.ndarray, name: str) -> np.ndarray:
    if result.dtype.kind not in "fi":
        raise SpaceError(f"hyperparameter '{name}' has the bound '{bound.text}', which gives no number")
    return result.astype(float)


def _is_possible(low: np.ndarray, high: np.ndarray, *, log: bool) -> np.ndarray:
    possible: np.ndarray = np.isfinite(low) & np.isfinite(high) & (low <= high) & ((low > 0) | (not log))
    return possible


def _is_finite(column: np.ndarray) -> np.ndarray:
    """(n,) bool, which values of a column are not NaN and not infinite; a text is neither."""
    if column.dtype != object:
        finite: np.ndarray = np.isfinite(column.astype(float))
        return finite
    return np.array([not isinstance(value, float) or math.isfinite(value) for value in column], dtype=bool)


def _listed(where: Mapping[str, Any]) -> str:
    shown = {other: f"{value:g}" if isinstance(value, float) else value for other, value in where.items()}
    return ", ".join(f"{other} = {value}" for other, value in shown.items())


def _require_bounds(name: str, low: float, high: float, where: Mapping[str, Any], *, log: bool) -> None:
    if bool(_is_possible(np.array(low), np.array(high), log=log)):
        return
    here = _listed(where) or "all it names is inactive"
    wish = "finite bounds, low at most high, low above zero on a log scale"
    raise SpaceError(f"hyperparameter '{name}' goes from {low:g} to {high:g} where {here}; it needs {wish}")
