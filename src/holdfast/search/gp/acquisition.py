"""The logarithm of expected improvement, exact in the far tail, and a confidence bound for when it gets stuck.

Ament, Daulton, Eriksson, Balandat and Bakshy, "Unexpected improvements to expected improvement for Bayesian
optimization", NeurIPS 2023, eq. 9: log EI = log sigma + log h(z), h(z) = phi(z) + z Phi(z), z = (best - mean) / sigma.
"""

from __future__ import annotations

import numpy as np

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_SQRT_HALF_PI = np.sqrt(0.5 * np.pi)
_FAR = -100.0


def log_expected_improvement(
    mean: np.ndarray, variance: np.ndarray, best: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log EI below ``best`` for means and variances of shape (m,), and its derivatives by mean and by variance."""
    sd = np.sqrt(variance)
    z = (best - mean) / sd
    value, slope = log_h(z)
    return np.log(sd) + value, -slope / sd, (1 - slope * z) / (2 * variance)


def confidence_bound(mean: np.ndarray, variance: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Minus the lower bound of the loss, ``width`` sd under its mean (m,), and its derivatives by mean and by variance.

    Srinivas, Krause, Kakade and Seeger, "Gaussian process optimization in the bandit setting", ICML 2010, eq. 6.
    """
    sd = np.sqrt(variance)
    return width * sd - mean, np.full_like(mean, -1.0), width / (2 * sd)


def log_average(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) the log of the average of exp(values) over p beliefs, shape (p, m), and its derivatives by them (p, m)."""
    top = values.max(axis=0)
    relative = np.exp(values - top)
    total = relative.sum(axis=0)
    return top + np.log(total / len(values)), relative / total


def log_h(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of phi(z) + z Phi(z) and its derivative Phi(z) / h(z), for any finite z; shapes as ``z``."""
    from scipy.special import erfcx, ndtr

    near = np.maximum(z, -1.0)
    density = np.exp(-0.5 * near * near - _HALF_LOG_2PI)
    h = density + near * ndtr(near)
    far = np.minimum(z, -1.0)
    ratio = _SQRT_HALF_PI * erfcx(-far / np.sqrt(2.0))
    rest = _tail(far, ratio)
    value = np.where(z > -1, np.log(h), -0.5 * far * far - _HALF_LOG_2PI + np.log(rest))
    return value, np.where(z > -1, ndtr(near) / h, ratio / rest)


def _tail(z: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The ratio h / phi = 1 + z Phi / phi for z <= -1, where ``ratio`` is Phi / phi, by series in the far tail."""
    u = 1 / np.minimum(z, _FAR) ** 2
    series = u * (1 - u * (3 - u * (15 - 105 * u)))
    tail: np.ndarray = np.where(z > _FAR, 1 + z * ratio, series)
    return tail
