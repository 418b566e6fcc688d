"""Pairs of rows to train on and rows to validate on, which know what rows go together."""

from __future__ import annotations

import numpy as np


class Pair(tuple[np.ndarray, np.ndarray]):  # noqa: SLOT001 - a tuple can have no slots but empty ones
    """Two arrays of row numbers, shape (n,) each, as any pair of them, and what a list of such pairs does not say.

    Attributes:
        n_rows: N, how many rows were split.
        groups: shape (N,), integers: rows of one group go together; None where they have none.
        times: shape (N,), numbers: the moment of each row; None where they have none.
    """

    n_rows: int
    groups: np.ndarray | None
    times: np.ndarray | None


def pair_of(
    train: np.ndarray, validation: np.ndarray, n_rows: int, groups: np.ndarray | None, times: np.ndarray | None
) -> Pair:
    """A pair of some of ``n_rows`` rows."""
    pair = Pair((train, validation))
    pair.n_rows, pair.groups, pair.times = n_rows, groups, times
    return pair
