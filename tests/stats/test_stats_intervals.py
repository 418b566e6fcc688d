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


def test_percentiles_of_few_units_reach_as_far_as_students_interval() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(8)
    drawn = rng.normal(values.mean(), values.std() / math.sqrt(8), 400_000)
    low, high = intervals.expanded_percentile(drawn, 0.95, 8)
    half = 2.365 * values.std(ddof=1) / math.sqrt(8)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    wider = intervals.expanded_percentile(drawn, 0.95, 8, omega2=0.5)
    assert wider.high - wider.low == pytest.approx(math.sqrt(1.5) * (high - low), rel=0.05)


@pytest.mark.parametrize(("value", "end"), [(0.9, 1.0), (-0.5, 0.0), (0.5, 0.0)])
def test_a_log_interval_stays_on_its_side_of_the_end(value: float, end: float) -> None:
    low, high = intervals.log_interval(value, 0.3, 0.95, 6, end)
    assert low < value < high
    assert (end - low) * (end - value) > 0
    assert (end - high) * (end - value) > 0
    assert (end - low) * (end - high) == pytest.approx((end - value) ** 2)


def test_a_log_interval_of_many_units_is_that_of_the_number_itself() -> None:
    low, high = intervals.log_interval(0.6, 0.001, 0.95, 100_000, 1.0)
    assert (low, high) == pytest.approx((0.6 - 0.00196, 0.6 + 0.00196), abs=1e-5)
    assert intervals.log_interval(1.0, 0.0, 0.95, 9, 1.0) == (1.0, 1.0)
    assert math.isfinite(intervals.log_interval(0.999, 5.0, 0.95, 2, 1.0).low)


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
