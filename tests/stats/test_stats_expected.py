"""The expected best of n trials: against all subsets, and its limits."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import RequestError
from holdfast.stats.expected import expected_best


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_it_is_the_mean_over_all_subsets(scores: list[float]) -> None:
    found = expected_best(np.array(scores))
    for n in range(1, len(scores) + 1):
        assert found[n - 1] == pytest.approx(np.mean([max(s) for s in combinations(scores, n)]), abs=1e-9)
    assert (np.diff(found) >= -1e-9).all()


def test_it_is_unbiased_where_draws_with_replacement_are_not() -> None:
    rng = np.random.default_rng(0)
    samples = rng.random((4000, 6))  # the best of 4 uniforms is 4/5 on average
    found = np.mean([expected_best(row, np.array([4]))[0] for row in samples])
    ranks = np.arange(1, 7)
    plugged_in = np.mean(np.sort(samples) @ ((ranks / 6) ** 4 - ((ranks - 1) / 6) ** 4))
    assert found == pytest.approx(0.8, abs=0.005)
    assert plugged_in < 0.78


def test_thousands_of_trials_do_not_overflow_and_a_failed_one_counts() -> None:
    found = expected_best(np.arange(5000.0), np.array([1, 2500, 5000]))
    # the expected maximum of n of the integers 1 to N is n (N + 1) / (n + 1)
    np.testing.assert_allclose(found + 1, [2500.5, 2500 * 5001 / 2501, 5000])
    assert expected_best(np.array([-np.inf, 1.0, 2.0]), np.array([1, 2, 3])) == pytest.approx([-np.inf, 5 / 3, 2])


@pytest.mark.parametrize("budgets", [[0], [4], [1.5]])
def test_bad_requests_get_a_sentence(budgets: list[float]) -> None:
    with pytest.raises(RequestError, match="integers from 1 to 3"):
        expected_best(np.zeros(3), np.array(budgets))
    with pytest.raises(RequestError, match="NaN"):
        expected_best(np.array([1.0, np.nan]))
