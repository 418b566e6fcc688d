"""What makes an interval too narrow where groups of rows are the units and few of them count: sizes, and heavy losses.

- Groups of unequal size: a large group pulls the mean towards itself and its own residual towards 0, so that the
  cluster-robust variance is too small, and it has fewer degrees of freedom than groups less one (`unequal_groups`).
- Most groups lose little and a few lose much: where none of these is among the few that were seen, the mean loss and
  its standard error are both too small. The longer bound is then that of a gamma distribution (`heavy_reach`).
- What was seen may itself be the loss of hardly more than one group, which a reader has to know (`carried`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.stats.bootstrap import group_codes
from holdfast.stats.intervals import Interval

MORE = 3.0
"""By how many losses at least the count of equal losses is raised for its upper bound; Garwood's bound has one."""

STEADY = 1e6
"""A mean that is more standard errors than this has no skewness that could matter."""

ROUNDING = 1e-12
"""Less than this part of what all rows count is nothing but rounding."""


class Unequal(NamedTuple):
    """By what the cluster-robust variance of a mean is multiplied, 1 or more, and its degrees of freedom."""

    factor: float
    degrees: float

    def shared(self, configurations: float, groups: int) -> Unequal:
        """The same where the winner of as many independent configurations was selected.

        Student's quantile at the small error probability of a selection takes the standard errors of all for
        independent. They are of the same groups and lucky together, so that it is too large by about as much.
        """
        part = 1 / max(configurations, 1.0)
        return Unequal(self.factor**part, groups - 1 - (groups - 1 - self.degrees) * part)


def unequal_groups(values: np.ndarray, codes: np.ndarray, counts: np.ndarray | None = None) -> Unequal:
    """Correction for groups of unequal size, by the leverage of each (Bell and McCaffrey, Survey Methodology 28, 2002).

    Means of groups are taken to vary by ``v_g = tau^2 + sigma^2 / n_g``, the variances between and within groups, by
    the analysis of variance. With weights ``w_g = n_g / N`` the residuals ``w_g (m_g - m)`` have the covariances
    ``B_gh = w_g w_h ([g = h] v_g - w_g v_g - w_h v_h + T)``, where ``T = sum w_g^2 v_g`` is the variance of the mean.
    The sum of their squares, whose expectation is tr B, is matched to T, and to a chi-squared distribution with
    ``(tr B)^2 / tr B^2`` degrees of freedom (Satterthwaite). With equal sizes the factor is 1, and G - 1 are left.

    Where rows count unevenly, ``n_g`` is what those of a group count, ``sigma^2`` is divided by what they are worth,
    and the sums of squares are weighted, with their expectations in the place of N - G and G - 1.

    Args:
        values: shape (N,), scores of rows.
        codes: shape (N,), from `bootstrap.group_codes`.
        counts: shape (N,), over 0, how much each row counts; all alike if None.
    """
    counts = np.ones(len(values)) if counts is None else counts
    sizes, squares = np.bincount(codes, counts), np.bincount(codes, counts**2)
    per_row, n_rows, n_groups = squares / sizes, float(counts.sum()), len(sizes)
    weight, means = sizes / n_rows, np.bincount(codes, counts * values) / sizes
    rest, between_all = n_rows - float(per_row.sum()), float(per_row.sum()) - float(squares.sum()) / n_rows
    inside = float((counts * (values - means[codes]) ** 2).sum()) / rest if rest > ROUNDING * n_rows else 0.0
    whole = float((counts * values).sum()) / n_rows
    between = float((sizes * (means - whole) ** 2).sum()) / between_all
    apart = (n_rows - float((sizes**2).sum()) / n_rows) / between_all
    variance = max((between - inside) / apart, 0.0) + inside * per_row / sizes
    largest = float(variance.max())
    variance = variance / largest if largest > 0 else per_row / sizes
    square, pull = weight**2, weight * variance
    total = float((square * variance).sum())
    trace = float((square * (variance - 2 * pull + total)).sum())
    own = float((square**2 * variance * (variance + 2 * total - 4 * pull)).sum())
    p, pu, puu = (float((square * pull**power).sum()) for power in range(3))
    of_square = own + total**2 * p**2 - 4 * total * p * pu + 2 * p * puu + 2 * pu**2
    factor = total / trace * (n_groups - 1) / n_groups
    return Unequal(max(factor, 1.0), min(max(trace**2 / of_square, 1.0), n_groups - 1))


