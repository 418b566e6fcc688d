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


@dataclass(frozen=True, eq=False)
class Feasible:
    """The log probability that what ``posterior`` is of is at most ``limit``."""

    posterior: Posterior
    limit: float

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        from scipy.special import log_ndtr

        mean, variance = self.posterior.predict(features)
        probability: np.ndarray = log_ndtr((self.limit - mean) / np.sqrt(variance))
        return probability

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        mean, variance, by_mean, by_variance = self.posterior.predict_with_gradient(features)
        value, slope_mean, slope_variance = log_probability_below(mean, variance, self.limit)
        return value, slope_mean[:, None] * by_mean + slope_variance[:, None] * by_variance


def requirements(history: History, told: Told, chosen: np.ndarray, failing: Aspect | None) -> Iterator[Feasible]:
    """The log probabilities that a trial does not fail, and that it keeps to each constraint.

    Args:
        history: the study.
        told: the features of its told trials.
        chosen: (k,) the positions among them that are in the surrogates.
        failing: the surrogate of failure, if there is one.
    """
    if failing is not None:
        yield Feasible(failing.posterior, failing.target(0.5))
    for column, name in enumerate(history.constraints):
        found = told.aspect(f"constraint {name}", history.told_violation[:, column], chosen, bilog)
        if found is not None:
            yield Feasible(found.posterior, found.target(0.0))


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
