"""The combinations of a few values a hyperparameter that a space allows, as columns: hundreds of thousands at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.space import columns, tree
from holdfast.space.coupling import Table, computable, is_whole, plain, sources
from holdfast.space.domains import Scalar
from holdfast.space.rules import Forbidden

if TYPE_CHECKING:
    from holdfast.space.space import Space

AT_ONCE = 1 << 14
"""Configurations are made for predicates so many at a time."""

MOST_CODES = 1 << 10
"""Groups are told apart without sorting where they can be at most so many, and four times the rows."""


class Product:
    """What `Space.grid` goes through, in the same order.

    A rule is asked as soon as all that it is about is laid out, and once for all rows that agree in that; so are bounds
    that are expressions. A predicate that does not say what it ``reads`` is asked for every row.

    Attributes:
        values: by name all values that a hyperparameter has anywhere in the grid.
        units: by name where these values lie in the unit interval, (len(values[name]),).
        cells: by name which of the values it has in each row, (n,); -1 where it is not active.
    """

    def __init__(self, space: Space, resolution: int) -> None:
        self.space = space
        self.values: dict[str, list[Scalar]] = {}
        self.units: dict[str, np.ndarray] = {}
        self.cells: dict[str, np.ndarray] = {}
        self._n = 1
        self._couplings = space._couplings
        checks: list[tuple[Callable[[Table], np.ndarray], tuple[str, ...]]] = [
            *((_allows(rule), rule.expression.names) for rule in space.forbid if rule.expression is not None),
            *((functools.partial(computable, [name]), (name,)) for name in space.derived),
        ]
        waiting = [(check, sources(self._couplings, names)) for check, names in checks]
        for name in space._order:
            self._lay_out(name, resolution)
            for check, names in waiting:
                if name in names and all(other in self.cells for other in names):
                    self._keep_groups(names, check)
        self._ask_predicates()

    def __len__(self) -> int:
        return self._n

    def searched(self, row: int) -> dict[str, Scalar]:
        """The values of what is searched in a row, in the space's order."""
        found = ((name, int(self.cells[name][row])) for name in self.space.names)
        return {name: self.values[name][cell] for name, cell in found if cell >= 0}

    def config(self, row: int) -> dict[str, Scalar]:
        """The whole configuration of a row."""
        return self.space._completed(self.searched(row))

    def _lay_out(self, name: str, resolution: int) -> None:
        """Combine the rows so far with the values of one more hyperparameter."""
        domain = self.space.domains[name]
        active = self._active(name)
        if name in self._couplings.bounds:
            first, counts = self._lay_out_coupled(name, resolution, active)
        else:
            self.values[name] = list(domain.grid(resolution))
            self.units[name] = np.array([domain.to_unit(value) for value in self.values[name]])
            first, counts = np.zeros(self._n, dtype=np.int64), np.full(self._n, len(self.values[name]))
        counts = np.where(active, counts, 1)
        rows = np.repeat(np.arange(self._n), counts)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.cells[name] = np.where(active, first, -1).astype(np.int32)
        self._take(rows)
        self.cells[name] += place.astype(np.int32)

    def _lay_out_coupled(self, name: str, resolution: int, active: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) where in its values those begin that a coupled hyperparameter has in each row, and how many they are."""
        names = [other for other in self._couplings.closure(self._couplings.needs[name]) if other in self.cells]
        chosen = np.flatnonzero(active)
        examples, groups = _groups([self.cells[other][chosen] for other in names], len(chosen))
        values: list[Scalar] = []
        units: list[float] = []
        begins, sizes = [], []
        for row in chosen[examples].tolist():
            domain = self.space.domain_in(name, self._values_in(row, names))
            own = list(domain.grid(resolution))
            begins.append(len(values))
            sizes.append(len(own))
            values += own
            units += [domain.to_unit(value) for value in own]
        self.values[name], self.units[name] = values, np.array(units)
        first, counts = np.zeros((2, self._n), dtype=np.int64)
        first[chosen] = np.array(begins, dtype=np.int64)[groups]
        counts[chosen] = np.array(sizes, dtype=np.int64)[groups]
        return first, counts

    def _active(self, name: str) -> np.ndarray:
        """(n,) in which rows the conditions of a hyperparameter hold."""
        active = np.ones(self._n, dtype=bool)
        for parent, wanted in self.space.domains[name].when.items():
            among = [tree.is_among(value, wanted) for value in self.values[parent]]
            active &= np.array([*among, False])[self.cells[parent]]  # -1 is the last one
        return active

    def _take(self, rows: np.ndarray) -> None:
        self._n = len(rows)
        for name, cells in self.cells.items():
            self.cells[name] = cells[rows]

    def _keep_groups(self, names: list[str], check: Callable[[Table], np.ndarray]) -> None:
        """Keep the rows that pass a check, which depends on these hyperparameters only."""
        examples, groups = _groups([self.cells[name] for name in names], self._n)
        passes = check(_table(self, names, examples))
        if not passes.all():
            self._take(np.flatnonzero(passes[groups]))

    def _values_in(self, row: int, names: Iterable[str]) -> dict[str, Scalar]:
        found = ((name, int(self.cells[name][row])) for name in names)
        return {name: self.values[name][cell] for name, cell in found if cell >= 0}

    def _ask_predicates(self) -> None:
        """Take away what functions forbid."""
        asked_of_all = []
        for rule in self.space.forbid:
            reads = getattr(rule.predicate, "reads", None)
            if rule.expression is not None:
                continue
            if reads is None:
                asked_of_all.append(rule)
                continue
            reads = sources(self._couplings, reads)
            notices = getattr(rule.predicate, "notices", ())
            known = [self.cells[name] for name in reads if name in self.cells]
            there = [(self.cells[name] >= 0).astype(np.int32) for name in notices if name in self.cells]
            examples, groups = _groups([*known, *there], self._n)
            passes = np.array([not rule.forbids(self.config(row)) for row in examples.tolist()], dtype=bool)
            self._take(np.flatnonzero(passes[groups]))
        if asked_of_all:
            left = [not any(rule.forbids(config) for rule in asked_of_all) for config in configs(self)]
            self._take(np.flatnonzero(np.array(left, dtype=bool)))


def configs(product: Product) -> Iterator[dict[str, Scalar]]:
    """The whole configuration of every row, in order."""
    declared = product.space._declared
    for start in range(0, len(product), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(product)))
        whole = [
            _computed_in(product, name, rows) if name in product.space.derived else _column(product, name, rows)
            for name in declared
        ]
        for row in zip(*whole, strict=True):
            yield {name: value for name, value in zip(declared, row, strict=True) if value is not columns.ABSENT}


def _column(product: Product, name: str, rows: np.ndarray) -> list[Any]:
    known = np.empty(len(product.values[name]) + 1, dtype=object)
    known[:-1], known[-1] = product.values[name], columns.ABSENT
    found: list[Any] = known[product.cells[name][rows]].tolist()
    return found


def _computed_in(product: Product, name: str, rows: np.ndarray) -> list[Any]:
    """A derived value in some rows."""
    names = sources(product.space._couplings, [name])
    examples, groups = _groups([product.cells[other][rows] for other in names], len(rows))
    values, active = _table(product, names, rows[examples])
    whole = is_whole(product.space._couplings, name, product.space.domains)
    known = np.empty(len(examples), dtype=object)
    for i, value in enumerate(values[name]):
        known[i] = plain(value, whole=whole) if active[name][i] else columns.ABSENT
    found: list[Any] = known[groups].tolist()
    return found


def _table(product: Product, names: Sequence[str], rows: np.ndarray) -> Table:
    """Columns of the values of hyperparameters in some rows, and of all that is computed from them alone."""
    values: dict[str, np.ndarray] = {}
    active: dict[str, np.ndarray] = {}
    for name in names:
        cells = product.cells[name][rows]
        active[name] = cells >= 0
        values[name] = columns.column_of(product.space.domains[name], [*product.values[name], columns.ABSENT])[cells]
    couplings = product.space._couplings
    for name in couplings.order:
        if name in couplings.values and all(other in values for other in couplings.values[name].names):
            couplings.compute(name, values, active)
    return values, active


def _allows(rule: Forbidden) -> Callable[[Table], np.ndarray]:
    return lambda table: ~rule.matches(*table)


def _groups(cells: Sequence[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """A row of each group of rows that agree in all these columns, and the group of each row."""
    codes, size = np.zeros(n, dtype=np.int64), 1
    for column in cells:
        if size > n:
            _, codes = np.unique(codes, return_inverse=True)
            size = n
        width = int(column.max(initial=-1)) + 2
        codes = codes * width + (column + 1)
        size *= width
    if size > MOST_CODES + 4 * n:
        _, examples, groups = np.unique(codes, return_index=True, return_inverse=True)
        return examples, groups
    first = np.full(size, -1)
    first[codes[::-1]] = np.arange(n)[::-1]  # the last one to be written is the first row
    places = np.cumsum(first >= 0) - 1
    return first[first >= 0], places[codes]
