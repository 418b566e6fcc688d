"""The covariance of points on learning curves, and the posterior density of its hyperparameters.

A product kernel over configuration and step, beside it a course that all curves share and a term of each trial's own:

    k = 1 + c D''(t, t') + s M(x, x') T(t, t') + o [same trial] T'(t, t') + noise [same point],
    T = w + (1 - w) D,    D(t, t') = (2 sqrt(t t') / (t + t'))^a.

M is a Matérn-5/2 kernel of the embedded configurations. D is the kernel of mixtures of exponential decays of Swersky,
Snoek and Adams, "Freeze-thaw Bayesian optimization" (2014), eq. 5, with beta = 0 and divided by its own standard
deviations: it depends on the ratio of two steps alone, so it is a kernel on log-time (as in Lin et al., "Scaling
Gaussian processes for learning curve prediction via latent Kronecker structure", 2024). The share w is what a curve
keeps at all steps, and 1 integrates a constant mean out.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.surrogate import (
    MEAN_VARIANCE,
    NOISE_FLOOR,
    cholesky,
    matern,
    matern_slope,
    solve_lower,
    squared_distances,
)

MAX_ITERATIONS = 40
_LOG_LENGTH_SD = math.sqrt(3.0)
_STARTS_BELOW = 0.8
"""A fit starts from length-scales below the prior's mean by so many standard deviations, where slopes do not vanish."""
_MEANS = np.array([0.5, 0.0, 0.0, 0.5, 0.0, -2.0, 0.5, -1.0, -5.0])
_SDS = np.array([1.0, 1.5, 1.0, 1.0, 1.5, 1.5, 1.0, 1.5, 1.5])
"""Of (log a, logit w, log s, log a', logit w', log o, log a'', log c, log noise)."""
REST = len(_MEANS)
_WIDEST = 4.0
"""A fit goes no further from the prior's mean than so many standard deviations."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Hyperparameters; of the time kernels: of the product, of what is a trial's own, of the course that all share.

    Attributes:
        lengths: (g,) a length-scale for each group of columns of the embedded configuration.
        sharpness: the three exponents a.
        kept: the shares w of the variance that do not depend on the step; of the course none does.
        variance: s, o and c.
        noise: of a single point.
    """

    lengths: np.ndarray
    sharpness: tuple[float, float, float]
    kept: tuple[float, float, float]
    variance: tuple[float, float, float]
    noise: float

    def parameters(self) -> np.ndarray:
        """What `kernel_at` takes, shape (g + REST,)."""
        shares = [math.log(share / (1 - share)) for share in self.kept[:2]]
        (a, b, e), (s, o, c) = np.log(self.sharpness), np.log(self.variance)
        rest = [a, shares[0], s, b, shares[1], o, e, c, math.log(self.noise - NOISE_FLOOR)]
        return np.concatenate([np.log(self.lengths), rest])

    def times(self, steps: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three time kernels, with their variances, at steps (q,) and (p,): three arrays of shape (q, p)."""
        shared, own, course = (
            variance * (kept + (1 - kept) * decays(steps, others) ** sharpness)
            for variance, kept, sharpness in zip(self.variance, self.kept, self.sharpness, strict=True)
        )
        return shared, own, course + MEAN_VARIANCE

    def configs(self, features: np.ndarray, others: np.ndarray, group: np.ndarray) -> np.ndarray:
        """(m, k) M of embedded configurations (m, D) and (k, D)."""
        lengths = self.lengths[group]
        return matern(squared_distances(features / lengths, others / lengths))


@dataclass(frozen=True, eq=False)
class Layout:
    """Where n points of m trials lie, for the covariance of all with all.

    Attributes:
        features: (m, D) embedded configurations.
        group: (D,) which length-scale each column has.
        owner: (n,) the trial of each point, ascending from 0 to m - 1.
        levels: (q,) the steps that occur.
        level: (n,) which of them each point is at.
    """

    features: np.ndarray
    group: np.ndarray
    owner: np.ndarray
    levels: np.ndarray
    level: np.ndarray

    @functools.cached_property
    def same(self) -> np.ndarray:
        """(n, n) whether two points are of one trial."""
        same: np.ndarray = self.owner[:, None] == self.owner
        return same

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """(m,) the position of each trial's first point."""
        return np.concatenate([[0], np.flatnonzero(np.diff(self.owner)) + 1])

    @functools.cached_property
    def at_level(self) -> np.ndarray:
        """(n, q) 1 where a point is at a level, else 0."""
        at = np.zeros((len(self.level), len(self.levels)))
        at[np.arange(len(self.level)), self.level] = 1.0
        return at


def decays(steps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(q, p) 2 sqrt(t t') / (t + t') of positive steps (q,) and (p,)."""
    found: np.ndarray = 2 * np.sqrt(np.outer(steps, others)) / (steps[:, None] + others)
    return found


def layout(features: np.ndarray, group: np.ndarray, owner: np.ndarray, steps: np.ndarray) -> Layout:
    """The layout of points of trials ``owner`` (n,) with features (m, D) at ``steps`` (n,)."""
    levels, level = np.unique(steps, return_inverse=True)
    return Layout(features, group, owner, levels, level)


def covariance(kernel: Kernel, where: Layout) -> np.ndarray:
    """(n, n) the prior covariance of all points, without noise."""
    shared, own, course = kernel.times(where.levels, where.levels)
    level = where.level
    found: np.ndarray = kernel.configs(where.features, where.features, where.group)[np.ix_(where.owner, where.owner)]
    found *= shared[np.ix_(level, level)]
    found += course[np.ix_(level, level)]
    ends = np.append(where.starts, len(level))
    for begin, end in itertools.pairwise(ends.tolist()):  # blocks of one trial each
        found[begin:end, begin:end] += own[np.ix_(level[begin:end], level[begin:end])]
    return found


def kernel_at(parameters: np.ndarray) -> Kernel:
    """The kernel at (log lengths, log a, logit w, log s, log a', logit w', log o, log a'', log c, log noise)."""
    rest = parameters[-REST:]
    shares = 1 / (1 + np.exp(-rest[[1, 4]]))
    values = np.exp(rest)
    return Kernel(
        lengths=np.exp(parameters[:-REST]),
        sharpness=(float(values[0]), float(values[3]), float(values[6])),
        kept=(float(shares[0]), float(shares[1]), 0.0),
        variance=(float(values[2]), float(values[5]), float(values[7])),
        noise=float(values[8]) + NOISE_FLOOR,
    )


def prior_moments(groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the parameters before any result, both (groups + REST,); see `kernel_at`."""
    mean = np.concatenate([np.full(groups, math.sqrt(2.0) + 0.5 * math.log(max(groups, 1))), _MEANS])
    return mean, np.concatenate([np.full(groups, _LOG_LENGTH_SD), _SDS])


def fit(where: Layout, targets: np.ndarray) -> Kernel:
    """The hyperparameters of highest posterior density found by L-BFGS from one start, given targets (n,)."""
    from scipy.optimize import minimize

    groups = int(where.group.max(initial=-1)) + 1
    mean, sd = prior_moments(groups)
    start = np.zeros(len(mean))
    start[:groups] = -_STARTS_BELOW

    def height(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = negative_log_posterior(mean + sd * z, where, targets)
        return value, gradient * sd

    found = minimize(
        height,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_WIDEST, _WIDEST)] * len(start),
        options={"maxiter": MAX_ITERATIONS, "ftol": 1e-5},
    )
    return kernel_at(mean + sd * found.x)


def negative_log_posterior(parameters: np.ndarray, where: Layout, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus the log of marginal likelihood times prior, and its gradient by the parameters (see `kernel_at`).

    The likelihood is Rasmussen and Williams (2006), eq. 2.30, its gradient eq. 5.9; sums over pairs of points go by
    pairs of trials and pairs of levels, of which there are fewer.
    """
    from scipy.linalg import lapack

    kernel, groups = kernel_at(parameters), len(parameters) - REST
    factor, _ = cholesky(covariance(kernel, where), kernel.noise)
    weights = solve_lower(factor, solve_lower(factor, targets[:, None]), transposed=True)[:, 0]
    value = 0.5 * float(targets @ weights) + float(np.log(np.diag(factor)).sum())

    lower = lapack.dpotri(factor, lower=1)[0]
    lower[np.diag_indices_from(lower)] *= 0.5
    sensitivity = 0.5 * (lower + lower.T - np.outer(weights, weights))
    gradient = np.empty(len(parameters))
    gradient[:groups], by_level = _by_trial(kernel, where, sensitivity)
    own = where.at_level.T @ np.where(where.same, sensitivity, 0.0) @ where.at_level
    for k, sums in enumerate((by_level, own)):
        gradient[groups + 3 * k : groups + 3 * k + 3] = _by_time(kernel, k, where.levels, sums)
    course = _by_time(kernel, 2, where.levels, where.at_level.T @ sensitivity @ where.at_level)
    gradient[groups + 6 : groups + 8] = course[[0, 2]]
    gradient[-1] = float(np.trace(sensitivity)) * (kernel.noise - NOISE_FLOOR)

    mean, sd = prior_moments(groups)
    z = (parameters - mean) / sd
    return value + 0.5 * float(z @ z), gradient + z / sd


def _by_trial(kernel: Kernel, where: Layout, sensitivity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradient by the log length-scales (g,), and the sums of sensitivity times M by pairs of levels (q, q)."""
    shared, _, _ = kernel.times(where.levels, where.levels)
    scaled = where.features / kernel.lengths[where.group]
    squared = squared_distances(scaled, scaled)
    by_pair = sensitivity * shared[np.ix_(where.level, where.level)]
    by_pair = np.add.reduceat(np.add.reduceat(by_pair, where.starts, axis=0), where.starts, axis=1)
    by_distance = by_pair * matern_slope(squared)
    by_point = 4 * (by_distance.sum(axis=1)[:, None] * scaled - by_distance @ scaled)
    by_column = np.einsum("md,md->d", scaled, by_point)
    lengths = -np.bincount(where.group, weights=by_column, minlength=len(kernel.lengths))
    products = sensitivity * matern(squared)[np.ix_(where.owner, where.owner)]
    return lengths, where.at_level.T @ products @ where.at_level


def _by_time(kernel: Kernel, k: int, levels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The gradient by (log a, logit w, log variance) of one time kernel, given sums by pairs of levels (q, q)."""
    a, w, variance = kernel.sharpness[k], kernel.kept[k], kernel.variance[k]
    base = decays(levels, levels)
    decay = base**a
    return variance * np.array(
        [
            a * (1 - w) * float(np.sum(sums * decay * np.log(base))),
            w * (1 - w) * float(np.sum(sums * (1 - decay))),
            float(np.sum(sums * (w + (1 - w) * decay))),
        ]
    )
