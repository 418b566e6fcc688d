"""Grid search: every combination of a few values a hyperparameter, in order."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space
from holdfast.search.history import History
from holdfast.space import Space

MAX_POINTS = 1_000_000


@dataclass(frozen=True)
class GridSearch:
    """The product of all choices and of ``resolution`` evenly spaced values of each number.

    Raises:
        RequestError: if ``resolution`` is under 1, or the grid has more than a million points.
    """

    resolution: int = 5
    name: str = "grid"

    def __post_init__(self) -> None:
        if isinstance(self.resolution, bool) or not isinstance(self.resolution, int) or self.resolution < 1:
            raise RequestError(f"grid has resolution = {self.resolution!r}; it needs a whole number of at least 1")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:  # noqa: ARG002 - a grid has no chance
        """The first points of the grid that no trial has had; none when the grid is done."""
        points = grid_points(known_space(history, self.name), self.resolution)
        left = (config for key, config in points if not history.contains_key(key))
        reason = f"grid of {len(points)}"
        return [Suggestion(dict(config), reason, history.index) for config in itertools.islice(left, n)]


@functools.lru_cache(maxsize=16)
def grid_points(space: Space, resolution: int) -> tuple[tuple[str, Config], ...]:
    """All points of the grid, each behind its `Space.key`.

    Raises:
        RequestError: if there are more than a million.
    """
    points = tuple((space.key(config), config) for config in itertools.islice(space.grid(resolution), MAX_POINTS + 1))
    if len(points) > MAX_POINTS:
        raise RequestError(
            f"the grid of resolution {resolution} has more than {MAX_POINTS:,} points; "
            "use a lower resolution, fewer hyperparameters, or strategy 'sobol'"
        )
    return points
