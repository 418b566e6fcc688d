"""Which rows go together: the groups that `fit` was given, or the groups or times that the pairs of ``cv`` know of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from holdfast.data.pairs import Pair
from holdfast.errors import RequestError
from holdfast.stats.units import named_codes


class Together(NamedTuple):
    """What is resampled in the place of N rows: groups, or blocks of rows in order of time.

    ``groups``: shape (N,), integers from 0; ``times``: shape (N,), their moments. None where rows have none.
    """

    groups: np.ndarray | None = None
    times: np.ndarray | None = None


APART = Together()


def rows_together(
    groups: Any, pairs: Sequence[Any], splits: Sequence[tuple[np.ndarray, np.ndarray]], n_rows: int
) -> Together:
    """Which of N rows go together.

    Args:
        groups: shape (N,), those that `fit` was given, which decide; or None.
        pairs: what ``cv`` is a list of, if it is one; those of `holdfast.split` know the groups or times.
        splits: the rows that each fold learns from and those that it scores, as indices. Where every fold learns from
            rows before those that it scores, and nothing else is known, rows stand in order of time.
        n_rows: N.

    Raises:
        RequestError: if a row has no group, or pairs are of another number of rows, or do not know the same of them.
    """
    if groups is not None:
        return Together(groups=named_codes(np.asarray(groups)))
    known = [pair for pair in pairs if isinstance(pair, Pair)]
    if known and known[0].n_rows != n_rows:
        raise RequestError(
            f"cv divides {known[0].n_rows:,} rows and there are {n_rows:,}; split the rows that fit gets"
        )
    if not all(_same(known[0].groups, pair.groups) and _same(known[0].times, pair.times) for pair in known):
        raise RequestError(
            "the pairs of cv have different groups or times; fit(groups=...) says which rows go together"
        )
    if known and (known[0].groups is not None or known[0].times is not None):
        return Together(known[0].groups, known[0].times)
    in_time = all(len(train) and len(test) and train.max() < test.min() for train, test in splits)
    return Together(times=np.arange(n_rows)) if in_time else APART


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or np.array_equal(one, other)
