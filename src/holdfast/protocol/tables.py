"""The rows of a run by role, as features and targets, and the parts that a trial is trained and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.data.columns import Schema
from holdfast.data.features import encode_target, to_features
from holdfast.data.kinds import FOLD, ROW
from holdfast.data.roles import NO_FOLD, Role, fold_pairs
from holdfast.data.seal import load_role

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows: features as a frame, targets (N,) (None for clustering), row numbers (N,), folds (N,), groups (N,)."""

    features: pl.DataFrame
    y: np.ndarray | None
    ids: np.ndarray
    fold: np.ndarray
    groups: np.ndarray | None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: np.ndarray) -> Rows:
        """The rows at these positions."""
        return Rows(
            self.features[positions],
            None if self.y is None else self.y[positions],
            self.ids[positions],
            self.fold[positions],
            None if self.groups is None else self.groups[positions],
        )


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
        fold=frame[FOLD].to_numpy() if FOLD in frame.columns else np.full(len(frame), NO_FOLD),
        groups=None if schema.group is None else _codes(frame[schema.group].to_list()),
    )


def rows_of_role(folder: Path, role: Role, schema: Schema) -> Rows:
    """The rows of one role, never the test rows."""
    return rows_of_frame(load_role(folder, role), schema)


def joined(parts: list[Rows]) -> Rows:
    """Several rows as one table."""
    import polars as pl

    return Rows(
        pl.concat([rows.features for rows in parts]),
        None if parts[0].y is None else np.concatenate([rows.y for rows in parts if rows.y is not None]),
        np.concatenate([rows.ids for rows in parts]),
        np.concatenate([rows.fold for rows in parts]),
        None if parts[0].groups is None else np.concatenate([r.groups for r in parts if r.groups is not None]),
    )


def parts_of(folder: Path, schema: Schema, *, folds: bool) -> tuple[Part, ...]:
    """The validation part judged by a model of the train part; or with folds, each fold by a model of the others."""
    train = rows_of_role(folder, "train", schema)
    if not folds:
        return (Part(train, rows_of_role(folder, "validation", schema)),)
    pairs = fold_pairs(train.fold, ordered=schema.time is not None)
    return tuple(Part(train.take(learn), train.take(judge)) for learn, judge in pairs)


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows that trials are judged on, part after part: what row scores refer to."""

    y: np.ndarray | None
    ids: np.ndarray
    part: np.ndarray
    groups: np.ndarray | None


def judged_rows(parts: tuple[Part, ...]) -> Judged:
    """The judged rows of all parts in the order in which every trial scores them."""
    rows = joined([part.judge for part in parts])
    part = np.concatenate([np.full(len(part.judge), k) for k, part in enumerate(parts)])
    return Judged(rows.y, rows.ids, part, rows.groups)


def _codes(values: list[Any]) -> np.ndarray:
    """Group names as integers from 0, in the order of first appearance."""
    codes: dict[Any, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)
