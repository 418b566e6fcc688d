"""How much each row counts: the weight column of a table, checked, and the rows of weight 0 that it leaves out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.columns import Column, Schema, check_names
from holdfast.data.convert import parse_numbers
from holdfast.errors import DataError, concerning, shown

if TYPE_CHECKING:
    import polars as pl


LEAST = 1e-9
"""A row that weighs less than this part of the heaviest is one that is not to count."""


def check_weight(frame: pl.DataFrame, name: str, taken: Mapping[str, str | None], kinds: Mapping[str, str]) -> None:
    """Refuse a weight column that is not there, stands for something else, or holds anything but numbers from 0 on.

    Args:
        frame: the table.
        name: the column.
        taken: the columns that are something else, such as the target, by what they are.
        kinds: what ``[data.columns]`` says.

    Raises:
        DataError: as said, or if every weight is 0.
    """
    check_names(frame, None, {}, {"weight": [name]})
    with concerning("weight"):
        for what, column in taken.items():
            if column == name:
                raise DataError(f"'{name}' is the {what}, and cannot stand under weight as well")
        _check_values(frame[name])
    if kinds.get(name, "drop") != "drop":
        with concerning("columns", name):
            raise DataError(f"'{name}' is the weight of the rows, which is no feature; leave it out of [data.columns]")


def with_weight(schema: Schema, frame: pl.DataFrame, name: str) -> Schema:
    """The schema of a table whose rows count by a column that `check_weight` has seen, which is no feature."""
    there = {column.name for column in schema.columns}
    columns = schema.columns if name in there else (*schema.columns, Column(name, "numeric", feature=False))
    none = int((_numbers(frame[name]) == 0).sum())
    rows = "1 row is" if none == 1 else f"{none:,} rows are"
    notes = (f"{rows} left out, where the weight '{name}' is 0",) if none else ()
    return dataclasses.replace(schema, columns=columns, weight=name, notes=(*schema.notes, *notes))


def weights_of(schema: Schema, frame: pl.DataFrame) -> np.ndarray | None:
    """The weights of the rows of a table, shape (N,), float64; None where the schema names no column of them."""
    return None if schema.weight is None else _numbers(frame[schema.weight])


def counting(schema: Schema, frame: pl.DataFrame) -> np.ndarray:
    """Which rows of a table count, shape (N,), bool: those with a weight over 0; all where there are no weights."""
    weights = weights_of(schema, frame)
    return np.ones(frame.height, dtype=bool) if weights is None else weights > 0


def relative(weights: np.ndarray | None) -> np.ndarray | None:
    """Weights over 0, shape (n,), in parts of their mean; None where all rows count alike."""
    if weights is None or (weights == weights[0]).all():
        return None
    parts = weights / weights.max()
    return np.asarray(parts / parts.mean())


def _numbers(series: pl.Series) -> np.ndarray:
    return parse_numbers(series).to_numpy().astype(np.float64)


def _check_values(series: pl.Series) -> None:
    """Refuse a value that is no weight, and weights that are all 0."""
    numbers = parse_numbers(series).fill_null(float("nan")).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(numbers) | (numbers < 0))
    if len(wrong):
        row = int(wrong[0])
        value = series[row]
        missing = value is None or value != value  # noqa: PLR0124 - NaN differs from itself
        raise DataError(
            f"the weight column '{series.name}' {'has no value' if missing else f'holds {shown(value)}'} in row "
            f"{row + 1}, where a row needs a finite number of at least 0; one that is not to count has 0"
        )
    if not (numbers > 0).any():
        raise DataError(
            f"the weight column '{series.name}' is 0 in every row, so that none counts; name a column of weights, or "
            "leave weight out"
        )
    light = np.flatnonzero((numbers > 0) & (numbers < LEAST * numbers.max()))
    if len(light):
        raise DataError(
            f"the weight column '{series.name}' holds {numbers[light[0]]:g} in row {light[0] + 1}, less than a "
            f"billionth of the largest, {numbers.max():g}; a row that is not to count has 0"
        )
