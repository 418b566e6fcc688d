"""Fronts, crowding, hypervolumes and boxes, each against its definition."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.records import TrialState
from holdfast.search.pareto import crowding, free_boxes, front, hypervolume, non_dominated, ranks, total_violation
from holdfast.space import Float, Space
from holdfast.testing.rehearsal import Rehearsal

GRID = st.integers(1, 4).flatmap(
    lambda k: arrays(float, st.tuples(st.integers(1, 12), st.just(k)), elements=st.integers(0, 5).map(float))
)
"""Losses with many ties, of one to four objectives."""


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a <= b).all() and (a < b).any())


def by_definition(losses: np.ndarray) -> np.ndarray:
    return np.array([not any(dominates(other, row) for other in losses) for row in losses])


def volume_of_cells(losses: np.ndarray, reference: np.ndarray) -> float:
    """The hypervolume of whole numbers, by counting unit cells from 0 up."""
    cells = itertools.product(*(range(int(r)) for r in reference))
    return float(sum(any((row <= cell).all() for row in losses) for cell in cells))


@settings(deadline=None)
@given(GRID)
def test_non_dominated_by_definition(losses: np.ndarray) -> None:
    assert (non_dominated(losses) == by_definition(losses)).all()


@settings(deadline=None)
@given(GRID)
def test_each_front_is_what_is_left_without_the_fronts_before_it(losses: np.ndarray) -> None:
    found = ranks(losses)
    for rank in range(found.max() + 1):
        left = found >= rank
        assert (by_definition(losses[left]) == (found[left] == rank)).all()


def test_what_is_feasible_comes_first_then_what_violates_less() -> None:
    losses = np.array([[9.0, 9.0], [0.0, 0.0], [1.0, 8.0], [np.nan, 1.0], [2.0, 9.0]])
    violation = np.array([[0.0, -1.0], [2.0, 0.0], [-3.0, 0.0], [np.nan, 0.0], [1.0, 0.0]])
    total = total_violation(violation)
    assert total.tolist() == [0.0, 1.0, 0.0, np.inf, 0.5]
    assert ranks(losses, total).tolist() == [1, 3, 0, 4, 2]


def test_constraints_count_alike_whatever_their_unit() -> None:
    assert total_violation(np.array([[1e6, 0.0], [0.0, 1e-6]])).tolist() == [1.0, 1.0]
    assert total_violation(np.zeros((2, 0))).tolist() == [0.0, 0.0]


def test_crowding_of_a_front() -> None:
    losses = np.array([[0.0, 10.0], [1.0, 6.0], [1.0, 6.0], [4.0, 4.0], [10.0, 0.0]])
    np.testing.assert_allclose(crowding(losses), [np.inf, 0.4 + 0.6, 0.0, 0.9 + 0.6, np.inf])
    assert crowding(np.ones((3, 2))).tolist() == [np.inf, 0.0, 0.0]
    assert crowding(np.array([[-1.7e308, 1.7e308], [0.0, 0.0], [1.7e308, -1.7e308]])).tolist() == [np.inf, 2.0, np.inf]


@settings(deadline=None)
@given(GRID)
def test_hypervolume_of_whole_numbers(losses: np.ndarray) -> None:
    reference = np.full(losses.shape[1], 5.0)
    assert hypervolume(losses, reference) == volume_of_cells(losses, reference)


def test_hypervolume_by_hand() -> None:
    two = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    assert hypervolume(two, np.array([4.0, 4.0])) == 6.0
    assert hypervolume(two, np.array([1.0, 4.0])) == 0.0
    rng = np.random.default_rng(0)
    three = rng.random((60, 3))
    drawn = rng.random((200_000, 3))
    covered = np.zeros(len(drawn), dtype=bool)
    for row in three:
        covered |= (row <= drawn).all(axis=1)
    assert hypervolume(three, np.ones(3)) == pytest.approx(covered.mean(), abs=0.005)  # 5 sd of the share


@settings(deadline=None)
@given(GRID)
def test_boxes_cover_what_is_not_dominated_once(losses: np.ndarray) -> None:
    k = losses.shape[1]
    lower, upper = free_boxes(losses, np.full(k, 5.0))
    assert (lower < upper).all()
    for cell in itertools.product(range(-1, 5), repeat=k):
        middle = np.array(cell) + 0.5
        inside = int(((lower < middle) & (middle < upper)).all(axis=1).sum())
        assert inside == int(not any((row <= cell).all() for row in losses))


def test_boxes_are_few() -> None:
    rng = np.random.default_rng(1)
    direction = np.abs(rng.standard_normal((40, 3)))
    points = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    assert len(free_boxes(points[:, :2], np.full(2, 2.0))[0]) <= 41
    assert len(free_boxes(points, np.full(3, 2.0))[0]) <= 4 * 40


def test_ten_thousand_trials_of_two_objectives_take_milliseconds() -> None:
    losses = np.random.default_rng(0).random((10_000, 2))
    start = time.process_time()
    non_dominated(losses)
    hypervolume(losses, np.ones(2))
    assert time.process_time() - start < 0.5


def test_the_front_of_a_history_holds_complete_feasible_trials() -> None:
    space = Space({"x": Float(0, 1)})
    rehearsal = Rehearsal(space, directions=("minimize", "maximize"), constraints=("ms <= 1",))
    told: list[tuple[list[float], float, TrialState]] = [
        ([1.0, 5.0], 0.0, TrialState.COMPLETE),
        ([2.0, 9.0], -1.0, TrialState.COMPLETE),
        ([2.0, 4.0], -1.0, TrialState.COMPLETE),
        ([0.0, 10.0], 0.1, TrialState.COMPLETE),
        ([0.0, 10.0], math.nan, TrialState.COMPLETE),
        ([0.5, 10.0], -1.0, TrialState.STOPPED),
        ([math.nan, math.nan], -1.0, TrialState.FAILED),
    ]
    for _ in told:
        rehearsal.start(space.sample(np.random.default_rng(len(rehearsal.actions))))
    assert front(rehearsal.history()).tolist() == []
    for trial in reversed(range(len(told))):
        losses, violation, state = told[trial]
        rehearsal.finish(trial, losses, state, violation=[violation])
    assert front(rehearsal.history()).tolist() == [0, 1]
