"""Grid search: every combination of a few values a hyperparameter, coarse to fine."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space
from holdfast.search.history import History
from holdfast.search.memory import Memory
from holdfast.space import Categorical, Space
from holdfast.space.domains import Scalar
from holdfast.space.product import Product

MAX_POINTS = 1_000_000
_KEPT = 16
_memory: Memory[tuple[object, int], tuple[int, int]] = Memory(_KEPT)


@dataclass(frozen=True)
class GridSearch:
    """The product of all choices and of ``resolution`` evenly spaced values of each number.

    It goes from coarse to fine: first every combination of ends and middles, then those with the values between them,
    and within each level in an order that takes all values of a hyperparameter in turn. So a grid that is stopped has
    covered the space evenly, and one that is resumed goes on with what is left.

    Raises:
        RequestError: if ``resolution`` is under 1, or the grid has more than a million points, before any is forbidden.
    """

    resolution: int = 5
    name: str = "grid"

    def __post_init__(self) -> None:
        keep_whole(self, "resolution", 1)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:  # noqa: ARG002 - a grid has no chance
        """The first points of the grid that no trial has had; none when the grid is done."""
        points = grid_points(known_space(history, self.name), self.resolution)
        begin = _tried_before(history, points, self.resolution)
        left = (at for at in range(begin, len(points)) if not history.contains_key(points.key(at)))
        reason = f"grid of {len(points)}"
        return [Suggestion(points[at][1], reason, history.index) for at in itertools.islice(left, n)]

    def left(self, history: History, most: int) -> int:
        """How many points of the grid no trial has had; ``most`` where they are so many for sure."""
        points = grid_points(known_space(history, self.name), self.resolution)
        if len(points) - len(history) >= most:
            return most
        begin = _tried_before(history, points, self.resolution)
        return sum(not history.contains_key(points.key(at)) for at in range(begin, len(points)))


class GridPoints(Sequence[tuple[str, Config]]):
    """All points of a grid from coarse to fine, each behind its `Space.key`; made when they are looked at.

    A point's level is that of its finest value (see `levels`); within a level, consecutive points go through the values
    of all hyperparameters at once, as the runs of an orthogonal array do (Bush, "Orthogonal arrays of index unity",
    1952): place c_j of hyperparameter j is e_0 + j e_1 + e_j, modulo the number of its values, and e_0 runs fastest.
    A level is put in order when its first point is looked at.
    """

    def __init__(self, space: Space, resolution: int) -> None:
        self._product = Product(space, resolution)
        self._places = {name: self._places_of(name) for name in space.names}
        level = np.zeros(len(self._product), dtype=np.int64)
        for name, places in self._places.items():
            domain = space[name]
            if not isinstance(domain, Categorical) or domain.ordered:
                level = np.maximum(level, levels(int(places.max(initial=0)) + 1)[places])
        self._level = level
        self._ends = np.cumsum(np.bincount(level))
        self._rows: dict[int, np.ndarray] = {}
        self._keys: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._product)

    @overload
    def __getitem__(self, at: int) -> tuple[str, Config]: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[str, Config]]: ...

    def __getitem__(self, at: int | slice) -> tuple[str, Config] | Sequence[tuple[str, Config]]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        place = range(len(self))[at]
        return self.key(place), self._product.config(self.row(place))

    def key(self, at: int) -> str:
        """The `Space.key` of point number ``at``, counted from 0."""
        if at not in self._keys:
            self._keys[at] = self._product.space.key(self._product.searched(self.row(at)))
        return self._keys[at]

    def values(self, name: str) -> list[Scalar]:
        """All values that a searched hyperparameter has in the grid."""
        cells = np.unique(self._product.cells[name])
        return [self._product.values[name][cell] for cell in cells[cells >= 0].tolist()]

    def row(self, at: int) -> int:
        """Where point number ``at`` stands in `Space.grid`, counted from 0."""
        level = int(np.searchsorted(self._ends, at, side="right"))
        if level not in self._rows:
            chosen = np.flatnonzero(self._level == level)
            self._rows[level] = chosen[_in_turn([places[chosen] for places in self._places.values()], len(chosen))]
        rows = self._rows[level]
        return int(rows[at - int(self._ends[level]) + len(rows)])

    def _places_of(self, name: str) -> np.ndarray:
        """(n,) which of the hyperparameter's different places in the unit interval each point has; 0 where inactive."""
        cells, units = self._product.cells[name], np.round(self._product.units[name], 9)
        used = np.zeros(len(units), dtype=bool)
        used[cells[cells >= 0]] = True
        found = np.zeros(len(units) + 1, dtype=np.int32)
        found[:-1][used] = np.unique(units[used], return_inverse=True)[1]
        places: np.ndarray = found[cells]
        return places


@functools.lru_cache(maxsize=16)
def grid_points(space: Space, resolution: int) -> GridPoints:
    """All points of the grid from coarse to fine, each behind its `Space.key`.

    Raises:
        RequestError: if there are more than a million, before any is forbidden.
    """
    if space.count_grid(resolution, MAX_POINTS) is None:
        allowed = ", forbidden ones among them" if space.forbid else ""
        raise RequestError(
            f"the grid of resolution {resolution} has more than {MAX_POINTS:,} points{allowed}; "
            "use a lower resolution, fewer hyperparameters, or strategy 'sobol'"
        )
    return GridPoints(space, resolution)


def levels(count: int) -> np.ndarray:
    """(count,) the level of each of ``count`` values in a row: 0 for ends and middle, 1 for those between, ..."""
    level = np.zeros(count, dtype=np.int64)
    gaps = [(0, (count - 1) // 2, 1), ((count - 1) // 2, count - 1, 1)]
    while gaps:
        low, high, depth = gaps.pop()
        if high - low > 1:
            middle = (low + high) // 2
            level[middle] = depth
            gaps += [(low, middle, depth + 1), (middle, high, depth + 1)]
    return level


def _in_turn(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """An order of n points, with these columns of places, in which each hyperparameter takes its values in turn."""
    columns = [column for column in map(_ranks, columns) if column.size and column.max() > 0]
    if not columns:
        return np.arange(n)
    keys = [columns[0]]
    for j, column in enumerate(columns[1:], start=1):
        known = keys[0] + (0 if j == 1 else j * keys[1])
        keys.append((column - known) % (column.max() + 1))
    order: np.ndarray = np.lexsort(keys)
    return order


def _ranks(places: np.ndarray) -> np.ndarray:
    """Places from 0 on, without those that no point has."""
    here = np.bincount(places) > 0
    ranks: np.ndarray = (np.cumsum(here) - 1)[places]
    return ranks


def _tried_before(history: History, points: GridPoints, resolution: int) -> int:
    """How many points at the beginning of the grid have all been tried, found out once as the history grows."""
    known, position = _memory.known((history.token, resolution)) or (0, 0)
    if known > history.index:  # an older view of the same history
        known, position = 0, 0
    while position < len(points) and history.contains_key(points.key(position)):
        position += 1
    _memory.put((history.token, resolution), (history.index, position))
    return position
