"""Rules that drop a configuration before all of its folds are scored, and what a search under such a rule sees.

`forgiving` and `aggressive` are those of Bergman, Purucker and Hutter, "Don't waste your time: early stopping
cross-validation", AutoML 2024 (arXiv:2405.03389). `curtailed` is stochastic curtailment: Lan, Simon and Halperin,
"Stochastically curtailed tests in long-term clinical trials", Sequential Analysis 1:207 (1982), with the predictive
probability of Spiegelhalter, Freedman and Blackburn, Controlled Clinical Trials 7:8 (1986). Scores are oriented so that
higher is better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], bool]
"""``rule(seen, incumbent, others)``, as `stops` has them."""

CHANCE = 0.08
"""`curtailed` drops what has less than this chance to be ahead of the incumbent after all folds."""


class Ruler(NamedTuple):
    """What configurations are compared with fold by fold, so that easy folds are no merit.

    ``scores``, shape (K,), are fold scores; ``variance`` is that of a configuration's difference to them between folds,
    and ``freedom`` its degrees of freedom.
    """

    scores: np.ndarray
    variance: float
    freedom: int


def aggressive(seen: np.ndarray, incumbent: np.ndarray) -> np.ndarray:
    """Stop where the mean of the folds seen is worse than the incumbent's mean.

    Args:
        seen: shape (..., k), scores of the first k folds.
        incumbent: shape (..., K), the fold scores of the best configuration so far.
    """
    return np.asarray(_mean(seen) < _mean(incumbent))


def forgiving(seen: np.ndarray, incumbent: np.ndarray) -> np.ndarray:
    """Stop where the mean of the folds seen is worse than the incumbent's worst fold: the one that its authors prefer.

    Args:
        seen: shape (..., k), scores of the first k folds.
        incumbent: shape (..., K), the fold scores of the best configuration so far.
    """
    there = ~np.isnan(incumbent)
    worst = np.where(there, incumbent, np.inf).min(axis=-1)
    return np.asarray((_mean(seen) < worst) & there.any(axis=-1))


def curtailed(seen: np.ndarray, incumbent: np.ndarray, ruler: Ruler, chance: float = CHANCE) -> bool:
    """Stop where all K folds would put it ahead of the incumbent with less than a ``chance``: what is recommended.

    Folds are compared in pairs with a ruler. With differences of a variance v that are exchangeable between folds, and
    nothing known of their mean, the mean over all K folds given that over the k seen is Student's around it, with the
    squared scale ``v (K - k) / (K k)``. How far the incumbent is ahead of the ruler over all folds is known. The
    probability to be ahead is a martingale as folds are seen, so that of all those dropped no more than that share
    would have come out ahead, however often the rule was asked.

    Args:
        seen: shape (k,), scores of the first k folds.
        incumbent: shape (K,), the fold scores of the best configuration so far.
        ruler: see `ruler_of`; without degrees of freedom nothing is dropped.
        chance: to come out ahead.
    """
    from scipy.special import stdtr

    gained = seen - ruler.scores[: len(seen)]
    gained = gained[~np.isnan(gained)]
    total, k = len(incumbent), len(gained)
    if ruler.freedom < 1 or not 0 < k < total:
        return False
    behind = float(_mean(incumbent - ruler.scores) - gained.mean())
    if not behind > 0:
        return False
    scale = float(np.sqrt(ruler.variance * (total - k) / (total * k)))
    return scale == 0 or float(stdtr(ruler.freedom, -behind / scale)) < chance


def ruler_of(fold_scores: np.ndarray, incumbent: np.ndarray) -> Ruler:
    """The mean of the best 1, 2, 4, 8, ... with all folds, of which differences to it vary least between folds.

    The incumbent alone is the best ruler for one that is nearly the same model. Others share no noise with it but that
    of the folds, and the mean of m has its own noise divided by m: with uncorrelated ones, a difference to it has
    (1 + 1/m) / 2 of the variance of a difference to the incumbent. The variance is pooled over configurations, and of
    the m themselves it is the squares around their mean, with one configuration's degrees of freedom less, times
    1 + 1/m.

    Args:
        fold_scores: shape (C, K), NaN where a fold is not scored; a row of two folds or more counts. The incumbent's
            own row, whose differences are all zero, is left out.
        incumbent: shape (K,).
    """
    apart = fold_scores[np.nan_to_num(fold_scores - incumbent).any(axis=1)]
    full = ~np.isnan(apart[:, ~np.isnan(incumbent)]).any(axis=1)
    ranked = np.flatnonzero(full)[np.argsort(-_mean(apart[full]), kind="stable")]
    ordered = np.concatenate([incumbent[None], apart[ranked], apart[~full]])
    sums = np.cumsum(ordered[: 1 + len(ranked)], axis=0)
    there = ~np.isnan(ordered) & ~np.isnan(incumbent)
    freedom = np.maximum(there.sum(axis=1) - 1, 0)
    found = Ruler(incumbent, 0.0, 0)
    for size in 2 ** np.arange(len(sums).bit_length()):
        scores = sums[size - 1] / size
        gained = ordered - scores
        squares = (np.where(there, gained - _mean(gained)[:, None], 0.0) ** 2).sum(axis=1)
        degrees = int(freedom[size:].sum() + (size - 1) * freedom[0])
        variance = float(squares[size:].sum() + (1 + 1 / size) * squares[:size].sum()) / max(degrees, 1)
        if degrees > 0 and (found.freedom == 0 or variance < found.variance):
            found = Ruler(scores, variance, degrees)
    return found


def _curtailed_among(seen: np.ndarray, incumbent: np.ndarray, others: np.ndarray) -> bool:
    own = np.full((1, len(incumbent)), np.nan)
    own[0, : len(seen)] = seen[: len(incumbent)]
    return curtailed(seen, incumbent, ruler_of(np.concatenate([others, own]), incumbent))


RULES: dict[str, Rule] = {
    "forgiving": lambda seen, incumbent, _: bool(forgiving(seen, incumbent)),
    "aggressive": lambda seen, incumbent, _: bool(aggressive(seen, incumbent)),
    "curtailed": _curtailed_among,
}
"""The rules by name."""


def stops(rule: str, seen: np.ndarray, incumbent: np.ndarray, others: np.ndarray) -> bool:
    """Whether the rule of that name drops a configuration.

    Args:
        rule: one of `RULES`.
        seen: shape (k,), scores of the folds so far, NaN for one that has none.
        incumbent: shape (K,), the fold scores of the best of those that have all folds; all NaN if there is none.
        others: shape (C, K), the fold scores of all configurations so far, NaN where missing.
    """
    return not np.isnan(incumbent).all() and RULES[rule](seen, incumbent, others)


def comparable(seen: np.ndarray, complete: np.ndarray, values: np.ndarray) -> float:
    """The mean of some folds as a score that compares with those of all folds: easy folds are no merit.

    Args:
        seen: shape (k,), the fold scores of a configuration that was dropped, NaN for a fold that has none.
        complete: shape (C, K), fold scores of the configurations that have all.
        values: shape (C,), their scores over all folds.

    Returns:
        The mean of ``seen``, and how much better ``complete`` are over all folds than on the same ones, on average.
    """
    there = ~np.isnan(seen)
    on_the_same = _mean(np.where(there, complete[:, : len(seen)], np.nan))
    shift = (values - on_the_same)[np.isfinite(values) & np.isfinite(on_the_same)]
    return float(_mean(seen)) + (float(shift.mean()) if len(shift) else 0.0)


def seen_by(fold_scores: np.ndarray, rule: str) -> np.ndarray:
    """What a search sees that asks a rule after each fold: shape (K, C) to (K, C), NaN for folds that are not scored.

    Configurations run one after the other in the order of their columns; the incumbent is the best by its mean of those
    with all folds. The share of NaN is what the rule saves.
    """
    seen = np.array(fold_scores, dtype=float)
    incumbent, best = np.full(len(seen), np.nan), -np.inf
    for c in range(seen.shape[1]):
        for k in range(1, len(seen)):
            if stops(rule, seen[:k, c], incumbent, seen[:, :c].T):
                seen[k:, c] = np.nan
                break
        mean = float(seen[:, c].mean())
        if mean > best:
            incumbent, best = seen[:, c].copy(), mean
    return seen


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is there; NaN where nothing is, which compares as false."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
