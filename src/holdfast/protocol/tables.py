"""The rows of a run by role, as features and targets, and the parts that a trial is trained and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.features import encode_target, to_features
from holdfast.data.kinds import AGAIN, FOLD, LEARN, ROW
from holdfast.data.roles import FINAL_FITS, NO_FOLD, Role, SplitPlan, fold_pairs, times_of, validation_anew
from holdfast.data.seal import load_role
from holdfast.data.weights import relative, weights_of
from holdfast.evaluate.linear import to_linear_form
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.repeated import Repeats
from holdfast.records import RowScores
from holdfast.rng import Streams

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows: features as a frame, targets (N,) (None for clustering), row numbers (N,), folds (N, R), groups (N,).

    ``times``: shape (N,), None without a column of times. ``learn``: shape (N, K + `FINAL_FITS`), bool, which fits
    learn from a row; None where that follows from the folds. ``weights``: shape (N,), None without a column of weights.
    """

    features: pl.DataFrame
    y: np.ndarray | None
    ids: np.ndarray
    folds: np.ndarray
    groups: np.ndarray | None
    times: np.ndarray | None = None
    learn: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: np.ndarray) -> Rows:
        """The rows at these positions."""
        return Rows(
            self.features[positions],
            None if self.y is None else self.y[positions],
            self.ids[positions],
            self.folds[positions],
            None if self.groups is None else self.groups[positions],
            None if self.times is None else self.times[positions],
            None if self.learn is None else self.learn[positions],
            None if self.weights is None else self.weights[positions],
        )

    def for_final_fit(self, *, refit: bool) -> Rows:
        """Those that a fit on all of them learns from: where a window slides, the latest ones only.

        ``refit`` says that it is the one that ships, and not one that select rows judge.
        """
        if self.learn is None:
            return self
        return self.take(np.flatnonzero(self.learn[:, -1 if refit else -FINAL_FITS]))


@dataclass(frozen=True, eq=False)
class Part:
    """Rows to learn from and rows to judge on."""

    learn: Rows
    judge: Rows


def rows_of_frame(frame: pl.DataFrame, schema: Schema) -> Rows:
    """The rows of a table that `holdfast.data.seal` wrote."""
    return Rows(
        features=to_features(schema, frame),
        y=None if schema.target is None else encode_target(schema, frame),
        ids=frame[ROW].to_numpy(),
        folds=_folds(frame),
        groups=None if schema.group is None else _codes(frame[schema.group].to_list()),
        times=None if schema.time is None else times_of(schema, frame, schema.time),
        learn=frame[LEARN].to_numpy() if LEARN in frame.columns else None,
        weights=weights_of(schema, frame),
    )


def _folds(frame: pl.DataFrame) -> np.ndarray:
    """The folds of every row in all repeats, shape (N, R)."""
    first = frame[FOLD].to_numpy() if FOLD in frame.columns else np.full(len(frame), NO_FOLD)
    return np.hstack([first[:, None], frame[AGAIN].to_numpy()]) if AGAIN in frame.columns else first[:, None]


def rows_of_role(folder: Path, role: Role, schema: Schema) -> Rows:
    """The rows of one role, never the test rows."""
    return rows_of_frame(load_role(folder, role), schema)


def joined(parts: list[Rows]) -> Rows:
    """Several rows as one table; it has no folds."""
    import polars as pl

    def together(columns: list[np.ndarray | None]) -> np.ndarray | None:
        there = [column for column in columns if column is not None]
        return np.concatenate(there) if len(there) == len(columns) else None

    ids = np.concatenate([rows.ids for rows in parts])
    return Rows(
        pl.concat([rows.features for rows in parts]),
        together([rows.y for rows in parts]),
        ids,
        np.full((len(ids), 1), NO_FOLD),
        together([rows.groups for rows in parts]),
        together([rows.times for rows in parts]),
        weights=together([rows.weights for rows in parts]),
    )


def parts_of(folder: Path, schema: Schema, *, folds: bool) -> tuple[Part, ...]:
    """The validation part judged by a model of the train part; or with folds, each fold by a model of the others."""
    train = rows_of_role(folder, "train", schema)
    if not folds:
        return (Part(train, rows_of_role(folder, "validation", schema)),)
    pairs = fold_pairs(train.folds, ordered=schema.time is not None, learn=train.learn)
    return tuple(Part(train.take(learn), train.take(judge)) for learn, judge in pairs)