def heavy_reach(loss: float, error: float, alpha: float, degrees: float) -> float:
    """How far over a mean loss the true one may be, at an error probability on this side; Student's reach, or more.

    A mean loss M with a standard error S is as uncertain as the count of ``k = (M / S)^2`` equal losses, as for rates
    that are weighted sums of rare events (Fay and Feuer, Statistics in Medicine 16:791, 1997), whose upper bound is
    ``gammaincinv(k + c, 1 - alpha)``. With c = 1 that is Garwood's, for a standard error that is known; here it is
    estimated, and grows with the mean. Hall's expansion of a studentised mean (`intervals.edgeworth_quantile`) at the
    skewness of the gamma distribution is ``z + (1 + 2 z^2) / (3 sqrt k)``, and the gamma quantile agrees with it to
    this order for ``c = (z^2 + 2) / 3``, which is taken where it is over `MORE`. What results is scaled from normal to
    Student's quantiles.

    Args:
        loss: the mean, 0 or more.
        error: its standard error; k is no less than 1, as where a single one of equal groups has all of the loss.
        alpha: the error probability, at most 0.5.
        degrees: of freedom.
    """
    from scipy.special import gammaincinv, ndtri, stdtrit

    z, t = -float(ndtri(alpha)), -float(stdtrit(degrees, alpha))
    if error <= 0 or alpha >= 0.5 or loss > STEADY * error:
        return t * error
    ratio = max(loss / error, 1.0)
    k = ratio * ratio
    over = float(gammaincinv(k + max((z * z + 2) / 3, MORE), 1 - alpha)) / k - 1
    return t * error * max(ratio * over / z, 1.0)


def group_bounds(mean: float, best: float, error: float, tails: tuple[float, float], uneven: Unequal) -> Interval:
    """Bounds of a mean score: `heavy_reach` of what it is under the ``best`` score of a row, and Student's above it.

    Args:
        mean: of the scores, higher is better.
        best: of all scores that were seen, where there is no loss.
        error: the standard error, with the root of the factor of ``uneven`` in it.
        tails: the lower and the upper error probability, at most 0.5.
        uneven: whose degrees of freedom are taken.
    """
    from scipy.special import stdtrit

    low = mean - heavy_reach(best - mean, error, tails[0], uneven.degrees)
    return Interval(low, mean - float(stdtrit(uneven.degrees, tails[1])) * error)


class Carried(NamedTuple):
    """What share of the loss the group that loses most has, how many groups there are, and as how many they count.

    ``effective`` is the number of groups of equal loss whose shares have the same sum of squares (Hill, Ecology 54:427,
    1973, of order 2), between 1 and ``groups``.
    """

    largest: float
    groups: int
    effective: float

    @property
    def by_few(self) -> bool:
        """Whether one group carries more than half of the loss, or all of them count as fewer than three."""
        return self.largest > 0.5 or self.effective < 3


def carried(losses: np.ndarray, groups: np.ndarray) -> Carried:
    """Who carries the loss.

    Args:
        losses: shape (N,), 0 or more; where all are 0, every group has the same share.
        groups: shape (N,), names of groups.

    Raises:
        RequestError: if there is not one group name per row, or only one group.
    """
    totals = np.bincount(group_codes(groups, len(losses)), losses)
    whole = float(totals.sum())
    shares = totals / whole if whole > 0 else np.full(len(totals), 1 / len(totals))
    return Carried(float(shares.max()), len(shares), 1 / float((shares**2).sum()))
