"""Outcome constraints and failures: how probable it is that a configuration keeps to what is asked of it.

Gardner, Kusner, Xu, Weinberger and Cunningham, "Bayesian optimization with inequality constraints", ICML 2014, eq. 7:
expected improvement times the probability of feasibility, here as a sum of logarithms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.aspects import Aspect, Told
from holdfast.search.gp.surrogate import Posterior
from holdfast.search.history import History

_SQRT_2_OVER_PI = np.sqrt(2 / np.pi)
_SMALLEST = 1e-300
SURE = 0.01
"""Nobody is surer than this that a trial fails, or does not, when explanations are weighed."""


@dataclass(frozen=True, eq=False)
class Feasible:
    """The log probability that what ``posterior`` is of is at most ``limit``.

    Attributes:
        posterior: what is believed of a number.
        limit: what it is to be at most.
        trust: the probability that ``posterior`` holds at all.
        elsewise: the probability to keep to the limit if it does not, the same everywhere.
    """

    posterior: Posterior
    limit: float
    trust: float = 1.0
    elsewise: float = 0.0

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        from scipy.special import log_ndtr

        mean, variance = self.posterior.predict(features)
        return self._mixed(log_ndtr((self.limit - mean) / np.sqrt(variance)))[0]

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        mean, variance, by_mean, by_variance = self.posterior.predict_with_gradient(features)
        below, slope_mean, slope_variance = log_probability_below(mean, variance, self.limit)
        value, share = self._mixed(below)
        return value, share[:, None] * (slope_mean[:, None] * by_mean + slope_variance[:, None] * by_variance)

    def _mixed(self, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The log probability, and the share of it that is the posterior's, (m,) each, given that one's logarithm."""
        if self.trust == 1:
            return below, np.ones_like(below)
        with np.errstate(divide="ignore"):
            own, other = np.log(self.trust) + below, np.log((1 - self.trust) * self.elsewise)
        mixed = np.logaddexp(own, other)
        return mixed, np.exp(own - mixed)


def requirements(history: History, told: Told, chosen: np.ndarray, failing: Aspect | None) -> Iterator[Feasible]:
    """The log probabilities that a trial does not fail, and that it keeps to each constraint.

    Args:
        history: the study.
        told: the features of its told trials.
        chosen: (k,) the positions among them that are in the surrogates.
        failing: the surrogate of failure, if there is one.
    """
    if failing is not None:
        yield Feasible(
            failing.posterior, failing.target(0.5), trust=by_surroundings(failing), elsewise=1 - failing.centre
        )
    for column, name in enumerate(history.constraints):
        found = told.aspect(f"constraint {name}", history.told_violation[:, column], chosen, bilog)
        if found is not None:
            yield Feasible(found.posterior, found.target(0.0))


def chance_by_others(failing: Aspect) -> np.ndarray:
    """(k,) how probable failure is at each point of its surrogate, by all other points."""
    from scipy.special import ndtr

    mean, variance = leave_one_out(failing.posterior, failing.targets)
    chance: np.ndarray = ndtr((mean - failing.target(0.5)) / np.sqrt(variance))
    return chance


def by_surroundings(failing: Aspect) -> float:
    """The probability that trials fail by where they are, not by accident.

    Both explanations are weighed by how well each foretells every trial from all others, as pseudo-BMA does: Yao,
    Vehtari, Simpson and Gelman, "Using stacking to average Bayesian predictive distributions" (2018), section 3.4. By
    accident all trials fail with one probability, whose prior is uniform.
    """
    from scipy.special import expit

    failed = failing.targets > failing.target(0.5)
    count, failures = len(failed), int(failed.sum())
    by_place = np.clip(chance_by_others(failing), SURE, 1 - SURE)
    by_accident = (failures - failed + 1) / (count + 1)
    ahead = [np.log(np.where(failed, chance, 1 - chance)).sum() for chance in (by_place, by_accident)]
    return float(expit(ahead[0] - ahead[1]))


def leave_one_out(posterior: Posterior, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n,) of each point by all others: Rasmussen and Williams (2006), eq. 5.12."""
    from scipy.linalg import lapack

    precision = np.diag(lapack.dpotri(posterior.factor, lower=1)[0])
    return targets - posterior.weights / precision, 1 / precision


def log_probability_below(
    mean: np.ndarray, variance: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log Phi((limit - mean) / sd) for means and variances (m,), and its derivatives by mean and by variance."""
    from scipy.special import erfcx, log_ndtr

    sd = np.sqrt(variance)
    z = (limit - mean) / sd
    slope = _SQRT_2_OVER_PI / erfcx(-z / np.sqrt(2.0))
    return log_ndtr(z), -slope / sd, -slope * z / (2 * variance)


def bilog(violation: np.ndarray) -> np.ndarray:
    """Finite violations (m,) in units of their median size, drawn in to their logarithm on both sides of zero.

    Eriksson and Poloczek, "Scalable constrained Bayesian optimization", AISTATS 2021, section 3.
    """
    size = np.abs(violation)
    log_size = np.log(np.maximum(size, _SMALLEST))
    usual = float(np.median(log_size[size > 0])) if np.any(size > 0) else 0.0
    drawn: np.ndarray = np.sign(violation) * np.logaddexp(0.0, log_size - usual)
    return drawn
