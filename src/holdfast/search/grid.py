"""Grid search: every combination of a few values a hyperparameter, coarse to fine."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import check_whole, known_space
from holdfast.search.history import History
from holdfast.search.memory import Memory
from holdfast.space import Categorical, Space

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
        check_whole(self.name, "resolution", self.resolution, 1)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:  # noqa: ARG002 - a grid has no chance
        """The first points of the grid that no trial has had; none when the grid is done."""
        points = grid_points(known_space(history, self.name), self.resolution)
        begin = _tried_before(history, points, self.resolution)
        left = (config for key, config in itertools.islice(points, begin, None) if not history.contains_key(key))
        reason = f"grid of {len(points)}"
        return [Suggestion(dict(config), reason, history.index) for config in itertools.islice(left, n)]

    def left(self, history: History, most: int) -> int:
        """How many points of the grid no trial has had; ``most`` where they are so many for sure."""
        points = grid_points(known_space(history, self.name), self.resolution)
        if len(points) - len(history) >= most:
            return most
        return sum(not history.contains_key(key) for key, _ in points)


@functools.lru_cache(maxsize=16)
def grid_points(space: Space, resolution: int) -> tuple[tuple[str, Config], ...]:
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
    configs = list(space.grid(resolution))
    units = np.array([space.encode(config) for config in configs]).reshape(len(configs), len(space))
    ordered = np.array([not isinstance(domain, Categorical) or domain.ordered for domain in space.domains.values()])
    return tuple((space.key(configs[i]), configs[i]) for i in coarse_to_fine(units, ordered))


def coarse_to_fine(units: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """The order in which to try grid points: positions of shape (n,).

    A point's level is that of its finest value (see `levels`); within a level, consecutive points go through the values
    of all hyperparameters at once, as the runs of an orthogonal array do (Bush, "Orthogonal arrays of index unity",
    1952): place c_j of hyperparameter j is e_0 + j e_1 + e_j, modulo the number of its values, and e_0 runs fastest.

    Args:
        units: (n, d) encoded points, NaN where inactive.
        ordered: (d,) whether a hyperparameter's values have an order.
    """
    n, d = units.shape
    places = np.zeros((n, d), dtype=np.int64)
    fineness = np.zeros((n, d), dtype=np.int64)
    for j in range(d):
        active = np.isfinite(units[:, j])
        values, places[active, j] = np.unique(np.round(units[active, j], 9), return_inverse=True)
        if ordered[j]:
            fineness[active, j] = levels(len(values))[places[active, j]]
    level = fineness.max(axis=1, initial=0)
    order = [chosen[_in_turn(places[chosen])] for chosen in (np.flatnonzero(level == k) for k in np.unique(level))]
    return np.concatenate(order) if order else np.arange(n)


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


def _in_turn(places: np.ndarray) -> np.ndarray:
    """An order of points of places (n, d) in which each hyperparameter takes its values in turn."""
    columns = [np.unique(places[:, j], return_inverse=True)[1] for j in range(places.shape[1])]
    columns = [column for column in columns if column.size and column.max() > 0]
    if not columns:
        return np.arange(len(places))
    keys = [columns[0]]
    for j, column in enumerate(columns[1:], start=1):
        known = keys[0] + (0 if j == 1 else j * keys[1])
        keys.append((column - known) % (column.max() + 1))
    order: np.ndarray = np.lexsort(keys)
    return order


def _tried_before(history: History, points: tuple[tuple[str, Config], ...], resolution: int) -> int:
    """How many points at the beginning of the grid have all been tried, found out once as the history grows."""
    known, position = _memory.known((history.token, resolution)) or (0, 0)
    if known > history.index:  # an older view of the same history
        known, position = 0, 0
    while position < len(points) and history.contains_key(points[position][0]):
        position += 1
    _memory.put((history.token, resolution), (history.index, position))
    return position
