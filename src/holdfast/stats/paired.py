"""Two configurations on the same rows: the difference of their scores, its interval, and a test of no difference.

Both are taken as given before the rows were looked at. The best of many against the second best is no such pair: its
difference is inflated by the selection; `finalists.confident_set` says which configurations may be the best.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import Performance, draw_counts, group_codes, group_rows
from holdfast.stats.intervals import check_level
from holdfast.stats.resampled import corrected_resampled_t


class Difference(NamedTuple):
    """First minus second score, bounds of it, and the two-sided p-value of no difference."""

    value: float
    low: float
    high: float
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """The exact two-sided p-value that two 0/1 scores are equally good (McNemar, Psychometrika 12:153, 1947).

    Only the rows on which they differ count: under no difference each falls to either side like a fair coin, so that
    the p-value is twice the binomial tail of the rarer side, at most 1. Rows have to be independent.

    Args:
        first: shape (N,), 0 or 1.
        second: shape (N,), 0 or 1, of the same rows.
    """
    from scipy.special import bdtr

    first, second = _pair(first, second)
    if not np.isin(np.r_[first, second], (0.0, 1.0)).all():
        raise RequestError("McNemar's test needs scores of 0 and 1; use paired_t for other numbers")
    only_first, only_second = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    differ = only_first + only_second
    return 1.0 if differ == 0 else min(1.0, 2 * float(bdtr(min(only_first, only_second), differ, 0.5)))


def paired_t(
    first: np.ndarray, second: np.ndarray, *, groups: np.ndarray | None = None, level: float = 0.95
) -> Difference:
    """Student's paired test and interval of a difference of mean scores (Student, Biometrika 6:1, 1908).

    With ``groups``, the G groups are the units: the variance is cluster-robust (`bootstrap.group_rows`), with G-1
    degrees of freedom. Differences that do not vary give no width, and a p-value of 0, or 1 if they are 0.

    Args:
        first: shape (N,).
        second: shape (N,), of the same rows.
        groups: shape (N,), groups, folds or blocks of time (`units`).
        level: the nominal coverage.
    """
    first, second = _pair(first, second)
    scores = (first - second)[:, None]
    units = scores if groups is None else group_rows(scores, group_codes(groups, len(scores)))
    return _student(float(units.mean()), float(units.std(ddof=1)) / math.sqrt(len(units)), len(units) - 1, level)


def paired_resampled_t(
    first: np.ndarray, second: np.ndarray, n_train: int, n_test: int, level: float = 0.95
) -> Difference:
    """The corrected resampled t test of two procedures over the same J splits.

    See `resampled.corrected_resampled_t` (Nadeau and Bengio, Machine Learning 52:239, 2003); it is about training
    procedures, the refit included. The plain t test over splits finds differences where there are none.

    Args:
        first: shape (J,), the score of each split.
        second: shape (J,), of the same splits.
        n_train: rows that each fit is trained on.
        n_test: rows that it is scored on.
        level: the nominal coverage.
    """
    first, second = _pair(first, second)
    found = corrected_resampled_t(first - second, n_train, n_test, level)
    return _student(found.value, found.standard_error, len(first) - 1, level)


def paired_bootstrap(
    performance: Performance,
    n_rows: int,
    rng: np.random.Generator,
    *,
    groups: np.ndarray | None = None,
    bootstraps: int = 2000,
    level: float = 0.95,
) -> Difference:
    """A difference of any metric between configurations 0 and 1, with its bootstrap percentiles.

    The p-value is twice the share of bootstraps on the rarer side of 0, ties counting half, with one added to
    numerator and denominator (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.4 and
    equation 4.11).

    Args:
        performance: the metric of configuration 0 or 1 under weights, see `bootstrap.Performance`.
        n_rows: N.
        rng: where the bootstraps are drawn from.
        groups: shape (N,); resample groups instead of rows.
        bootstraps: how many.
        level: the nominal coverage.

    Raises:
        RequestError: if the metric is undefined on all rows, or in all bootstraps but one.
    """
    tail = (1 - check_level(level)) / 2
    whole = np.ones((1, n_rows))
    value = float(performance(0, whole)[0] - performance(1, whole)[0])
    counts = draw_counts(rng, n_rows, bootstraps, groups)
    drawn = np.concatenate([performance(0, weights) - performance(1, weights) for weights in counts])
    drawn = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or len(drawn) < 2:
        raise RequestError("the metric is undefined on the rows or nearly all bootstraps of them; more rows are needed")
    low, high = (float(bound) for bound in np.quantile(drawn, [tail, 1 - tail]))
    below = float((drawn < 0).sum() + (drawn == 0).sum() / 2)
    rarer = min(below, len(drawn) - below)
    return Difference(value, low, high, min(1.0, 2 * (rarer + 1) / (len(drawn) + 1)))


def _student(value: float, error: float, degrees: int, level: float) -> Difference:
    from scipy.special import stdtr, stdtrit

    half = float(stdtrit(degrees, (1 + check_level(level)) / 2)) * error
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    return Difference(value, value - half, value + half, 2 * float(stdtr(degrees, -abs(value) / error)))


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise RequestError(
            f"the scores have shapes {first.shape} and {second.shape}; two rows or more, the same for both, are needed"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise RequestError("some scores are not finite; a pair needs scores of both configurations on every row")
    return first, second
