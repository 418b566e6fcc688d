"""Sobol points: one scrambled sequence a study, the same however it is asked for."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import qmc

from holdfast.errors import RequestError
from holdfast.rng import Streams
from holdfast.search import sobol
from holdfast.search.sobol import MAX_DIMENSIONS, SobolSearch, sobol_point, sobol_points
from holdfast.space import Categorical, Float, Space
from holdfast.testing.rehearsal import Rehearsal

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1)})


def test_a_longer_sequence_begins_with_the_shorter() -> None:
    longest = sobol_points(600, 3, 7)
    for n in (1, 2, 3, 64, 65, 257):
        points = sobol_points(n, 3, 7)
        assert len(points) >= n
        assert np.array_equal(points, longest[: len(points)])
    assert not np.array_equal(sobol_points(64, 3, 8), sobol_points(64, 3, 7))


def test_a_point_far_out_is_that_of_the_sequence() -> None:
    whole = qmc.Sobol(10, scramble=True, rng=np.random.default_rng(5)).random_base2(15)
    size = sobol._block_size(10)
    assert size < len(whole) / 4
    for index in (0, 1, size - 1, size, 3 * size + 17, len(whole) - 1):
        assert np.array_equal(sobol_point(index, 10, 5), whole[index])


def test_the_sequence_has_no_end() -> None:
    """Neither scipy's 2^30 points nor the time that counting to there would take are in the way."""
    begin = time.process_time()
    points = [sobol_point(index, 4, 0) for index in (2**22, 2**30 + 1, 2**40 + 5)]
    assert time.process_time() - begin < 2
    assert all(point.shape == (4,) and np.all((point >= 0) & (point < 1)) for point in points)
    assert len({tuple(point) for point in [*points, sobol_point(0, 4, 0), sobol_point(1, 4, 0)]}) == 5
    later = np.array([sobol_point(2**30 + k, 2, 0) for k in range(64)])
    assert qmc.discrepancy(later) < min(qmc.discrepancy(np.random.default_rng(s).random((64, 2))) for s in range(20))


def test_the_most_dimensions_are_served() -> None:
    assert sobol_point(3, MAX_DIMENSIONS, 0).shape == (MAX_DIMENSIONS,)


def test_points_fill_the_cube_more_evenly_than_random_ones() -> None:
    ours = qmc.discrepancy(sobol_points(64, 2, 0)[:64])
    random = [qmc.discrepancy(np.random.default_rng(seed).random((64, 2))) for seed in range(20)]
    assert ours < min(random)


def test_trial_k_gets_point_k() -> None:
    asked = SobolSearch().ask(Rehearsal(SPACE).history(), 5, Streams(3))
    points = sobol_points(5, 2, Streams(3).integer(-1, "sobol"))
    assert [s.config for s in asked] == [SPACE.decode(point) for point in points[:5]]
    rehearsal = Rehearsal(SPACE)
    for suggestion in asked[:3]:
        rehearsal.take(suggestion)
    assert [s.config for s in SobolSearch().ask(rehearsal.history(), 2, Streams(3))] == [s.config for s in asked[3:]]


def test_repetitions_in_a_coarse_space_are_replaced() -> None:
    space = Space({"a": Categorical(list(range(8))), "b": Categorical([1, 2])})
    asked = SobolSearch().ask(Rehearsal(space).history(), 20, Streams(0))
    assert len({space.key(s.config) for s in asked}) == len(asked) == 16


def test_too_many_dimensions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sobol, "MAX_DIMENSIONS", 1)
    with pytest.raises(RequestError, match="sobol takes 1 hyperparameters, not 2; use 'random'"):
        SobolSearch().ask(Rehearsal(SPACE).history(), 1, Streams(0))
