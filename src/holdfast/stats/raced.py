"""An estimate where some configurations were not scored on all rows: raced, pruned, stopped, failed on a fold.

Leaving such configurations out and correcting for the rest is optimistic: whoever is left was selected, on the same
rows. Here unfinished configurations stay among those that could have won. For the bounds that is what `rmx.rmx`
simulates: each is as far behind the winner as on the rows both have, less three standard errors of that difference,
with noise of its own. For the point of a mean over rows its missing scores are drawn given those that it has, and the
selection is repeated on each completed table (`imputed.optimism`): what a correction of all scores would say on
average. Predictions cannot be drawn like that, and the point of a metric such as AUC is less the mean error of the
simulated selections, which is more than its luck.

What the bounds rest on: a winner that was selected by any rule whatever, with folds dropped or not, from C
configurations that were begun, has no more optimism than the largest of the C errors of their means over all rows, E
max (m_c - t_c); for normal errors of given variances, none negatively correlated, that is largest where they are
independent (Slepian; Sudakov and Fernique). ``Settings(any_rule=True)`` takes off all of it, for any rule, from the
point too. That the default's point is not optimistic is tested by simulation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats import imputed
from holdfast.stats.bootstrap import Performance, draw_counts
from holdfast.stats.rmx import DEFAULTS, Settings, rmx
from holdfast.stats.rmx_metric import Bootstrapped, contest_of, plain_bounds, unit_bounds

FOR_METRICS = DEFAULTS._replace(bootstraps=1000)


class Raced(NamedTuple):
    """The winner's score less its optimism, bounds of its true score, its index, and how many finished and did not."""

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
    luck = found.optimism
    if len(others) and not settings.any_rule:
        luck = imputed.optimism(scores, chosen, rng, groups)
    point = float(np.clip(scores[:, chosen].mean() - luck, found.low, found.high))
    return Raced(point, found.low, found.high, chosen, len(complete), len(others))


def raced_metric(
    performance: Performance,
    seen: np.ndarray,
    rng: np.random.Generator,
    settings: Settings = FOR_METRICS,
    *,
    winner: int | None = None,
    groups: np.ndarray | None = None,
    units: int | None = None,
) -> Raced:
    """The same for any metric that can be computed under row weights, such as AUC; also where everybody finished.

    The selection is repeated with noise of the finished that is correlated as their bootstraps are
    (`rmx_metric.contest_of`). Gaps to the winner are those on the rows that both have. The bounds are ``m_s - q sd``
    and ``m_s + z sd`` with the larger of the winner's standard deviation, which selection makes too small, and the root
    mean square of all that could have won; those of a metric between 0 and 1 are `rmx_metric.unit_bounds`.

    Args:
        performance: see `bootstrap.Performance`; higher is better. Rows that were not scored get weight 0.
        seen: shape (N, C), booleans: which rows a configuration was scored on.
        rng: where bootstraps and noise are drawn from.
        settings: of `rmx.rmx`; ``inversion`` and ``shared`` mean nothing here.
        winner: its index; the best of the finished if None.
        groups: shape (N,); resample groups instead of rows.
        units: see `rmx_metric.rmx_metric`, for a metric between 0 and 1; None for another one.

    Raises:
        RequestError: if no configuration has scores of all rows, the winner has not, or the metric is undefined.
    """
    seen = np.asarray(seen, dtype=bool)
    complete = np.flatnonzero(seen.all(axis=0)) if seen.ndim == 2 else np.empty(0, dtype=int)
    if len(complete) == 0:
        raise RequestError(f"none of the configurations in an array {seen.shape} has scores of all rows; one is needed")
    values = np.array([_whole(performance, int(c), seen[:, c]) for c in range(seen.shape[1])])
    if not np.isfinite(values[complete]).any():
        raise RequestError("the metric is undefined on the rows; more rows, of every class, are needed")
    if winner is None:
        winner = int(complete[np.nanargmax(values[complete])])
    elif winner not in complete or not np.isfinite(values[winner]):
        raise RequestError(f"the winner, number {winner}, has no score of all rows; choose one that was finished")
    own, same_rows = [], []
    for weights in draw_counts(rng, len(seen), settings.bootstraps, groups):
        of_these, of_winner = _on_the_same_rows(performance, winner, seen, weights)
        own.append(of_these)
        same_rows.append(of_winner)
    reference = np.array([_whole(performance, winner, seen[:, c]) for c in range(seen.shape[1])])
    bootstrapped = Bootstrapped(values, reference, np.concatenate(own), np.concatenate(same_rows), seen.mean(axis=0))
    contest = contest_of(bootstrapped, winner, settings, rng)
    errors = contest.errors(rng, settings)
    typical, value = contest.typical(winner), float(values[winner])
    if units is None:
        low, high = plain_bounds(value, typical, errors, settings)
    else:
        low, high = unit_bounds(values, contest, winner, errors, settings, units)
    point = float(np.clip(value - typical * errors.mean, low, high))
    return Raced(point, low, high, winner, len(complete), seen.shape[1] - len(complete))


def _on_the_same_rows(
    performance: Performance, winner: int, seen: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every configuration, and the winner on the rows that it has, under weights of shape (b, N): shape (b, C) each."""
    known: dict[bytes, np.ndarray] = {}
    own, reference = [], []
    for c, rows in enumerate(seen.T):
        on_these = weights if rows.all() else weights * rows
        key = rows.tobytes()
        if key not in known:
            known[key] = performance(winner, on_these)
        own.append(performance(c, on_these))
        reference.append(known[key])
    return np.stack(own, axis=1), np.stack(reference, axis=1)


def _whole(performance: Performance, configuration: int, seen: np.ndarray) -> float:
    return float(performance(configuration, seen[None, :].astype(float))[0])
