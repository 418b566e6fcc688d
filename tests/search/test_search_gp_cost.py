from __future__ import annotations

import numpy as np

from holdfast.search.gp.aspects import Told
from holdfast.search.gp.cost import Cheap


def cheap(weight: float, seconds: np.ndarray, X: np.ndarray) -> Cheap:
    aspect = Told(object(), np.arange(2), X).aspect("log seconds", seconds, np.arange(len(X)), np.log)
    assert aspect is not None
    return Cheap(aspect, weight)


def test_the_expected_seconds_are_learned_on_a_log_scale() -> None:
    X = np.random.default_rng(0).random((30, 2))
    seconds = np.exp(5 * X[:, 0])
    seconds[3] = np.nan
    found = cheap(1.0, seconds, X).value(np.array([[0.1, 0.5], [0.9, 0.5]]))
    np.testing.assert_allclose(found, [-0.5, -4.5], atol=0.2)


def test_the_weight_cools_it_down() -> None:
    X = np.random.default_rng(0).random((12, 2))
    seconds, at = np.exp(X[:, 1]), np.random.default_rng(1).random((5, 2))
    np.testing.assert_allclose(cheap(0.25, seconds, X).value(at), 0.25 * cheap(1.0, seconds, X).value(at))


def test_gradient_against_finite_differences() -> None:
    rng = np.random.default_rng(2)
    X, at = rng.random((12, 2)), rng.random((5, 2))
    term = cheap(0.7, np.exp(3 * X[:, 0] * X[:, 1]), X)
    value, gradient = term.with_gradient(at)
    np.testing.assert_allclose(value, term.value(at), rtol=1e-12)
    for i in range(2):
        step = np.zeros(2)
        step[i] = 1e-6
        slope = (term.value(at + step) - term.value(at - step)) / 2e-6
        np.testing.assert_allclose(gradient[:, i], slope, rtol=1e-4, atol=1e-6)
