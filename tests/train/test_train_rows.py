from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.train.rows import FEWEST_ROWS, Targets, inner_split
from holdfast.train.task import Task


@given(st.integers(1, 600), st.integers(1, 12), st.integers(0, 1000))
def test_the_inner_split_parts_the_rows_and_keeps_every_class(n: int, classes: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, classes, size=n)
    fit, watched = inner_split(y, stratified=True, generator=draw)
    np.testing.assert_array_equal(np.sort(np.concatenate([fit, watched])), np.arange(n))
    np.testing.assert_array_equal(np.unique(y[fit]), np.unique(y))
    if n < FEWEST_ROWS:
        assert len(watched) == 0
    else:
        assert n / 10 - classes - 1 <= len(watched) <= n / 10 + 1


def test_the_inner_split_is_stratified() -> None:
    y = np.repeat([0, 1, 2], [500, 300, 200])
    _, watched = inner_split(y, stratified=True, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(y[watched]), [50, 30, 20])


def test_the_inner_split_draws_at_random() -> None:
    draw = np.random.default_rng(0)
    first = inner_split(np.zeros(100), stratified=False, generator=draw)[1]
    second = inner_split(np.zeros(100), stratified=False, generator=draw)[1]
    assert len(first) == len(second) == 10
    assert set(first) != set(second)


@pytest.mark.parametrize("y", [np.array([3, 1, 3]), np.array(["b", "a", "b"]), np.array([True, False, True])])
def test_targets_survive_json(y: np.ndarray) -> None:
    targets = Targets.of(Task("binary", 3, 1, 2), y)
    again = Targets.from_json(targets.to_json())
    np.testing.assert_array_equal(again.encode(y), [[0, 1], [1, 0], [0, 1]])


def test_a_constant_target_is_no_division_by_zero() -> None:
    targets = Targets.of(Task("regression", 3, 1), np.full(3, 7.0))
    np.testing.assert_array_equal(targets.encode(np.full(3, 7.0)), np.zeros((3, 1)))
