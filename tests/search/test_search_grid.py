"""Grid search: every point once, in order, then nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search import grid
from holdfast.search.grid import GridSearch, grid_points, levels
from holdfast.space import Categorical, Derived, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal, search
from holdfast.testing.spaces import RULED, SPACES

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


def plain_order(space: Space, resolution: int) -> list[Config]:
    """The points from coarse to fine, each one made and encoded: slow, and plain to see."""
    configs = list(space.grid(resolution))
    units = np.array([space.encode(config) for config in configs])
    places, fineness = np.zeros(units.shape, dtype=int), np.zeros(units.shape, dtype=int)
    for j, domain in enumerate(space.domains.values()):
        active = np.isfinite(units[:, j])
        values, places[active, j] = np.unique(np.round(units[active, j], 9), return_inverse=True)
        if not isinstance(domain, Categorical) or domain.ordered:
            fineness[active, j] = levels(len(values))[places[active, j]]
    level = fineness.max(axis=1)
    order: list[int] = []
    for each in np.unique(level):
        chosen = np.flatnonzero(level == each)
        columns = [np.unique(places[chosen, j], return_inverse=True)[1] for j in range(len(space))]
        columns = [column for column in columns if column.max() > 0]
        keys = columns[:1]
        for j, column in enumerate(columns[1:], start=1):
            keys.append((column - keys[0] - (0 if j == 1 else j * keys[1])) % (column.max() + 1))
        order += chosen[np.lexsort(keys)].tolist() if keys else chosen.tolist()
    return [configs[i] for i in order]


@pytest.mark.parametrize("name", [*SPACES, *RULED])
def test_the_order_is_the_plain_one_to_the_bit(name: str) -> None:
    space = {**SPACES, **RULED}[name]
    resolution = next(r for r in (9, 5, 3, 2, 1) if space.count_grid(r, 5000) is not None)
    points, plain = grid_points(space, resolution), plain_order(space, resolution)
    assert [list(config.items()) for _, config in points] == [list(config.items()) for config in plain]
    assert [key for key, _ in points] == [space.key(config) for config in plain]
    assert points[len(plain) - 2 :] == [points[i] for i in range(len(plain))[-2:]]
    for each in space.names:
        values = {repr(config[each]) for config in plain if each in config}
        assert {repr(value) for value in points.values(each)} == values


def test_a_large_grid_starts_without_making_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty points of half a million: so many are made and looked up, not half a million."""
    domains: dict[str, Any] = {name: Float(0, 1) for name in "abcdefg"}
    domains |= {"kind": Categorical(["x", "y", "z"]), "m": Float(0, "a + 1", when={"kind": "x"})}
    rehearsal = Rehearsal(Space({**domains, "ab": Derived("a * b")}, forbid=["a > 0.8 and b > 0.8"]))
    made: list[int] = []

    def counted(method: Any) -> Any:
        def call(*args: Any) -> Any:
            made.append(1)
            return method(*args)

        return call

    for method in ("key", "encode", "_completed"):
        monkeypatch.setattr(Space, method, counted(getattr(Space, method)))
    asked = GridSearch().ask(rehearsal.history(), 40, Streams(0))
    assert len(asked) == 40
    assert asked[0].reason == "grid of 525000"
    assert GridSearch().left(rehearsal.history(), 1000) == 1000
    assert len(made) <= 200


def test_a_grid_all_of_whose_points_are_forbidden_has_none() -> None:
    space = Space({"x": Float(0, 1), "k": Int(1, 2)}, forbid=["x < 0.2", "x > 0.8", "x > 0.4 and x < 0.6"])
    assert list(grid_points(space, 3)) == []
    assert GridSearch(3).ask(Rehearsal(space).history(), 1, Streams(0)) == []


def test_what_is_left_of_a_grid_is_counted() -> None:
    rehearsal = Rehearsal(SPACE)
    points = [config for _, config in grid_points(SPACE, 3)]
    for at in (0, 1, 2, 5):
        rehearsal.start(points[at])
    assert GridSearch(3).left(rehearsal.history(), 1000) == len(points) - 4
    rehearsal.start({"x": 0.123, "kind": "a"})
    assert GridSearch(3).left(rehearsal.history(), 1000) == len(points) - 4


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
