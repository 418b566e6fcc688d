"""Bootstrap bias correction of a selected configuration's score.

The rows are resampled, the selection is repeated on the rows drawn, and the configuration selected is scored on the
rows that were not drawn (BBC-CV; Tsamardinos, Greasidou and Borboudakis, Machine Learning 107:1895, 2018, algorithm 5).
Scores are oriented so that higher is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.units import named_codes

CHUNK_CELLS = 4_000_000
"""How many bootstrap weights (bootstraps times rows) are held at once."""

FEWEST_DEFINED = 0.1
"""The part of the bootstraps in which a metric has to be defined; fewer are not like the others."""

Performance = Callable[[int, np.ndarray], np.ndarray]
"""``performance(configuration, weights)``: a metric under weights of shape (b, N), shape (b,); NaN: undefined."""


class BiasCorrected(NamedTuple):
    """What a bootstrap of the selection found.

    ``point`` is the mean of ``estimates``, shape (B,): the out-of-bag score of the configuration that won in each
    bootstrap, NaN where that is undefined. ``winners``, shape (B,), holds the index of that configuration, -1 where no
    configuration has a score. ``row_deviation`` is the mean over bootstraps of the standard deviation of the winner's
    out-of-bag row scores (0 where the metric has none), and ``undefined`` counts the bootstraps left out. ``in_bag``,
    shape (B, C), holds every configuration's score on the rows drawn, where it is no plain mean.
    """

    point: float
    estimates: np.ndarray
    winners: np.ndarray
    row_deviation: float
    undefined: int
    in_bag: np.ndarray | None = None


def checked_scores(scores: np.ndarray) -> np.ndarray:
    """Scores of N rows by C configurations as finite numbers, shape (N, C).

    Raises:
        RequestError: if there are fewer than two rows, no configuration, or scores that are not finite.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or len(scores) < 2 or scores.shape[1] < 1:
        raise RequestError(f"scores have shape {scores.shape}; at least two rows and one configuration are needed")
    if not np.isfinite(scores).all():
        raise RequestError("some row scores are not finite; leave those configurations out")
    return scores


def group_codes(groups: np.ndarray, n_rows: int) -> np.ndarray:
    """Integers 0 to G-1 for the group of each row, shape (N,).

    Raises:
        RequestError: if there is not one group name per row, or only one group.
    """
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise RequestError(f"there are {n_rows} rows but group names of shape {groups.shape}; one per row is needed")
    codes = named_codes(groups)
    if not codes.any():
        raise RequestError(f"all {n_rows} rows belong to one group; resampling groups needs at least two")
    return codes


