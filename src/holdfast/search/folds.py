"""What a history says of folds, where trials report the score of each fold with the fold as the step."""

from __future__ import annotations

import numpy as np

from holdfast.search.history import COMPLETE, History
from holdfast.stats.folds import comparable, stops


def is_dropped(history: History, trial: int, own: dict[int, float], rule: str) -> bool:
    """Whether a rule drops a running trial before its next fold.

    The incumbent is the best of the complete trials that meet the constraints. The fold that it reported last is the
    last one: there nothing is left to save.

    Args:
        history: of the study.
        trial: its number.
        own: the losses that it has reported, by step.
        rule: see `holdfast.stats.folds.RULES`.
    """
    best = _incumbent(history)
    if best is None:
        return False
    steps = _steps_of(history, best)
    seen = np.array([own.get(int(step), np.nan) for step in steps])
    if len(steps) < 2 or int(steps[-1]) in own or np.isnan(seen).all():
        return False
    losses = _losses_at(history, steps)
    others = np.delete(losses, trial, axis=0)
    others = others[~np.isnan(others).all(axis=1)]
    return stops(rule, -seen, -losses[best], -others)


def comparable_loss(history: History, own: dict[int, float]) -> float:
    """What a search is told of a dropped trial: the mean of its folds, as if all were as hard as they are on average.

    Args:
        history: of the study before the trial was told.
        own: the losses that it has reported, by step, at least one.
    """
    steps, seen = np.array(list(own)), np.array(list(own.values()))
    done = np.isfinite(history.losses)
    return comparable(seen, _losses_at(history, steps)[done], history.losses[done])


def _incumbent(history: History) -> int | None:
    """The number of the best complete trial that meets the constraints and has reported; None if there is none."""
    may = (history.told_state == COMPLETE) & (history.told_violation <= 0).all(axis=1)
    trials = history.told_trial[may]
    trials = trials[np.isin(trials, history.report_trial)]
    losses = history.losses[trials]
    return None if np.isnan(losses).all() else int(trials[np.nanargmin(losses)])


def _steps_of(history: History, trial: int) -> np.ndarray:
    """The steps that a trial reported at, in their order, shape (K,)."""
    steps = history.report_step[history.report_trial == trial]
    _, first = np.unique(steps, return_index=True)
    return np.asarray(steps[np.sort(first)])


def _losses_at(history: History, steps: np.ndarray) -> np.ndarray:
    """The losses that each of the n trials reported at K steps, the last ones where it did so twice; shape (n, K)."""
    found = np.full((len(history), len(steps)), np.nan)
    for place, step in enumerate(steps):
        at = history.report_step == step
        found[history.report_trial[at], place] = history.report_loss[at]
    return found
