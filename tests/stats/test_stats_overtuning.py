"""Overtuning of a search of five trials, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.stats.overtuning import overtuning


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
