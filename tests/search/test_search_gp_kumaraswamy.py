from __future__ import annotations

import numpy as np

from holdfast.search.gp.kumaraswamy import slope, slopes_by_exponents, warp

PLACES = np.random.default_rng(0).uniform(0.05, 0.95, size=(30, 3))
EXPONENTS = np.array([[0.5, 1.0, 2.0], [1.5, 1.0, 0.7]])
STEP = 1e-6


def test_one_and_one_are_the_identity() -> None:
    np.testing.assert_allclose(warp(PLACES, np.ones((2, 3))), PLACES, atol=1e-12)


def test_it_is_the_distribution_function_by_hand() -> None:
    assert warp(np.array([[0.25]]), np.array([[0.5], [2.0]]))[0, 0] == 0.75  # 1 - (1 - sqrt(1/4))^2


def test_it_rises_from_zero_to_one() -> None:
    ends = warp(np.array([[0.0] * 3, [1.0] * 3]), EXPONENTS)
    np.testing.assert_allclose(ends, [[0.0] * 3, [1.0] * 3], atol=2e-3)
    assert np.all(slope(np.linspace(0, 1, 101)[:, None].repeat(3, axis=1), EXPONENTS) > 0)


def test_slopes_against_finite_differences() -> None:
    numeric = (warp(PLACES + STEP, EXPONENTS) - warp(PLACES - STEP, EXPONENTS)) / (2 * STEP)
    np.testing.assert_allclose(slope(PLACES, EXPONENTS), numeric, rtol=1e-6)
    by_exponent = slopes_by_exponents(PLACES, EXPONENTS)
    for which in range(2):
        up, down = EXPONENTS.copy(), EXPONENTS.copy()
        up[which] *= np.exp(STEP)
        down[which] *= np.exp(-STEP)
        numeric = (warp(PLACES, up) - warp(PLACES, down)) / (2 * STEP)
        np.testing.assert_allclose(by_exponent[which], numeric, rtol=1e-5, atol=1e-9)
