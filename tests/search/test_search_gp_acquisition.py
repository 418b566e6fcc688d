from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.search.gp.acquisition import confidence_bound, log_expected_improvement, log_h


def exact_log_h(z: float) -> float:
    """Log of phi(z) + z Phi(z), in as many digits as the cancellation takes."""
    with mpmath.workdps(80):
        z = mpmath.mpf(z)
        tail = mpmath.erfc(-z / mpmath.sqrt(2)) / 2
        return float(mpmath.log(mpmath.npdf(z) + z * tail))


@pytest.mark.parametrize(
    "z",
    [-1e6, -1e5, -1e4, -1e3, -101.0, -100.0, -99.9, -50.0, -10.0, -3.0, -1.0001, -1.0, -0.9999, 0.0, 1.0, 5.0, 40.0],
)
def test_log_h_equals_mpmath(z: float) -> None:
    value, _ = log_h(np.array([z]))
    assert value[0] == pytest.approx(exact_log_h(z), rel=1e-11)


def test_log_h_rises_and_is_finite_everywhere() -> None:
    z = np.concatenate([-np.logspace(6, -6, 5001), np.logspace(-6, 3, 2001)])
    value, slope = log_h(z)
    assert np.all(np.isfinite(value))
    assert np.all(np.diff(value) > 0)
    assert np.all(slope > 0)


@given(st.floats(-1e6, 30))
def test_slope_of_log_h(z: float) -> None:
    _, slope = log_h(np.array([z]))
    with mpmath.workdps(80):
        x = mpmath.mpf(z)
        below = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        exact = float(below / (mpmath.npdf(x) + x * below))
    assert slope[0] == pytest.approx(exact, rel=1e-8)


@given(mean=st.floats(-3, 3), variance=st.floats(1e-3, 4), best=st.floats(-3, 3))
def test_derivatives_of_log_expected_improvement(mean: float, variance: float, best: float) -> None:
    m, v = np.array([mean]), np.array([variance])
    _, by_mean, by_variance = log_expected_improvement(m, v, best)
    h = 1e-5
    numeric_mean = (log_expected_improvement(m + h, v, best)[0] - log_expected_improvement(m - h, v, best)[0]) / (2 * h)
    h *= variance
    numeric_variance = (log_expected_improvement(m, v + h, best)[0] - log_expected_improvement(m, v - h, best)[0]) / (
        2 * h
    )
    assert by_mean[0] == pytest.approx(numeric_mean[0], rel=1e-4, abs=1e-6)
    assert by_variance[0] == pytest.approx(numeric_variance[0], rel=1e-4, abs=1e-6)


def test_expected_improvement_by_monte_carlo() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.5, size=400_000)
    value, _, _ = log_expected_improvement(np.array([0.3]), np.array([0.25]), 0.1)
    assert np.exp(value[0]) == pytest.approx(np.maximum(0.1 - draws, 0).mean(), rel=0.01)


def test_confidence_bound_and_its_derivatives() -> None:
    m, v = np.array([0.3, -1.0]), np.array([0.04, 2.25])
    value, by_mean, by_variance = confidence_bound(m, v, 2.0)
    np.testing.assert_allclose(value, [0.1, 4.0])
    np.testing.assert_allclose(by_mean, -1.0)
    h = 1e-6
    numeric = (confidence_bound(m, v + h, 2.0)[0] - confidence_bound(m, v - h, 2.0)[0]) / (2 * h)
    np.testing.assert_allclose(by_variance, numeric, rtol=1e-6)
