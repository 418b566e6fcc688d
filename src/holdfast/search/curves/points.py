"""The points of all learning curves of a history: read, cleaned, and thinned where a model cannot hold them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.search.history import COMPLETE, STOPPED, History

SPACINGS = (1.0, 1.05, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0, 5.0, 10.0)
"""Ratios of the steps of two neighbours on a curve, tried one after the other until there are few enough points."""
ENDS = 2
"""So many points at the end of each curve are always kept."""


@dataclass(frozen=True, eq=False)
class Points:
    """The points of the curves of m trials, n in all, by trial and then by step.

    Attributes:
        trials: (m,) the trials' numbers, ascending.
        units: (m, d) their configurations, encoded; NaN where inactive.
        owner: (n,) whose each point is, as a position in ``trials``.
        steps: (n,) at least a half.
        losses: (n,) lower is better; infinite where training came to no number.
    """

    trials: np.ndarray
    units: np.ndarray
    owner: np.ndarray
    steps: np.ndarray
    losses: np.ndarray

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, chosen: np.ndarray) -> Points:
        """The points at some positions, ascending; trials that have none are left out."""
        owner = self.owner[chosen]
        kept, place = np.unique(owner, return_inverse=True)
        return Points(self.trials[kept], self.units[kept], place, self.steps[chosen], self.losses[chosen])

    def last(self) -> np.ndarray:
        """(m,) the position of each trial's last point."""
        return np.append(np.flatnonzero(np.diff(self.owner)), len(self.owner) - 1)


def points_of(history: History, reports: int, told: int, end: int) -> Points:
    """What the first ``reports`` reports and the first ``told`` results say.

    A step that was reported twice has its latest loss. The result of a complete trial is its loss at step ``end``; of
    one that was stopped, at its last step. A trial that failed has an infinite loss at step ``end``.
    """
    trial, step = history.report_trial[:reports], history.report_step[:reports].astype(float)
    loss = history.report_loss[:reports]
    reached = np.zeros(len(history))
    np.maximum.at(reached, trial, step)
    done, state, result = history.told_trial[:told], history.told_state[:told], history.told_loss[:told, 0]
    known = np.isfinite(result) & ((state == COMPLETE) | (state == STOPPED))
    at = np.where(known & (state == STOPPED), np.maximum(reached[done], 1), np.maximum(reached[done], end))
    trial, step = np.concatenate([trial, done]), np.concatenate([step, at])
    loss = np.concatenate([loss, np.where(known, result, np.inf)])
    step = np.maximum(step, 0.5)
    order = np.lexsort((np.arange(len(trial)), step, trial))
    trial, step, loss = trial[order], step[order], loss[order]
    latest = np.ones(len(trial), dtype=bool)
    latest[:-1] = (trial[1:] != trial[:-1]) | (step[1:] != step[:-1])
    trials, owner = np.unique(trial[latest], return_inverse=True)
    losses = np.where(np.isfinite(loss[latest]), loss[latest], np.inf)
    return Points(trials, history.units[trials], owner, step[latest], losses)


def thinned(points: Points, most: int) -> Points:
    """At most ``most`` of the points: the last two of each curve, and others at even distances in the logarithm.

    The distance is the first of `SPACINGS` that makes them few enough. Of more than ``most / 2`` trials a third are
    those of the lowest losses, a third the latest, the rest evenly spread.
    """
    if len(points.trials) > max(most // ENDS, 1):
        points = points.take(np.flatnonzero(np.isin(points.owner, _trials(points, max(most // ENDS, 1)))))
    for spacing in SPACINGS:
        if len(points) <= most:
            return points
        points = points.take(_spaced(points, spacing))
    return points.take(_spaced(points, np.inf))


def _spaced(points: Points, ratio: float) -> np.ndarray:
    """Positions of the points whose step is in another power of ``ratio`` than the one before, and of the ends."""
    places = np.floor(np.log(points.steps) / np.log(ratio)) if 1 < ratio < np.inf else np.zeros(len(points))
    kept = np.ones(len(points), dtype=bool)
    if ratio > 1:
        same = points.owner[1:] == points.owner[:-1]
        kept[1:] = ~same | (places[1:] != places[:-1])
    from_end = np.repeat(points.last(), np.bincount(points.owner)) - np.arange(len(points))
    return np.flatnonzero(kept | (from_end < ENDS)) if ratio < np.inf else np.flatnonzero(from_end < ENDS)


def _trials(points: Points, most: int) -> np.ndarray:
    """Positions of ``most`` trials: a third of the lowest losses, a third the latest, the rest evenly spread."""
    m = len(points.trials)
    lowest = np.full(m, np.inf)
    np.minimum.at(lowest, points.owner, points.losses)
    chosen = np.zeros(m, dtype=bool)
    chosen[np.argsort(lowest, kind="stable")[: most // 3]] = True
    chosen[m - most // 3 :] = True
    rest = np.flatnonzero(~chosen)
    chosen[rest[np.linspace(0, len(rest) - 1, most - int(chosen.sum())).astype(np.int64)]] = True
    return np.flatnonzero(chosen)
