"""What is resampled in the place of rows: groups, or blocks of rows that follow each other in time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.records import RowScores
from holdfast.stats.units import block_length, time_blocks

FEWEST_ROWS = 16
"""With fewer rows than this, the length of blocks follows from their number alone."""


class Units(NamedTuple):
    """A name for each row, shape (N,), rows of one name being resampled together; None: each row on its own.

    ``sentence`` says so where rows have an order in time.
    """

    names: np.ndarray | None
    sentence: str | None


def units_of(groups: np.ndarray | None, times: np.ndarray | None, series: np.ndarray | None) -> Units:
    """The units of N rows.

    Args:
        groups: shape (N,), where rows have groups.
        times: shape (N,), where they have times.
        series: shape (N,), the winner's row scores, whose dependence in time sets the length of blocks (see
            `holdfast.stats.units.block_length`); None for the third root of N.
    """
    if groups is not None or times is None:
        return Units(groups, None)
    order = np.argsort(times, kind="stable")
    known = series is not None and len(series) >= FEWEST_ROWS and bool(np.isfinite(series).all())
    length = block_length(series[order]) if known and series is not None else math.ceil(len(times) ** (1 / 3))
    try:
        blocks = time_blocks(times, length)
    except RequestError:  # all rows of one moment, or too few of them: the sentence says it
        return Units(None, wording.NO_BLOCKS)
    number = int(blocks.max()) + 1
    if number == len(times):
        return Units(None, wording.BLOCKS_OF_ONE)
    return Units(blocks, wording.time_blocks(number, length))


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
