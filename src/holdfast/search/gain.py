"""What further trials are expected to add to the best score: a number with its interval, to stop by.

Two views. A search that learns is judged by a Gaussian process of the scores at the very configurations that it would
try next; one that does not (random, Sobol, grid), or has too few scores for a model, by the tail of its best scores.
With outcome constraints a gain is one over the best trial that meets them, by trials that meet them, too: each counts
with the probability that it does, as in the acquisition (see `gp.feasibility`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from holdfast.records import Config, Score
from holdfast.rng import Streams
from holdfast.search.history import PAUSED, History
from holdfast.search.outlook import FEWEST_SCORES, Outlook, feasible_losses, outlook

NOTHING = 1e-9
"""A gain of less than this part of the most that it may be is none."""

SHAPES = (-2.0, 0.25)
"""Between these lies the shape of the scores' tail: from one smooth dimension to scores whose best are outliers."""


def expected_gain(
    history: History,
    proposals: Sequence[Config],
    n: int,
    rng: Streams,
    *,
    learns: bool,
    left: int | None = None,
    even: bool = False,
    level: float = 0.95,
) -> Score | None:
    """What ``n`` more trials are expected to add to the best score, in the metric's own unit; None if nobody can say.

    That is so with fewer than `FEWEST_SCORES` scores, none that differ, or none that meets the constraints. It is the
    expectation from here on, given the best score so far, and the interval, the middle ``level`` of what is uncertain
    of the surrogate or of the tail, bounds that *expectation*: a single trial mostly gains nothing. Where scores are
    noisy, part of the gain is luck, as it is part of the naive score.

    Args:
        history: the study; the first objective counts.
        proposals: the configurations that the strategy would try next; may be empty if it does not learn.
        n: how many trials to look ahead; no more than are ``left``.
        rng: the study's streams.
        learns: whether the strategy's proposals follow from earlier scores.
        left: how many configurations a strategy that does not learn still has; None where they are as good as endless.
        even: whether its configurations fill the space evenly.
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
        estimand = f"what {_ahead(n)} expected to add to the best score"
        return _score(float(gains.mean()), gains, np.ones(len(gains)), level, method, estimand, view.told)
    losses = np.sort(feasible_losses(history))
    if len(losses) < FEWEST_SCORES or losses[0] == losses[-1]:
        return None
    n, last = (n, False) if left is None or n < left else (left, True)
    share = len(losses) / _tried(history)
    value, gains, weights = record_gains(losses, n, share, left, even=even)
    drawn = "points that fill the space evenly" if even else "independent draws"
    method = f"expected improvement as of {drawn}, by a generalised Pareto tail of the best scores"
    if share < 1:
        method += f", times the share of trials that {'meet the constraints' if history.constraints else 'count'}"
    estimand = f"what {_ahead(n, last=last)} expected to add to the best score"
    return _score(value, gains, weights, level, method, estimand, len(losses))


def record_gains(
    losses: np.ndarray, n: int, share: float = 1.0, left: int | None = None, *, even: bool = False
) -> tuple[float, np.ndarray, np.ndarray]:
    """By how much ``n`` more independent draws lower the least of sorted losses (m,) on average: a value, a posterior.

    That is E(b) = integral over g > 0 of 1 - (1 - ``share`` F(b - g))^n, where b is the least loss so far and F the
    distribution function of a draw: the expectation from here on, given the best so far. On average over searches it is
    E X_(1:m) - E X_(1:m+n); where the best came by luck it is less.

    Below u, the loss of rank k + 1, F(x) is taken as q (1 + xi (u - x) / s)^(-1 / xi), the limit that it has there for
    all usual distributions (Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 3
    (1975), 119-131). If x is uniform on a space and the loss grows like |x - x*|^p from its least value, of d
    dimensions that matter, F grows like (loss - least)^a with a = d / p, and xi = -1 / a: -2 / d for a smooth minimum
    (de Haan, "Estimation of the minimum of a function using order statistics", JASA 76 (1981), 467-469), -1 / d at a
    cusp or a corner, 0 for normal noise, more where the best scores are outliers. A space does not say how many of its
    dimensions matter, so the prior of xi is uniform over `SHAPES`: nearly half of it lies at d <= 2. That of s is
    1 / s, and that of q is an order statistic's, Beta(k + 1, m - k). The posterior is exact on a grid of xi, of q, and
    of the part of the tail that lies below b, which stands for s.

    The value is the mean over all but the shape, and over shapes the geometric mean. The gain is about m to the power
    of xi - 1, so that the arithmetic mean is led by shapes that the scores all but exclude, and too high.

    Points that fill the space evenly leave no large gaps. The part of it that is better than the best of m is then as
    good as uniform up to the 1 / m of a cell, and not exponential with that mean. Where F grows like (loss - least)^a,
    the distance of the best loss to the least is on average m^-(1 / a) times Gamma(1 + 1 / a) for independent draws and
    times 1 / (1 + 1 / a) for even points, and gains are smaller by Gamma(2 + 1 / a) = Gamma(2 - xi): by 6 for a smooth
    minimum in one dimension, by 2 in two, by nothing in many.

    Args:
        losses: (m,) sorted, m >= 2.
        n: how many draws.
        share: the probability that one of them counts.
        left: how many draws there are in all, of which ``n`` come, in whatever order; None for no end. What is drawn
            without replacement from a sample gains the same on average, but nothing at all, with the probability
            (1 - ``share`` F(b))^``left``, where the least of all is among the m already.
        even: whether the draws are points that fill a space evenly.

    Returns:
        The value, gains (K,) and their weights (K,), which sum to 1.
    """
    from scipy.special import betaincinv, gamma

    m = len(losses)
    k = min(m - 1, max(FEWEST_SCORES - 1, math.ceil(2 * math.sqrt(m))))
    unit = float(losses[k] - losses[0])
    if unit <= 0:  # the best k + 1 scores are all the same
        return 0.0, np.zeros(1), np.ones(1)
    shapes = np.linspace(*SHAPES, 25)[:-1, None] + (SHAPES[1] - SHAPES[0]) / 48
    below = np.exp(np.linspace(math.log(1e-5), math.log(0.999), 80))
    weights, scales = _tail_posterior((losses[k] - losses[:k]) / unit, shapes, below)
    quantile = betaincinv(k + 1, m - k, (np.arange(5) + 0.5) / 5)
    better = share * quantile * below[:, None]  # (80, 5) the probability that a draw is better
    nodes = (np.arange(24) + 0.5) / 24  # parts of it, finer towards none
    part, width = nodes**3, 3 * nodes**2 / 24
    found = -np.expm1(n * np.log1p(-better[:, :, None] * part))
    gains = (scales * below**-shapes)[:, :, None] * np.einsum("sqv,xv->xsq", found, part ** (-shapes - 1) * width)
    if even:
        gains = gains / gamma(2 - shapes)[:, :, None]
    value = _over_shapes(gains.mean(axis=2), weights)
    gains, weights = _or_none(gains, np.repeat(weights[:, :, None] / 5, 5, axis=2), better, left)
    return unit * value, unit * gains, weights


def _tail_posterior(depths: np.ndarray, shapes: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a generalised Pareto tail, at shapes (X, 1) and parts of it that lie below the best score (S,): (X, S) each.

    Args:
        depths: (k,) by how much the k best scores are better than the one of rank k + 1, the most, 1, first.
        shapes: none of them 0.
        below: evenly spaced in their logarithm.

    Returns:
        Weights, which sum to 1, and the scale s that goes with shape and part.
    """
    reach = below**-shapes - 1  # xi / s, since the best is at depth 1
    scales = shapes / reach
    height = -(1 / shapes + 1) * np.log1p(reach[:, :, None] * depths).sum(axis=2)
    height += (1 - len(depths)) * np.log(scales) - shapes * np.log(below)  # ds / s = s below^-xi d log(below)
    weights = np.exp(height - height.max())
    return weights / weights.sum(), scales


