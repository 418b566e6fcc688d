"""An estimate where some configurations were not scored on all rows: raced, pruned, stopped, failed on a fold.

Leaving such configurations out and correcting for the rest is optimistic: whoever is left was selected, on the same
rows. Repeating the stopping rule in each bootstrap needs the scores that were never made. Here unfinished
configurations stay among those that could have won, which is what `rmx.rmx` simulates: each is as far behind the winner
as on the rows both have, less three standard errors of that difference, with noise of its own.

What that rests on: a winner that was selected by any rule whatever, with folds dropped or not, from C configurations
that were begun, has no more optimism than the largest of the C errors of their means over all rows, E max (m_c - t_c);
and for normal errors of given variances that is largest where they are independent (Slepian; Sudakov and Fernique).
``Settings(any_rule=True)`` takes off all of it, for any rule. The default lets those win that are within three standard
errors; that this is not optimistic is tested by simulation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.rmx import DEFAULTS, Settings, rmx


class Raced(NamedTuple):
    """The winner's mean less its optimism, bounds of its true mean, its index, and how many finished and did not."""

    point: float
    low: float
    high: float
    winner: int
    finished: int
    unfinished: int


def raced(
    scores: np.ndarray,
    rng: np.random.Generator,
    settings: Settings = DEFAULTS,
    *,
    winner: int | None = None,
    groups: np.ndarray | None = None,
) -> Raced:
    """The mean score of the best of the finished configurations, corrected for all that were begun.

    Args:
        scores: shape (N, C), higher is better, NaN where a configuration was not scored. One that failed on every row,
            so that no score can have stopped it, may be left out.
        rng: where the noise is drawn from.
        settings: of `rmx.rmx`.
        winner: its index; the highest mean among the finished, lowest index first, if None.
        groups: shape (N,), names of groups of rows that are not independent.

    Raises:
        RequestError: if no configuration has scores of all rows, or the winner has not.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2:
        raise RequestError(f"scores have shape {scores.shape}; (rows, configurations) is needed")
    complete = np.flatnonzero(np.isfinite(scores).all(axis=0))
    if len(complete) == 0:
        raise RequestError("no configuration has scores of all rows; at least one is needed")
    if winner is not None and winner not in complete:
        raise RequestError(f"the winner, number {winner}, has no scores of some rows; choose one that was finished")
    others = np.setdiff1d(np.arange(scores.shape[1]), complete)
    found = rmx(
        scores[:, complete],
        rng,
        settings,
        winner=None if winner is None else int(np.searchsorted(complete, winner)),
        groups=groups,
        unfinished=scores[:, others] if len(others) else None,
    )
    chosen = int(complete[found.winner])
    point = float(np.clip(scores[:, chosen].mean() - found.optimism, found.low, found.high))
    return Raced(point, found.low, found.high, chosen, len(complete), len(others))
