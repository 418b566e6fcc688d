"""The Kumaraswamy distribution function as a warp of the unit interval: w(u) = 1 - (1 - u^a)^b.

Concave, convex or S-shaped, and the identity at a = b = 1. Snoek, Swersky, Zemel and Adams, "Input warping for Bayesian
optimization of non-stationary functions", ICML 2014, section 3.1, take the Beta distribution, which has no closed form.
"""

from __future__ import annotations

import numpy as np

_EDGE = 1e-6
"""Places are kept this far from 0 and 1, where the slopes are not finite."""


def warp(places: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """(n, k) places in the unit interval, warped column by column with exponents a and b, (2, k)."""
    a, b = exponents
    warped: np.ndarray = 1 - (1 - _inside(places) ** a) ** b
    return warped


def slope(places: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """(n, k) the derivative of `warp` by the place."""
    a, b = exponents
    inside = _inside(places)
    found: np.ndarray = a * b * inside ** (a - 1) * (1 - inside**a) ** (b - 1)
    return found


def slopes_by_exponents(places: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """(2, n, k) the derivatives of `warp` by the logarithms of a and b."""
    a, b = exponents
    inside = _inside(places)
    power = inside**a
    rest = 1 - power
    by_a = a * b * rest ** (b - 1) * power * np.log(inside)
    by_b = -b * rest**b * np.log(rest)
    return np.array([by_a, by_b])


def _inside(places: np.ndarray) -> np.ndarray:
    inside: np.ndarray = np.clip(places, _EDGE, 1 - _EDGE)
    return inside
