"""What a belief about good values says of the loss itself: a bowl, whose bottom lies about where the prior is.

A normal prior of a hyperparameter says that the best value x* is normal about its mean m with its standard deviation s.
A bowl -a exp(-(x - x*)^2 / 2 s^2) of unknown depth a is, to first order in x* - m, -a times the bump exp(-z^2 / 2),
z = (x - m) / s, and a standard normal number times the bump's slope z exp(-z^2 / 2). As functions to be added to the
surrogate, with weights that are integrated out, they are a finite kernel (Rasmussen and Williams 2006, section 2.7). So
few results within the prior show in which direction from its mean the optimum lies, and how far. Far from the prior
nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.embedding import Embedding
from holdfast.space import Float, Int, Space
from holdfast.space.columns import on_the_unit

TOGETHER = 0.5
"""The part of the depths' variance that all hyperparameters have in common."""
LOG_DEPTH_MEAN, LOG_DEPTH_SD = 1.0, 1.5
"""The prior of the logarithm of the bowl's variance over the space, where losses have a variance of 1."""


@dataclass(frozen=True, eq=False)
class Bowl:
    """The functions of which the bowl is a sum, over c of the D columns of features.

    Attributes:
        columns: (c,) which ones have a normal prior.
        means, sds: (c,) of the priors, as features.
    """

    columns: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(m, 1 + 2 c) at features (m, D): all bumps together, each bump, each slope; scaled by `scale`."""
        z = (features[:, self.columns] - self.means) / self.sds
        bumps = np.exp(-0.5 * z * z)
        together, apart = math.sqrt(TOGETHER), math.sqrt(1 - TOGETHER)
        parts = [together * bumps.sum(axis=1, keepdims=True), apart * bumps, z * bumps]
        return np.asarray(self.scale * np.concatenate(parts, axis=1))

    def gradient(self, features: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(..., m, D) of the sum of the functions at features (m, D) times weights (..., m or 1, 1 + 2 c)."""
        c = len(self.columns)
        z = (features[:, self.columns] - self.means) / self.sds
        bumps = np.exp(-0.5 * z * z)
        of_bumps = math.sqrt(TOGETHER) * weights[..., :1] + math.sqrt(1 - TOGETHER) * weights[..., 1 : 1 + c]
        slopes = ((1 - z * z) * weights[..., 1 + c :] - z * of_bumps) * bumps / self.sds
        found = np.zeros((*slopes.shape[:-1], features.shape[1]))
        found[..., self.columns] = self.scale * slopes
        return found

    @property
    def scale(self) -> float:
        """What makes the variance of the bowl over the unit cube about 1, as if the priors lay within it."""
        bump = self.sds * math.sqrt(math.pi)
        variances = bump - 2 * math.pi * self.sds**2
        return 1 / math.sqrt(max(float((np.maximum(variances, 0.0) + bump / 2).sum()), 1e-12))


def bowl_of(space: Space, embed: Embedding) -> Bowl | None:
    """The bowl of a space's normal priors, where its features are; None if no hyperparameter that varies has one."""
    domains = list(space.domains.values())
    where = np.full((1, len(space)), 0.5)
    sds = np.ones(len(space))
    for i, domain in enumerate(domains):
        if isinstance(domain, Float | Int) and domain.prior is not None:
            where[0, i], sds[i] = on_the_unit(domain)
    believed = [isinstance(domains[i], Float | Int) and domains[i].prior is not None for i in embed.numeric]
    columns = np.flatnonzero(believed)
    if len(columns) == 0:
        return None
    stretch = np.broadcast_to(embed.slope(where), (1, len(embed.numeric)))[0]
    return Bowl(columns, embed(where)[0][columns], (sds[embed.numeric] * stretch)[columns])
