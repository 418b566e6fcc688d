"""Textbook confidence intervals of one proportion, one mean, or a set of bootstrap values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError

FARTHEST = 100.0
"""The exponent of the farthest bound on a log scale; a number as uncertain as that is not known at all."""


class Interval(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (JASA 22:209, 1927). ``successes`` and ``n`` may be fractions."""
    from scipy.special import ndtri

    check_proportion(successes, n)
    z = float(ndtri((1 + check_level(level)) / 2))
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == n else min(centre + half, 1.0)
    return Interval(low, high)


def clopper_pearson(successes: float, n: float, level: float = 0.95) -> Interval:
    """The exact interval of a proportion (Clopper and Pearson, Biometrika 26:404, 1934)."""
    return bonferroni_clopper_pearson(successes, n, 1, level)


def bonferroni_clopper_pearson(successes: float, n: float, configurations: int, level: float = 0.95) -> Interval:
    """An exact interval of the best of C proportions, for any selection rule from a fixed set.

    The lower side shares its error among the C configurations, ``BetaInv(alpha/(2C); k, n-k+1)``; the upper side needs
    no correction, as selection can only inflate: ``BetaInv(1-alpha/2; k+1, n-k)``.
    """
    alpha = 1 - check_level(level)
    return clopper_pearson_tails(successes, n, alpha / (2 * configurations), alpha / 2)


def clopper_pearson_tails(successes: float, n: float, alpha_low: float, alpha_up: float) -> Interval:
    """Clopper and Pearson's interval with its own error probability on either side; counts may be fractions."""
    from scipy.special import betaincinv

    check_proportion(successes, n)
    low = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, alpha_low))
    high = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - alpha_up))
    return Interval(low, high)


def jeffreys(successes: float, n: float, level: float = 0.95) -> Interval:
    """Jeffreys' interval of a proportion (Brown, Cai and DasGupta, Statistical Science 16:101, 2001, equation 7)."""
    tail = (1 - check_level(level)) / 2
    return jeffreys_tails(successes, n, tail, tail)


def jeffreys_tails(successes: float, n: float, alpha_low: float, alpha_up: float) -> Interval:
    """Jeffreys' interval with its own error probability on either side; 0 and 1 where nothing or all succeeded."""
    from scipy.special import betaincinv

    check_proportion(successes, n)
    a, b = successes + 0.5, n - successes + 0.5
    low = 0.0 if successes <= 0 else float(betaincinv(a, b, alpha_low))
    high = 1.0 if successes >= n else float(betaincinv(a, b, 1 - alpha_up))
    return Interval(low, high)


def mean_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Student's interval of a mean, widened for skewness.

    The quantiles with N-1 degrees of freedom go through `edgeworth_quantile` (Hall, The Bootstrap and Edgeworth
    Expansion, 1992, section 2.5) on the side of the long tail; the other side stays Student's. Moving that in as well
    shares the misses evenly but leaves their number, 6 to 10 % for lognormal values at N = 60, as it was.

    Args:
        values: shape (N,), N >= 2.
        level: the nominal coverage.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise RequestError(f"values have shape {values.shape}; an interval of a mean needs at least two numbers")
    tail = (1 - check_level(level)) / 2
    standard_error = float(values.std(ddof=1)) / math.sqrt(len(values))
    skewness = float(column_skewness(values[:, None])[0])
    bounds = StudentBounds(tail, tail, len(values) - 1, skewness, outward=True)
    return studentised(float(values.mean()), standard_error, bounds)


class StudentBounds(NamedTuple):
    """How `studentised` turns a standard error into bounds: error probabilities, degrees of freedom, skewness.

    ``inflation`` multiplies both quantiles. With ``outward`` the skewness moves bounds away from the mean only.
    """

    alpha_low: float
    alpha_up: float
    degrees: int
    skewness: float
    inflation: float = 1.0
    outward: bool = False


def studentised(mean: float, standard_error: float, bounds: StudentBounds) -> Interval:
    """``[mean - SE f(q_high), mean - SE f(q_low)]`` with Student's quantiles and `edgeworth_quantile` as f."""
    from scipy.special import stdtrit

    q_high = -bounds.inflation * float(stdtrit(bounds.degrees, bounds.alpha_low))
    q_low = bounds.inflation * float(stdtrit(bounds.degrees, bounds.alpha_up))
    slope = bounds.skewness / (6 * math.sqrt(bounds.degrees + 1))
    limit = 1 / (4 * max(q_high, -q_low))
    slope = min(max(slope, -limit), limit)
    f_high, f_low = edgeworth_quantile(q_high, slope), edgeworth_quantile(q_low, slope)
    if bounds.outward:
        f_high, f_low = max(f_high, q_high), min(f_low, q_low)
    return Interval(mean - standard_error * f_high, mean - standard_error * f_low)


