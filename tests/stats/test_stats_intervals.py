"""Textbook intervals against published numbers, their definitions and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest, t

from holdfast.errors import RequestError
from holdfast.stats import intervals


@given(n=st.integers(1, 500), share=st.floats(0, 1), level=st.sampled_from([0.5, 0.8, 0.95, 0.999]))
@settings(max_examples=60, deadline=None)
def test_proportions_agree_with_scipy_and_hold_the_share(n: int, share: float, level: float) -> None:
    k = round(share * n)
    reference = binomtest(k, n)
    for ours, method in ((intervals.wilson, "wilson"), (intervals.clopper_pearson, "exact")):
        theirs = reference.proportion_ci(level, method)
        assert ours(k, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    for interval in (intervals.jeffreys, intervals.wilson, intervals.clopper_pearson):
        low, high = interval(k, n, level)
        assert 0 <= low <= k / n + 1e-12
        assert k / n - 1e-12 <= high <= 1


def test_jeffreys_is_the_beta_quantile() -> None:
    low, high = intervals.jeffreys(17, 20)
    assert low == pytest.approx(beta.ppf(0.025, 17.5, 3.5))
    assert high == pytest.approx(beta.ppf(0.975, 17.5, 3.5))
    assert intervals.jeffreys(20, 20).high == 1.0
    assert intervals.jeffreys(0, 20).low == 0.0


def test_bonferroni_widens_the_lower_side_only() -> None:
    one, many = intervals.clopper_pearson(80, 100), intervals.bonferroni_clopper_pearson(80, 100, 50)
    assert many.low < one.low
    assert many.high == one.high
    assert many.low == pytest.approx(beta.ppf(0.025 / 50, 80, 21))


def test_the_mean_of_symmetric_values_gets_students_interval() -> None:
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    half = t.ppf(0.975, 4) * values.std(ddof=1) / math.sqrt(5)
    assert intervals.mean_interval(values) == pytest.approx((-half, half))


def test_skewed_values_move_the_bound_on_the_side_of_the_long_tail() -> None:
    values = np.random.default_rng(0).lognormal(size=200)
    half = t.ppf(0.975, 199) * values.std(ddof=1) / math.sqrt(200)
    low, high = intervals.mean_interval(values)
    assert low == pytest.approx(values.mean() - half)
    assert high > values.mean() + half
    low, high = intervals.mean_interval(-values)
    assert low < -values.mean() - half
    assert high == pytest.approx(-values.mean() + half)


def test_the_mean_of_skewed_values_is_covered_better_than_by_student() -> None:
    rng = np.random.default_rng(1)
    truth = math.exp(0.7**2 / 2)
    held, plain = 0, 0
    for _ in range(1500):
        values = rng.lognormal(0, 0.7, size=60)
        low, high = intervals.mean_interval(values)
        half = t.ppf(0.975, 59) * values.std(ddof=1) / math.sqrt(60)
        held += low <= truth <= high
        plain += abs(values.mean() - truth) <= half
    assert plain < held - 15
    assert held / 1500 > 0.935


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.sampled_from([0.5, 0.95, 0.9999]))
@settings(max_examples=100, deadline=None)
def test_the_interval_of_any_mean_holds_it(values: list[float], level: float) -> None:
    array = np.array(values)
    low, high = intervals.mean_interval(array, level)
    slack = 1e-9 * (1 + np.abs(array).max())
    assert low - slack <= array.mean() <= high + slack
    assert math.isfinite(low)
    assert math.isfinite(high)


def test_percentiles_leave_out_what_is_undefined() -> None:
    values = np.r_[np.linspace(0, 1, 101), np.nan]
    assert intervals.percentile(values, 0.9) == pytest.approx((0.05, 0.95))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: intervals.wilson(3, 2), "no proportion"),
        (lambda: intervals.jeffreys(0, 0), "no proportion"),
        (lambda: intervals.clopper_pearson(1, 2, 95), "between 0 and 1"),
        (lambda: intervals.mean_interval(np.ones(1)), "at least two"),
        (lambda: intervals.percentile(np.array([np.nan])), "at least one"),
    ],
)
def test_bad_requests_get_a_sentence(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(RequestError, match=words):
        call()
