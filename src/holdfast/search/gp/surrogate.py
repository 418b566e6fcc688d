"""The Gaussian process: its kernel, the posterior density of its hyperparameters, and its predictions.

Matérn-5/2 with one length-scale a group of columns (Rasmussen and Williams 2006, eq. 4.17), whose prior grows with the
dimension (Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024).
The constant mean has a Gaussian prior and is integrated out: it is a constant added to the kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.bowl import Bowl

NOISE_FLOOR = 1e-6
MEAN_VARIANCE = 1.0
_LOG_LENGTH_SD = math.sqrt(3.0)
_LOG_NOISE_MEAN, _LOG_NOISE_SD = -4.0, 1.0
_LOG_SIGNAL_SD = 1.0
_LENGTH_BOUNDS = (math.log(0.01), math.log(1e4))
_NOISE_BOUNDS = (math.log(NOISE_FLOOR), math.log(1.0))
_SIGNAL_BOUNDS = (math.log(0.05), math.log(20.0))
MAX_ITERATIONS = 40
FEW_POINTS = 60


@dataclass(frozen=True, eq=False)
class Kernel:
    """Hyperparameters of the surrogate: length-scales a group (g,), variances of the noise and of the signal.

    Where priors are believed there is a bowl as well, with its own variance.
    """

    lengths: np.ndarray
    noise: float
    signal: float
    bowl: Bowl | None = None
    depth: float = 0.0

    def scale(self, features: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Features of shape (n, D) in units of their length-scales."""
        scaled: np.ndarray = features / self.lengths[group]
        return scaled

    def covariance(self, a: np.ndarray, b: np.ndarray, group: np.ndarray) -> np.ndarray:
        """(n, m) prior covariance of scaled features (n, D) and (m, D)."""
        found: np.ndarray = self.signal * matern(squared_distances(a, b)) + MEAN_VARIANCE
        if self.bowl is not None:
            lengths = self.lengths[group]
            found = found + self.depth * self.bowl(a * lengths) @ self.bowl(b * lengths).T
        return found

    def variance(self, features: np.ndarray) -> np.ndarray | float:
        """The prior variance at features (m, D), which are not scaled: a number, or (m,) where there is a bowl."""
        plain = self.signal + MEAN_VARIANCE
        return plain if self.bowl is None else plain + self.depth * (self.bowl(features) ** 2).sum(axis=1)

    def parameters(self) -> np.ndarray:
        """(log length-scales, log noise, log signal), shape (g + 2,): what `kernel_at` takes."""
        parameters: np.ndarray = np.log(np.concatenate([self.lengths, [self.noise, self.signal]]))
        return parameters


