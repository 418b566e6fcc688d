"""What trials score on average, the luck of each taken off by those around it: a Gaussian process that smooths.

The surrogates that propose trials expect little noise, so as to trust a good score and look around it; what they expect
of the best trial is nearly what it scored. To recommend a trial its noise has to be known: here the scores alone say
how much of it there is, and what is uncertain about it is averaged over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.embedding import embedding
from holdfast.search.gp.surrogate import (
    condition,
    kernel_at,
    log_likelihood,
    negative_log_posterior,
    parameter_bounds,
    prior_mode,
    prior_moments,
)
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, History

FEWEST_SCORES = 5
"""Trials with a score from which on there is something to smooth."""

MOST_SCORES = 200
"""At most so many trials are fitted, evenly from first to last: more of the best ones would let luck in."""

LOG_NOISES = np.linspace(-8.0, -0.1, 9)
"""Logarithms of the noise's part of the variance, all equally likely before any result."""

ITERATIONS = 30
NEGLIGIBLE = 1e-4
"""Noises that are less likely than this, against the likeliest, are left out."""


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What is expected of m trials: means and standard deviations of shape (m,), as losses, without a trial's own luck.

    ``noise`` is the standard deviation of that luck, and ``told`` how many scores there were.
    """

    means: np.ndarray
    sds: np.ndarray
    noise: float
    told: int


def smoothed(history: History, trials: np.ndarray) -> Smoothed | None:
    """What trials, given by their numbers (m,), score on average; None for too few scores, or such that are all alike.

    For each of several noises the other hyperparameters are those of highest posterior density; their predictions are
    averaged with the posterior density of the noise as the weight, under a prior that is flat in its logarithm
    (Rasmussen and Williams 2006, section 5.2; the noise is profiled).
    """
    assert history.space is not None
    known = (history.told_state == COMPLETE) & np.isfinite(history.told_loss[:, 0])
    numbers, losses = history.told_trial[known], history.told_loss[known, 0]
    embed = embedding(history.space)
    if len(losses) < FEWEST_SCORES or embed.groups == 0:
        return None
    usual, best = float(np.median(losses)), float(losses.min())
    if usual == best:
        return None
    cut = np.minimum(losses, usual + 2 * (usual - best))  # how bad the bad ones are says nothing of the good ones
    shift, scale = float(cut.mean()), float(cut.std())
    chosen = np.unique(np.linspace(0, len(cut) - 1, min(len(cut), MOST_SCORES)).round().astype(int))
    features, targets = embed(history.units[numbers[chosen]]), (cut[chosen] - shift) / scale
    with one_thread():
        fits = [_fit(log_noise, embed.group, features, targets) for log_noise in LOG_NOISES]
        heights = np.array([height for _, height in fits])
        weights = np.exp(heights - heights.max())
        likely = np.flatnonzero(weights > NEGLIGIBLE)
        share = weights[likely] / weights[likely].sum()
        posteriors = [condition(kernel_at(fits[place][0]), embed.group, features, targets) for place in likely]
        found = [posterior.predict(embed(history.units[trials])) for posterior in posteriors]
    means = np.array([mean for mean, _ in found])
    mean = share @ means
    variance = share @ (np.array([each for _, each in found]) + (means - mean) ** 2)
    noise = float(share @ np.array([posterior.noise for posterior in posteriors]))
    return Smoothed(shift + scale * mean, scale * np.sqrt(variance), scale * float(np.sqrt(noise)), len(losses))


def _fit(log_noise: float, group: np.ndarray, features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
    """The best parameters (see `kernel_at`) with this noise, and the log posterior density but for its prior."""
    from scipy.optimize import minimize

    groups = int(group.max()) + 1
    rest = np.r_[0:groups, groups + 1]

    def height(free: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = negative_log_posterior(_with(free, log_noise), group, features, targets)
        return value, gradient[rest]

    low, high = parameter_bounds(groups)
    bounds = list(zip(low[rest], high[rest], strict=True))
    options = {"maxiter": ITERATIONS, "ftol": 1e-6}
    found = minimize(height, prior_mode(groups)[rest], jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    parameters = _with(found.x, log_noise)
    mean, sd = prior_moments(groups)
    z = ((parameters - mean) / sd)[rest]
    return parameters, log_likelihood(kernel_at(parameters), group, features, targets) - 0.5 * float(z @ z)


def _with(free: np.ndarray, log_noise: float) -> np.ndarray:
    """All parameters: length-scales, noise, signal."""
    found: np.ndarray = np.concatenate([free[:-1], [log_noise], free[-1:]])
    return found
