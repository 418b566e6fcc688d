"""The user's priors in the acquisition, with less and less weight.

Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi, "piBO: augmenting acquisition functions with user beliefs for
Bayesian optimization", ICLR 2022, eq. 4: the acquisition times the prior to the power of beta / n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.space import Space

STRENGTH = 10.0
"""The weight of the user's priors times the number of results (beta of piBO)."""
LEAST = -10.0
"""A prior is never taken to rule out more than this log density, relative to the uniform one."""
_STEP = 1e-4
FEWEST_RANKED = 4
DRAWS = 64
MOST_RANKED = 100


@dataclass(frozen=True, eq=False)
class Preference:
    """The log density of a space's priors times a weight, beta over the number of results."""

    space: Space
    weight: float

    def value(self, units: np.ndarray) -> np.ndarray:
        """(m,) at points of shape (m, d), NaN where inactive."""
        density = self.space.log_prior(units)
        weighted: np.ndarray = self.weight * np.maximum(density, LEAST)
        return weighted

    def with_gradient(self, units: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the ``smooth`` hyperparameters, shape (m, len(smooth)).

        By central differences: exact but for rounding, since a normal log density is a parabola.
        """
        m, k = len(units), len(smooth)
        moved = np.repeat(units[None], 2 * k, axis=0)
        at = np.arange(k)
        moved[at, :, smooth] = np.minimum(units[:, smooth].T + _STEP, 1.0)
        moved[k + at, :, smooth] = np.maximum(units[:, smooth].T - _STEP, 0.0)
        values = self.value(moved.reshape(2 * k * m, -1)).reshape(2 * k, m)
        width = moved[at, :, smooth] - moved[k + at, :, smooth]
        slope = np.where(np.isfinite(width), (values[:k] - values[k:]) / width, 0.0)
        return self.value(units), slope.T


def preference(history: History, losses: np.ndarray) -> Preference | None:
    """The user's priors with the weight that they have after losses of shape (m, k); None without any."""
    assert history.space is not None
    if not history.space.has_prior:
        return None
    density = history.space.log_prior(history.units[history.told_trial])
    trusted = float(np.mean([trust(density, column) for column in losses.T]))
    return Preference(history.space, STRENGTH * trusted / len(losses))


def trust(density: np.ndarray, losses: np.ndarray) -> float:
    """How much of a prior's weight n trials leave: from 0, if it ranks them as chance would, to 1; 1 for few trials.

    It is 2 p - 1, with p the share of bootstrap samples of the trials of which it ranks more than half of the pairs
    rightly.

    piBO lets a prior fade by the number of results alone; one that ranks the trials no better than chance is dropped
    sooner here, so that a wrong one is recovered from.

    Args:
        density: (n,) the log density of the prior at the trials.
        losses: (n,) their losses, lower is better.
    """
    n = len(losses)
    if n < FEWEST_RANKED:
        return 1.0
    density, losses = density[-MOST_RANKED:], losses[-MOST_RANKED:]
    n = len(losses)
    counts = Streams(0).generator(n, "gp/trust").multinomial(n, np.full(n, 1 / n), size=DRAWS)
    agree = np.sign(density[:, None] - density[None, :]) * np.sign(losses[None, :] - losses[:, None])
    score = np.einsum("sa,ab,sb->s", counts, agree, counts, optimize=True)
    return max(0.0, float(np.mean(np.sign(score))))
