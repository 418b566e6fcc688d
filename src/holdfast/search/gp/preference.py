"""The user's priors in the acquisition, as far as the surrogate bears them out, and with less and less weight.

Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi, "piBO: augmenting acquisition functions with user beliefs for
Bayesian optimization", ICLR 2022, eq. 4: the acquisition times the prior to the power of beta / n. There a wrong prior
fades by the number of results alone. Here the surrogate, which knows nothing of the priors, is asked as well how
probable it is that configurations drawn from them are better, on average, than even ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.embedding import Embedding
from holdfast.space import Space
from holdfast.space.columns import has_prior

STRENGTH = 10.0
"""The weight of the user's priors times the number of results (beta of piBO)."""
LEAST = -10.0
"""A prior is never taken to rule out more than this log density, relative to the uniform one."""
_STEP = 1e-4
PAIRS = 96
"""So many configurations are drawn from the priors, and as many even ones, to compare them."""


class Averaged(Protocol):
    """A belief of the loss that knows how far its averages are certain."""

    def weighted_sum(self, features: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        """Mean and variance of the sum of the losses at features (m, D) times weights (m,)."""
        ...


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


def preference(space: Space, trusted: float, results: int) -> Preference | None:
    """The user's priors with the weight that they have after so many results; None without any.

    Args:
        space: the study's.
        trusted: see `trust`.
        results: how many there are.
    """
    return Preference(space, STRENGTH * trusted / results) if space.has_prior else None


def trust(space: Space, embed: Embedding, beliefs: Sequence[Averaged]) -> float:
    """What share of their weight the priors keep, from 0 to 1: the mean over beliefs of 2 p - 1, or of 0 if p < 1/2.

    By a belief, p is the probability that the average loss is lower where the priors are than elsewhere: at
    configurations drawn from them than at the same ones with an even draw of every hyperparameter that has a prior.
    Without priors there is nothing to trust.
    """
    from scipy.special import ndtr

    if not space.has_prior:
        return 0.0
    drawn, even = pairs(space)
    features = embed(np.concatenate([drawn, even]))
    signs = np.repeat([-1 / len(drawn), 1 / len(even)], [len(drawn), len(even)])
    sums = np.array([belief.weighted_sum(features, signs) for belief in beliefs])
    better = ndtr(sums[:, 0] / np.sqrt(sums[:, 1]))
    return float(np.maximum(2 * better - 1, 0.0).mean())


def pairs(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn from the priors, and the same with even draws where there is one: two arrays (`PAIRS`, d)."""
    rng = Streams(0).generator(0, "gp/prior pairs")
    drawn = np.array([space.encode(space.sample(rng)) for _ in range(PAIRS)])
    believed = np.array([has_prior(domain) for domain in space.domains.values()])
    even = space.snap(np.where(believed | np.isnan(drawn), rng.random(drawn.shape), drawn))
    forbidden = np.flatnonzero(~space.allowed(even))
    if len(forbidden):
        even[forbidden] = space.sample_units(rng, len(forbidden))
    return drawn, even
