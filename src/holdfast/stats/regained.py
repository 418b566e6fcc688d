"""The point for the winner of all rows, and of a search, from that of BBC, which is about the winners of bootstraps.

A bootstrap selects on weighted rows, whose means have twice the variance of the means of all rows, and what it selects
is a little worse than the winner of all rows. `bootstrap.bbc` scores what it selected on rows left out, and so is
unbiased for the true scores of the bootstraps' winners, of independent rows; for the winner it is too low by the
difference, ``t_s - mean_b t_w(b)``. This difference is estimated with shrunken means eta in the place of true scores,
``eta_s - mean_b eta_w(b)``: posterior means, which a selection does not bias (docs/rmx.md, section 4).

The population that means are shrunken in is estimated by a few steps of EM from a uniform one on their range: smoothing
by roughening (Laird and Louis, Computational Statistics and Data Analysis 12:27, 1991; 2 log C steps, as in Shen and
Louis, Journal of Computational and Graphical Statistics 8:800, 1999). Steps without end would give the nonparametric
maximum likelihood estimate, which is a few points for few configurations.

Bootstraps repeat the selection and not the search that proposed the configurations. What a search adds to the luck of
the winner is how much more of it there is in repetitions of the search (`holdfast.stats.replay`) than in repetitions
that take the same configurations in random orders, as no search would. No more is taken off for it than for the
selection, so that correlations which are not known exactly can do no more either.

Where the winner is fitted again, its scores are of models of folds, and those have learned from one another's rows. So
the scores of rows left out share some of their errors with those of the rows drawn, which a refit does not have.

Metrics that are no means, such as R2, may depend on how many rows they are of, and rows left out are fewer than all.
That bias is of order 1/m for m rows; a bootstrap repeats it for all rows (Efron, Annals of Statistics 7:1, 1979).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.stats.bootstrap import BiasCorrected, bbc, checked_scores, group_codes, group_rows
from holdfast.stats.replay import replay, steps

POINTS = 60
"""Of the grid for the population of true scores."""

REACH = 6.0
"""A configuration that is behind the winner by more standard deviations of the paired difference wins no bootstrap."""

IN_FOLDS = 0.1
"""The variance of what all rows err by together in cross-validation, relative to the row variance; as a refit's it was
found in simulations."""

ORDERS = 2
"""Random orders that a search is compared with."""

DRAWS = 500
"""Repetitions of a search, and of each order."""


def corrected_mean(
    scores: np.ndarray,
    rng: np.random.Generator,
    bootstraps: int = 2000,
    groups: np.ndarray | None = None,
    *,
    omega2: float = 0.0,
    searched: bool = False,
) -> BiasCorrected:
    """Like `bootstrap.bbc`, with a ``point`` for the best of C configurations by their means of all rows.

    It is at most the best mean: a selection can only flatter, so what is over it is an error of the bootstraps.

    Args:
        scores: shape (N, C), finite, higher is better.
        rng: where the bootstraps are drawn from.
        bootstraps: how many.
        groups: shape (N,); resample groups instead of rows.
        omega2: the variance that a refit adds, relative to the row variance (`rmx.Settings`); the point is then about
            the refitted winner, of whose lead less is real, and of whose luck more is left on rows left out.
        searched: whether the configurations were proposed, in the order of the columns, by a search that looked at the
            scores of earlier ones; what it adds to the luck is then taken off.

    Raises:
        RequestError: if there are fewer than two rows, no configuration, or scores that are not finite.
    """
    scores = checked_scores(scores)
    found = bbc(scores, rng, bootstraps, groups)
    units = scores if groups is None else group_rows(scores, group_codes(groups, len(scores)))
    errors = (units - units.mean(axis=0)) / math.sqrt(max(len(units) * (len(units) - 1), 1))
    means = scores.mean(axis=0)
    moved = _moved(found, _Means(means, errors), omega2, rng if searched else None)
    return moved._replace(point=min(moved.point, float(means.max())))


def corrected_metric(
    values: np.ndarray, found: BiasCorrected, *, omega2: float = 0.0, search: np.random.Generator | None = None
) -> BiasCorrected:
    """The same for any metric, from `bootstrap.bbc_metric`, less its bias from few rows; at most the best value.

    Args:
        values: shape (C,), the metric on all rows, higher is better; NaN cannot win.
        found: whose ``in_bag`` says how the metrics err together. Configurations that are undefined in more than half
            of the bootstraps are left out, then bootstraps in which any other one is undefined.
        omega2: see `corrected_mean`.
        search: where repetitions of the search that proposed the configurations are drawn from; None if none did.
    """
    values, in_bag = np.asarray(values, dtype=float), found.in_bag
    if in_bag is None or not np.isfinite(values).any():
        return found
    kept = np.isfinite(values) & (np.isfinite(in_bag).mean(axis=0) > 0.5)
    whole = np.isfinite(in_bag[:, kept]).all(axis=1)
    if not kept[np.nanargmax(values)] or whole.sum() < 2:
        return found
    places = np.where(kept, np.cumsum(kept) - 1, -1)
    winners = np.where(found.winners >= 0, places[found.winners], -1)
    errors = in_bag[np.ix_(whole, kept)]
    errors = (errors - errors.mean(axis=0)) / math.sqrt(len(errors) - 1)
    point = _moved(found._replace(winners=winners), _Means(values[kept], errors), omega2, search).point
    return found._replace(point=min(point - _left_out_bias(values, found, in_bag), float(np.nanmax(values))))


def _left_out_bias(values: np.ndarray, found: BiasCorrected, in_bag: np.ndarray) -> float:
    """The bias of the bootstraps' winners on rows left out, 1/e of all, from that on the rows drawn, as many as all.

    A bias of ``a / N``, which the mean of a bootstrap less the value of all rows estimates, is ``e a / N`` on N / e
    rows. It is 0 where it is no more than two standard errors of that mean, as for means and the AUC.
    """
    winners = _winners(found)
    there = np.isfinite(in_bag)
    count = np.maximum(there.sum(axis=0), 1)
    apart = np.where(there, in_bag - values, 0.0)
    bias = apart.sum(axis=0) / count
    error = np.sqrt(np.where(there, apart - bias, 0.0).var(axis=0) / count)
    mean = float(bias[winners].mean())
    return math.e * mean if abs(mean) > 2 * float(error[winners].mean()) else 0.0


class _Means(NamedTuple):
    """Means, shape (C,), and errors, shape (M, C), whose columns' inner products are the covariances of the means."""

    values: np.ndarray
    errors: np.ndarray


