"""Which rows belong together: groups, folds and blocks of time as the units that are resampled.

Every bootstrap and cluster-robust variance of this room takes ``groups``, shape (N,): one name per row, rows of one
name go together. Groups of rows (patients, sites) are names already, and so are folds: with the fold of each row as its
group, `bootstrap.bbc` resamples whole folds (BBC-F; Paraschakis et al., AutoML 2024, arXiv:2406.08099). For rows in
order of time, `time_blocks` makes names.
"""

from __future__ import annotations

import math

import numpy as np

from holdfast.errors import RequestError


def without_value(values: np.ndarray) -> np.ndarray:
    """The rows of values, shape (N,), that are None, NaN or not a time, ascending."""
    if values.dtype.kind == "O":  # NaN and its kin are not equal to themselves; pandas' NA does not even say so
        return np.flatnonzero([value is None or str(value == value) != "True" for value in values])  # noqa: PLR0124
    if values.dtype.kind in "Mm":
        return np.flatnonzero(np.isnat(values))
    return np.flatnonzero(np.isnan(values)) if values.dtype.kind == "f" else np.zeros(0, dtype=np.int64)


def named_codes(names: np.ndarray) -> np.ndarray:
    """Integers 0 to G-1 for the names of groups, shape (N,): in their order, or where they have none as they appear.

    Raises:
        RequestError: if a row has no name.
    """
    nameless = without_value(names) if names.ndim == 1 else names[:0]
    if len(nameless):
        raise RequestError(f"groups has no value in row {nameless[0]} (counted from 0); every row needs one")
    try:
        return np.asarray(np.unique(names, return_inverse=True)[1])
    except TypeError:  # names of several types, such as 1 and 'a'
        places: dict[object, int] = {}
        return np.array([places.setdefault(name, len(places)) for name in names.tolist()], dtype=np.int64)


def time_blocks(times: np.ndarray, length: int) -> np.ndarray:
    """Blocks of about ``length`` rows that follow each other in time, as integers 0 to G-1, shape (N,).

    Blocks do not overlap (Carlstein, Annals of Statistics 14:1171, 1986). They have at least ``length`` rows, as even
    as can be; rows of one moment are not torn apart. Rows of different blocks count as independent: what is near a
    border is not, and the error of that shrinks with the length.

    Args:
        times: shape (N,), anything that sorts; ``np.arange(N)`` where rows stand in order.
        length: rows of a block, see `block_length`.

    Raises:
        RequestError: if there are not two blocks of that length.
    """
    times = np.asarray(times)
    n_rows = len(times)
    n_blocks = n_rows // length if length >= 1 else 0
    if n_blocks < 2:
        raise RequestError(
            f"{n_rows} rows make no two blocks of {length} rows; a smaller length, of 1 or more, is needed"
        )
    _, moment = np.unique(times, return_inverse=True)
    first = np.searchsorted(np.sort(moment), moment)
    _, codes = np.unique(first * n_blocks // n_rows, return_inverse=True)
    if codes.max() == 0:
        raise RequestError(f"nearly all of {n_rows} rows are of one moment; two blocks of time are needed at least")
    return np.asarray(codes)


def block_length(values: np.ndarray) -> int:
    """How long blocks should be for an interval of the mean of a series: rows, at least N^(1/3), at most N / 8.

    The largest of three lengths, so that eight blocks are left at least:

    - What suits the variance of the mean, ``(2 G^2 N / D)^(1/3)`` with G = sum |k| R(k) and, for blocks that do not
      overlap, D = 2 (sum R(k))^2 (Lahiri, Annals of Statistics 27:386, 1999), times N^(1/6): shorter blocks make it too
      small by what neighbours have in common, which costs more coverage than its own noise does (of order N^(1/2)
      instead of N^(1/3); Sun, Phillips and Jin, Econometrica 76:175, 2008). R is the autocovariance under a flat-top
      window that ends at twice the lag after which correlations are no more than noise (Politis and White, Econometric
      Reviews 23:53, 2004; correction by Patton, Politis and White, 28:372, 2009).
    - The same of a first-order autoregression, G / sum R(k) = 2 r / (1 - r^2) (Andrews, Econometrica 59:817, 1991). Few
      rows often show no correlation that is more than noise where there is one, which is no sign that they are
      independent; this asks for no sign. The correlation r of neighbours is rid of its bias, -(1 + 4 r) / N (Marriott
      and Pope, Biometrika 41:390, 1954).
    - N^(1/3), the order of what suits the variance, as where nothing is known of the series.

    Args:
        values: shape (N,), the winner's row scores in order of time. Where they are all equal the length is 1.

    Raises:
        RequestError: if there are fewer than 16 values, or some are not finite.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if values.ndim != 1 or n < 16 or not np.isfinite(values).all():
        raise RequestError(f"values have shape {values.shape}; a block length needs 16 finite numbers at least")
    centred = values - values.mean()
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    most = min(math.ceil(math.sqrt(n)) + run, n - 1)
    covariance = np.array([centred[: n - k] @ centred[k:] / n for k in range(most + 1)])
    if covariance[0] <= np.finfo(float).tiny ** 0.5:
        return 1
    ratio = max(_flat_top(covariance, n, run), _autoregressive(float(covariance[1] / covariance[0]), n))
    wanted: float = max(ratio ** (2 / 3) * math.sqrt(n), n ** (1 / 3))
    return max(1, math.ceil(min(wanted, n // 8)))


def _flat_top(covariance: np.ndarray, n: int, run: int) -> float:
    """``G / sum R(k)`` of a series of n values; 0 where no ``run`` of autocovariances begins with more than noise."""
    most = len(covariance) - 1
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(n) / n)
    starts = [m for m in range(most - run + 1) if small[m : m + run].all()]
    last = starts[0] if starts else most - run
    if last == 0:
        return 0.0
    lags = np.arange(1, min(2 * last, most) + 1)
    window = np.minimum(1.0, 2 * (1 - lags / (2 * last)))
    weighted = window * covariance[lags]
    slope, spectrum = 2 * float(weighted @ lags), float(covariance[0] + 2 * weighted.sum())
    return math.inf if spectrum <= 0 else abs(slope) / spectrum


def _autoregressive(correlation: float, n: int) -> float:
    """The same of a first-order autoregression whose neighbours have this sample correlation."""
    unbiased = correlation + (1 + 4 * correlation) / n
    if unbiased >= 1:
        return math.inf
    return 2 * max(unbiased, 0.0) / (1 - unbiased**2)