def _over_shapes(gains: np.ndarray, weights: np.ndarray) -> float:
    """The geometric mean over shapes of the mean gain at each; gains and weights (X, S)."""
    by_shape = weights.sum(axis=1)
    likely = by_shape > 0
    means = (gains * weights).sum(axis=1)[likely] / by_shape[likely]
    return float(np.exp(np.average(np.log(means), weights=by_shape[likely])))


def _or_none(
    gains: np.ndarray, weights: np.ndarray, better: np.ndarray, left: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Gains (X, S, Q) and their weights in a row; of ``left`` draws, each better with (S, Q), none may be."""
    if left is None:
        return gains.ravel(), weights.ravel()
    some = -np.expm1(left * np.log1p(-better))
    none = float((weights * (1 - some)).sum())
    return np.append((gains / some).ravel(), 0.0), np.append((weights * some).ravel(), none)


def _tried(history: History) -> int:
    """How many trials have ended or wait: what a new one may become."""
    waiting = np.flatnonzero(history.states == PAUSED)
    return len(history.told_trial) + int((~np.isin(waiting, history.hidden)).sum())


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


def _ahead(n: int, *, last: bool = False) -> str:
    which = "last" if last else "next"
    return f"the {which} trial is" if n == 1 else f"the {which} {n} trials are"


def _score(
    value: float, gains: np.ndarray, weights: np.ndarray, level: float, method: str, estimand: str, told: int
) -> Score:
    weights = weights / weights.sum()
    order = np.argsort(gains, kind="stable")
    below = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], below, gains[order])
    low = 0.0 if low < NOTHING * high else float(low)
    return Score(value, low, max(float(high), value), level, method, estimand, told)