@dataclass(frozen=True, slots=True)
class Anew:
    """How train and validation rows are drawn anew for every trial: the share that validates, by strata or not."""

    share: float
    stratified: bool
    seed: int

    @staticmethod
    def of(split: SplitPlan, schema: Schema) -> Anew:
        """As a plan's split says."""
        share = split.shares["validation"] / (split.shares["validation"] + split.shares["train"])
        return Anew(share, schema.classes is not None and split.stratify is not False, split.seed)

    def part(self, rows: Rows, trial: int) -> Part:
        """The part of one trial; the same arguments give the same part."""
        strata = rows.y if self.stratified and rows.y is not None else np.zeros(len(rows), dtype=np.int64)
        draw = Streams(self.seed).generator(trial, "split")
        validates = validation_anew(strata, rows.groups, self.share, draw)
        return Part(rows.take(np.flatnonzero(~validates)), rows.take(np.flatnonzero(validates)))


def open_rows(folder: Path, schema: Schema) -> Rows:
    """The rows of train and validation together, in the table's order."""
    rows = joined([rows_of_role(folder, "train", schema), rows_of_role(folder, "validation", schema)])
    return rows.take(np.argsort(rows.ids))


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows that trials are judged on, part after part: J judgements, of N rows in ``repeats`` where there are any.

    Row scores refer to ``ids``, or with repeats to those of each row once. ``weights``, shape (J,), are in parts of
    their mean; None where all count alike.
    """

    y: np.ndarray | None
    ids: np.ndarray
    part: np.ndarray
    groups: np.ndarray | None
    times: np.ndarray | None = None
    repeats: Repeats | None = None
    weights: np.ndarray | None = None

    @property
    def folds(self) -> np.ndarray | None:
        """The part of every judgement, where there are several."""
        return self.part if self.part.max() > 0 else None

    def row_scores(self, metric: Metric, truth: np.ndarray, prediction: np.ndarray) -> RowScores | None:
        """The row scores of a trial, from its predictions and what they are compared with, both of length J.

        Where rows count unevenly, scores are in the linear form of their weighted mean (`evaluate.linear`).
        """
        if self.repeats is None:
            found = metric.rows(truth, prediction, self.ids, self.folds)
            return found if found is None or self.weights is None else to_linear_form(found, self.weights)
        found = self.repeats.row_scores(metric, truth, prediction)
        if found is None or self.weights is None:
            return found
        return to_linear_form(found, self.repeats.once(self.weights))

    def weights_in(self, part: int) -> np.ndarray | None:
        """The weights of the judgements of a part; None where all count alike."""
        return None if self.weights is None else self.weights[self.part == part]

    def first(self, count: int) -> Judged:
        """The first so many judgements."""
        columns = (self.y, self.groups, self.times, self.weights)
        y, groups, times, weights = (None if a is None else a[:count] for a in columns)
        repeats = None if self.repeats is None else self.repeats.first(count)
        return Judged(y, self.ids[:count], self.part[:count], groups, times, repeats, weights)

    def spread(self, scores: RowScores) -> RowScores:
        """The row scores of the first judgements as scores of all rows, NaN where a row has none."""
        names = self.ids if self.repeats is None else self.repeats.rows
        if scores.rows is None or len(scores.values) == len(names):
            return scores
        values = np.full((len(names), *scores.values.shape[1:]), np.nan)
        order = np.argsort(names, kind="stable")
        values[order[np.searchsorted(names[order], scores.rows)]] = scores.values
        return RowScores(values, names, scores.kind, scores.aggregate)

    def compared_by(self, metric: Metric) -> Comparison:
        """What row scores that are predictions are compared with and by, and what is resampled; in their order."""
        found = self.repeats
        if found is None:
            return Comparison(metric, self.y, self.folds, self.groups, self.times, self.weights)
        columns = (self.y, self.groups, self.times, self.weights)
        y, groups, times, weights = (None if a is None else found.once(a) for a in columns)
        return Comparison(found.over(metric), y, None, groups, times, weights)


class Comparison(NamedTuple):
    """A metric of row scores, with targets, folds, groups, times and weights of their rows, shape (N,) each or None."""

    metric: Metric
    y: np.ndarray | None
    folds: np.ndarray | None
    groups: np.ndarray | None
    times: np.ndarray | None
    weights: np.ndarray | None


def judged_rows(parts: tuple[Part, ...]) -> Judged:
    """The judged rows of all parts in the order in which every trial scores them."""
    rows = joined([part.judge for part in parts])
    part = np.concatenate([np.full(len(part.judge), k) for k, part in enumerate(parts)])
    count = parts[0].judge.folds.shape[1]
    repeats = Repeats.of(rows.ids, part, len(parts) // count) if count > 1 else None
    return Judged(rows.y, rows.ids, part, rows.groups, rows.times, repeats, relative(rows.weights))


def _codes(values: list[Any]) -> np.ndarray:
    """Group names as integers from 0, in the order of first appearance."""
    codes: dict[Any, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)