@dataclass(frozen=True, eq=False)
class Posterior:
    """A Gaussian process given n points; targets are standardised losses.

    Attributes:
        kernel, group: hyperparameters, and the group of each of the D columns.
        points: (n, D) scaled features.
        factor: (n, n) lower Cholesky factor of the covariance of the points with noise.
        weights: (n,) the covariance's inverse times the targets; zero for pending points that are at their mean. (r, n)
            where there are r draws of the pending points' results: then a mean has a first axis for these as well.
        noise: the noise variance that was needed for the factor to exist, at least the kernel's.
    """

    kernel: Kernel
    group: np.ndarray
    points: np.ndarray
    factor: np.ndarray
    weights: np.ndarray
    noise: float

    def means_at_points(self, targets: np.ndarray) -> np.ndarray:
        """(n,) the mean at the points themselves, whose targets are given: since (K + noise I) weights = targets."""
        return targets - self.noise * self.weights

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (without noise) of the loss at features of shape (m, D); two arrays of shape (m,)."""
        cross = self._covariance(self.kernel.scale(features, self.group))
        half = solve_lower(self.factor, cross.T)
        variance = self.kernel.variance(features) - np.einsum("nm,nm->m", half, half)
        return (cross @ self.weights.T).T, np.maximum(variance, 1e-12)

    def predict_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean (m,), variance (m,) and their gradients by the features (m, D) at features of shape (m, D)."""
        scaled = self.kernel.scale(features, self.group)
        squared = squared_distances(scaled, self.points)
        cross = self.kernel.signal * matern(squared) + MEAN_VARIANCE
        lengths, bowl, depth = self.kernel.lengths[self.group], self.kernel.bowl, self.kernel.depth
        if bowl is not None:
            here, there = bowl(features), bowl(self.points * lengths)
            cross += depth * here @ there.T
        slope = matern_slope(squared)
        half = solve_lower(self.factor, cross.T)
        variance = self.kernel.variance(features) - np.einsum("nm,nm->m", half, half)
        solved = solve_lower(self.factor, half, transposed=True).T
        by_mean = 2 * self.kernel.signal * slope * self.weights[..., None, :]
        by_variance = -4 * self.kernel.signal * slope * solved
        gradients = [
            (scaled * part.sum(axis=-1, keepdims=True) - part @ self.points) / lengths
            for part in (by_mean, by_variance)
        ]
        if bowl is not None:
            gradients[0] += depth * bowl.gradient(features, (self.weights @ there)[..., None, :])
            gradients[1] += 2 * depth * bowl.gradient(features, here - solved @ there)
        return (cross @ self.weights.T).T, np.maximum(variance, 1e-12), gradients[0], gradients[1]

    def weighted_sum(self, features: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        """Mean and variance of the sum of the losses at features (m, D) times weights (m,)."""
        scaled = self.kernel.scale(features, self.group)
        cross = weights @ self._covariance(scaled)
        own = self.kernel.covariance(scaled, scaled, self.group)
        half = solve_lower(self.factor, cross[:, None])[:, 0]
        return float(cross @ self.weights), max(float(weights @ own @ weights - half @ half), 1e-12)

    def draw(self, features: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, m) draws of the loss, without noise, at features of shape (m, D) all at once."""
        scaled = self.kernel.scale(features, self.group)
        cross = self._covariance(scaled)
        own = self.kernel.covariance(scaled, scaled, self.group)
        half = solve_lower(self.factor, cross.T)
        factor, _ = cholesky(own - half.T @ half, NOISE_FLOOR)
        found: np.ndarray = cross @ self.weights + rng.standard_normal((count, len(features))) @ factor.T
        return found

    def with_pending(self, features: np.ndarray, normals: np.ndarray | None = None) -> Posterior:
        """The posterior that also knows pending points (p, D), each at its own posterior mean, or at drawn results.

        The mean as a fantasy leaves the mean where it is and takes away variance: Desautels, Krause and Burdick,
        "Parallelizing exploration-exploitation tradeoffs in Gaussian process bandit optimization", JMLR 15 (2014). With
        independent standard ``normals`` (r, p) the results, with their noise, are r draws from the posterior of them
        all, which have one variance in common.
        """
        scaled = self.kernel.scale(features, self.group)
        below = solve_lower(self.factor, self._covariance(scaled).T).T
        own = self.kernel.covariance(scaled, scaled, self.group)
        corner, _ = cholesky(own - below @ below.T, self.noise)
        n, p = len(self.points), len(features)
        factor = np.zeros((n + p, n + p), order="F")
        factor[:n, :n], factor[n:, :n], factor[n:, n:] = self.factor, below, corner
        weights = np.concatenate([self.weights, np.zeros((*self.weights.shape[:-1], p))], axis=-1)
        if normals is not None:
            # in units of the factor the targets are what they were, and the normals beside them
            known = np.broadcast_to(self.weights @ self.factor, (len(normals), n))
            whitened = np.concatenate([known, normals], axis=1)
            weights = solve_lower(factor, whitened.T, transposed=True).T
        return Posterior(
            kernel=self.kernel,
            group=self.group,
            points=np.concatenate([self.points, scaled]),
            factor=factor,
            weights=weights,
            noise=self.noise,
        )

    def _covariance(self, scaled: np.ndarray) -> np.ndarray:
        """(m, n) prior covariance of scaled features (m, D) with the points."""
        return self.kernel.covariance(scaled, self.points, self.group)


def condition(kernel: Kernel, group: np.ndarray, features: np.ndarray, targets: np.ndarray) -> Posterior:
    """The posterior given features (n, D) and targets (n,)."""
    points = kernel.scale(features, group)
    factor, noise = cholesky(kernel.covariance(points, points, group), kernel.noise)
    weights = solve_lower(factor, solve_lower(factor, targets[:, None]), transposed=True)[:, 0]
    return Posterior(kernel, group, points, factor, weights, noise)


def fit(
    group: np.ndarray, features: np.ndarray, targets: np.ndarray, beside: np.ndarray | float = MEAN_VARIANCE
) -> Kernel:
    """The hyperparameters of highest posterior density found by L-BFGS from the prior's mode.

    With few points, where the density has several tops and a fit is cheap, it is also climbed from length-scales that
    are longer and shorter than the mode's by a factor of e.

    Args:
        group: (D,) which length-scale each column has.
        features: (n, D).
        targets: (n,) standardised losses.
        beside: the rest of the prior covariance, (n, n) or the same for all pairs.
    """
    from scipy.optimize import minimize

    groups = int(group.max()) + 1
    starts = [prior_mode(groups) for _ in range(3 if len(targets) <= FEW_POINTS else 1)]
    for start, shift in zip(starts, (0.0, 1.0, -1.0), strict=False):
        start[:groups] += shift
    found = [
        minimize(
            negative_log_posterior,
            start,
            args=(group, features, targets, beside),
            jac=True,
            method="L-BFGS-B",
            bounds=[_LENGTH_BOUNDS] * groups + [_NOISE_BOUNDS, _SIGNAL_BOUNDS],
            options={"maxiter": MAX_ITERATIONS, "ftol": 1e-6},
        )
        for start in starts
    ]
    return kernel_at(min(found, key=lambda climb: float(climb.fun)).x)


def prior_mode(groups: int) -> np.ndarray:
    """The mode of the prior of (log length-scales, log noise, log signal), shape (groups + 2,)."""
    length = _log_length_mean(groups) - _LOG_LENGTH_SD**2
    noise = _LOG_NOISE_MEAN - _LOG_NOISE_SD**2
    return np.array([length] * groups + [noise, 0.0])


def kernel_at(parameters: np.ndarray) -> Kernel:
    """The kernel at (log length-scales, log noise, log signal), shape (g + 2,)."""
    values = np.exp(parameters)
    return Kernel(lengths=values[:-2], noise=float(values[-2]), signal=float(values[-1]))


def negative_log_posterior(
    parameters: np.ndarray,
    group: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    beside: np.ndarray | float = MEAN_VARIANCE,
) -> tuple[float, np.ndarray]:
    """Minus the log of marginal likelihood times prior, and its gradient by the parameters (see `kernel_at`)."""
    value, gradient, _ = slopes(parameters, group, features, targets, beside)
    return value, gradient


def slopes(
    parameters: np.ndarray,
    group: np.ndarray,
    features: np.ndarray,
    targets: np.ndarray,
    beside: np.ndarray | float = MEAN_VARIANCE,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Minus the log of marginal likelihood times prior, its gradient by the parameters, and by the features (n, D).

    The likelihood is Rasmussen and Williams (2006), eq. 2.30, its gradient eq. 5.9. The priors' densities are those of
    the length-scale and the noise themselves; of the logarithm for the signal. ``beside`` is the covariance that has no
    parameters.
    """
    from scipy.linalg import lapack

    kernel = kernel_at(parameters)
    points = kernel.scale(features, group)
    squared = squared_distances(points, points)
    correlation = matern(squared)
    factor, noise = cholesky(kernel.signal * correlation + beside, kernel.noise)
    weights = solve_lower(factor, solve_lower(factor, targets[:, None]), transposed=True)[:, 0]
    value = 0.5 * float(targets @ weights) + float(np.log(np.diag(factor)).sum())

    lower = lapack.dpotri(factor, lower=1)[0]
    lower[np.diag_indices_from(lower)] *= 0.5
    sensitivity = 0.5 * (lower + lower.T - np.outer(weights, weights))
    by_distance = kernel.signal * sensitivity * matern_slope(squared)
    # the sum over pairs of W_ab (x_a - x_b)^2 by each point, without an array of n * n * D
    by_point = 4 * (by_distance.sum(axis=1)[:, None] * points - by_distance @ points)
    gradient = np.empty(len(parameters))
    by_column = np.einsum("nd,nd->d", points, by_point)
    gradient[:-2] = -np.bincount(group, weights=by_column, minlength=len(parameters) - 2)
    gradient[-2] = float(np.trace(sensitivity)) * noise
    gradient[-1] = float(np.sum(sensitivity * correlation)) * kernel.signal

    prior, prior_gradient = _negative_log_prior(parameters)
    return value + prior, gradient + prior_gradient, by_point / kernel.lengths[group]


def _negative_log_prior(parameters: np.ndarray) -> tuple[float, np.ndarray]:
    groups = len(parameters) - 2
    mean, sd = prior_moments(groups)
    z = (parameters - mean) / sd
    jacobian = np.ones(groups + 2)
    jacobian[-1] = 0.0
    return float(0.5 * z @ z + jacobian @ parameters), z / sd + jacobian


def prior_moments(groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of (log length-scales, log noise, log signal) before any result, (groups + 2,)."""
    mean = np.array([_log_length_mean(groups)] * groups + [_LOG_NOISE_MEAN, 0.0])
    sd = np.array([_LOG_LENGTH_SD] * groups + [_LOG_NOISE_SD, _LOG_SIGNAL_SD])
    return mean, sd


def parameter_bounds(groups: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest (log length-scales, log noise, log signal) that are considered, (groups + 2,)."""
    bounds = np.array([_LENGTH_BOUNDS] * groups + [_NOISE_BOUNDS, _SIGNAL_BOUNDS])
    return bounds[:, 0], bounds[:, 1]


def log_likelihood(kernel: Kernel, group: np.ndarray, features: np.ndarray, targets: np.ndarray) -> float:
    """The log marginal likelihood of targets (n,) at features (n, D), up to a constant."""
    posterior = condition(kernel, group, features, targets)
    return -0.5 * float(targets @ posterior.weights) - float(np.log(np.diag(posterior.factor)).sum())


def _log_length_mean(groups: int) -> float:
    return math.sqrt(2.0) + 0.5 * math.log(max(groups, 1))


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m) squared Euclidean distances of points of shape (n, D) and (m, D)."""
    squared: np.ndarray = (-2 * a) @ b.T
    squared += np.einsum("nd,nd->n", a, a)[:, None]
    squared += np.einsum("nd,nd->n", b, b)
    np.maximum(squared, 0.0, out=squared)
    return squared


def matern(squared: np.ndarray) -> np.ndarray:
    """Matérn-5/2 correlation at squared distances: (1 + r + r^2 / 3) exp(-r) with r = sqrt(5) distance."""
    r = np.sqrt(5.0 * squared)
    correlation = r * r
    correlation /= 3
    correlation += r
    correlation += 1
    correlation *= np.exp(np.negative(r, out=r), out=r)
    return correlation


def matern_slope(squared: np.ndarray) -> np.ndarray:
    """The derivative of `matern` by the squared distance: -5/6 (1 + r) exp(-r)."""
    r = np.sqrt(5.0 * squared)
    slope: np.ndarray = (-5 / 6) * (1 + r) * np.exp(-r)
    return slope


def cholesky(covariance: np.ndarray, noise: float) -> tuple[np.ndarray, float]:
    """The lower factor of covariance + noise * identity, and the noise: ten times more until the factor exists."""
    from scipy.linalg import lapack

    n = len(covariance)
    while True:
        noisy = np.array(covariance, order="F")
        noisy[np.arange(n), np.arange(n)] += noise
        factor, info = lapack.dpotrf(noisy, lower=1, clean=1, overwrite_a=1)
        if info == 0:
            return factor, noise
        noise *= 10


def solve_lower(factor: np.ndarray, right: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """Solve factor x = right (or factor^T x = right) for a lower triangular factor."""
    from scipy.linalg import blas

    solution: np.ndarray = blas.dtrsm(1.0, factor, right, lower=1, trans_a=int(transposed))
    return solution
