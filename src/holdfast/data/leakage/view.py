"""A split table as the checks look at it: numbers, codes and hashes of its columns, and who learns from which row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.columns import Column, Schema
from holdfast.data.convert import to_date_parts, to_numbers, to_truth
from holdfast.data.roles import ROLES, Role

if TYPE_CHECKING:
    import polars as pl

JUDGED: tuple[Role, ...] = ROLES[1:]
"""The roles whose rows are judged and never learned from at first."""

GRID = 2_000
"""Ranks are found among so many rows, evenly over the table."""


@dataclass(frozen=True, eq=False)
class View:
    """N rows with their roles.

    Args:
        schema: what the columns are for.
        frame: the table, N rows, all with a target.
        y: shape (N,), the encoded target; None without one.
        role: shape (N,), str.
        fold: shape (N,), int64, -1 where there is none.
        ordered: whether a fold is judged by what comes before it only.
        numbers: shape (N,), the number of every row in the table as it was given, from 0.
        seed: of the samples that are drawn.
        metric: the name of the metric that rows are judged by; None where it is not known.
    """

    schema: Schema
    frame: pl.DataFrame
    y: np.ndarray | None
    role: np.ndarray
    fold: np.ndarray
    ordered: bool
    numbers: np.ndarray
    seed: int = 0
    metric: str | None = None

    def __len__(self) -> int:
        return len(self.role)

    @property
    def has_folds(self) -> bool:
        """Whether folds take turns as validation rows."""
        return bool((self.fold >= 0).any())

    @cached_property
    def train(self) -> np.ndarray:
        """The positions of the rows of role train."""
        return np.flatnonzero(self.role == "train")

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Each feature that is a number, true or false, or a date (in days), shape (N,), NaN where missing."""
        return {column.name: self.numbers_of(column) for column in self.schema.features if is_number(column)}

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """Each feature that is a category or a text as codes from 0, shape (N,), -1 where missing."""
        return {c.name: codes_of(self.frame[c.name]) for c in self.schema.features if not is_number(c)}

    def numbers_of(self, column: Column) -> np.ndarray:
        """A column as numbers, shape (N,), float64; dates are days since 1970."""
        series = self.frame[column.name]
        if column.kind == "boolean":
            return to_truth(series).to_numpy().astype(np.float64)
        if column.kind == "numeric":
            return to_numbers(series).to_numpy().astype(np.float64)
        return to_date_parts(series, time_of_day=False)[0].to_numpy().astype(np.float64)

    def ranks(self, name: str, rows: np.ndarray) -> np.ndarray:
        """The rank of some rows in one of `values` among `GRID` rows, in [0, 1], shape of ``rows``; NaN is last."""
        values = self.values[name]
        grid = np.sort(values[np.linspace(0, len(values) - 1, min(GRID, len(values))).astype(np.int64)])
        below, up_to = (np.searchsorted(grid, values[rows], side=side) for side in ("left", "right"))
        return np.asarray((below + up_to) / (2 * len(grid)))

    @cached_property
    def hashes(self) -> dict[str, np.ndarray]:
        """A 64-bit hash of each feature's cells, shape (N,), uint64; a row's hash is their sum."""
        hashed = {}
        for place, column in enumerate(self.schema.features):
            if column.name in self.values:
                cells = np.where(np.isnan(self.values[column.name]), np.nan, self.values[column.name] + 0.0)
                bits = np.ascontiguousarray(cells).view(np.uint64)
            else:
                bits = self.codes[column.name].astype(np.uint64)
            hashed[column.name] = _mixed(bits + _mixed(np.array([place + 1], dtype=np.uint64)))
        return hashed

    def learned_too(self, alike: np.ndarray) -> np.ndarray:
        """Which rows are judged by a model that learns from a row alike, shape (N,), bool.

        Args:
            alike: shape (N,), codes from 0 to below N: rows of one code are alike.
        """
        place = np.select([self.role == role for role in ROLES], range(len(ROLES)))
        earliest = np.full(int(alike.max(initial=0)) + 1, len(ROLES))
        np.minimum.at(earliest, alike, place)
        found = earliest[alike] < place
        if self.has_folds:
            train = self.train
            fold, codes = self.fold[train], alike[train]
            first, last = np.full(len(earliest), fold.max()), np.full(len(earliest), -1)
            np.minimum.at(first, codes, fold)
            np.maximum.at(last, codes, fold)
            found[train] = (fold > first[codes]) if self.ordered else (first[codes] < last[codes])
        return np.asarray(found)

    def by_role(self, rows: np.ndarray) -> str:
        """How many of the rows of each judged role are among these, in words; shape (N,), bool."""
        parts = []
        for role in (("train",) if self.has_folds else ()) + JUDGED:
            within = self.role == role
            many = int((rows & within).sum())
            if many:
                name = "train rows (between folds)" if role == "train" else f"{role} rows"
                parts.append(f"{many:,} of {int(within.sum()):,} {name}")
        return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def is_number(column: Column) -> bool:
    """Whether the cells of a column are numbers, true or false, or dates."""
    return column.kind in {"numeric", "boolean", "date", "datetime"}


def codes_of(series: pl.Series) -> np.ndarray:
    """The different values of a column as codes from 0 in the order of appearance, shape (N,), -1 where missing."""
    import polars as pl

    series = series.fill_nan(None) if series.dtype.is_float() else series
    texts = series.cast(pl.String)
    values = texts.unique(maintain_order=True).drop_nulls()
    known = pl.Series(np.arange(len(values)), dtype=pl.Int64)
    return texts.replace_strict(values, known, default=-1, return_dtype=pl.Int64).to_numpy().astype(np.int64)


def alike_codes(hashes: np.ndarray) -> np.ndarray:
    """Equal hashes as equal codes from 0, shape (N,), int64."""
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64).reshape(-1)


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Each 64-bit number scrambled: the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 16)."""
    with np.errstate(over="ignore"):
        bits = bits + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(bits ^ (bits >> np.uint64(31)))
