"""Overtuning of a search of five trials, worked by hand, and the path of the corrected score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import bbc
from holdfast.stats.overtuning import bbc_path, overtuning


def test_five_trials_by_hand() -> None:
    # incumbents 0 1 1 3 4: their test scores .70 .80 .80 .78 .74, best so far .70 .80 .80 .80 .80
    found = overtuning(np.array([0.6, 0.7, 0.65, 0.8, 0.9]), np.array([0.70, 0.80, 0.95, 0.78, 0.74]))
    np.testing.assert_array_equal(found.incumbents, [0, 1, 1, 3, 4])
    np.testing.assert_allclose(found.by_trial, [0, 0, 0, 0.02, 0.06], atol=1e-12)
    assert found.final == pytest.approx(0.06)
    assert found.relative == pytest.approx(0.6)  # .06 of the .10 that there was to gain


def test_ending_worse_than_it_began_counts_more_than_one() -> None:
    assert overtuning(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.6, 0.3])).relative == pytest.approx(3.0)
    assert math.isinf(overtuning(np.array([1.0, 2.0]), np.array([0.5, 0.4])).relative)
    assert overtuning(np.array([2.0, 1.0]), np.array([0.5, 0.9])).relative == 0


def test_ties_keep_the_first_and_failures_are_passed_over() -> None:
    found = overtuning(np.array([1.0, np.nan, 1.0, 2.0]), np.array([0.5, np.nan, np.nan, 0.7]))
    np.testing.assert_array_equal(found.incumbents, [0, 0, 0, 3])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_it_is_never_negative_and_none_if_validation_is_the_truth(pairs: list[tuple[float, float]]) -> None:
    validation, test = np.array(pairs).T
    assert (overtuning(validation, test).by_trial >= 0).all()
    assert overtuning(test, test).relative == 0


@pytest.mark.parametrize(
    ("validation", "test", "words"),
    [
        ([1.0, 2.0], [1.0], "one each per trial"),
        ([np.nan, 2.0], [1.0, 1.0], "first trial"),
        ([1.0, 2.0], [1.0, np.nan], "trial 1 was the best"),
    ],
)
def test_bad_requests_get_a_sentence(validation: list[float], test: list[float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        overtuning(np.array(validation), np.array(test))


def test_the_path_of_the_correction_is_bbc_of_the_first_configurations() -> None:
    scores = np.random.default_rng(3).random((40, 7))
    path = bbc_path(scores, np.random.default_rng(0), 150)
    for n in (1, 3, 7):
        assert path[n - 1] == pytest.approx(bbc(scores[:, :n], np.random.default_rng(0), 150).point)


def test_the_path_stays_where_it_is_as_equals_are_added_and_rises_with_what_is_better() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 30))
    flat = bbc_path(rows, rng)
    assert flat[-1] < np.maximum.accumulate(rows.mean(axis=0))[-1] - 0.05  # the naive one
    rising = bbc_path(rows + 0.5 * np.arange(30), rng)
    assert rising[-1] == pytest.approx(rows[:, -1].mean() + 14.5, abs=0.05)


def test_one_row_leaves_nothing_out() -> None:
    with pytest.raises(RequestError, match="no bootstrap leaves one out"):
        bbc_path(np.ones((1, 3)), np.random.default_rng(0))
