"""Metrics that are no mean over rows, rows in groups and rows in order of time: predictions whose truth is known.

Scores of the two classes are normal (the binormal model), so that the AUC of a separation d is Phi(d / sqrt 2). Rows
share four fifths of their noise among all configurations. A group's rows share half of their difficulty, and rows in
order of time are an autoregression; there the row scores are 0 or 1, and the truth is of new groups or later times.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from benchmarks.honesty_parts import refit
from benchmarks.honesty_parts.methods import CHECK_EVERY, DEFAULT, Found, Repetition, Z

from holdfast.evaluate.bootstraps import METRIC_BOOTSTRAPS
from holdfast.evaluate.bounded import bounded_interval, interval_of_one, rarest_units, unit_scale, units_of_metric
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.evaluate.ranges import UNIT
from holdfast.protocol.units import units_of
from holdfast.records import RowScores
from holdfast.rng import Streams
from holdfast.stats.bootstrap import BiasCorrected, bbc, bbc_metric
from holdfast.stats.intervals import percentile
from holdfast.stats.regained import corrected_metric
from holdfast.stats.rmx import Settings, rmx
from holdfast.stats.rmx_metric import Bootstrapped, contest_of, plain_bounds, rmx_metric, unit_bounds

SHARED = 0.8
"""The share of a row's noise that all configurations have in common."""

WITHIN = 0.5
"""The correlation of the difficulty of two rows of one group."""

MEMORY = 0.7
"""The correlation of two rows that follow each other in time."""

FOLDS = 5
OMEGAS = (0.0, 0.35, 0.5)
"""Of a refit."""


class Cell(NamedTuple):
    """What is measured, how good the configurations are, the share of positives, and the sizes."""

    kind: str
    how: str
    share: float
    n_rows: int
    n_configurations: int

    def __str__(self) -> str:
        share = f" {self.share:.0%}" if self.share else ""
        return f"{self.kind} {self.how}{share} N={self.n_rows} C={self.n_configurations}"


CELLS = {
    str(cell): cell
    for cell in (
        *(Cell("auc", how, p, 100, 20) for how in ("spread", "tied", "skewed", "high", "rounded") for p in (0.5, 0.1)),
        *(Cell("auc", how, 0.1, 500, 20) for how in ("tied", "high")),
        Cell("auc", "spread", 0.5, 500, 20),
        Cell("auc", "alike", 0.1, 500, 20),
        *(Cell("auc", "tied", p, 100, 200) for p in (0.5, 0.1)),
        Cell("auc", "high", 0.1, 500, 100),
        *(Cell("balanced_accuracy", how, 0.1, 200, 20) for how in ("tied", "high")),
        *(Cell("f1", how, 0.3, 200, 20) for how in ("tied", "high")),
        Cell("matthews_corrcoef", "tied", 0.3, 200, 20),
        Cell("matthews_corrcoef", "high", 0.5, 60, 20),
        *(Cell("r2", how, 0.0, 100, 20) for how in ("spread", "tied")),
        *(Cell("r2", "tied", 0.0, n, 1) for n in (50, 200)),
        *(Cell("matthews_corrcoef", how, 0.5, 50, 1) for how in ("tied", "high")),
        *(Cell("groups", str(groups), 0.0, 10 * groups, 20) for groups in (20, 50)),
        *(Cell("time", how, 0.0, n, 20) for how in ("tied", "spread") for n in (200, 500)),
        Cell("refit", "nonlinear", 0.5, 100, 31),
        Cell("refit", "linear", 0.5, 100, 31),
    )
}


