"""The row scores of all configurations side by side, checked, in one order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.scale import LARGEST
from holdfast.records import RowScores
from holdfast.stats.units import named_codes


@dataclass(frozen=True)
class Sheet:
    """Row scores of C configurations on N rows, rows sorted by their names.

    Args:
        values: C arrays of shape (N,) or (N, k), those with finite values only.
        index: the place of each of them among the configurations given.
        total: how many were given.
        n_rows: N.
        root: whether the metric is the root of a mean.
        y: shape (N,), None where it is not needed.
        folds: shape (N,) or None.
        groups: shape (N,) or None.
        unfinished: arrays of shape (N,) or (N, k) of those given that have a value that is not finite.
        vast: the places in ``values`` of those that were drawn in to `LARGEST`, as nothing can be computed beyond it.
        weights: shape (N,), how much each row counts in a metric of predictions; None for all alike.
    """

    values: tuple[np.ndarray, ...]
    index: tuple[int, ...]
    total: int
    n_rows: int
    root: bool
    y: np.ndarray | None
    folds: np.ndarray | None
    groups: np.ndarray | None
    unfinished: tuple[np.ndarray, ...] = ()
    vast: frozenset[int] = frozenset()
    weights: np.ndarray | None = None

    def under(self, metric: Metric, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The metric of predictions, shape (N,) or (N, k), in B bootstraps by their weights (B, N), as shape (B,)."""
        assert self.y is not None
        counts = weights if self.weights is None else weights * self.weights
        return metric.values_under(self.y, values, counts, self.folds)

    def place_of(self, winner: int | None) -> int | None:
        """Where the winner, an index among the configurations given, stands among the finite ones.

        Raises:
            RequestError: if there is no such configuration, or its scores are not finite.
        """
        if winner is None:
            return None
        if not 0 <= winner < self.total:
            raise RequestError(f"the winner is number {winner}, but the {self.total} row scores are numbered from 0")
        if winner not in self.index:
            raise RequestError(f"the winner, number {winner}, has row scores that are not finite; choose another one")
        return self.index.index(winner)

    def check_size(self, place: int) -> None:
        """Raise `RequestError` if the one at this place among the finite ones has other scores than its own."""
        if place in self.vast:
            raise RequestError(_too_large(f"configuration {self.index[place]} has row scores"))


def sheet_of(
    rows: Sequence[RowScores],
    metric: Metric | None,
    y: np.ndarray | None,
    folds: np.ndarray | None,
    groups: np.ndarray | None,
    weights: np.ndarray | None = None,
) -> Sheet:
    """Put row scores side by side; the arguments are in the order of the first of them.

    Raises:
        RequestError: if there are none or one row only, if they differ in rows, kind or aggregate, if predictions come
            without metric or targets, or if no configuration has finite scores, or all have some beyond `LARGEST`.
    """
    if not rows:
        raise RequestError("there are no row scores; tell at least one trial with rows=RowScores(...)")
    first = rows[0]
    n_rows = len(first.values)
    if n_rows < 2:
        raise RequestError("there is one validation row only; an interval needs at least two")
    for number, other in enumerate(rows):
        _refuse_difference(first, other, number)
    if first.kind == "prediction" and (metric is None or y is None):
        raise RequestError("row scores that are predictions need the metric and y, the targets of the same rows")
    order = np.argsort(_row_names(first), kind="stable")
    finite = [number for number, other in enumerate(rows) if is_finite(other)]
    if not finite:
        raise RequestError(f"none of the {len(rows)} configurations has finite row scores; nothing can be estimated")
    values = [rows[number].values[order] for number in finite]
    vast = frozenset(place for place, each in enumerate(values) if each.dtype.kind == "f" and _size(each) > LARGEST)
    if len(vast) == len(values):
        raise RequestError(_too_large("all configurations have row scores"))
    return Sheet(
        values=tuple(_drawn_in(each) if place in vast else each for place, each in enumerate(values)),
        index=tuple(finite),
        total=len(rows),
        n_rows=n_rows,
        root=first.aggregate == "root_mean",
        y=in_order(y, order, "targets"),
        folds=in_order(folds, order, "folds"),
        groups=in_order(None if groups is None else named_codes(np.asarray(groups)), order, "group names"),
        unfinished=tuple(_drawn_in(_numbers(other.values[order])) for other in rows if not is_finite(other)),
        vast=vast,
        weights=in_order(weights, order, "weights"),
    )


def _too_large(what: str) -> str:
    return f"{what} beyond {LARGEST:.0e}, which cannot be estimated with; divide them by what is usual"


def _size(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _drawn_in(values: np.ndarray) -> np.ndarray:
    """The values, the finite ones at most `LARGEST` in size."""
    return np.asarray(np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), values))


def in_order(column: np.ndarray | None, order: np.ndarray, what: str) -> np.ndarray | None:
    """A column sorted like the rows; its length is checked."""
    if column is None:
        return None
    column = np.asarray(column)
    if len(column) != len(order):
        raise RequestError(f"there are {len(order)} validation rows but {len(column)} {what}; one per row is needed")
    return np.asarray(column[order])


def _refuse_difference(first: RowScores, other: RowScores, number: int) -> None:
    if (other.kind, other.aggregate) != (first.kind, first.aggregate):
        raise RequestError(
            f"the row scores of configuration {number} are a {other.aggregate} of {other.kind} values, those of "
            f"configuration 0 a {first.aggregate} of {first.kind} values; all have to be alike"
        )
    if len(other.values) != len(first.values) or not np.array_equal(_row_names(other), _row_names(first)):
        raise RequestError(
            f"configuration {number} was scored on other rows than configuration 0; all have to score the same rows, "
            "in the same order"
        )


def _row_names(scores: RowScores) -> np.ndarray:
    return np.arange(len(scores.values)) if scores.rows is None else scores.rows


def _numbers(values: np.ndarray) -> np.ndarray:
    """The values, NaN where they are no numbers."""
    return values if values.dtype.kind == "f" else np.full(values.shape, np.nan)


def is_finite(scores: RowScores) -> bool:
    """Whether each row has a score, or a prediction, that is a finite number."""
    values = scores.values
    return values.dtype.kind in "iub" or (values.dtype.kind == "f" and bool(np.isfinite(values).all()))