def _moved(found: BiasCorrected, means: _Means, omega2: float, search: np.random.Generator | None) -> BiasCorrected:
    shrunken = _shrunken(means, omega2)
    point = found.point + _regained(means.values, shrunken, found)
    if omega2 > 0:
        point -= _kept_in_folds(means.values, shrunken, found)
    if search is not None and len(shrunken) > 1:
        selected = max(float(means.values.max()) - point, 0.0)
        point -= min(search_luck(means.values, shrunken, means.errors, search), selected)
    return found._replace(point=point)


def _winners(found: BiasCorrected) -> np.ndarray:
    """Indices of those that were scored on rows left out, one for each bootstrap that has one."""
    return np.asarray(found.winners[np.isfinite(found.estimates) & (found.winners >= 0)])


def _regained(means: np.ndarray, shrunken: np.ndarray, found: BiasCorrected) -> float:
    """How much better the winner is than the winners of the bootstraps; never more than its means say, nor negative."""
    winners = _winners(found)
    if len(winners) == 0:
        return 0.0
    best = int(means.argmax())
    lost, kept = (float(each[best] - each[winners].mean()) for each in (means, shrunken))
    return float(np.clip(kept, 0.0, max(lost, 0.0)))


def _kept_in_folds(means: np.ndarray, shrunken: np.ndarray, found: BiasCorrected) -> float:
    """What the winners of the bootstraps keep of their luck on rows left out, which models of folds have in common."""
    winners = _winners(found)
    luck = float((means[winners] - shrunken[winners]).mean()) if len(winners) else 0.0
    return IN_FOLDS / (1 + IN_FOLDS) * max(luck, 0.0)


def _shrunken(means: _Means, omega2: float) -> np.ndarray:
    """Posterior means, shape (C,), of those that could win a bootstrap; the others are left as they are."""
    values, errors = means
    best, own = int(values.argmax()), np.einsum("ij,ij->j", errors, errors)
    apart = np.sqrt(np.maximum(own + own[best] - 2 * errors[:, best] @ errors, 0.0))
    near = np.flatnonzero(values[best] - values <= REACH * apart)
    if len(near) < 2:
        return values
    common = errors[:, near].mean(axis=1)
    beside = np.maximum(own[near] - 2 * common @ errors[:, near] + common @ common, 0.0)
    variance = float(np.median(beside)) * len(near) / (len(near) - 1)
    found = values.copy()
    found[near] = shrunken_means(values[near], math.sqrt(variance * (1 + omega2)))
    return found


def search_luck(means: np.ndarray, true: np.ndarray, errors: np.ndarray, rng: np.random.Generator) -> float:
    """What a search adds to the mean error of the winner, in the unit of the scores; 0 or more.

    The search is repeated around the ``true`` means, and so are `ORDERS` random orders of its configurations, with the
    same rule for what hands its errors on (`replay.steps`). No search can have made a random order: what the winner has
    of luck there is that of the selection, and of the rule.

    Args:
        means: shape (C,), in the order in which the search proposed them.
        true: shape (C,), what is taken for their true values.
        errors: shape (M, C), columns whose inner products are the covariances of the means, from M rows.
        rng: where orders and repetitions are drawn from.
    """
    scale = np.sqrt(np.einsum("ij,ij->j", errors, errors))
    unit = errors / np.where(scale > 0, scale, 1.0)
    correlation, gap = unit.T @ unit, means.max() - means

    def luck(order: np.ndarray) -> float:
        taken = steps(correlation[np.ix_(order, order)], len(errors))
        noise = replay(taken, gap[order], true[order], scale[order], rng, DRAWS) * scale[order]
        selected = (true[order] + noise).argmax(axis=1)
        return float(noise[np.arange(len(noise)), selected].mean())

    blind = np.mean([luck(rng.permutation(len(means))) for _ in range(ORDERS)])
    return max(luck(np.arange(len(means))) - float(blind), 0.0)


def shrunken_means(means: np.ndarray, error: float) -> np.ndarray:
    """Posterior means, shape (C,), of true scores whose population is not known: smoothing by roughening.

    ``2 log C`` steps of EM for the weights of a uniform grid over the range of the means, each with a normal error.

    Args:
        means: shape (C,), finite.
        error: the standard deviation by which a mean errs; what all have in common does not count.
    """
    low, high = float(means.min()), float(means.max())
    if error <= 0 or low == high:
        return means.copy()
    grid = np.linspace(low, high, POINTS)
    # the nearest point of the grid may be many errors away where the range is wide
    error = max(error, float(grid[1] - grid[0]) / 2)
    likely = np.exp(-0.5 * ((means[:, None] - grid) / error) ** 2)
    weights = np.full(POINTS, 1 / POINTS)
    for _ in range(round(2 * math.log(len(means)))):
        weights = weights * (likely / (likely @ weights)[:, None]).mean(axis=0)
    posterior = likely * weights
    return np.asarray(posterior @ grid / posterior.sum(axis=1))
