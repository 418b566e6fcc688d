"""RMX for a metric that is no mean over rows, such as AUC: what each row contributes is read off the bootstrap.

To first order such a metric is a mean, of its influence values psi: under weights that sum to N it moves by
``(1/N) sum (w_i - 1) psi_i`` (Hampel, JASA 69:383, 1974; for the AUC these are the placement values of DeLong, DeLong
and Clarke-Pearson, Biometrics 44:837, 1988). The covariances of the bootstrapped metrics are those of these means
(Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, section 6), which is all that the repeated
selection of `rmx.rmx` needs; no metric needs formulas of its own, and folds and groups of rows are in them.

A standard error of the winner is lucky, and at the end of a scale it vanishes. Bounds of a metric between 0 and 1 are
therefore those of a proportion, as for 0/1 scores: Jeffreys' interval at the effective sample size ``m (1 - m) / var``
(Korn and Graubard, Survey Methodology 24:193, 1998) of the winner or of all that could have won, whichever is smaller.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.stats.intervals import Interval, jeffreys_tails
from holdfast.stats.rmx import (
    DEFAULTS,
    Competition,
    Errors,
    SelectedInterval,
    Settings,
    effective_count,
    repeated_search,
    winner_errors,
)


class Bootstrapped(NamedTuple):
    """Each configuration and the winner on the rows that the configuration has.

    ``values`` and ``reference``, shape (C,), are on these rows, ``own`` and ``same_rows``, shape (B, C), in their
    bootstraps; ``share``, shape (C,), is how much of all rows they are.
    """

    values: np.ndarray
    reference: np.ndarray
    own: np.ndarray
    same_rows: np.ndarray
    share: np.ndarray


class Contest(NamedTuple):
    """What a selection is repeated with, and, shape (C,), whose standard deviations say how the winner's errs.

    ``deviation``, shape (C,), is that of each metric on all rows; ``could_win``, booleans, leaves out those that are
    too far behind and those whose deviation is not known.
    """

    competition: Competition
    deviation: np.ndarray
    could_win: np.ndarray

    def errors(self, rng: np.random.Generator, settings: Settings) -> Errors:
        """Those of the winner; no side pays for the other, as Jeffreys' bounds have nothing to spare."""
        return winner_errors(self.competition, rng, settings._replace(shared=False))

    def typical(self, winner: int) -> float:
        """The larger of the winner's deviation and the root mean square of all that could have won."""
        return max(float(self.deviation[winner]), math.sqrt(float((self.deviation[self.could_win] ** 2).mean())))


def rmx_metric(
    values: np.ndarray,
    in_bag: np.ndarray,
    rng: np.random.Generator,
    settings: Settings = DEFAULTS,
    *,
    units: int,
    winner: int | None = None,
) -> SelectedInterval:
    """Bounds of the true score of the best of C configurations by a metric between 0 and 1, from its bootstraps.

    Args:
        values: shape (C,), the metric on all rows, between 0 and 1, higher is better; NaN cannot win.
        in_bag: shape (B, C), `bootstrap.BiasCorrected.in_bag`, of rows or of groups; NaN where undefined.
        rng: where the noise is drawn from.
        settings: of `rmx.rmx`; ``inversion`` and ``shared`` mean nothing here.
        units: how many rows the rarest class has, or how many groups there are if that is less: Student's quantiles
            with one degree of freedom less stand for the normal ones, and where nothing is wrong these are the trials.
        winner: its index; the best, lowest index first, if None.

    Raises:
        RequestError: if shapes do not fit, or the winner's metric is undefined on all rows or in all but one bootstrap.
    """
    values, in_bag = np.asarray(values, dtype=float), np.asarray(in_bag, dtype=float)
    if values.ndim != 1 or in_bag.ndim != 2 or in_bag.shape[1] != len(values):
        raise RequestError(
            f"the metric has shape {values.shape}, its bootstraps {in_bag.shape}; (C,) and (B, C) are needed"
        )
    if not np.isfinite(values).any():
        raise RequestError("the metric is undefined on the rows; more rows, of every class, are needed")
    chosen = int(np.nanargmax(values)) if winner is None else winner
    if not np.isfinite(values[chosen]) or np.isfinite(in_bag[:, chosen]).sum() < 2:
        raise RequestError("the winner's metric is undefined in all but one bootstrap; more rows, of every class, help")
    everywhere = np.ones(len(values))
    same = np.broadcast_to(in_bag[:, [chosen]], in_bag.shape)
    found = Bootstrapped(values, np.full(len(values), values[chosen]), in_bag, same, everywhere)
    contest = contest_of(found, chosen, settings, rng)
    errors = contest.errors(rng, settings)
    low, high = unit_bounds(values, contest, chosen, errors, settings, units)
    effective = effective_count(errors, settings, len(values))
    return SelectedInterval(low, high, chosen, effective, contest.typical(chosen) * errors.mean)


