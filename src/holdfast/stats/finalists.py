"""Which configurations may be the best: a set instead of one winner."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import group_codes, group_sums
from holdfast.stats.intervals import check_level


class Finalists(NamedTuple):
    """Indices of the configurations that may be the best, ascending, and the p-value of each of the C, shape (C,)."""

    configurations: np.ndarray
    p_values: np.ndarray


def confident_set(
    scores: np.ndarray,
    rng: np.random.Generator,
    *,
    folds: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    bootstraps: int = 1000,
) -> Finalists:
    """A set that holds the best of C configurations with the given probability: cross-validation with confidence.

    Configuration m is left out if some other one is significantly better: ``T_m = max_j sqrt(N) (mean_j - mean_m) /
    sd(score_j - score_m)`` is compared with its distribution under Gaussian multipliers of the rows, centred by fold;
    those clearly worse than m are screened out first (Lei, JASA 115:1978, 2020). The statistic is taken as Student's,
    with one degree of freedom less than there are rows or groups, which matters for few of them. The set is about the
    models that were scored, and the highest mean is always in it. From a set of equals choose the cheapest or the
    simplest; an estimate for that choice needs bounds for any rule.

    Args:
        scores: shape (N, C), finite, higher is better.
        rng: where the multipliers are drawn from.
        folds: shape (N,), the fold in which a row was scored; one fold if None.
        groups: shape (N,), names of groups of rows that are not independent.
        level: with which the best is in the set.
        bootstraps: how many multipliers.
    """
    from scipy.special import ndtri, stdtr

    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or len(scores) < 2 or scores.shape[1] < 1 or not np.isfinite(scores).all():
        raise RequestError(f"scores have shape {scores.shape}; two rows or more of finite numbers are needed")
    alpha, n_configurations = 1 - check_level(level), scores.shape[1]
    if n_configurations == 1:
        return Finalists(np.array([0]), np.ones(1))
    units = _centred(scores, folds, groups)
    mean, root = scores.mean(axis=0), np.sqrt(len(units))
    noise = rng.standard_normal((bootstraps, len(units))) @ units / root
    products = units.T @ units / (len(units) - 1)
    power = np.diag(products)
    screen = -2 * float(ndtri(1 - alpha / 10 / (n_configurations - 1)))
    p_values = np.ones(n_configurations)
    for m in range(n_configurations):
        variance = power + power[m] - 2 * products[m]
        varied = variance > 1e-12 * (power + power[m])
        scale = np.sqrt(np.where(varied, variance, 1.0))
        ahead = mean - mean[m]
        student = np.where(varied, root * ahead / scale, np.where(ahead > 0, np.inf, -np.inf))
        statistic = -ndtri(stdtr(len(units) - 1, -student))
        statistic[m] = -np.inf
        close = statistic >= screen
        if close.any():
            worst = ((noise - noise[:, [m]]) / scale)[:, close & varied].max(axis=1, initial=-np.inf)
            p_values[m] = float((worst >= statistic[close].max()).mean())
    p_values[mean.argmax()] = 1.0
    return Finalists(np.flatnonzero(p_values > alpha), p_values)


def _centred(scores: np.ndarray, folds: np.ndarray | None, groups: np.ndarray | None) -> np.ndarray:
    """Scores less their fold's mean, summed over groups so that N units have the variance of a row, (G, C)."""
    centred = scores - scores.mean(axis=0)
    if folds is not None:
        folds = np.asarray(folds)
        if folds.shape != (len(scores),):
            raise RequestError(f"there are {len(scores)} rows but folds of shape {folds.shape}; one per row is needed")
        for fold in np.unique(folds):
            centred[folds == fold] = scores[folds == fold] - scores[folds == fold].mean(axis=0)
    if groups is None:
        return np.asarray(centred)
    totals = group_sums(centred, group_codes(groups, len(scores)))
    return np.asarray(totals * (len(totals) / len(scores)))
