"""A search space: hyperparameters by name, the conditions between them, and their place in the unit cube."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from holdfast.errors import SpaceError, nearest
from holdfast.space import tree
from holdfast.space.domains import Categorical, Domain, Float, Int, Scalar, domain_from_json


class Space:
    """Hyperparameters by name. Immutable; equal to another space with the same hyperparameters in the same order.

    A configuration holds a value for every *active* hyperparameter: one without conditions, or whose parents are active
    and have the values that its ``when`` asks for. In the unit cube a configuration is a vector of ``len(space)``
    numbers in [0, 1], with NaN where a hyperparameter is not active.

    Raises:
        SpaceError: for an empty space, a domain of another type, an unknown parent or a circle of conditions.
    """

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        if not isinstance(domains, Mapping) or not domains:
            raise SpaceError("the space is empty; it needs at least one hyperparameter, such as {'x': Float(0, 1)}")
        for name, domain in domains.items():
            if not isinstance(name, str) or not name:
                raise SpaceError(f"a hyperparameter is named {name!r}; names are non-empty strings")
            if not isinstance(domain, Float | Int | Categorical):
                raise SpaceError(f"hyperparameter '{name}' is {domain!r}; it must be a Float, an Int or a Categorical")
        self.domains: dict[str, Domain] = dict(domains)
        self.names: tuple[str, ...] = tuple(self.domains)
        tree.check_conditions(self.domains)
        self._order = tree.parents_first(self.domains)
        self._wanted_cells = tree.wanted_cells(self.domains)
        self._index = {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.domains

    def __getitem__(self, name: str) -> Domain:
        return self.domains[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_json()))

    def __repr__(self) -> str:
        return f"Space({self.domains!r})"

    def active(self, config: Mapping[str, Scalar]) -> tuple[str, ...]:
        """The names that are active given the parents' values in ``config``, parents before children."""
        found: list[str] = []
        for name in self._order:
            if tree.holds(self.domains[name], {parent: config.get(parent) for parent in found}):
                found.append(name)
        return tuple(found)

    def validate(self, config: Mapping[str, Scalar], *, fill: bool = False) -> dict[str, Scalar]:
        """A checked copy of ``config`` in the space's order; ``fill`` takes missing values from the defaults.

        Raises:
            SpaceError: for unknown, missing, inactive or impossible values.
        """
        for name in config:
            if name not in self.domains:
                raise SpaceError(
                    f"the configuration has '{name}', which is not in the space{nearest(name, self.names)}"
                )
        checked: dict[str, Scalar] = {}
        for name in self._order:
            domain = self.domains[name]
            if not tree.holds(domain, checked):
                if name in config:
                    rule = " and ".join(f"{p} is {' or '.join(map(repr, vs))}" for p, vs in domain.when.items())
                    raise SpaceError(f"the configuration has '{name}', which is active only when {rule}")
            elif name in config:
                checked[name] = domain.check(config[name], name)
            elif fill:
                checked[name] = _default(domain)
            else:
                raise SpaceError(f"the configuration lacks '{name}'")
        return {name: checked[name] for name in self.names if name in checked}

    def default_config(self) -> dict[str, Scalar]:
        """Every active hyperparameter at its default: as given, else the middle (or the first choice)."""
        return self.validate({}, fill=True)

    def encode(self, config: Mapping[str, Scalar]) -> np.ndarray:
        """The configuration as a vector of shape (len(space),) in [0, 1], NaN where inactive."""
        unit = np.full(len(self), np.nan)
        for i, name in enumerate(self.names):
            if name in config:
                unit[i] = self.domains[name].to_unit(config[name])
        return unit

    def decode(self, unit: np.ndarray) -> dict[str, Scalar]:
        """The configuration at ``unit``, shape (len(space),); entries of inactive hyperparameters are not looked at."""
        config: dict[str, Scalar] = {}
        for name in self._order:
            domain = self.domains[name]
            if tree.holds(domain, config):
                config[name] = domain.from_unit(float(unit[self._index[name]]))
        return {name: config[name] for name in self.names if name in config}

    def snap(self, units: np.ndarray) -> np.ndarray:
        """Points of shape (n, len(space)) moved to where the decoded configuration lies; NaN where inactive."""
        snapped = np.array(units, dtype=float, copy=True)
        cells: dict[str, np.ndarray] = {}
        for name in self._order:
            domain, i = self.domains[name], self._index[name]
            column = snapped[:, i]
            if isinstance(domain, Int) and domain.log:
                low, high = domain._log_bounds()
                values = np.clip(np.round(np.exp(low * (1 - column) + high * column)), domain.low, domain.high)
                cells[name] = values - domain.low
                snapped[:, i] = (np.log(values) - low) / (high - low)
            elif domain.cells is not None:
                cells[name] = np.minimum(np.floor(column * domain.cells), domain.cells - 1)
                snapped[:, i] = (cells[name] + 0.5) / domain.cells
            for parent, wanted in self._wanted_cells[name].items():
                inactive = np.isnan(snapped[:, self._index[parent]]) | ~np.isin(cells[parent], wanted)
                snapped[inactive, i] = np.nan
        return snapped

    def sample(self, rng: np.random.Generator) -> dict[str, Scalar]:
        """A configuration drawn uniformly from the unit cube."""
        return self.decode(rng.random(len(self)))

    def count(self) -> int | None:
        """The number of different configurations; None if infinite or beyond 10**15."""
        return tree.count(self.domains, self._order)

    def grid(self, resolution: int = 5) -> Iterator[dict[str, Scalar]]:
        """Every combination of ``resolution`` values a number and all choices a categorical; each one once."""
        for config in tree.combinations(self.domains, self._order, resolution):
            yield {name: config[name] for name in self.names if name in config}

    def key(self, config: Mapping[str, Scalar]) -> str:
        """One text for one configuration, for looking it up."""
        return json.dumps([config.get(name, "\0") for name in self.names])

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values for `from_json`."""
        return {name: domain.to_json() for name, domain in self.domains.items()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Space:
        """The space that `to_json`, or a plan's [space] table, describes."""
        return Space({name: domain_from_json(name, item) for name, item in data.items()})


def _default(domain: Domain) -> Scalar:
    if domain.default is not None:
        return domain.default
    return domain.choices[0] if isinstance(domain, Categorical) else domain.from_unit(0.5)
