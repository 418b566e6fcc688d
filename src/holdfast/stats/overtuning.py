"""Overtuning: the score that a search looks at went on rising while the truth got worse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.bootstrap import draw_counts


class Overtuning(NamedTuple):
    """How much worse the incumbent is than an earlier one was, in truth.

    ``incumbents``, shape (T,), is the best trial by validation after each trial; ``by_trial``, shape (T,), the best
    test score that an incumbent has had up to then, less that of the present one (0 or more), ``final`` its last value.
    ``relative`` is ``final`` over what the search has gained at best, the best test score of any incumbent less that of
    the first: 0 without overtuning, above 1 if the search ended worse than it began, infinite if no incumbent was
    better than the first and the last is worse.
    """

    incumbents: np.ndarray
    by_trial: np.ndarray
    final: float
    relative: float


def overtuning(validation: np.ndarray, test: np.ndarray) -> Overtuning:
    """Overtuning of a search, trial by trial (Schneider, Bischl and Feurer, AutoML 2025).

    The test scores have to be of rows that no choice was made on; this is for looking back, and never for choosing.

    Args:
        validation: shape (T,), what the search saw, higher is better; NaN for a trial that failed.
        test: shape (T,), of the same trials, higher is better; only those of incumbents are read.

    Raises:
        RequestError: if shapes differ, the first trial failed, or an incumbent has no test score.
    """
    validation, test = np.asarray(validation, dtype=float), np.asarray(test, dtype=float)
    if validation.ndim != 1 or validation.shape != test.shape or len(test) == 0:
        raise RequestError(
            f"validation scores have shape {validation.shape}, test scores {test.shape}; one each per trial is needed"
        )
    if np.isnan(validation[0]):
        raise RequestError("the first trial has no validation score; begin with the first trial that succeeded")
    seen = np.where(np.isnan(validation), -np.inf, validation)
    incumbents = _incumbents(seen)
    truth = test[incumbents]
    if not np.isfinite(truth).all():
        missing = int(incumbents[~np.isfinite(truth)][0])
        raise RequestError(f"trial {missing} was the best by validation and has no test score; all incumbents need one")
    by_trial = np.maximum.accumulate(truth) - truth
    final, gained = float(by_trial[-1]), float(truth.max() - truth[0])
    relative = 0.0 if final == 0 else final / gained if gained > 0 else float("inf")
    return Overtuning(incumbents, by_trial, final, relative)


def bbc_path(scores: np.ndarray, rng: np.random.Generator, bootstraps: int = 200) -> np.ndarray:
    """(C,) the bias-corrected mean score of the best of the first 1, 2, ... C configurations, at the cost of the last.

    Each is the point of BBC (Tsamardinos, Greasidou and Borboudakis, Machine Learning 107:1895, 2018, algorithm 5) for
    the configurations up to there, all from the same bootstraps, so that chance does not move the path.

    Args:
        scores: shape (N, C), finite, configurations in the order in which they were tried; higher is better.
        rng: where the bootstraps are drawn from.
        bootstraps: how many.

    Raises:
        RequestError: if no bootstrap leaves a row out (a single row).
    """
    scores = np.asarray(scores, dtype=float)
    means = scores.mean(axis=0)
    centred = scores - means
    total, defined = np.zeros(scores.shape[1]), 0
    for counts in draw_counts(rng, len(scores), bootstraps):
        in_bag = means + counts @ centred / len(scores)
        left_out = (counts == 0).astype(float)
        size = left_out.sum(axis=1)
        known = size > 0
        out_of_bag = means + (left_out[known] @ centred) / size[known, None]
        best = _incumbents(in_bag[known])
        total += np.take_along_axis(out_of_bag, best, axis=1).sum(axis=0)
        defined += int(known.sum())
    if defined == 0:
        raise RequestError(f"there are {len(scores)} rows, and no bootstrap leaves one out; more are needed")
    found: np.ndarray = total / defined
    return found


def _incumbents(scores: np.ndarray) -> np.ndarray:
    """(..., C) the place of the highest score up to each place; the first of equals."""
    highest = np.maximum.accumulate(scores, axis=-1)
    first = np.ones_like(scores[..., :1], dtype=bool)
    newer = np.concatenate([first, highest[..., 1:] > highest[..., :-1]], axis=-1)
    found: np.ndarray = np.maximum.accumulate(np.where(newer, np.arange(scores.shape[-1]), 0), axis=-1)
    return found