def edgeworth_quantile(q: float, slope: float) -> float:
    """The quantile of a studentised mean of skewed values, ``q - g (1 + 2 q^2)`` with slope g = skewness / (6 sqrt N).

    It grows with q as long as ``4 |g q| < 1``.
    """
    return q - slope * (1 + 2 * q * q)


def logit_interval(value: float, deviation: float, level: float, degrees: int) -> Interval:
    """Student's interval on the logit scale of a number between 0 and 1 with a standard deviation (delta method)."""
    from scipy.special import expit, logit, stdtrit

    half = -float(stdtrit(degrees, (1 - check_level(level)) / 2)) * deviation / (value * (1 - value))
    centre = float(logit(value))
    return Interval(float(expit(centre - half)), float(expit(centre + half)))


def log_interval(value: float, deviation: float, level: float, units: int, end: float) -> Interval:
    """Student's interval of a number with one end, such as 0 or 1, on the log scale of its distance from there.

    The standard deviation is a bootstrap's of ``units`` independent units, which is too small by ``sqrt(1 - 1/units)``.

    Args:
        value: the number, anywhere on one side of ``end``.
        deviation: its standard deviation (delta method).
        level: the nominal coverage.
        units: how many independent units it is made of.
        end: which it cannot pass.
    """
    from scipy.special import stdtrit

    room = value - end
    if room == 0 or deviation == 0:
        return Interval(value, value)
    widened = deviation * math.sqrt(units / max(units - 1, 1))
    half = -float(stdtrit(max(units - 1, 1), (1 - check_level(level)) / 2)) * widened / abs(room)
    near, far = end + room * math.exp(-half), end + room * math.exp(min(half, FARTHEST))
    return Interval(min(near, far), max(near, far))


def column_skewness(values: np.ndarray) -> np.ndarray:
    """The sample skewness of each column, shape (N, C) to (C,); 0 for a constant column."""
    centred = values - values.mean(axis=0)
    second = (centred**2).mean(axis=0)
    third = (centred**3).mean(axis=0)
    varied = second > np.finfo(float).tiny ** 0.5
    return np.where(varied, third / np.where(varied, second, 1.0) ** 1.5, 0.0)


def percentile(values: np.ndarray, level: float = 0.95) -> Interval:
    """The central ``level`` of bootstrap values, shape (B,); undefined ones (NaN) are left out."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        raise RequestError("no bootstrap value is finite; percentiles need at least one")
    tail = (1 - check_level(level)) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def expanded_percentile(values: np.ndarray, level: float, units: int, omega2: float = 0.0) -> Interval:
    """Percentiles of bootstrap values, shape (B,), as far out as an interval of few units has to reach.

    Percentiles of a mean of N rows are those of a normal interval with the variance divided by N, not N - 1; the tails
    here are those at which it becomes Student's (Hesterberg, American Statistician 69:371, 2015, section 4.3).

    Args:
        values: the bootstrap values; undefined ones (NaN) are left out.
        level: the nominal coverage.
        units: how many independent units were resampled.
        omega2: further variance, relative to that of the values.
    """
    from scipy.special import ndtr, stdtrit

    student = float(stdtrit(max(units - 1, 1), (1 - check_level(level)) / 2))
    tail = float(ndtr(student * math.sqrt(units / max(units - 1, 1) * (1 + omega2))))
    return percentile(values, 1 - 2 * tail)


def check_level(level: float) -> float:
    """The level itself, if it can be one."""
    if not 0 < level < 1:
        raise RequestError(f"the level of an interval is {level}; it needs a number between 0 and 1, such as 0.95")
    return level


def check_proportion(successes: float, n: float) -> None:
    """Refuse counts that are no proportion."""
    if not (n > 0 and 0 <= successes <= n):
        raise RequestError(
            f"{successes} successes out of {n} are no proportion; 0 <= successes <= n and n > 0 are needed"
        )
