"""Grid search: every point once, in order, then nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.rng import Streams
from holdfast.search import grid
from holdfast.search.grid import GridSearch, grid_points, levels
from holdfast.space import Categorical, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal, search

SPACE = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"]), "n": Int(1, 9, when={"kind": "b"})})


@given(st.integers(1, 5), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_every_point_once_however_many_are_asked_for_at_once(resolution: int, at_once: int) -> None:
    asked = search(GridSearch(resolution), Rehearsal(SPACE), lambda _: 1.0, asks=80, seed=0, at_once=at_once)
    assert [s.config for s in asked] == [config for _, config in grid_points(SPACE, resolution)]
    assert sorted(SPACE.key(s.config) for s in asked) == sorted(map(SPACE.key, SPACE.grid(resolution)))
    assert len(asked) == resolution * (1 + resolution)


def test_points_that_somebody_tried_are_left_out() -> None:
    rehearsal = Rehearsal(SPACE)
    points = [config for _, config in grid_points(SPACE, 2)]
    rehearsal.start(points[1])
    rehearsal.start({"x": 0.123, "kind": "a"})
    asked = GridSearch(2).ask(rehearsal.history(), 9, Streams(0))
    assert [s.config for s in asked] == [points[0], *points[2:]]


def test_an_old_view_is_served_as_before() -> None:
    rehearsal = Rehearsal(SPACE)
    old = rehearsal.history()
    first = GridSearch(3).ask(old, 2, Streams(0))
    search(GridSearch(3), rehearsal, lambda _: 1.0, asks=5, seed=0)
    GridSearch(3).ask(rehearsal.history(), 1, Streams(0))
    assert GridSearch(3).ask(old, 2, Streams(0)) == first


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [0]),
        (2, [0, 0]),
        (3, [0, 0, 0]),
        (5, [0, 1, 0, 1, 0]),
        (9, [0, 2, 1, 2, 0, 2, 1, 2, 0]),
        (6, [0, 1, 0, 1, 2, 0]),
    ],
)
def test_levels_are_ends_and_middle_then_between(count: int, expected: list[int]) -> None:
    assert levels(count).tolist() == expected


def test_a_grid_goes_from_coarse_to_fine() -> None:
    space = Space({"x": Float(0, 1), "y": Float(1e-4, 1, log=True), "kind": Categorical(["a", "b"])})
    units = np.array([space.encode(config) for _, config in grid_points(space, 9)])[:, :2]
    finest = np.max([[levels(9)[round(u * 8)] for u in point] for point in units], axis=1)
    assert np.all(np.diff(finest) >= 0)
    assert [int(np.sum(finest == level)) for level in range(3)] == [3 * 3 * 2, (25 - 9) * 2, (81 - 25) * 2]


@pytest.mark.parametrize("stop", [9, 25, 60])
def test_a_stopped_grid_has_covered_the_space_evenly(stop: int) -> None:
    """Each hyperparameter has had each of its coarse values about as often; in the plain order one has not moved."""
    space = Space({f"x{i}": Float(0, 1) for i in range(5)})
    units = np.array([space.encode(config) for _, config in grid_points(space, 3)])[:stop]
    for column in units.T:
        counts = [int(np.sum(column == value)) for value in (0.0, 0.5, 1.0)]
        assert max(counts) - min(counts) <= 1
    pairs = {(a, b) for a, b in units[:, 1:3]}
    assert len(pairs) == 9


def test_suggestions_do_not_share_a_config() -> None:
    first = GridSearch(2).ask(Rehearsal(SPACE).history(), 1, Streams(0))[0]
    first.config["x"] = 99.0
    assert GridSearch(2).ask(Rehearsal(SPACE).history(), 1, Streams(0))[0].config["x"] == 0.0


@pytest.mark.parametrize("resolution", [0, -1, 2.5, True, "3"])
def test_a_resolution_is_a_whole_number(resolution: Any) -> None:
    with pytest.raises(RequestError, match="it needs a whole number of at least 1"):
        GridSearch(resolution)


def test_a_grid_of_too_many_points_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "MAX_POINTS", 100)
    grid_points.cache_clear()
    space = Space({f"x{i}": Float(0, 1) for i in range(30)})
    with pytest.raises(RequestError, match="the grid of resolution 5 has more than 100 points; use a lower resolution"):
        GridSearch().ask(Rehearsal(space).history(), 1, Streams(0))
    assert len(grid_points(Space({"a": Int(1, 100)}), 100)) == 100


def test_a_grid_is_counted_before_it_is_laid_out() -> None:
    wide = {f"x{i}": Float(0, 1) for i in range(200)}
    with pytest.raises(RequestError, match="the grid of resolution 5 has more than 1,000,000 points; use"):
        grid_points(Space(wide), 5)
    with pytest.raises(RequestError, match="more than 1,000,000 points, forbidden ones among them"):
        grid_points(Space(wide, forbid=["x0 > x1"]), 5)
