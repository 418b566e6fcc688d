"""An interval for the score of the best of C configurations: reach-limited maxT with exact inversion (RMX).

The error of the winner's score has two different tails. Selection can only inflate, so the upper side is the ordinary
one-sided bound. The lower side takes its quantile from a simulated repetition of the selection among those
configurations that could have won, and turns it into an error probability at which a binomial (0/1 scores) or a
studentised mean (other scores) is inverted; the winner's own, too small standard error is never multiplied by it.

Plain maxT intervals are those of Westfall and Young (Resampling-Based Multiple Testing, 1993); the correlations of
the noise are shrunk towards their mean as in Schafer and Strimmer (SAGMB 4:32, 2005). Where configurations were
proposed by earlier scores, not only the selection is repeated but the search, too (`holdfast.stats.replay`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.beaten import beating_quantile
from holdfast.stats.bootstrap import bbc, checked_scores, group_codes, group_rows
from holdfast.stats.few_groups import group_bounds, unequal_groups
from holdfast.stats.intervals import (
    StudentBounds,
    check_level,
    clopper_pearson_tails,
    column_skewness,
    jeffreys_tails,
    studentised,
)
from holdfast.stats.replay import replay, steps

Inversion = Literal["jeffreys", "clopper-pearson"]

CALMER = 1.5
"""By how much the standard errors of two configurations have to differ, as a ratio, for one to be looked at without."""

STEPS = 7
"""Sets of means that the sides are shared for, from gaps that are narrower than seen to wider ones."""

MOST_PARTS = 50
"""The most repeats by whose means 0/1 scores are known."""


class Settings(NamedTuple):
    """The constants of the method, at a level of 0.95; other levels scale both error probabilities.

    ``omega2`` is the variance that a refit adds, relative to the row variance (0: the scored models themselves ship).
    ``t_low`` is how far, in standard deviations of the paired difference, a configuration may be pulled towards the
    winner. With ``any_rule`` the winner may have been selected in any way: every configuration could have won
    (``t_low`` is infinite), and the upper side mirrors the lower one.

    ``inversion`` is how 0/1 scores are inverted: as the interval of Clopper and Pearson, which errs on the safe side,
    or as Jeffreys', which is narrower. ``tight`` lowers the upper bound as well, to what the simulated selection says
    when every gap to the winner is one standard deviation wider than seen; that is 6 % narrower, and fails (0.89 of
    0.95) where one good configuration stands above many equal ones. ``proved`` takes the lower side from a quantile
    that is proved for normal means of known covariance (docs/rmx.md, theorem 2).

    With ``searched`` the configurations were proposed, in the order of the columns, by a search that looked at the
    scores of earlier ones: the lower side pays for the luck of repetitions of this search where it is more than that of
    the selection alone.

    With ``shared`` the lower side may also miss what the upper one does not: where many compete, the winner is hardly
    ever better than its upper bound. With ``any_rule``, ``tight`` or ``proved`` nothing is shared.
    """

    omega2: float = 0.0
    level: float = 0.95
    alpha_low: float = 0.02
    alpha_up: float = 0.025
    t_low: float = 3.0
    bootstraps: int = 2000
    any_rule: bool = False
    inversion: Inversion = "clopper-pearson"
    tight: bool = False
    proved: bool = False
    searched: bool = False
    shared: bool = True

    def tails(self) -> tuple[float, float]:
        """The lower and the upper error probability at this level."""
        scale = (1 - check_level(self.level)) / 0.05
        return min(self.alpha_low * scale, 0.5), min(self.alpha_up * scale, 0.5)


DEFAULTS = Settings()


class SelectedInterval(NamedTuple):
    """Bounds of the winner's true score; ``effective_configurations`` is alpha_low / alpha_eff, between 1 and C.

    After a search that went by its scores it may be more than C.

    ``optimism`` is the mean of the winner's error over the simulated selections, in the unit of the scores. Like the
    lower bound it lets all configurations win that could have, so that the winner's mean less ``optimism`` is rather
    too low than too high; with ``any_rule`` no rule of selection has more.
    """

    low: float
    high: float
    winner: int
    effective_configurations: float
    optimism: float


class _Moments(NamedTuple):
    """Means (C,), centred rows (N, C), variances of a row (C,), standard errors of the means (C,)."""

    mean: np.ndarray
    centred: np.ndarray
    variance: np.ndarray
    standard_error: np.ndarray


class _Gaps(NamedTuple):
    """How far configurations are behind the winner, and the standard deviation of that paired difference."""

    gap: np.ndarray
    deviation: np.ndarray


class Competition(NamedTuple):
    """What a selection is repeated with, in draws of the noise: C configurations, one of them the winner.

    ``noise``, shape (draws, C), is standardised, ``scale``, shape (C,), turns it into scores. ``gap``, shape (C,), is
    how far each is behind the winner and ``deviation`` the standard deviation of that paired difference, 0 for the
    winner itself. ``replayed``, shape (draws, C), is noise of repetitions of the search that proposed them.
    """

    noise: np.ndarray
    scale: np.ndarray
    gap: np.ndarray
    deviation: np.ndarray
    replayed: np.ndarray | None = None

    def pulled(self, settings: Settings) -> np.ndarray:
        """Means around which the selection is repeated, shape (C,): 0, or below by more than ``t_low`` explains."""
        if settings.any_rule:
            return np.zeros(len(self.gap))
        return -np.maximum(self.gap - settings.t_low * self.deviation, 0.0)

    def path(self, settings: Settings) -> Iterator[np.ndarray]:
        """Means for ever wider gaps, from the pulled ones on to those that were seen and ``t_low`` deviations more."""
        for pull in np.linspace(-settings.t_low, settings.t_low, STEPS)[1:]:
            yield -np.maximum(self.gap + pull * self.deviation, 0.0)


class Errors(NamedTuple):
    """The winner's standardised error: error probabilities that pay for the selection, and the mean.

    ``alike`` is how many independent configurations have such an upper tail.
    """

    lower: float
    upper: float
    mean: float
    alike: float = 1.0


def rmx(
    scores: np.ndarray,
    rng: np.random.Generator,
    settings: Settings = DEFAULTS,
    *,
    winner: int | None = None,
    groups: np.ndarray | None = None,
    row_deviation: float | None = None,
    unfinished: np.ndarray | None = None,
) -> SelectedInterval:
    """Bounds of the true mean score of the best of C configurations, from their scores on the same N rows.

    0/1 scores are inverted as Clopper and Pearson do, others as a studentised mean with an Edgeworth correction, where
    Student's quantiles with N-1 degrees of freedom stand for the normal ones, which matters for few rows only. A single
    configuration gives the textbook interval at the two error probabilities.

    With ``groups`` (groups of rows, folds, or blocks of time, see `holdfast.stats.units`), the G groups are the
    independent units. A configuration's mean is linearised: group g counts as one row ``m + (G/N) sum over its rows of
    (score - m)``, whose mean is m and whose variance over G is the cluster-robust variance of m; where sizes are
    unequal it is multiplied by a factor (`few_groups.unequal_groups`). Other scores are treated on these G rows, their
    skewness only where it widens, and no bound is nearer to the mean than those of `few_groups.group_bounds`. 0/1
    scores are inverted at the effective sample size N / deff (Korn and Graubard, Survey Methodology 24:193, 1998). The
    design effect deff >= 1 is the ratio of the clustered to the ordinary variance of a mean (N / G without errors), the
    larger of the winner's, which selection makes too small, and the average, times the squared ratio of Student's to
    normal quantile.

    Args:
        scores: shape (N, C), N >= 2, finite, higher is better.
        rng: where the noise is drawn from.
        settings: error probabilities and constants.
        winner: the index of the winner; the highest mean, lowest index first, if None.
        groups: shape (N,), names of groups of rows that are not independent.
        row_deviation: `BiasCorrected.row_deviation` from a bootstrap of the same rows, for scores other than 0/1
            without groups; computed here if None.
        unfinished: shape (N, M), scores of M further configurations that were stopped before all rows were scored, NaN
            where they were not; they could have won, and count (see `holdfast.stats.raced`).

    Raises:
        RequestError: if there are fewer than two rows or not one group name per row, or if scores are not finite.
    """
    scores = checked_scores(scores)
    _refuse_contradiction(settings)
    n_rows = len(scores)
    chosen = int(scores.mean(axis=0).argmax()) if winner is None else winner
    binary = is_binary(scores)
    codes = None if groups is None else group_codes(groups, n_rows)
    units = scores if codes is None else group_rows(scores, codes)
    # 0/1 scores without any error get the variance of a Laplace estimate
    floor = (n_rows + 1) / (n_rows + 2) ** 2 * len(units) / n_rows if binary else 0.0
    moments = _moments(units, floor)
    spread = math.sqrt(1 + settings.omega2)
    gaps = None if unfinished is None else _unfinished_gaps(scores[:, chosen], unfinished, codes)
    errors = winner_errors(_competition(moments, chosen, gaps, rng, settings), rng, settings)
    tails = errors.lower, errors.upper
    error = float(moments.standard_error[chosen])
    mean = float(scores[:, chosen].mean())
    uneven = None
    if codes is not None:
        uneven = unequal_groups(scores[:, chosen], codes).shared(errors.alike, len(units))
    if binary:
        design_effect = 1.0 if uneven is None else _design_effect(scores, moments, chosen, tails[0], uneven.factor)
        size = n_rows / (spread**2 * design_effect)
        invert = jeffreys_tails if settings.inversion == "jeffreys" else clopper_pearson_tails
        low, high = invert(min(mean * size, size), size, *tails)
    else:
        if row_deviation is None or groups is not None:
            row_deviation = bbc(units, rng, settings.bootstraps).row_deviation
        error = max(error, row_deviation / math.sqrt(len(units)))
        skewness = column_skewness(units)
        skew = float(np.clip((skewness[chosen] + skewness.mean()) / 2, -4, 4))
        # groups of unequal size are skewed by their sizes, which says nothing of the side that the mean errs to
        outward = scores.shape[1] == 1 or groups is not None
        low, high = studentised(mean, error, StudentBounds(*tails, len(units) - 1, skew, spread, outward=outward))
        if uneven is not None:
            wider = group_bounds(mean, float(scores.max()), spread * math.sqrt(uneven.factor) * error, tails, uneven)
            low, high = min(low, wider.low), max(high, wider.high)
    competitors = scores.shape[1] + (0 if gaps is None else len(gaps.gap))
    effective = effective_count(errors, settings, competitors)
    return SelectedInterval(low, high, chosen, effective, error * errors.mean)


def effective_count(errors: Errors, settings: Settings, competitors: int) -> float:
    """As how many independent configurations all of them count: at most as many as they are, but for a search."""
    return float(np.clip(errors.alike, 1.0, math.inf if settings.searched else competitors))


def is_binary(scores: np.ndarray) -> bool:
    """Whether every score is 0 or 1."""
    return bool(np.all((scores == 0) | (scores == 1)))


def are_shares(scores: np.ndarray) -> bool:
    """Whether every score is k/R for one R of at most `MOST_PARTS`: 0/1 scores, or their means over R repeats."""
    levels = np.unique(scores)
    if len(levels) > MOST_PARTS + 1 or levels[0] < 0 or levels[-1] > 1:
        return False
    return any(np.allclose(levels * R, np.round(levels * R), rtol=0, atol=1e-4) for R in range(1, MOST_PARTS + 1))


def _moments(scores: np.ndarray, floor: float) -> _Moments:
    """Moments of the columns, with a floor under the variance of a row."""
    n = len(scores)
    mean = scores.mean(axis=0)
    centred = scores - mean
    variance = np.maximum((centred**2).sum(axis=0) / (n - 1), floor)
    return _Moments(mean, centred, variance, np.sqrt(variance / n))


def _design_effect(scores: np.ndarray, moments: _Moments, chosen: int, tail: float, factor: float) -> float:
    """How many times the variance of the winner's mean exceeds that of independent rows, at an error probability.

    The clustered variances are too small by ``factor``.
    """
    from scipy.special import ndtri, stdtrit

    n_rows, n_groups = len(scores), len(moments.centred)
    plain = scores.var(axis=0, ddof=1) / n_rows
    clustered = factor * (moments.centred**2).sum(axis=0) / (n_groups - 1) / n_groups
    ratio = np.where(plain > 0, clustered / np.where(plain > 0, plain, 1.0), n_rows / n_groups)
    small_sample = float(stdtrit(n_groups - 1, tail) / ndtri(tail)) ** 2 if tail < 0.5 else 1.0
    return max(float(ratio[chosen]), float(ratio.mean()), 1.0) * max(small_sample, 1.0)


def winner_errors(competition: Competition, rng: np.random.Generator, settings: Settings) -> Errors:
    """Repeat the selection with noise around means that are pulled towards the winner's.

    The quantile of the winner's error gives the lower side, which is never narrower than that of a selection among
    those alone that vary less (`_calmer`; nothing is shared there), nor, where sides are apart, than the textbook's.
    Shared sides hold along a path of means (`Competition.path`), at whose end the winner is alone unless many are level
    with it. With ``omega2`` the error has a refit's in it, drawn from ``rng``.
    """
    from scipy.special import ndtr, ndtri

    alpha_low, alpha_up = settings.tails()
    noise, scale = competition.noise, competition.scale
    spread = math.sqrt(1 + settings.omega2)
    if noise.shape[1] == 1:
        return Errors(alpha_low, alpha_low if settings.any_rule else alpha_up, 0.0)
    refit = math.sqrt(settings.omega2) * rng.standard_normal(len(noise))

    def of_selected(means: np.ndarray) -> np.ndarray:
        selected = (means + scale * noise).argmax(axis=1)
        return np.asarray(noise[np.arange(len(noise)), selected])

    def without_sharing(errors: np.ndarray) -> float:
        return float(np.quantile(errors + refit, 1 - alpha_low))

    def tail(quantile: float) -> float:
        return float(ndtr(-quantile / spread))

    means, textbook = competition.pulled(settings), float(-ndtri(alpha_low)) * spread
    if settings.any_rule:
        drawn, calmer = noise.max(axis=1), -math.inf
    else:
        drawn = of_selected(means)
        fewer = (of_selected(np.where(kept, means, -np.inf)) for kept in _calmer(scale, means))
        calmer = max(map(without_sharing, fewer), default=-math.inf)
    quantile = max(textbook, calmer, without_sharing(drawn))
    if settings.proved and not settings.any_rule:
        quantile = max(quantile, beating_quantile(means, means + scale * noise, noise + refit[:, None], alpha_low))
    lower = tail(quantile)
    alike = alpha_low / lower if lower > 0 else math.inf
    if settings.shared and not (settings.any_rule or settings.tight or settings.proved):
        along = [drawn, *map(of_selected, competition.path(settings))]
        lower = tail(max(calmer, *(_shared_quantile(errors + refit, settings) for errors in along)))
    upper = lower if settings.any_rule else alpha_up
    if settings.tight:
        pushed = of_selected(-(competition.gap + competition.deviation)) + refit
        upper = max(tail(-float(np.quantile(pushed, alpha_up))), alpha_up)
    found = Errors(lower, upper, max(float(drawn.mean()), 0.0), alike)
    if competition.replayed is None:
        return found
    again = winner_errors(competition._replace(noise=competition.replayed, replayed=None), rng.spawn(1)[0], settings)
    return Errors(min(lower, again.lower), min(upper, again.upper), found.mean, max(alike, again.alike))


def _shared_quantile(errors: np.ndarray, settings: Settings) -> float:
    """What the winner's error, with a refit's in it, exceeds as often as both sides may miss and the upper does not."""
    from scipy.special import ndtri

    alpha_low, alpha_up = settings.tails()
    missed = float((errors < ndtri(alpha_up) * math.sqrt(1 + settings.omega2)).mean())
    return float(np.quantile(errors, 1 - max(alpha_low + alpha_up - missed, alpha_low)))


def _calmer(scale: np.ndarray, means: np.ndarray) -> Iterator[np.ndarray]:
    """Ever fewer configurations, booleans (C,): those whose errors are `CALMER` times less than the largest left.

    Where some vary far more than others they win most of the selections, with errors that are large in units of the
    score and small in their own, and hide the competition among all others. It ends before none is level with the
    winner.
    """
    least, largest = float(scale[means == 0].min()), float(scale.max())
    while largest > 0 and largest / CALMER >= least:
        kept = scale <= largest / CALMER
        yield kept
        largest = float(scale[kept].max())


def _competition(
    moments: _Moments, chosen: int, unfinished: _Gaps | None, rng: np.random.Generator, settings: Settings
) -> Competition:
    """Noise of the C means and of M unfinished configurations, and their gaps to the winner.

    The unfinished have noise of their own: the less correlated noise is, the higher its maximum (Slepian).
    """
    n, draws = len(moments.centred), settings.bootstraps
    noise, scale = _mean_noise(moments, rng, draws), moments.standard_error
    covariance = moments.centred.T @ moments.centred[:, chosen] / (n - 1)
    difference = moments.variance + moments.variance[chosen] - 2 * covariance
    deviation = np.sqrt(np.maximum(difference, 0.0) / n)
    deviation[chosen] = 0.0
    gap = moments.mean[chosen] - moments.mean
    found, apart = Competition(noise, scale, gap, deviation), rng.spawn(1)[0]
    if settings.searched and len(gap) > 1:
        found = found._replace(replayed=repeated_search(_standardised(moments), n, found, apart, settings))
    if unfinished is None:
        return found
    more = len(unfinished.gap)

    def with_more(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.concatenate([noise, rng.standard_normal((len(noise), more))], axis=1)

    return Competition(
        with_more(noise, rng),
        np.concatenate([scale, np.full(more, scale[chosen])]),
        np.concatenate([gap, unfinished.gap]),
        np.concatenate([deviation, unfinished.deviation]),
        None if found.replayed is None else with_more(found.replayed, apart),
    )


def repeated_search(
    unit: np.ndarray, n_rows: int, competition: Competition, rng: np.random.Generator, settings: Settings
) -> np.ndarray:
    """Noise of repetitions of the search, shape (draws, C), around means that are pulled towards the winner's.

    Args:
        unit: shape (k, C), columns of length 1, or 0 for a configuration that does not vary, whose products are the
            correlations of the errors.
        n_rows: how many independent rows these come from.
        competition: gaps, deviations and scales; its noise is not used.
        rng: where the repetitions are drawn from.
        settings: of the interval.
    """
    pulled = competition.pulled(settings)
    return replay(steps(unit.T @ unit, n_rows), competition.gap, pulled, competition.scale, rng, settings.bootstraps)


def _unfinished_gaps(winner: np.ndarray, unfinished: np.ndarray, codes: np.ndarray | None) -> _Gaps:
    """Paired differences on the rows that an unfinished configuration has; without two units, it may have won."""
    unfinished = np.asarray(unfinished, dtype=float)
    if unfinished.ndim != 2 or len(unfinished) != len(winner):
        raise RequestError(
            f"unfinished configurations have scores of shape {unfinished.shape}; ({len(winner)} rows, M) is needed"
        )
    units = np.arange(len(winner)) if codes is None else codes
    gap, deviation = np.zeros(unfinished.shape[1]), np.zeros(unfinished.shape[1])
    for c, column in enumerate(unfinished.T):
        seen = np.isfinite(column)
        behind = winner[seen] - column[seen]
        n_units = len(np.unique(units[seen]))
        if n_units > 1:
            gap[c] = behind.mean()
            totals = np.bincount(units[seen], behind - gap[c])
            deviation[c] = math.sqrt((totals**2).sum() * n_units / (n_units - 1)) / len(behind)
    return _Gaps(gap, deviation)


def _refuse_contradiction(settings: Settings) -> None:
    if settings.tight and settings.any_rule:
        raise RequestError("tight and any_rule contradict each other: a tight upper bound needs the best to have won")


def _mean_noise(moments: _Moments, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Standardised Gaussian noise of the C means, shape (draws, C), correlations shrunk to their common value."""
    n, c = moments.centred.shape
    unit = _standardised(moments)
    correlation = unit.T @ unit
    if n > c:
        values, vectors = np.linalg.eigh(correlation)
        # the symmetric root: eigenvectors of equal eigenvalues, and so any other root, depend on rounding
        factor = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        noise = rng.standard_normal((draws, c)) @ factor
    else:
        noise = rng.standard_normal((draws, n)) @ unit
    if c < 3:
        return np.asarray(noise)
    common, weight = _shrinkage(correlation, n)
    own = rng.standard_normal((draws, c))
    shared = rng.standard_normal((draws, 1))
    return np.asarray(
        math.sqrt(1 - weight) * noise + math.sqrt(weight * (1 - common)) * own + math.sqrt(weight * common) * shared
    )


def _standardised(moments: _Moments) -> np.ndarray:
    """Centred rows, shape (N, C), whose products are the correlations of the means; of length 0 without variance."""
    n = len(moments.centred)
    scale = moments.standard_error * math.sqrt(n)
    unit = np.where(scale > 0, moments.centred / np.where(scale > 0, scale, 1.0), 0.0) / math.sqrt(n - 1)
    return np.asarray(unit)


def _shrinkage(correlation: np.ndarray, n: int) -> tuple[float, float]:
    """The common correlation and the weight it gets: the noise of the correlations over their spread."""
    c = len(correlation)
    pairs = correlation[np.triu_indices(c, 1)]
    common = float(np.clip(pairs.mean(), 0.0, 0.999))
    spread = float(((pairs - common) ** 2).mean())
    noise = float(((1 - pairs**2) ** 2).mean()) / (n - 1)
    return common, min(noise / spread, 1.0) if spread > 0 else 1.0
