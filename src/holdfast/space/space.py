"""A search space: hyperparameters by name, what holds between them, and their place in the unit cube."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest, shown
from holdfast.space import columns, tree
from holdfast.space.changed import changed
from holdfast.space.coupling import (
    Couplings,
    check_rules,
    check_values,
    computable,
    configs_at,
    require_finite,
    sources,
)
from holdfast.space.domains import Categorical, Domain, Float, Int, Scalar, domain_from_json
from holdfast.space.product import Product
from holdfast.space.rules import Derived, Forbidden, Predicate, forbidden

_encoded = json.JSONEncoder().encode
"""`json.dumps`, without what it does for other arguments on each call."""

BATCH = 256
MOST_DRAWS = 1 << 20
"""So many draws are made to find an allowed configuration."""

ENOUGH_DRAWS = 1 << 14
"""A space of whose configurations none of so many is allowed is refused."""

KEY_BYTES = 15
"""Bytes of `Space.key`, which is them in hex."""

MOST_KEPT = 100_000
"""Answers of a predicate that are kept."""

MOST_COUNTED = 50_000
"""With forbidden combinations, configurations are counted one by one up to so many."""


class Space:
    """Hyperparameters by name. Immutable; equal to another space with the same hyperparameters in the same order.

    A configuration holds a value for every *active* hyperparameter: one without conditions, or whose parents are active
    and have the values that its ``when`` asks for. In the unit cube a configuration is a vector of ``len(space)``
    numbers in [0, 1], with NaN where a hyperparameter is not active.

    Args:
        domains: a `Float`, `Int` or `Categorical` for each name; a plain value is a constant, a `Derived` is computed.
        forbid: combinations that no strategy proposes: expressions, and functions that say of a configuration that it
            is forbidden.

    Raises:
        SpaceError: for an empty space, a domain of another type, an unknown parent, a circle of conditions, bounds that
            cannot be, or rules that forbid everything.
    """

    def __init__(self, domains: Mapping[str, Domain | Derived | Scalar], forbid: Sequence[Any] = ()) -> None:
        if not isinstance(domains, Mapping) or not domains:
            raise SpaceError("the space is empty; it needs at least one hyperparameter, such as {'x': Float(0, 1)}")
        declared = {name: _declared(name, item) for name, item in domains.items()}
        found = {name: item for name, item in declared.items() if not isinstance(item, Derived)}
        if not found:
            raise SpaceError("the space has derived values only; it needs at least one hyperparameter")
        self.derived: dict[str, Derived] = {n: item for n, item in declared.items() if isinstance(item, Derived)}
        self.forbid: tuple[Forbidden, ...] = forbidden(forbid)
        self.names: tuple[str, ...] = tuple(found)
        self._declared = tuple(declared)
        self._index = {name: i for i, name in enumerate(self.names)}
        tree.check_conditions(found, self.derived)
        found = tree.with_exact_conditions(found)
        self._couplings = Couplings(found, self.derived)
        order = tree.parents_first(self._couplings.needs)
        self._order = tuple(name for name in order if name in found)
        self._couplings.order = order
        self._wanted_cells = tree.wanted_cells(found)
        self.domains: dict[str, Domain] = found
        self.domains = self._couplings.widened(self)
        self._walk = tuple((name, self.domains[name], self._index[name]) for name in self._order)
        self.has_prior = any(columns.has_prior(domain) for domain in found.values())
        self._text = json.dumps(self.to_json())
        self._counted: tuple[int | None] | None = None
        self._asked: dict[int, dict[bytes, bool]] = {}
        if self.forbid:
            check_rules(self._couplings, self.forbid, self)
            given = [rule for rule, item in zip(self.forbid, forbid, strict=True) if isinstance(item, str)]
            check_values(given, found)  # what is no text any more was checked in its own space
            self._check_that_something_is_allowed()

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.domains

    def __getitem__(self, name: str) -> Domain:
        return self.domains[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._text == other._text and self.forbid == other.forbid

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        rules = f", forbid={[rule.name for rule in self.forbid]!r}" if self.forbid else ""
        return f"Space({ {**self.domains, **self.derived}!r}{rules})"

    def active(self, config: Mapping[str, Scalar]) -> tuple[str, ...]:
        """The names that are active given the parents' values in ``config``, parents before children."""
        found: list[str] = []
        for name in self._order:
            if tree.holds(self.domains[name], {parent: config.get(parent) for parent in found}):
                found.append(name)
        return tuple(found)

    def domain_in(self, name: str, config: Mapping[str, Scalar]) -> Domain:
        """The domain of a hyperparameter in this configuration: with its own bounds, where they are coupled.

        Raises:
            SpaceError: if these bounds cannot be.
        """
        domain = self.domains[name]
        if isinstance(domain, Float) and domain.bounds is not None:
            return self._couplings.within(name, config, self.domains)
        return domain

    def validate(self, config: Mapping[str, Scalar], *, fill: bool = False) -> dict[str, Scalar]:
        """A checked copy of ``config`` in the space's order; ``fill`` takes missing values from the defaults.

        Whether the combination is forbidden is not asked here (see `allows`): a person may try it all the same.

        Raises:
            SpaceError: for unknown, missing, inactive or impossible values, and for derived ones that are not finite.
        """
        whole = self._checked(config, fill=fill)
        for name in self.derived:
            require_finite(self._couplings, name, whole.get(name), whole)
        return whole

    def default_config(self) -> dict[str, Scalar]:
        """Every active hyperparameter at its default: as given, else where its prior is highest, else the middle.

        The first choice stands for the middle of a categorical.
        """
        return self._checked({}, fill=True)

    def encode(self, config: Mapping[str, Scalar]) -> np.ndarray:
        """The configuration as a vector of shape (len(space),) in [0, 1], NaN where inactive."""
        coupled = self._couplings.bounds
        return np.array(
            [
                (self.domain_in(name, config) if name in coupled else domain).to_unit(config[name])
                if name in config
                else math.nan
                for name, domain in self.domains.items()
            ]
        )

    def decode(self, unit: np.ndarray) -> dict[str, Scalar]:
        """The configuration at ``unit``, shape (len(space),); entries of inactive hyperparameters are not looked at."""
        config: dict[str, Scalar] = {}
        places: list[float] = unit.tolist()
        coupled = self._couplings.bounds
        for name, domain, at in self._walk:
            if not domain.when or tree.holds(domain, config):
                here = self.domain_in(name, config) if name in coupled else domain
                config[name] = here.from_unit(places[at])
        return self._completed(config)

    def ordered(self, config: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """``config`` in the order in which the space was declared; what is not in the space comes last."""
        return {**{name: config[name] for name in self._declared if name in config}, **config}

    def snap(self, units: np.ndarray) -> np.ndarray:
        """Points of shape (n, len(space)) moved to where the decoded configuration lies; NaN where inactive."""
        snapped = np.array(units, dtype=float, copy=True)
        cells: dict[str, np.ndarray] = {}
        for name in self._order:
            domain, i = self.domains[name], self._index[name]
            column = snapped[:, i]
            if isinstance(domain, Int) and domain.log:
                low, high = domain.log_ends
                values = np.clip(np.round(np.exp(low * (1 - column) + high * column)), domain.low, domain.high)
                cells[name] = values - domain.low
                snapped[:, i] = (np.log(values) - low) / (high - low)
            elif domain.cells is not None:
                cells[name] = np.minimum(np.floor(column * domain.cells), domain.cells - 1)
                snapped[:, i] = (cells[name] + 0.5) / domain.cells
            for parent, wanted in self._wanted_cells[name].items():
                inactive = np.isnan(snapped[:, self._index[parent]]) | ~np.isin(cells[parent], wanted)
                snapped[inactive, i] = np.nan
        self._couplings.centre_single_values(snapped, self)
        return snapped

    def allows(self, config: Mapping[str, Scalar]) -> bool:
        """Whether no rule forbids this configuration, and all its derived values are finite.

        Raises:
            SpaceError: for a rule whose predicate is missing: a log cannot hold one.
        """
        if not (self.forbid or self.derived):
            return True
        derived = (config.get(name) for name in self.derived)
        if any(isinstance(value, float) and not math.isfinite(value) for value in derived):
            return False
        if any(rule.expression is not None for rule in self.forbid):
            table = self._couplings.of_config(config, self.domains)
            if any(rule.matches(*table).any() for rule in self.forbid if rule.expression is not None):
                return False
        return not any(rule.forbids(config) for rule in self.forbid if rule.expression is None)

    def allowed(self, units: np.ndarray) -> np.ndarray:
        """(n,) bool, which of the points of shape (n, len(space)) `allows` does."""
        allowed = np.ones(len(units), dtype=bool)
        if not (self.forbid or self.derived) or not len(units):
            return allowed
        snapped = self.snap(units)
        if self.derived or any(rule.expression is not None for rule in self.forbid):
            table = self._couplings.of_units(snapped, self)
            if self.derived:
                allowed &= computable(self.derived, table)
            for rule in self.forbid:
                if rule.expression is not None:
                    allowed &= ~rule.matches(*table)
        for rule in self.forbid:
            if rule.expression is None:
                left = np.flatnonzero(allowed)
                allowed[left[self._forbidden_by(rule, snapped[left])]] = False
        return allowed

    def sample(self, rng: np.random.Generator) -> dict[str, Scalar]:
        """A configuration drawn from the priors, uniform where there is none; an allowed one."""
        config = self._draw(rng.random(len(self)))
        if self.allows(config):
            return config
        for _ in range(MOST_DRAWS // BATCH):
            uniform = rng.random((BATCH, len(self)))
            points = self._by_prior(uniform) if self.has_prior else uniform
            for i in np.flatnonzero(self.allowed(points)):
                config = self.decode(points[i])
                if self.allows(config):
                    return config
        raise SpaceError(f"the space forbids nearly everything: none of {MOST_DRAWS:,} configurations was allowed")

    def sample_units(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Uniform points of shape (n, len(space)), allowed ones, where their configurations lie; NaN where inactive."""
        points = self.snap(rng.random((n, len(self))))
        if not (self.forbid or self.derived):
            return points
        found = [points[self.allowed(points)]]
        count = len(found[0])
        draws = 0
        while count < n:
            if draws >= MOST_DRAWS:
                raise SpaceError(
                    f"the space forbids nearly everything: {count} of {draws:,} configurations were allowed"
                )
            more = self.snap(rng.random((max(n, BATCH), len(self))))
            draws += len(more)
            found.append(more[self.allowed(more)])
            count += len(found[-1])
        return np.concatenate(found)[:n]

    def log_prior(self, units: np.ndarray) -> np.ndarray:
        """(n,) the logarithm of the priors' density at points (n, len(space)), relative to uniform; 0 without any."""
        total = np.zeros(len(units))
        for name, domain in self.domains.items():
            if columns.has_prior(domain):
                bounds = self._couplings.bounds_at(name, units, self)
                total += columns.log_prior(domain, units[:, self._index[name]], *bounds)
        return total

    def count(self) -> int | None:
        """The number of different allowed configurations; None if infinite, or too many to count.

        That is beyond 10**15; with forbidden combinations beyond 50,000, before any is taken away.
        """
        if self._counted is None:
            count = tree.count(self.domains, self._order)
            if (self.forbid or self._couplings.undefined) and count is not None:
                count = None if count > MOST_COUNTED else len(Product(self, MOST_COUNTED))
            self._counted = (count,)
        return self._counted[0]

    def grid(self, resolution: int = 5) -> Iterator[dict[str, Scalar]]:
        """Every allowed combination of ``resolution`` values a number and all choices a categorical; each one once."""
        for config in tree.combinations(self.domains, self._order, resolution, self.domain_in):
            whole = self._completed(config)
            if self.allows(whole):
                yield whole

    def count_grid(self, resolution: int, most: int) -> int | None:
        """The number of combinations in the `grid`, before any is forbidden; None beyond ``most``."""
        return tree.count_combinations(self.domains, self._order, resolution, most)

    def key(self, config: Mapping[str, Scalar]) -> str:
        """A short text for looking one configuration up; two have the same one with a probability under 1e-15."""
        text = _encoded([config.get(name, "\0") for name in self.names])
        return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values for `from_json`; forbidden combinations stand under the empty name."""
        whole: dict[str, Any] = {name: item.to_json() for name, item in self.items().items()}
        return {**whole, "": {"forbid": [rule.to_json() for rule in self.forbid]}} if self.forbid else whole

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Space:
        """The space that `to_json`, or a plan's [space] table, describes."""
        items = {name: item for name, item in data.items() if name}
        declared = {name: declared_from_json(name, item) for name, item in items.items()}
        return Space(declared, forbidden(data[""]["forbid"]) if "" in data else ())

    def with_predicates(self, predicates: Sequence[Predicate]) -> Space:
        """The same space, where it lacks predicates with these instead: by their names, those of one name in order."""
        if all(rule.expression is not None or rule.predicate is not None for rule in self.forbid):
            return self
        given = list(forbidden(list(predicates)))
        rules: list[Forbidden] = []
        for rule in self.forbid:
            fitting = [] if rule.expression is not None else [other for other in given if other.name == rule.name]
            rules.append(fitting[0] if fitting else rule)
            given = [other for other in given if other is not rules[-1]]
        return Space(self.items(), rules)

    def _forbidden_by(self, rule: Forbidden, snapped: np.ndarray) -> np.ndarray:
        """(n,) bool, which points a predicate forbids; asked once for all that agree in what it ``reads``.

        A predicate may have ``reads``, the names whose values it depends on, and ``notices``, those of which only
        matters whether they are there; one without is asked once for all points of one configuration.
        """
        reads, notices = getattr(rule.predicate, "reads", None), getattr(rule.predicate, "notices", ())
        reads = self.names if reads is None else sources(self._couplings, reads)
        there = [~np.isnan(snapped[:, self._index[name]]) for name in notices if name in self._index]
        read = np.nan_to_num(snapped[:, [self._index[name] for name in reads if name in self._index]], nan=-1.0)
        rows = np.ascontiguousarray(np.column_stack([read, *there]))
        keys = [hashlib.blake2b(row, digest_size=KEY_BYTES).digest() for row in rows]
        found = self._asked.setdefault(self.forbid.index(rule), {})
        if len(found) > MOST_KEPT:
            found.clear()
        new: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            if key not in found:
                new.setdefault(key, i)
        if new:
            configs = configs_at(self._couplings, snapped[[*new.values()]], self, self._declared)
            found.update({key: rule.forbids(config) for key, config in zip(new, configs, strict=True)})
        return np.array([found[key] for key in keys], dtype=bool)

    def with_rules(self, rules: Sequence[Any]) -> Space:
        """The same space, which forbids more."""
        return Space(self.items(), [*self.forbid, *rules])

    def with_changes(self, changes: Mapping[str, Domain | Derived | Scalar]) -> Space:
        """The same space with these hyperparameters instead, or in addition; a plain value fixes one.

        What depends on values that are gone is left out, with the derived values and rules that name it.

        Raises:
            SpaceError: for changes that cannot be.
        """
        if not isinstance(changes, Mapping):
            raise SpaceError(f"changes = {shown(changes)}; it takes a dict of hyperparameters by name")
        for name, item in changes.items():
            if isinstance(name, str) and name not in self._declared and isinstance(item, str | int | float):
                hint = nearest(name, self._declared)
                raise SpaceError(
                    f"'{name}' is to be fixed at {shown(item)}, and the space has no '{name}'{hint}; a constant that "
                    f"is new takes Categorical([{item!r}])"
                )
        return Space(*changed(self, {**self.items(), **changes}))

    def items(self) -> dict[str, Domain | Derived]:
        """What the space was made of, rules aside: hyperparameters and derived values, in the order of declaration."""
        return {name: self.derived.get(name) or self.domains[name] for name in self._declared}

    def _checked(self, config: Mapping[str, Scalar], *, fill: bool) -> dict[str, Scalar]:
        """As `validate`, but for derived values that are not finite."""
        for name in config:
            if name not in self.domains and name not in self.derived:
                raise SpaceError(
                    f"the configuration has '{name}', which is not in the space{nearest(name, self._declared)}"
                )
        checked: dict[str, Scalar] = {}
        for name in self._order:
            if not tree.holds(self.domains[name], checked):
                if name in config:
                    rule = " and ".join(
                        f"{p} is {' or '.join(map(repr, vs))}" for p, vs in self.domains[name].when.items()
                    )
                    raise SpaceError(f"the configuration has '{name}', which is active only when {rule}")
                continue
            domain = self.domain_in(name, checked)
            if name in config:
                checked[name] = domain.check(config[name], name)
            elif fill:
                checked[name] = default_of(domain)
            else:
                raise SpaceError(f"the configuration lacks '{name}'")
        whole = self._completed(checked)
        for name in self.derived:
            if name in config and (name not in whole or config[name] != whole[name]):
                computed = f"which is {whole[name]!r} here" if name in whole else "which nothing gives here"
                raise SpaceError(
                    f"'{name}' is {config[name]!r}; it is computed as {self.derived[name].expression}, {computed}"
                )
        return whole

    def _completed(self, config: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Searched values with those computed from them, in the order of the declaration."""
        if not self.derived:
            return {name: config[name] for name in self.names if name in config}
        whole = {**config, **self._couplings.computed(config, self.domains)}
        return {name: whole[name] for name in self._declared if name in whole}

    def _draw(self, uniform: np.ndarray) -> dict[str, Scalar]:
        return self.decode(self._by_prior(uniform[None])[0] if self.has_prior else uniform)

    def _by_prior(self, uniform: np.ndarray) -> np.ndarray:
        """Points of shape (n, len(space)) that follow the priors where ``uniform`` is uniform."""
        points = uniform.copy()
        for name in self._order:  # parents first: bounds may depend on their values
            domain, i = self.domains[name], self._index[name]
            if columns.has_prior(domain):
                points[:, i] = columns.by_prior(domain, uniform[:, i], *self._couplings.bounds_at(name, points, self))
        return points

    def _check_that_something_is_allowed(self) -> None:
        if any(rule.expression is None and rule.predicate is None for rule in self.forbid):
            return  # read from a log: it was checked when it was written
        rng, size, tried = np.random.default_rng(0), 32, 0
        while tried < ENOUGH_DRAWS:
            if self.allowed(rng.random((size, len(self)))).any():
                return
            tried, size = tried + size, size * 2
        rules = ", ".join(f"'{rule.name}'" for rule in self.forbid)
        raise SpaceError(
            f"the space forbids everything: of {tried:,} configurations none is allowed; ease one of the rules {rules}"
        )


def declared_from_json(name: str, data: Any) -> Domain | Derived:
    """What a dict such as ``{"type": "float", "low": 0, "high": 1}`` describes: a domain, or a derived value.

    Raises:
        SpaceError: in one sentence that begins with the hyperparameter's name.
    """
    if isinstance(data, Mapping) and data.get("type") == "derived":
        return Derived.from_json(name, data)
    return domain_from_json(name, data)


def _declared(name: Any, item: Any) -> Domain | Derived:
    if not isinstance(name, str) or not name:
        raise SpaceError(f"a hyperparameter is named {name!r}; names are non-empty strings")
    if isinstance(item, Float | Int | Categorical | Derived):
        return item
    if isinstance(item, str | int | float | bool):
        return Categorical([item])
    raise SpaceError(
        f"hyperparameter '{name}' is {item!r}; it must be a Float, an Int, a Categorical, a Derived, or a plain value"
    )


def default_of(domain: Domain) -> Scalar:
    """The default as given, else where the prior is highest, else the middle, or the first choice."""
    if domain.default is not None:
        return domain.default
    if isinstance(domain, Categorical):
        likely = 0 if domain.weights is None else int(np.argmax(domain.weights))
        return domain.choices[likely]
    if domain.prior is not None:
        return domain.from_unit(domain.to_unit(domain.prior.mean))
    return domain.from_unit(0.5)
