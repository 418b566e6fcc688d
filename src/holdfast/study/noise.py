"""How much of the best trial's score is noise: what a gain has to exceed before anybody can tell it from luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.records import Trial
from holdfast.search.left import Left
from holdfast.study.book import Book
from holdfast.study.compared import compared
from holdfast.study.folds import NEVER
from holdfast.study.replicated import spread_of_runs
from holdfast.study.state import StudyState, reported_by_step

FOLD_SCORES = "fold_scores"
"""The key of a trial's extras (`LiveTrial.set_user_attr`) that holds the metric on each fold."""

RIVALS = 40
"""So many of the best trials are compared with the incumbent, row by row."""

FEWEST_RUNS = 3
"""Degrees of freedom from which on replicates say how noisy a trial is."""

SURE = 0.025
"""Of the noise that is learned from the scores alone so little counts that there is more of it but for this chance."""

NEGLIGIBLE = 0.02
"""Noise that is learned from the scores and is less than this part of their spread is none."""

Source = Literal["rows", "folds", "replicates", "scores"]


@dataclass(frozen=True, slots=True)
class Noise:
    """How far a score may be off by chance: a standard error in the metric's unit, where it is from, and in words."""

    value: float
    source: Source
    text: str


def noise_of(book: Book, left: Left) -> Noise | None:
    """The noise of the incumbent's score; None where there is none to be seen.

    From its row scores, or else its fold scores, or else replicates, or else as the surrogate learned it.
    """
    trial = book.state.trials[left.incumbent]
    return _by_rows(book, trial) or _by_folds(book.state, trial) or _by_replicates(book, trial) or _by_scores(left)


def _by_rows(book: Book, trial: Trial) -> Noise | None:
    """The standard error of the paired difference with the trials that it cannot be told from.

    These are within two standard errors; their median counts. Where there is none it is that of the nearest rival.
    """
    found = compared(book, trial, most=RIVALS)
    if found is None:
        return None
    n, mean = len(found.scores), float(found.scores[:, 0].mean())
    ahead = found.scores[:, :1] - found.scores[:, 1:]
    errors = ahead.std(axis=0, ddof=1) / math.sqrt(n) if n > 1 else np.zeros(ahead.shape[1])
    differs = errors > 0
    behind, errors = np.abs(ahead.mean(axis=0))[differs], errors[differs]
    if len(errors) == 0:
        return None
    near = behind <= 2 * errors
    error = float(np.median(errors[near])) if near.any() else float(errors[np.argmin(behind)])
    rivals = f"the {near.sum()} trials nearest to it" if near.sum() > 1 else "the trial nearest to it"
    value = abs(found.scale.shown(mean) - found.scale.shown(mean - error))
    return Noise(value, "rows", f"the standard error of its difference from {rivals}, on the same {n:,} rows")


def _by_folds(state: StudyState, trial: Trial) -> Noise | None:
    """sqrt(1 / K + 1 / (K - 1)) times the standard deviation of K fold scores.

    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003), as Makarova et al. (2022)
    stop by it.
    """
    told = trial.extra.get(FOLD_SCORES)
    if told is None and state.settings.drop_folds != NEVER:  # then each fold is reported
        told = list(reported_by_step(state, trial).values())
    if not isinstance(told, list | tuple) or len(told) < 2 or not all(isinstance(x, int | float) for x in told):
        return None
    scores = np.array(told, dtype=float)
    spread = float(scores.std(ddof=1)) if np.isfinite(scores).all() else 0.0
    k = len(scores)
    if spread == 0:
        return None
    value = math.sqrt(1 / k + 1 / (k - 1)) * spread
    return Noise(value, "folds", f"the corrected standard error of its mean over {k} folds")


def _by_replicates(book: Book, trial: Trial) -> Noise | None:
    """The spread of trials of one configuration, pooled over configurations, by the root of the incumbent's runs."""
    found = spread_of_runs(book.state, trial)
    if found is None or found.freedom < FEWEST_RUNS or found.sd == 0:
        return None
    value = found.sd / math.sqrt(found.runs)
    over = f"its mean over {found.runs} runs" if found.runs > 1 else "its one run"
    return Noise(value, "replicates", f"the standard error of {over}, by {found.configurations} replicated ones")


def _by_scores(left: Left) -> Noise | None:
    """What the surrogate is sure of."""
    value = float(np.quantile(left.noises, SURE))
    if value < NEGLIGIBLE * left.spread:
        return None
    return Noise(value, "scores", "the least that a Gaussian process of all scores is sure of")