def separations(how: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """How far the classes are apart: AUCs near 0.85, near 0.98 (``high``, ``alike``), or 0.65 with a few up to 0.9."""
    from scipy.special import ndtri

    if how in {"spread", "rounded"}:
        return math.sqrt(2) * rng.normal(1.05, 0.2, count)
    if how == "skewed":
        return np.asarray(math.sqrt(2) * ndtri(0.65 + 0.25 * rng.beta(1, 6, count)))
    if how == "tied":
        return np.full(count, math.sqrt(2) * 1.0364)
    return math.sqrt(2) * rng.normal(2.0, 0.15, count)


def both_below(height: float | np.ndarray, correlation: float | np.ndarray) -> np.ndarray:
    """The probability that two standard normal numbers of a correlation are both below a height (Owen, 1956)."""
    from scipy.special import ndtr, owens_t

    slope = np.sqrt((1 - np.asarray(correlation)) / (1 + np.asarray(correlation)))
    return np.asarray(ndtr(height) - 2 * owens_t(height, slope))


def _noise(n_rows: int, count: int, rng: np.random.Generator, shared: float = SHARED) -> np.ndarray:
    row = math.sqrt(shared) * rng.standard_normal((n_rows, 1))
    return np.asarray(row + math.sqrt(1 - shared) * rng.standard_normal((n_rows, count)))


def _labels(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """Independent labels, at least two of each class."""
    while True:
        y = rng.random(cell.n_rows) < cell.share
        if 2 <= y.sum() <= cell.n_rows - 2:
            return y


class Drawn(NamedTuple):
    """Targets (N,), predictions (N, C), true values (C,), and the deviations of one from N fresh rows (C,)."""

    y: np.ndarray
    predictions: np.ndarray
    truth: np.ndarray
    deviation: np.ndarray


def ranked(cell: Cell, rng: np.random.Generator) -> Drawn:
    """Scores for an AUC; ``rounded`` ones are whole numbers, and tied as often."""
    from scipy.special import ndtr

    y, d = _labels(cell, rng), separations(cell.how, cell.n_configurations, rng)
    noise = _noise(cell.n_rows, len(d), rng, 0.98 if cell.how == "alike" else SHARED)
    scores = y[:, None] * d + noise
    truth = np.asarray(ndtr(d / math.sqrt(2)))
    positives, negatives = cell.share * cell.n_rows, (1 - cell.share) * cell.n_rows
    same = both_below(d / math.sqrt(2), 0.5) - truth**2
    variance = (truth * (1 - truth) + (positives + negatives - 2) * same) / (positives * negatives)
    if cell.how == "rounded":
        scores, edges = np.rint(scores), np.arange(-8, 12) + 0.5
        below = ndtr(edges)
        mass = np.diff(ndtr(edges[:, None] - d), axis=0)
        truth = np.asarray(((below[:-1] + np.diff(below) / 2)[:, None] * mass).sum(axis=0))
    return Drawn(y, scores, truth, np.sqrt(variance))


def classified(cell: Cell, rng: np.random.Generator) -> Drawn:
    """Classes for balanced accuracy or F1: scores over a threshold near the middle of the two classes."""
    from scipy.special import ndtr

    y, d = _labels(cell, rng), separations(cell.how, cell.n_configurations, rng)
    threshold = d / 2 + (0.0 if cell.how == "tied" else 0.1) * rng.standard_normal(len(d))
    classes = (y[:, None] * d + _noise(cell.n_rows, len(d), rng) > threshold).astype(int)
    right, negative = np.asarray(ndtr(d - threshold)), np.asarray(ndtr(threshold))
    p, n = cell.share, cell.n_rows
    if cell.kind == "balanced_accuracy":
        variance = (right * (1 - right) / p + negative * (1 - negative) / (1 - p)) / (4 * n)
        return Drawn(y, classes, (right + negative) / 2, np.sqrt(variance))
    if cell.kind == "matthews_corrcoef":
        counts = np.array([p * right, p * (1 - right), (1 - p) * (1 - negative), (1 - p) * negative])
        return Drawn(y, classes, correlation(counts), np.sqrt(multinomial_variance(correlation, counts) / n))
    hits, errors = p * right, p * (1 - right) + (1 - p) * (1 - negative)
    truth = 2 * hits / (2 * hits + errors)
    variance = (hits * (2 - 2 * truth) ** 2 + errors * truth**2) / (2 * hits + errors) ** 2 / n
    return Drawn(y, classes, truth, np.sqrt(variance))


def correlation(counts: np.ndarray) -> np.ndarray:
    """Matthews' coefficient of hits, misses, false alarms and correct rejections, shape (4, C)."""
    hit, missed, false, rejected = counts
    sizes = (hit + missed) * (hit + false) * (rejected + missed) * (rejected + false)
    return np.asarray((hit * rejected - missed * false) / np.sqrt(sizes))


def multinomial_variance(function: Callable[[np.ndarray], np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Of a function of shares (K, C), for one row, by the delta method; gradients are central differences."""
    step, identity = 1e-6, np.eye(len(shares))[:, :, None]
    slopes = np.array([(function(shares + step * e) - function(shares - step * e)) / (2 * step) for e in identity])
    return np.asarray((shares * slopes**2).sum(axis=0) - (shares * slopes).sum(axis=0) ** 2)


def fitted(cell: Cell, rng: np.random.Generator) -> Drawn:
    """A standard normal target and errors that do not depend on it, for R2."""
    spread = np.full(cell.n_configurations, 0.6)
    if cell.how == "spread":
        spread = rng.normal(0.6, 0.03, cell.n_configurations)
    y = rng.standard_normal(cell.n_rows)
    predictions = y[:, None] - spread * _noise(cell.n_rows, len(spread), rng)
    return Drawn(y, predictions, 1 - spread**2, 2 * spread**2 / math.sqrt(cell.n_rows))


DRAW = {
    "auc": ranked,
    "balanced_accuracy": classified,
    "f1": classified,
    "matthews_corrcoef": classified,
    "r2": fitted,
}


def placements(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The influence values of the AUC around 0, shape (N, C): DeLong, DeLong and Clarke-Pearson (1988).

    A row's placement is the share of the rows of the other class that it is ranked right against; it counts N / n_k
    times its distance from the AUC, and by ``n_k / (n_k - 1)`` the variance of each class is the unbiased one.
    """
    from scipy.stats import rankdata

    n_rows, ranks = len(positive), rankdata(scores, axis=0)
    found = np.empty(scores.shape)
    for rows, sign in ((positive, 1), (~positive, -1)):
        size = int(rows.sum())
        share = (ranks[rows] - rankdata(scores[rows], axis=0)) / (n_rows - size)
        found[rows] = sign * (share - share.mean(axis=0)) * n_rows / math.sqrt(size * max(size - 1, 1))
    return found


def _bounds(
    values: np.ndarray, errors: np.ndarray, winner: int, units: int | None, rng: np.random.Generator
) -> tuple[Found, Found]:
    """By errors of the metric, shape (B, C): bounds between 0 and 1 (with units), and those of `raced_metric`."""
    settings, drawn = Settings(), values + errors
    same = np.broadcast_to(drawn[:, [winner]], drawn.shape)
    whole = Bootstrapped(values, np.full(len(values), values[winner]), drawn, same, np.ones(len(values)))
    contest = contest_of(whole, winner, settings, rng)
    tails, typical, value = contest.errors(rng, settings), contest.typical(winner), values[winner]
    low, high = plain_bounds(float(value), typical, tails, settings)
    raced = Found(min(max(float(value) - typical * tails.mean, low), high), low, high)
    if units is None:
        return Found(None), raced
    return Found(None, *unit_bounds(values, contest, winner, tails, settings, units)), raced


def _percentiles(found: BiasCorrected, own: float, winner: int, units: int, count: int) -> dict[str, Found]:
    """BBC percentiles, and the same where a logit interval around the point has to be in them, too."""
    assert found.in_bag is not None
    low, high = percentile(found.estimates)
    centre = min(max(found.point if 0 < own < 1 else own, 0.0), 1.0)
    needed = bounded_interval(centre, found.in_bag[:, winner], 0.95, units, count)
    union = Found(found.point, max(min(low, needed.low), 0.0), min(max(high, needed.high), 1.0))
    return {"BBC percentiles": Found(found.point, low, high), "BBC percentiles or logit": union}


def _metric(cell: Cell) -> Metric:
    return metric_named(cell.kind, "regression" if cell.kind == "r2" else "binary", None if cell.kind == "r2" else 2)


def _by_predictions(cell: Cell, number: int) -> Repetition:
    streams = Streams(0)
    rng, seed = streams.generator(number, str(cell)), streams.integer(number, f"{cell}/seed")
    drawn, metric, own = DRAW[cell.kind](cell, rng), _metric(cell), Streams(seed)

    def performance(c: int, weights: np.ndarray) -> np.ndarray:
        return metric.values_under(drawn.y, drawn.predictions[:, c], weights)

    ones, count = np.ones((1, cell.n_rows)), cell.n_configurations
    values = np.array([performance(c, ones)[0] for c in range(count)])
    winner = int(np.nanargmax(values))
    bootstraps = own.generator(0, "estimate/bootstrap")
    corrected = bbc_metric(performance, cell.n_rows, count, bootstraps, METRIC_BOOTSTRAPS)
    assert corrected.in_bag is not None
    value, half = float(values[winner]), Z * float(np.nanstd(corrected.in_bag[:, winner]))
    found = {"naive Wald": Found(value, value - half, value + half)}
    found["raced_metric, unbounded"] = _bounds(values, corrected.in_bag - values, winner, None, rng)[1]
    units, scale = units_of_metric(metric, drawn.y, None), unit_scale(metric)
    if scale is None:
        low, high = percentile(corrected.estimates)
        found["BBC percentiles"] = Found(corrected.point, low, high)
    else:
        if metric.range == UNIT:
            found |= _percentiles(corrected, value, winner, units, count)
        if cell.kind == "auc":
            errors = placements(drawn.y, drawn.predictions) / math.sqrt(cell.n_rows)
            found["RMX of placements"] = _bounds(values, errors, winner, units, rng)[0]
        noise, shares = own.generator(0, "estimate/noise"), scale.share(values)
        low, high = rmx_metric(shares, scale.share(corrected.in_bag), noise, units=units, winner=winner)[:2]
        low, high = scale.value(low), scale.value(high)
    if count == 1:
        low, high, _ = interval_of_one(metric, value, corrected.in_bag[:, 0], 0.95, units)
    point = value if count == 1 else corrected_metric(values, corrected).point
    found[DEFAULT] = Found(min(max(point, low), high), low, high)
    if number % CHECK_EVERY == 0:
        rows = [RowScores(column, kind="prediction") for column in drawn.predictions.T]
        y = drawn.y if cell.kind == "r2" else drawn.y.astype(int)
        said = estimate(rows, metric=metric, y=y, direction="maximize", estimand="scored", seed=seed).score
        both = np.array([found[DEFAULT], (said.value, said.low, said.high)], dtype=float)
        if not np.allclose(both[0], both[1], rtol=0, atol=1e-9):
            raise AssertionError(f"the default is {found[DEFAULT]}, but holdfast's estimate says {said}")
    return Repetition(float(drawn.truth[winner]), 2 * Z * float(drawn.deviation[winner]), found)


def grouped(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """0/1 scores (N, C), groups (N,), truths (C,), deviations (C,); sizes of groups are 1 + Poisson(exponential)."""
    from scipy.special import ndtr

    sizes = 1 + rng.poisson(rng.exponential(9, int(cell.how)))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    height, n = rng.normal(0.9, 0.1, cell.n_configurations), len(groups)
    shared = _noise(len(sizes), cell.n_configurations, rng)[groups]
    latent = math.sqrt(WITHIN) * shared + math.sqrt(1 - WITHIN) * _noise(n, cell.n_configurations, rng)
    truth = np.asarray(ndtr(height))
    together = both_below(height, WITHIN) - truth**2
    variance = (n * truth * (1 - truth) + ((sizes**2).sum() - n) * together) / n**2
    return (latent < height).astype(float), groups, truth, np.sqrt(variance)


def serial(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """0/1 scores (N, C), blocks of time as the estimate has them (N,), truths (C,), deviations (C,)."""
    from scipy.signal import lfilter
    from scipy.special import ndtr

    n, count = cell.n_rows, cell.n_configurations
    height = rng.normal(0.9, 0.1, count) if cell.how == "spread" else np.full(count, 0.9)
    noise = lfilter([math.sqrt(1 - MEMORY**2)], [1.0, -MEMORY], _noise(n + 100, count, rng), axis=0)[100:]
    scores, truth = (noise < height).astype(float), np.asarray(ndtr(height))
    lags = np.arange(1, n)[:, None]
    together = ((n - lags) * (both_below(height, MEMORY**lags) - truth**2)).sum(axis=0)
    variance = (n * truth * (1 - truth) + 2 * together) / n**2
    blocks = units_of(None, np.arange(n), scores[:, scores.mean(axis=0).argmax()]).names
    return scores, np.arange(n) if blocks is None else blocks, truth, np.sqrt(variance)


def _by_units(cell: Cell, number: int) -> Repetition:
    streams = Streams(0)
    rng, seed = streams.generator(number, str(cell)), streams.integer(number, f"{cell}/seed")
    scores, groups, truth, deviation = (grouped if cell.kind == "groups" else serial)(cell, rng)
    winner, n_rows = int(scores.mean(axis=0).argmax()), len(scores)
    own, half = float(scores[:, winner].mean()), Z * float(scores[:, winner].std(ddof=1)) / math.sqrt(n_rows)
    corrected = bbc(scores, rng, METRIC_BOOTSTRAPS, groups)
    rows = [RowScores(column) for column in scores.T]
    said = estimate(rows, direction="maximize", estimand="scored", groups=groups, seed=seed).score
    found = {
        "naive Wald": Found(own, own - half, own + half),
        "BBC percentiles": Found(corrected.point, *percentile(corrected.estimates)),
        "RMX of rows as if independent": Found(None, *rmx(scores, rng)[:2]),
        DEFAULT: Found(said.value, said.low, said.high),
    }
    return Repetition(float(truth[winner]), 2 * Z * float(deviation[winner]), found)


def _smoothed(
    cell: Cell, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Callable[[int], np.ndarray], np.ndarray]:
    """The learners of `refit`: out-of-fold predictions (N, C), positives (N,), folds (N,), and of a configuration that
    is fitted on all rows the predictions of the test rows, of which those given are positive.
    """
    X, X_test = (rng.standard_normal((rows, refit.FEATURES)) for rows in (cell.n_rows, refit.TEST_ROWS))
    positive, wanted = (rng.random(len(A)) < refit.label_probability(cell.how, A) for A in (X, X_test))
    y, fold = np.where(positive, 1.0, -1.0), np.arange(cell.n_rows) // (cell.n_rows // FOLDS)
    smoothers = [refit.Smoother(width, refit.PENALTIES) for width in refit.WIDTHS]
    smoothers.append(refit.Smoother(None, refit.RIDGE_PENALTIES))
    fits = [smoother.fits(X, y, FOLDS) for smoother in smoothers]
    outside = np.concatenate([fit[0] for fit in fits]).T

    def refitted(configuration: int) -> np.ndarray:
        kernels = [s for s, (_, found) in zip(smoothers, fits, strict=True) for _ in found]
        coefficients = np.concatenate([found for _, found in fits])
        return np.asarray(kernels[configuration].kernel(X_test, X) @ coefficients[configuration])

    return outside, positive, fold, refitted, wanted


def _by_refit(cell: Cell, number: int) -> Repetition:
    """AUC of five folds and of the winner's refit, on all test rows; `refit` has the learners."""
    streams = Streams(0)
    rng, seed = streams.generator(number, str(cell)), streams.integer(number, f"{cell}/seed")
    outside, positive, fold, refitted, wanted = _smoothed(cell, rng)
    metric = metric_named("auc", "binary", 2)

    def performance(c: int, weights: np.ndarray) -> np.ndarray:
        return metric.values_under(positive, outside[:, c], weights, fold)

    ones, count = np.ones((1, cell.n_rows)), outside.shape[1]
    values = np.array([performance(c, ones)[0] for c in range(count)])
    winner, own = int(np.nanargmax(values)), Streams(seed)
    corrected = bbc_metric(performance, len(fold), count, own.generator(0, "estimate/bootstrap"), METRIC_BOOTSTRAPS)
    assert corrected.in_bag is not None
    units, value = rarest_units(positive, None), float(values[winner])
    half = Z * float(np.nanstd(corrected.in_bag[:, winner]))
    found = {"naive Wald": Found(value, value - half, value + half)}
    found |= _percentiles(corrected, value, winner, units, count)
    for omega2 in OMEGAS:
        noise, settings = own.generator(0, "estimate/noise"), Settings(omega2)
        low, high = rmx_metric(values, corrected.in_bag, noise, settings, units=units, winner=winner)[:2]
        found[f"RMX, omega2 = {omega2}"] = Found(min(max(corrected.point, low), high), low, high)
    found[DEFAULT] = found["RMX, omega2 = 0.35"]
    predicted = refitted(winner)
    deviation = float(placements(wanted, predicted[:, None]).std())
    return Repetition(metric.value(wanted, predicted), 2 * Z * deviation / math.sqrt(cell.n_rows), found)


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    cell = CELLS[name]
    by_units = functools.partial(_by_units, cell)
    kinds = {"groups": by_units, "time": by_units, "refit": functools.partial(_by_refit, cell)}
    return kinds.get(cell.kind, functools.partial(_by_predictions, cell))(number)
