"""The winner's rows in order of time: how well each was predicted, and how many of them go together."""

from __future__ import annotations

import math

import numpy as np

from holdfast.records import RowScores
from holdfast.stats.units import block_length

FEWEST_ROWS = 16
"""With fewer rows than this, the length of blocks follows from their number alone."""


def length_of_blocks(series: np.ndarray | None, n_rows: int) -> int:
    """How many of ``n_rows`` rows in order of time make a block: by the dependence in their series, if it is known.

    ``series`` has shape (N,), see `series_of`; without one, or of few or undefined numbers, it is the third root of N.
    """
    if series is None or n_rows < FEWEST_ROWS or not np.isfinite(series).all():
        return math.ceil(math.cbrt(n_rows))
    return block_length(series)


def series_of(rows: RowScores, y: np.ndarray | None) -> np.ndarray | None:
    """A number a row that says how well it was predicted, shape (N,): its score, or how far the prediction is off."""
    if rows.kind == "score":
        return np.asarray(rows.values, dtype=float)
    if y is None or rows.values.dtype.kind not in "iufb" or y.dtype.kind not in "iufb":
        return None
    if rows.values.ndim == 1:
        return np.asarray(np.abs(y - rows.values), dtype=float)
    if y.dtype.kind == "f" or y.max() >= rows.values.shape[1]:
        return None
    return np.asarray(1.0 - rows.values[np.arange(len(y)), y.astype(int)])
