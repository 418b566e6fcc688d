"""The score on the sealed test rows: one model, chosen before they were opened."""
# ruff: noqa: PT028 (test_score is no test)

from __future__ import annotations

import dataclasses
import math

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.evaluate.bounded import interval_of_one, units_of_metric
from holdfast.evaluate.catalogue import EXTREMES
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import possible, with_width
from holdfast.evaluate.scale import LARGEST, scale_of
from holdfast.evaluate.uneven import Uneven, with_worth
from holdfast.evaluate.unseen import widened
from holdfast.records import Direction, RowScores, Score
from holdfast.rng import Streams
from holdfast.stats import intervals
from holdfast.stats.bootstrap import draw_counts
from holdfast.stats.few_groups import carried
from holdfast.stats.rmx import Settings, is_binary, rmx

BOOTSTRAPS = 2000
SLOW_BOOTSTRAPS = 500


def test_score(
    y: np.ndarray,
    prediction: np.ndarray,
    metric: Metric,
    level: float = 0.95,
    openings: int = 1,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Score:
    """The metric of one model on test rows, with its interval.

    0/1 scores get the exact interval of Clopper and Pearson, other means over rows Student's, widened for skewness (the
    root of it for a root of a mean), others such as AUC and R² Student's on a scale without ends
    (`bounded.interval_of_one`). Log losses and Brier scores are widened where no wrong row was seen
    (`unseen.widened`). Where ``groups`` are given, variances are those of groups (see `stats.rmx.rmx`) and
    groups are resampled. The k-th opening of the same rows is read at the error probability ``(1 - level) / 2^(k-1)``.
    No end lies beyond what the metric can be, and there are none where scores are all equal, but 0 or 1. Where
    ``weights`` make rows count unevenly, the interval of a mean is that of its linear form, as wide at least as heavy
    rows make it (`uneven.Uneven`), and of other metrics each bootstrap is weighted.

    Args:
        y: shape (N,), or the table of a clustering.
        prediction: shape (N,) or (N, K), see `Metric`.
        metric: what to compute.
        level: the nominal coverage of a first opening.
        openings: how often these rows have been opened, this time included.
        groups: shape (N,), names of groups of rows that are not independent.
        weights: shape (N,), over 0, how much each row counts; None for all alike.

    Raises:
        RequestError: if there are fewer than two rows, or shapes or classes do not fit.
    """
    if openings < 1:
        raise RequestError(f"the test rows are read at opening number {openings}; the first is number 1")
    if len(y) < 2:
        raise RequestError(f"there are {len(y)} test rows; an interval needs at least two")
    read_at = 1 - (1 - intervals.check_level(level)) / 2 ** (openings - 1)
    value = metric.value(y, prediction, weights)
    low, high, method = _bounds(y, prediction, metric, read_at, groups, weights)
    if weights is not None:
        method = with_worth(method, weights)
    if openings > 1:
        method = f"{method}, widened for opening number {openings}"
    score = Score(value, low, high, level, method, wording.ESTIMANDS["scored"], len(y))
    return with_width(possible(score, metric.range))


test_score.__test__ = False  # type: ignore[attr-defined]  # its name is not that of a test


def _bounds(
    y: np.ndarray,
    prediction: np.ndarray,
    metric: Metric,
    level: float,
    groups: np.ndarray | None,
    weights: np.ndarray | None,
) -> tuple[float | None, float | None, str]:
    if metric.name in EXTREMES:
        return None, None, wording.EXTREME
    rows = metric.rows(y, prediction)
    if rows is None:
        return None, None, wording.NO_INTERVAL
    if rows.kind == "score":
        if not np.isfinite(rows.values).all():
            return None, None, wording.UNDEFINED
        if np.abs(rows.values).max() > LARGEST:
            return None, None, wording.TOO_LARGE
        if weights is not None:
            return _weighted_bounds(rows, metric, level, groups, weights)
        return _mean_bounds(rows, metric, metric.direction, level, groups)
    generator = Streams(0).generator(0, "test/bootstrap")
    bootstraps = BOOTSTRAPS if metric.fast else SLOW_BOOTSTRAPS
    own = 1.0 if weights is None else weights
    drawn_counts = draw_counts(generator, len(y), bootstraps, groups)
    values = np.concatenate([metric.values_under(y, prediction, counts * own) for counts in drawn_counts])
    if not np.isfinite(values).any():
        return None, None, wording.UNDEFINED
    scale = scale_of(metric.direction)
    observed, drawn = scale.orient(np.asarray(metric.value(y, prediction, weights))), scale.orient(values)
    units = units_of_metric(metric, y, groups, weights)
    low, high, method = interval_of_one(metric, float(observed), drawn, level, units)
    return (*scale.bounds(low, high), method)


def _weighted_bounds(
    rows: RowScores, metric: Metric, level: float, groups: np.ndarray | None, weights: np.ndarray
) -> tuple[float | None, float | None, str]:
    """Bounds of a weighted mean over rows, or of the root of one."""
    counts = weights / weights.mean()
    added = dataclasses.replace(rows, values=counts * rows.values)
    uneven = Uneven([added], counts, 0, metric.direction, metric)
    low, high, method = _mean_bounds(uneven.evened()[0], None, metric.direction, level, groups)
    score = with_width(Score(math.nan, low, high, level, method, wording.ESTIMANDS["scored"], len(counts)))
    if groups is None:
        score = uneven.with_unseen(1.0, score)
    score = uneven.with_heavy(1.0, score, groups, level)
    return score.low, score.high, score.method


def _mean_bounds(
    rows: RowScores, metric: Metric | None, direction: Direction, level: float, groups: np.ndarray | None
) -> tuple[float, float, str]:
    """Bounds of a mean over rows, or of the root of one; ``metric`` where the values are its own."""
    binary = is_binary(rows.values)
    scale = scale_of(direction, binary=binary, root=rows.aggregate == "root_mean")
    oriented = scale.orient(rows.values)
    if groups is not None:
        settings = Settings(level=level, alpha_low=Settings().alpha_up)
        clustered = rmx(oriented[:, None], Streams(0).generator(0, "test"), settings, groups=groups, row_deviation=0.0)
        by_few = not binary and carried(float(oriented.max()) - oriented, groups).by_few
        method = wording.CLUSTERED + (f"; {wording.FEW_CARRY}" if by_few else "")
        return (*scale.bounds(clustered.low, clustered.high), method)
    if binary:
        exact = intervals.clopper_pearson(math.fsum(oriented), len(oriented), level)
        return (*scale.bounds(*exact), wording.CLOPPER_PEARSON)
    low, high = intervals.mean_interval(oriented, level)
    wide = widened((-high, -low), metric, -oriented[:, None], 0, Settings(level=level))
    if wide is not None:
        return (*scale.bounds(-wide[1], -wide[0]), f"{wording.STUDENT}; {wording.UNSEEN}")
    return (*scale.bounds(low, high), wording.STUDENT)
