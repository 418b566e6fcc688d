"""PED-ANOVA: how much the values of a hyperparameter tell whether a trial is among the best, without any model.

Watanabe, Bansal and Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces"
(IJCAI 2023), equation 16: the Pearson divergence of where the best lie from where all trials lie, which is the variance
of the chance to be among the best given the value. It is taken over the trials as they are, not over the space: it says
what set the best apart from the others that were tried. A hyperparameter with a condition counts where it is active.
"""

from __future__ import annotations

import numpy as np

from holdfast.analyse.fanova import Share, share
from holdfast.analyse.measure import Measure, bin_of
from holdfast.analyse.observed import Observed, halves
from holdfast.rng import Streams
from holdfast.space import Categorical, Domain

SPLITS = 100
BEST, FEWEST_BEST, MOST_OF_FEW = 0.1, 30, 1 / 3
"""The best are a tenth of the trials; so many at least, but no more than a third."""

SURE = 1.5
"""The sum over all hyperparameters has to be so many standard errors, which are on the large side, above nothing."""

FEWEST_ACTIVE = 10
"""Nothing is said of a hyperparameter that was active in fewer trials."""


def pedanova(trials: Observed, space: Measure) -> list[Share | None]:
    """(d,) the share of each hyperparameter in the sum over all, with intervals by the half-sample bootstrap.

    None for all of them where their sum cannot be told from chance, and for one that hardly any trial had.
    """
    best = np.zeros(len(trials))
    best[np.argsort(trials.losses, kind="stable")[: best_of(len(trials))]] = 1.0
    cuts = halves(len(trials), SPLITS, Streams(trials.seed), "analyse/pedanova")
    names = trials.space.names
    own, across = np.zeros((len(names), 2 * SPLITS)), np.zeros((len(names), SPLITS))
    enough = (~np.isnan(trials.units)).sum(axis=0) >= FEWEST_ACTIVE
    for i in np.flatnonzero(enough):
        kernel = _kernel(trials.space[names[i]], space.edges[i], trials.units[:, i])
        own[i], across[i] = _divergence(kernel, best, cuts)
    values, total = across.mean(axis=1), float(np.maximum(across.mean(axis=1), 0.0).sum())
    spread = (own[:, 0::2] - own[:, 1::2]) / 2
    if values.sum() <= SURE * float(np.sqrt(np.mean(spread.sum(axis=0) ** 2))):
        return [None] * len(names)
    shares = own / own.sum(axis=0)
    errors = np.sqrt(np.mean(((shares[:, 0::2] - shares[:, 1::2]) / 2) ** 2, axis=1))
    return [
        share(float(value) / total, float(error)) if known else None
        for value, error, known in zip(values, errors, enough, strict=True)
    ]


def best_of(n: int) -> int:
    """How many of n trials are called the best.

    >>> best_of(60), best_of(200), best_of(1000)
    (20, 30, 100)
    """
    return max(round(BEST * n), min(FEWEST_BEST, int(MOST_OF_FEW * n)))


def _kernel(domain: Domain, edges: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(B, m) how much each trial counts at each bin; nothing where it is not active.

    Gaussian with Scott's bandwidth for values in an order, each value for itself otherwise.
    """
    active = ~np.isnan(units)
    middles = (edges[1:] + edges[:-1]) / 2
    if isinstance(domain, Categorical) and not domain.ordered:
        chosen = bin_of(edges, np.where(active, units, 0.0))
        return np.where(active & (chosen == np.arange(len(middles))[:, None]), 1.0, 0.0)
    known = units[active]
    quarter = float(np.subtract(*np.quantile(known, [0.75, 0.25]))) / 1.34
    width = 1.059 * (min(float(known.std()), quarter) or float(known.std())) * len(known) ** -0.2
    distance = (middles[:, None] - np.where(active, units, 0.0)) / max(width, 1.0 / len(middles))
    return np.where(active, np.exp(-0.5 * distance**2), 0.0)


def _divergence(kernel: np.ndarray, best: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The variance of the chance to be among the best: of each half (2s,), and the product of both halves (s,)."""
    weights = kernel.sum(axis=1)
    weights = weights / max(float(weights.sum()), 1e-300)
    active = float((kernel.sum(axis=0) > 0).mean())
    base = float(best[kernel.sum(axis=0) > 0].mean())
    seen, won = kernel @ cuts.T, (kernel * best) @ cuts.T  # (B, 2s)
    chance = (won + base) / (seen + 1.0)  # as if one more trial at each value had done as trials do on average
    chance = chance - weights @ chance
    own = active * (weights @ chance**2)
    return own, active * (weights @ (chance[:, 0::2] * chance[:, 1::2]))
