"""Hyperparameters of the surrogate drawn from their posterior, where few trials leave them open.

A single best fit to a dozen results is often sure of what is not so, and the search then stays in a corner. Averaging
the acquisition over draws keeps every explanation that the results allow: Snoek, Larochelle and Adams, "Practical
Bayesian optimization of machine learning algorithms", NeurIPS 2012, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from holdfast.search.gp.surrogate import Kernel, fit, kernel_at, log_likelihood, parameter_bounds, prior_moments

THINNING = 5
"""Every so many steps of the chain one draw is kept."""


def sample_kernels(
    group: np.ndarray, features: np.ndarray, targets: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[Kernel, ...]:
    """``count`` draws by elliptical slice sampling, begun at the best fit.

    Murray, Adams and MacKay, "Elliptical slice sampling", AISTATS 2010, figure 2. The priors of the logarithms are
    Gaussian, so that nothing has to be tuned.

    Args:
        group: (D,) which length-scale each column has.
        features: (n, D).
        targets: (n,) standardised losses.
        count: how many kernels to return.
        rng: where random draws come from.
    """
    groups = int(group.max()) + 1
    mean, sd = prior_moments(groups)
    low, high = parameter_bounds(groups)

    def kernel(z: np.ndarray) -> Kernel:
        return kernel_at(np.clip(mean + sd * z, low, high))

    def height(z: np.ndarray) -> float:
        return log_likelihood(kernel(z), group, features, targets)

    z = (fit(group, features, targets).parameters() - mean) / sd
    value = height(z)
    drawn = []
    for step in range(1, count * THINNING + 1):
        z, value = _slice_step(z, value, height, rng)
        if step % THINNING == 0:
            drawn.append(kernel(z))
    return tuple(drawn)


def _slice_step(
    z: np.ndarray, value: float, height: Callable[[np.ndarray], float], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """One step from ``z``, standard normal a priori, whose log likelihood ``height(z)`` is ``value``."""
    other = rng.standard_normal(len(z))
    threshold = value + math.log(rng.random())
    angle = rng.uniform(0.0, 2 * math.pi)
    least, most = angle - 2 * math.pi, angle
    while True:
        moved = z * math.cos(angle) + other * math.sin(angle)
        reached = height(moved)
        if reached > threshold:
            return moved, reached
        if angle < 0:
            least = angle
        else:
            most = angle
        angle = rng.uniform(least, most)
