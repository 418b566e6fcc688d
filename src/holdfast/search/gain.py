"""What further trials are expected to add to the best score: a number with its interval, to stop by.

Two views. A search that learns is judged by a Gaussian process of the scores at the very configurations that it would
try next; one that does not (random, Sobol, grid), or has too few scores for a model, by the gaps between its best ones.
With outcome constraints a gain is one over the best trial that meets them, by trials that meet them, too: each counts
with the probability that it does, as in the acquisition (see `gp.feasibility`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from holdfast.records import Config, Score
from holdfast.rng import Streams
from holdfast.search.history import History
from holdfast.search.outlook import FEWEST_SCORES, Outlook, feasible_losses, outlook


def expected_gain(
    history: History, proposals: Sequence[Config], n: int, rng: Streams, *, learns: bool, level: float = 0.95
) -> Score | None:
    """What ``n`` more trials are expected to add to the best score, in the metric's own unit; None if nobody can say.

    That is so with fewer than `FEWEST_SCORES` scores, none that differ, or none that meets the constraints. The value
    is the mean over what is uncertain of the surrogate or of the tail, the interval its middle ``level``. It bounds the
    *expectation*: a single trial mostly gains nothing. Where scores are noisy, part of the gain is luck, as it is part
    of the naive score.

    Args:
        history: the study; the first objective counts.
        proposals: the configurations that the strategy would try next; may be empty if it does not learn.
        n: how many trials to look ahead.
        rng: the study's streams.
        learns: whether the strategy's proposals follow from earlier scores.
        level: of the interval.
    """
    view = outlook(history, rng) if learns and proposals else None
    if view is not None and not math.isfinite(view.best):
        return None
    if view is not None:
        assert history.space is not None
        gains = _gains_at(view, np.array([history.space.encode(config) for config in proposals]))
        method = f"expected improvement at the next proposal, over {len(gains)} draws of a Gaussian process"
        method += ", times the probability that the constraints are met" if view.limits else ""
        return _score(gains, np.ones(len(gains)), level, method, n, view.told)
    losses = np.sort(feasible_losses(history))
    if len(losses) < FEWEST_SCORES or losses[0] == losses[-1]:
        return None
    gains, weights = record_gains(losses, n, len(losses) / int(np.isfinite(history.losses).sum()))
    method = "record improvement of independent draws, by the gaps between the best scores"
    method += ", times the share of trials that meet the constraints" if history.constraints else ""
    return _score(gains, weights, level, method, n, len(losses))


def record_gains(losses: np.ndarray, n: int, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """By how much ``n`` more independent draws are expected to lower the least of sorted losses (m,), and weights.

    The draw m + 1 is the new least with probability 1 / (m + 1), and lowers it by the gap to the next one. The gaps D_i
    between the best order statistics are taken as exponential with means b i^-g (g = 1 is exact for exponential tails,
    Renyi, "On the theory of order statistics", 1953; g = 1 - 1 / a for a tail that ends like x^a), and b and g have a
    posterior: flat for g from 0 to 3/2, 1 / b for b. Each of the ``n`` counts with probability ``share``.
    """
    m = len(losses)
    k = min(m - 1, max(FEWEST_SCORES - 1, math.ceil(2 * math.sqrt(m))))
    unit = float(losses[k] - losses[0]) or 1.0
    gaps = np.diff(losses[: k + 1]) / unit
    ranks, shapes = np.arange(1, k + 1), np.linspace(0.0, 1.5, 31)
    sums = (gaps * ranks ** shapes[:, None]).sum(axis=1)
    if sums[0] <= 0:  # the best k + 1 scores are all the same
        return np.zeros(1), np.ones(1)
    log_weights = shapes * np.log(ranks).sum() - k * np.log(sums)
    weights = np.exp(log_weights - log_weights.max())
    from scipy.special import bdtrc, gammaincinv

    quantiles = (np.arange(40) + 0.5) / 40
    scales = sums[:, None] / gammaincinv(k, quantiles)
    counted = np.arange(1, n + 1)
    later, come = m + counted, bdtrc(counted - 1.0, n, share)  # the probability that so many of the n count
    steps = (come * (later / m) ** (shapes[:, None] - 1) / later).sum(axis=1)
    gains = unit * scales * steps[:, None]
    return gains.ravel(), np.repeat(weights, len(quantiles))


def _gains_at(view: Outlook, units: np.ndarray) -> np.ndarray:
    """(draws,) the expected improvement over the best score by trials at points (m, d), taken as independent.

    E = integral over g > 0 of 1 - prod_i (1 - P(i meets the constraints) P(loss_i <= best - g)).
    """
    from scipy.special import ndtr

    means, sds = view.predict(units)
    ahead = view.best - means
    top = np.maximum((ahead + 6 * sds).max(axis=1), 0.0)
    share = (np.arange(400) + 0.5) / 400
    gains = top[:, None] * share**2  # finer where most of the probability is
    width = top[:, None] * 2 * share / len(share)
    better = view.counts(units) * ndtr((ahead[:, None, :] - gains[:, :, None]) / sds[:, None, :])
    none_better = np.log1p(-np.minimum(better, 1 - 1e-16)).sum(axis=2)
    found: np.ndarray = (-np.expm1(none_better) * width).sum(axis=1)
    return found


def _score(gains: np.ndarray, weights: np.ndarray, level: float, method: str, n: int, told: int) -> Score:
    weights = weights / weights.sum()
    order = np.argsort(gains, kind="stable")
    below = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], below, gains[order])
    ahead = "the next trial is" if n == 1 else f"the next {n} trials are"
    estimand = f"what {ahead} expected to add to the best score"
    return Score(float(gains @ weights), float(low), float(high), level, method, estimand, told)
