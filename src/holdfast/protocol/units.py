"""What is resampled in the place of rows: groups, or blocks of rows that follow each other in time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.evaluate.series import length_of_blocks
from holdfast.stats.units import time_blocks


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
    length = length_of_blocks(None if series is None else series[order], len(times))
    try:
        blocks = time_blocks(times, length)
    except RequestError:  # all rows of one moment, or too few of them: the sentence says it
        return Units(None, wording.NO_BLOCKS)
    number = int(blocks.max()) + 1
    if number == len(times):
        return Units(None, wording.BLOCKS_OF_ONE)
    return Units(blocks, wording.time_blocks(number, length))
