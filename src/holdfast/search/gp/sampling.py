"""Hyperparameters of the surrogate drawn from their posterior, where few trials leave them open.

A single best fit to a dozen results is often sure of what is not so, and the search then stays in a corner. Averaging
the acquisition over draws keeps every explanation that the results allow: Snoek, Larochelle and Adams, "Practical
Bayesian optimization of machine learning algorithms", NeurIPS 2012, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from holdfast.search.gp.bowl import LOG_DEPTH_MEAN, LOG_DEPTH_SD, Bowl
from holdfast.search.gp.surrogate import (
    MEAN_VARIANCE,
    Kernel,
    fit,
    kernel_at,
    log_likelihood,
    parameter_bounds,
    prior_mode,
    prior_moments,
)

THINNING = 5
"""Every so many steps of the chain one draw is kept."""

LOG_NOISES = (-12.0, -0.1)
"""Between these the logarithm of the noise's part of the variance may lie where nothing is known of it beforehand."""

NOISES_AT_START = (0.15, 0.5, 0.75, 0.9)
"""Where a chain that learns the noise may begin, as parts of the way from the least noise to the most."""

BURN_IN, SHORT_THINNING = 10, 3
"""Steps of such a chain before the first that counts, and from one draw that is kept to the next."""

NARROWEST = 1e-12
"""A step has found nothing where the angles that are left to it are no wider than this."""


def sample_kernels(
    group: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    count: int,
    rng: np.random.Generator,
    bowl: Bowl | None = None,
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
        bowl: what the priors say of the loss, where they are believed; its variance is drawn as well.
    """
    groups = int(group.max()) + 1
    mean, sd = prior_moments(groups)
    low, high = parameter_bounds(groups)

    def kernel(z: np.ndarray) -> Kernel:
        found = kernel_at(np.clip(mean + sd * z[: len(mean)], low, high))
        if bowl is None:
            return found
        return replace(found, bowl=bowl, depth=math.exp(LOG_DEPTH_MEAN + LOG_DEPTH_SD * float(z[-1])))

    def height(z: np.ndarray) -> float:
        return log_likelihood(kernel(z), group, features, targets)

    if bowl is None:
        z = (fit(group, features, targets).parameters() - mean) / sd
    else:
        functions = bowl(features)
        beside = MEAN_VARIANCE + math.exp(LOG_DEPTH_MEAN) * functions @ functions.T
        z = np.append((fit(group, features, targets, beside).parameters() - mean) / sd, 0.0)
    return tuple(kernel(found) for found in _chain(z, height, count * THINNING, rng)[THINNING - 1 :: THINNING])


def sample_noisy_kernels(
    group: np.ndarray, features: np.ndarray, targets: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[Kernel, ...]:
    """As `sample_kernels`, but nothing is known of the noise beforehand: its logarithm has a flat prior.

    So the scores alone say how much of them is noise. It stands as the normal distribution's probability of a standard
    normal number, and the chain begins at the likeliest of the best fit and the prior's modes with several noises.
    """
    from scipy.special import ndtr, ndtri

    groups = int(group.max()) + 1
    mean, sd = prior_moments(groups)
    low, high = parameter_bounds(groups)
    least, most = LOG_NOISES

    def kernel(z: np.ndarray) -> Kernel:
        parameters = np.clip(mean + sd * z, low, high)
        parameters[-2] = least + (most - least) * ndtr(z[-2])
        return kernel_at(parameters)

    def height(z: np.ndarray) -> float:
        return log_likelihood(kernel(z), group, features, targets)

    def start(parameters: np.ndarray, share: float) -> np.ndarray:
        z: np.ndarray = (parameters - mean) / sd
        z[-2] = ndtri(share)
        return z

    best = fit(group, features, targets).parameters()
    starts = [start(best, float(np.clip((best[-2] - least) / (most - least), 0.01, 0.99)))]
    starts += [start(prior_mode(groups), share) for share in NOISES_AT_START]
    z = max(starts, key=height)
    found = _chain(z, height, BURN_IN + count * SHORT_THINNING, rng)
    return tuple(kernel(each) for each in found[BURN_IN + SHORT_THINNING - 1 :: SHORT_THINNING])


def _chain(
    z: np.ndarray, height: Callable[[np.ndarray], float], steps: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """The points that the chain which begins at ``z`` reaches in so many steps."""
    value, found = height(z), []
    for _ in range(steps):
        z, value = _slice_step(z, value, height, rng)
        found.append(z)
    return found


def _slice_step(
    z: np.ndarray, value: float, height: Callable[[np.ndarray], float], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """One step from ``z``, standard normal a priori, whose log likelihood ``height(z)`` is ``value``.

    It stays at ``z`` where that is no finite number, or nothing is found down to `NARROWEST`.
    """
    other = rng.standard_normal(len(z))
    threshold = value + math.log(rng.random())
    angle = rng.uniform(0.0, 2 * math.pi)
    least, most = angle - 2 * math.pi, angle
    while math.isfinite(value) and most - least > NARROWEST:
        moved = z * math.cos(angle) + other * math.sin(angle)
        reached = height(moved)
        if reached > threshold:
            return moved, reached
        if angle < 0:
            least = angle
        else:
            most = angle
        angle = rng.uniform(least, most)
    return z, value