def contest_of(found: Bootstrapped, winner: int, settings: Settings, rng: np.random.Generator) -> Contest:
    """Noise, scales and gaps of all configurations, and whose standard deviations count.

    The errors of the finished are normal with the standard deviations and correlations of their bootstraps, whose own
    tails are too short near the end of a scale; the unfinished, and those that do not vary, have errors of their own.
    """
    finished = found.share == 1
    scale = np.nan_to_num(_deviation(found.own)) * np.sqrt(found.share)
    deviation, gap = _deviation(found.same_rows - found.own), found.reference - found.values
    known = np.isfinite(gap) & np.isfinite(deviation)
    # a finished one whose metric is undefined cannot win; of an unfinished one nothing says that it could not have
    gap = np.where(known, gap, np.where(finished, np.inf, 0.0))
    deviation = np.where(known, deviation, 0.0)
    could_win = known & (np.isfinite(gap) if settings.any_rule else gap <= settings.t_low * deviation)
    contest = Contest(Competition(np.empty((0, 0)), scale, gap, deviation), scale, could_win)
    typical = contest.typical(winner)
    alone = ~finished | (scale <= 1e-9 * typical)
    errors = np.where(np.isfinite(found.own), found.own - np.nan_to_num(found.values), 0.0)
    errors = (errors - errors.mean(axis=0)) / np.where(alone, 1.0, scale)
    factor = np.asarray(np.linalg.qr(errors, mode="r")) / math.sqrt(max(len(errors) - 1, 1))
    noise = rng.standard_normal((settings.bootstraps, len(factor))) @ factor
    noise[:, alone] = rng.standard_normal((len(noise), int(alone.sum())))
    varied = np.where(known & (scale > 1e-9 * typical), scale, typical if typical > 0 else 1.0)
    competition = Competition(noise, varied, gap, deviation)
    if settings.searched and len(gap) > 1:
        unit = np.where(alone, 0.0, errors) / math.sqrt(max(len(errors) - 1, 1))
        again = repeated_search(unit, len(errors), competition, rng.spawn(1)[0], settings)
        competition = competition._replace(replayed=again)
    return contest._replace(competition=competition)


def unit_bounds(
    values: np.ndarray, contest: Contest, winner: int, errors: Errors, settings: Settings, units: int
) -> Interval:
    """Jeffreys' interval at the effective sample size; at 0 or 1 itself no wider than ``units`` trials allow.

    The ratio of the variances to those of one trial, ``sum var / sum m (1 - m)``, is taken over all that could have
    won. Each side is as much wider as Student's quantile of its error probability exceeds the normal one. Of a metric
    of 1 the lower bound is that of ``units`` trials that all succeeded, ``alpha^(1/units)``, where that is lower; for
    the AUC this holds exactly, as pairs without a row in common are independent.

    Args:
        values: shape (C,), between 0 and 1.
        contest: from `contest_of`.
        winner: index of the winner.
        errors: error probabilities of the sides.
        settings: whose ``omega2`` divides the sample size.
        units: see `rmx_metric`.
    """
    share = np.clip(np.nan_to_num(values), 0.0, 1.0)
    trial, variance = share * (1 - share), contest.deviation**2
    counted, own, spread = contest.could_win, float(share[winner]), 1 + settings.omega2
    ratios = [
        float(variance[these].sum() / trial[these].sum()) for these in (counted, [winner]) if trial[these].sum() > 0
    ]
    surely = errors.lower ** (spread / units), 1 - errors.upper ** (spread / units)
    if not ratios:  # all that could have won are at an end of the scale
        return Interval(surely[0], 1.0) if own == 1 else Interval(0.0, surely[1])
    if max(ratios) <= 0:
        return Interval(own, own)
    sizes = [1 / (max(ratios) * spread * _small_sample(tail, units - 1)) for tail in (errors.lower, errors.upper)]
    low = jeffreys_tails(own * sizes[0], sizes[0], errors.lower, errors.upper).low
    high = jeffreys_tails(own * sizes[1], sizes[1], errors.lower, errors.upper).high
    return Interval(min(low, surely[0]) if own == 1 else low, max(high, surely[1]) if own == 0 else high)


def plain_bounds(value: float, scale: float, errors: Errors, settings: Settings) -> Interval:
    """``value - q scale`` and ``value + z scale``; the end of a scale is not respected."""
    from scipy.special import ndtri

    spread = math.sqrt(1 + settings.omega2)
    low, high = (float(ndtri(tail)) * spread * scale for tail in (errors.lower, errors.upper))
    return Interval(value + low, value - high)


def _small_sample(tail: float, degrees: int) -> float:
    """The squared ratio of Student's to the normal quantile of an error probability."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(max(degrees, 1), tail) / ndtri(tail)) ** 2 if tail < 0.5 else 1.0


def _deviation(drawn: np.ndarray) -> np.ndarray:
    """The standard deviation of each column over its finite values; NaN where there are fewer than two."""
    there = np.isfinite(drawn)
    count = there.sum(axis=0)
    mean = np.where(there, drawn, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(there, (np.where(there, drawn, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)
