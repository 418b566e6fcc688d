from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.search.gp.feasibility import Feasible, bilog, log_probability_below
from holdfast.search.gp.surrogate import condition, kernel_at, prior_mode


@pytest.mark.parametrize("z", [-1e6, -1e4, -40.0, -3.0, -1.0, 0.0, 0.5, 4.0, 9.0])
def test_log_probability_and_its_slope_equal_mpmath(z: float) -> None:
    value, by_mean, by_variance = log_probability_below(np.array([-z]), np.array([1.0]), 0.0)
    with mpmath.workdps(60):
        x = mpmath.mpf(z)
        below = mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        slope = mpmath.npdf(x) / below
        assert value[0] == pytest.approx(float(mpmath.log(below)), rel=1e-11)
        assert by_mean[0] == pytest.approx(-float(slope), rel=1e-10)
        assert by_variance[0] == pytest.approx(-float(slope * x / 2), rel=1e-10)


@given(mean=st.floats(-3, 3), variance=st.floats(1e-2, 4), limit=st.floats(-3, 3))
def test_derivatives_of_the_log_probability(mean: float, variance: float, limit: float) -> None:
    m, v, h = np.array([mean]), np.array([variance]), 1e-6 * variance
    _, by_mean, by_variance = log_probability_below(m, v, limit)
    up, down = (log_probability_below(m + s * h, v, limit)[0] for s in (1, -1))
    assert by_mean[0] == pytest.approx((up - down)[0] / (2 * h), rel=1e-4, abs=1e-5)
    up, down = (log_probability_below(m, v + s * h, limit)[0] for s in (1, -1))
    assert by_variance[0] == pytest.approx((up - down)[0] / (2 * h), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("trust", [1.0, 0.4])
def test_gradient_of_the_term_by_the_features(trust: float) -> None:
    rng = np.random.default_rng(0)
    X, Z = rng.random((12, 3)), rng.random((5, 3))
    posterior = condition(kernel_at(prior_mode(3)), np.arange(3), X, X[:, 0] - X[:, 1])
    term = Feasible(posterior, 0.1, trust=trust, elsewise=0.7)
    value, gradient = term.with_gradient(Z)
    np.testing.assert_allclose(value, term.value(Z), rtol=1e-12)
    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-6
        np.testing.assert_allclose(gradient[:, i], (term.value(Z + step) - term.value(Z - step)) / 2e-6, rtol=1e-4)


def test_what_is_not_trusted_changes_a_probability_little() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((12, 2))
    posterior = condition(kernel_at(prior_mode(2)), np.arange(2), X, 5 * X[:, 0])
    whole, part = (np.exp(Feasible(posterior, 0.0, trust, 0.7).value(X)) for trust in (1.0, 0.25))
    np.testing.assert_allclose(part, 0.25 * whole + 0.75 * 0.7, rtol=1e-12)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_bilog_keeps_the_sign_and_the_order(violation: list[float]) -> None:
    given = np.array(violation)
    drawn = bilog(given)
    assert np.all(np.isfinite(drawn))
    assert np.all(drawn[given == 0] == 0)
    assert np.all(np.sign(drawn) * np.sign(given) >= 0)
    order = np.argsort(given)
    assert np.all(np.diff(drawn[order]) >= 0)
