"""Grid search: every point once, in order, then nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.rng import Streams
from holdfast.search import grid
from holdfast.search.grid import GridSearch, grid_points
from holdfast.space import Categorical, Float, Int, Space
from holdfast.testing.rehearsal import Rehearsal, search

SPACE = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"]), "n": Int(1, 9, when={"kind": "b"})})


@given(st.integers(1, 5), st.integers(1, 7))
@settings(max_examples=25, deadline=None)
def test_every_point_once_in_order(resolution: int, at_once: int) -> None:
    asked = search(GridSearch(resolution), Rehearsal(SPACE), lambda _: 1.0, asks=80, seed=0, at_once=at_once)
    assert [s.config for s in asked] == list(SPACE.grid(resolution))
    assert len(asked) == resolution * (1 + resolution)


def test_points_that_somebody_tried_are_left_out() -> None:
    rehearsal = Rehearsal(SPACE)
    points = list(SPACE.grid(2))
    rehearsal.start(points[1])
    rehearsal.start({"x": 0.123, "kind": "a"})
    asked = GridSearch(2).ask(rehearsal.history(), 9, Streams(0))
    assert [s.config for s in asked] == [points[0], *points[2:]]


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
