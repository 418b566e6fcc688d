"""Rows that are judged once in each of several repeats: one row score each, so that rows stay what is resampled."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from holdfast.evaluate.metrics import Metric
from holdfast.records import RowScores


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which of J = R N judgements are about the same row.

    Args:
        rows: shape (N,), the names of the rows, ascending.
        place: shape (J,), where the row of each judgement stands among them.
        turn: shape (J,), the repeat, from 0; every row is judged once in each.
        part: shape (J,), the fold among those of all repeats.
        turns: how many repeats there are, as far as the judgements show if None.
        waiting: where the rows stand that would have been judged next; they have no score then, also if an earlier
            repeat has judged them, so that nobody takes the judgements for all there are.
    """

    rows: np.ndarray
    place: np.ndarray
    turn: np.ndarray
    part: np.ndarray
    turns: int | None = None
    waiting: np.ndarray | None = None

    @staticmethod
    def of(ids: np.ndarray, part: np.ndarray, folds: int) -> Repeats:
        """From the row and the fold of each judgement, shape (J,); each repeat has so many ``folds``."""
        rows, place = np.unique(ids, return_inverse=True)
        return Repeats(rows, place, part // folds, part)

    def first(self, count: int) -> Repeats:
        """The first so many judgements of the same rows and repeats; rows without any stay, and have no score."""
        place, turn, part = self.place[:count], self.turn[:count], self.part[:count]
        waiting = self.place[self.part == self.part[count]] if count < len(self.part) else None
        return dataclasses.replace(self, place=place, turn=turn, part=part, turns=self.count, waiting=waiting)

    @property
    def count(self) -> int:
        """R."""
        return int(self.turn.max()) + 1 if self.turns is None else self.turns

    def once(self, column: np.ndarray) -> np.ndarray:
        """What is the same in every repeat, shape (J,), as one value a row, shape (N,)."""
        return np.asarray(column[np.unique(self.place, return_index=True)[1]])

    def row_scores(self, metric: Metric, y: np.ndarray, prediction: np.ndarray) -> RowScores | None:
        """One score a row: the mean of its row terms over the repeats, or its predictions side by side; NaN for none.

        Args:
            metric: what is scored.
            y: shape (J,).
            prediction: shape (J,) or (J, k).

        Returns:
            None where the metric does not come from rows.
        """
        found = metric.rows(y, prediction, folds=self.part)
        if found is None:
            return None
        if found.kind == "score":
            total = np.bincount(self.place, found.values.astype(float), minlength=len(self.rows))
            judged = np.bincount(self.place, minlength=len(self.rows))
            mean = np.where(judged > 0, total / np.maximum(judged, 1), np.nan)
            if self.waiting is not None:
                mean[self.waiting] = np.nan
            return dataclasses.replace(found, values=mean, rows=self.rows)
        width = prediction.shape[1] if prediction.ndim == 2 else 1
        whole = len(self.place) == len(self.rows) * self.count
        kind = prediction.dtype if whole else np.result_type(prediction.dtype, float)
        stacked = np.full((len(self.rows), self.count, width), 0 if whole else np.nan, dtype=kind)
        stacked[self.place, self.turn] = prediction.reshape(-1, width)
        return RowScores(stacked.reshape(len(self.rows), -1), self.rows, "prediction")

    def over(self, metric: Metric) -> Metric:
        """A metric of predictions side by side, shape (N, R k): its mean over the repeats in which it is defined.

        Where it puts folds together it puts repeats together, too.
        """
        folds = np.zeros((len(self.rows), self.count), dtype=np.int64)
        folds[self.place, self.turn] = self.part

        def under(y: np.ndarray, stacked: np.ndarray, weights: np.ndarray) -> np.ndarray:
            by_turn = stacked.reshape(len(stacked), self.count, -1)
            target = y if metric.task == "regression" else y.astype(int)
            if metric.pools_folds:
                said = stacked if metric.task == "regression" else stacked.astype(int)
                return metric.values_under(
                    np.tile(target, self.count), said.T.reshape(-1), np.tile(weights, (1, self.count))
                )
            found = []
            for turn in range(self.count):
                own = by_turn[:, turn, 0] if by_turn.shape[2] == 1 else by_turn[:, turn]
                found.append(metric.values_under(target, own, weights, folds[:, turn]))
            values = np.stack(found)
            defined = np.isfinite(values)
            count = defined.sum(axis=0)
            return np.where(count > 0, np.where(defined, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)

        return dataclasses.replace(metric, needs="score", task="regression", row_term=None, under_weights=under)
