"""Intervals for the procedure: what a training procedure is expected to lose, from many fits of it.

Their estimand is the expected score of a model that is trained on a sample of this size, not that of one model that is
there, and not of a configuration that was selected: with tuning inside, every fit has to tune. Scores or losses, in
either direction. The three are those that a benchmark of thirteen methods recommends (Schulz-Kümpel et al.,
arXiv:2409.18836, 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.intervals import check_level


class Expected(NamedTuple):
    """An estimate, its bounds, and its standard error."""

    value: float
    low: float
    high: float
    standard_error: float


def corrected_resampled_t(scores: np.ndarray, n_train: int, n_test: int, level: float = 0.95) -> Expected:
    """The interval of a mean over J random splits, whose training sets overlap.

    ``mean -+ t_{J-1} sd sqrt(1/J + n_test/n_train)`` (Nadeau and Bengio, Machine Learning 52:239, 2003:
    the corrected resampled t). Slightly liberal. For repeated K-fold cross-validation J counts all folds of
    all repeats (Bouckaert and Frank, PAKDD 2004).

    Args:
        scores: shape (J,), the mean score of each split's test rows, J >= 2.
        n_train: rows that each fit is trained on.
        n_test: rows that it is scored on.
        level: the nominal coverage.
    """
    from scipy.special import stdtrit

    scores = _means(scores, "splits")
    if min(n_train, n_test) < 1:
        raise RequestError(f"there are {n_train} training and {n_test} test rows; at least one of each is needed")
    error = float(scores.std(ddof=1)) * math.sqrt(1 / len(scores) + n_test / n_train)
    half = float(stdtrit(len(scores) - 1, (1 + check_level(level)) / 2)) * error
    mean = float(scores.mean())
    return Expected(mean, mean - half, mean + half, error)


def conservative_z(scores: np.ndarray, halves: np.ndarray, level: float = 0.95) -> Expected:
    """A normal interval with the variance of what two disjoint halves of the data say: conservative, for any metric.

    ``sigma^2 = mean((m_1 - m_2)^2) / 2`` (Nadeau and Bengio, Machine Learning 52:239, 2003: conservative Z).
    Training sets of the halves are half as large, which makes their scores vary more.

    Args:
        scores: shape (J,), the score of each split of all rows.
        halves: shape (M, 2); the rows are divided in two at random M times, and each half gives the mean score of
            splits of its own. M = 10, with 15 splits each, is usual.
        level: the nominal coverage.
    """
    from scipy.special import ndtri

    scores, halves = np.asarray(scores, dtype=float), np.asarray(halves, dtype=float)
    if halves.ndim != 2 or halves.shape[1] != 2 or len(halves) == 0:
        raise RequestError(f"scores of halves have shape {halves.shape}; (M, 2) with M of 1 or more is needed")
    if scores.ndim != 1 or len(scores) == 0:
        raise RequestError(f"scores of splits have shape {scores.shape}; one number or more is needed")
    _refuse_unknown(halves, "halves")
    _refuse_unknown(scores, "splits")
    error = math.sqrt(float(((halves[:, 0] - halves[:, 1]) ** 2).mean()) / 2)
    half = float(ndtri((1 + check_level(level)) / 2)) * error
    mean = float(scores.mean())
    return Expected(mean, mean - half, mean + half, error)


def nested_cv(
    outer: Sequence[Sequence[np.ndarray]], inner: np.ndarray, row_scores: np.ndarray, level: float = 0.95
) -> Expected:
    """The interval of nested cross-validation, for scores that are means over rows; wants some 200 repeats.

    For each repeat and fold, ``a = (inner mean - outer mean)^2`` and ``b = var(outer scores) / n``; the mean squared
    error is ``(K-1)/K mean(a - b)``, its root kept between 1 and sqrt(K) times the naive standard error. The centre is
    the inner mean less ``(1 + (K-2)/K)`` times the inner mean less the K-fold one (Bates, Hastie and Tibshirani, JASA
    119:1434, 2024, section 4).

    Args:
        outer: R repeats of K arrays: the scores of the rows of an outer fold by a model of all other folds.
        inner: shape (R, K): the mean score of cross-validation within those other K-1 folds.
        row_scores: shape (N,), the scores of all rows in a K-fold cross-validation, averaged over repeats.
        level: the nominal coverage.

    Raises:
        RequestError: if shapes do not fit, or an outer fold has one row only.
    """
    from scipy.special import ndtri

    inner, row_scores = np.asarray(inner, dtype=float), np.asarray(row_scores, dtype=float)
    fits = len(outer) > 0 and inner.shape == (len(outer), len(outer[0])) and all(len(r) == len(outer[0]) for r in outer)
    if not fits or inner.shape[1] < 2 or any(len(fold) < 2 for repeat in outer for fold in repeat):
        raise RequestError(
            f"inner scores have shape {inner.shape} for {len(outer)} repeats of outer folds; one number per outer fold "
            "is needed, and two folds of two rows at least"
        )
    row_scores = _means(row_scores, "rows")
    k = inner.shape[1]
    means = np.array([[np.mean(fold) for fold in repeat] for repeat in outer])
    noise = np.array([[np.var(fold, ddof=1) / len(fold) for fold in repeat] for repeat in outer])
    squared = (k - 1) / k * float(((inner - means) ** 2 - noise).mean())
    naive = float(row_scores.std(ddof=1)) / math.sqrt(len(row_scores))
    error = float(np.clip(math.sqrt(max(squared, 0.0)), naive, math.sqrt(k) * naive))
    plain = float(row_scores.mean())
    centre = float(inner.mean()) - (1 + (k - 2) / k) * (float(inner.mean()) - plain)
    half = float(ndtri((1 + check_level(level)) / 2)) * error
    return Expected(centre, centre - half, centre + half, error)


def _means(scores: np.ndarray, what: str) -> np.ndarray:
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 1 or len(scores) < 2:
        raise RequestError(f"scores of {what} have shape {scores.shape}; at least two numbers are needed")
    _refuse_unknown(scores, what)
    return scores


def _refuse_unknown(scores: np.ndarray, what: str) -> None:
    unknown = np.argwhere(~np.isfinite(scores))
    if len(unknown):
        place = ", ".join(map(str, unknown[0]))
        raise RequestError(
            f"{len(unknown)} of the {scores.size} scores of {what} {'is' if len(unknown) == 1 else 'are'} not finite, "
            f"the first at [{place}]; the interval needs all of them"
        )