def group_sums(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums (G, C) over the rows of each group, of values of shape (N, C), by codes (N,) from `group_codes`."""
    sums = np.zeros((int(codes.max()) + 1, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums


def group_rows(scores: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """One linearised row per group, shape (G, C), with the means of the rows and their cluster-robust variance.

    Group g counts as ``m + (G/N) sum over its rows of (score - m)``: the mean over groups is m, the mean over rows, and
    the variance of that mean, with ddof=1, is the linearised variance of the ratio of summed scores to summed rows
    (Cochran, Sampling Techniques, 1977, chapter 9A; Cameron and Miller, J. Human Resources 50:317, 2015).

    Args:
        scores: shape (N, C).
        codes: shape (N,), from `group_codes`.
    """
    mean = scores.mean(axis=0)
    totals = group_sums(scores - mean, codes)
    return np.asarray(mean + totals * (len(totals) / len(scores)))


def draw_counts(
    rng: np.random.Generator, n_rows: int, bootstraps: int, groups: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """How often each row is drawn in each bootstrap: arrays of shape (b, N) whose b sum to ``bootstraps``.

    With ``groups``, shape (N,), whole groups are drawn and the rows of a group go together. The counts do not depend on
    how they are cut into chunks.
    """
    codes = None if groups is None else group_codes(groups, n_rows)
    units = n_rows if codes is None else int(codes.max()) + 1
    step = max(1, CHUNK_CELLS // n_rows)
    for start in range(0, bootstraps, step):
        size = min(step, bootstraps - start)
        drawn = rng.integers(units, size=(size, units))
        drawn += np.arange(size)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units).astype(float)
        yield counts if codes is None else counts[:, codes]


def bbc(
    scores: np.ndarray, rng: np.random.Generator, bootstraps: int = 2000, groups: np.ndarray | None = None
) -> BiasCorrected:
    """Bias-corrected mean score of the best of C configurations.

    Args:
        scores: shape (N, C), finite; a configuration's score is the mean of its column, higher is better. Ties go to
            the lowest index.
        rng: where the bootstraps are drawn from.
        bootstraps: how many.
        groups: shape (N,); resample groups instead of rows.

    Raises:
        RequestError: if there are fewer than two rows, no configuration, or scores that are not finite.
    """
    scores = checked_scores(scores)
    means = scores.mean(axis=0)
    centred = scores - means
    winners, estimates, deviations = [], [], []
    for counts in draw_counts(rng, len(scores), bootstraps, groups):
        in_bag = means + (counts @ centred) / counts.sum(axis=1, keepdims=True)
        chosen = in_bag.argmax(axis=1)
        estimate, deviation = _out_of_bag(centred, chosen, counts == 0)
        winners.append(chosen)
        estimates.append(means[chosen] + estimate)
        deviations.append(deviation)
    spread = np.concatenate(deviations)
    defined = np.isfinite(spread)
    row_deviation = float(spread[defined].mean()) if defined.any() else 0.0
    return corrected_from(np.concatenate(estimates), np.concatenate(winners), row_deviation)


def bbc_metric(
    performance: Performance,
    n_rows: int,
    n_configurations: int,
    rng: np.random.Generator,
    bootstraps: int = 1000,
    groups: np.ndarray | None = None,
) -> BiasCorrected:
    """Bias-corrected score of the best of C configurations for any metric that can be computed under row weights.

    ``performance`` is called with counts to select and with 0/1 weights, the rows left out, to score the winner; higher
    is better. A configuration whose metric is undefined in a bootstrap is not selected there; a bootstrap without any
    is left out.

    Raises:
        RequestError: if the metric is undefined in every bootstrap.
    """
    winners, estimates, drawn = [], [], []
    for counts in draw_counts(rng, n_rows, bootstraps, groups):
        in_bag = np.stack([performance(c, counts) for c in range(n_configurations)], axis=1)
        selectable = np.isfinite(in_bag)
        chosen = np.where(selectable.any(axis=1), np.where(selectable, in_bag, -np.inf).argmax(axis=1), -1)
        left_out = (counts == 0).astype(float)
        estimate = np.full(len(counts), np.nan)
        for c in np.unique(chosen[chosen >= 0]):
            estimate[chosen == c] = performance(int(c), left_out[chosen == c])
        winners.append(chosen)
        estimates.append(estimate)
        drawn.append(in_bag)
    summary = corrected_from(np.concatenate(estimates), np.concatenate(winners), 0.0)
    return summary._replace(in_bag=np.concatenate(drawn))


def max_t(observed: np.ndarray, in_bag: np.ndarray, chosen: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of one configuration's metric that hold however it was selected: the bootstrap's maxT over all of them.

    ``m_s -+ q sd_s`` with q the ``level`` quantile of ``max_c |m*_c - m_c| / sd_c`` over bootstraps (Westfall and
    Young, Resampling-Based Multiple Testing, 1993).

    Args:
        observed: shape (C,), the metric on all rows.
        in_bag: shape (B, C), the metric in each bootstrap; NaN where undefined.
        chosen: the configuration that the bounds are for.
        level: the nominal coverage.

    Raises:
        RequestError: if the metric of ``chosen`` is undefined in all bootstraps but one.
    """
    usable = np.isfinite(in_bag).sum(axis=0) >= 2
    if not usable[chosen]:
        raise RequestError("the metric is undefined in all but one bootstrap; more rows, of every class, are needed")
    spread = np.nanstd(in_bag[:, usable], axis=0, ddof=1)
    scale = np.where(spread > 0, spread, 1.0)
    errors = np.abs(in_bag[:, usable] - observed[usable]) / scale
    q = float(np.quantile(np.where(np.isfinite(errors), errors, 0.0).max(axis=1), level))
    half = q * float(spread[np.flatnonzero(usable) == chosen][0])
    return float(observed[chosen]) - half, float(observed[chosen]) + half


def _out_of_bag(centred: np.ndarray, chosen: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (ddof=1) of each bootstrap's winner over the rows left out; NaN where too few are."""
    size = left_out.sum(axis=1).astype(float)
    total, squares = np.empty(len(chosen)), np.empty(len(chosen))
    for c in np.unique(chosen):
        mine = chosen == c
        column = centred[:, c]
        total[mine], squares[mine] = (left_out[mine] @ np.stack([column, column**2], axis=1)).T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(size > 0, total / size, np.nan)
        variance = np.where(size > 1, np.maximum(squares - total**2 / size, 0.0) / (size - 1), np.nan)
    return mean, np.sqrt(variance)


def corrected_from(estimates: np.ndarray, winners: np.ndarray, row_deviation: float) -> BiasCorrected:
    """What bootstraps found, from their estimates and winners, shape (B,).

    Raises:
        RequestError: if fewer than `FEWEST_DEFINED` of the estimates are defined, or none is.
    """
    defined = np.isfinite(estimates)
    undefined = int((~defined).sum())
    if not defined.any() or defined.mean() < FEWEST_DEFINED:
        of = "all" if not defined.any() else f"{undefined} of"
        raise RequestError(
            f"the metric is undefined in {of} {len(estimates)} bootstraps (one that raises an error is); more rows, of "
            "every class, are needed"
        )
    return BiasCorrected(float(estimates[defined].mean()), estimates, winners, row_deviation, undefined)
