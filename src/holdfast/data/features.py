"""From the columns of a table to features and target values, by a schema alone.

Nothing is fitted here: the same function serves the training rows, the sealed rows and a new table to predict for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.columns import Column, Schema
from holdfast.data.convert import to_categories, to_date_parts, to_numbers, to_texts, to_truth
from holdfast.data.values import category_name, parse_number
from holdfast.errors import DataError, nearest

if TYPE_CHECKING:
    import polars as pl


def to_features(schema: Schema, frame: pl.DataFrame) -> pl.DataFrame:
    """The features of a table, shape (N, number of features); columns that the schema does not know are ignored.

    Numbers and booleans become Float64 with NaN where missing; categories and texts become strings with
    ``(missing)``; a date becomes its parts (see `holdfast.data.convert.to_date_parts`).

    Raises:
        DataError: if a column is missing, or holds a value that its kind cannot be made of.
    """
    import polars as pl

    missing = [column.name for column in schema.features if column.name not in frame.columns]
    if missing:
        hint = nearest(missing[0], frame.columns)
        names = ", ".join(f"'{name}'" for name in missing)
        raise DataError(f"the table lacks {'column' if len(missing) == 1 else 'columns'} {names}{hint}")
    return pl.DataFrame([part for column in schema.features for part in _parts(column, frame[column.name])])


def feature_names(column: Column) -> list[str]:
    """The names of the features that a column becomes."""
    if column.kind not in {"date", "datetime"}:
        return [column.name]
    parts = ["days", "year", "month", "weekday"] + (["hour"] if column.kind == "datetime" else [])
    return [f"{column.name}.{part}" for part in parts]


def has_target(schema: Schema, frame: pl.DataFrame) -> np.ndarray:
    """Which rows hold a value of the target, shape (N,), bool; all of them for clustering.

    Raises:
        DataError: if the table lacks the target column.
    """
    if schema.target is None:
        return np.ones(frame.height, dtype=bool)
    series = _target_column(schema, frame)
    series = series.fill_nan(None) if series.dtype.is_float() else series
    return series.is_not_null().to_numpy()


def encode_target(schema: Schema, frame: pl.DataFrame) -> np.ndarray:
    """The target as a model takes it, shape (N,): codes 0, 1, ... of the classes (int64), or numbers (float64).

    Raises:
        DataError: if the table lacks the target column, a value is missing, is no number, or is no class of the schema.
    """
    series = _target_column(schema, frame)
    present = has_target(schema, frame)
    if not present.all():
        row = int(np.argmin(present)) + 1
        raise DataError(f"the target '{schema.target}' has no value in row {row}; leave out the rows without a target")
    if schema.classes is None:
        return to_numbers(series).to_numpy().astype(np.float64)
    name = _class_namer(schema)
    codes = {name(label): code for code, label in enumerate(schema.classes)}
    known = {value: codes.get(name(value)) for value in series.unique().to_list()}
    encoded = [known[value] for value in series.to_list()]
    if None in encoded:
        row = encoded.index(None)
        labels = ", ".join(str(label) for label in schema.classes[:20])
        raise DataError(
            f"the target '{schema.target}' is {series[row]!r} in row {row + 1}, which is none of the classes {labels}"
        )
    return np.array(encoded, dtype=np.int64)


def decode_target(schema: Schema, values: np.ndarray) -> np.ndarray:
    """What a model gave, shape (N,), as a person knows it: the classes of the codes, or the numbers themselves."""
    if schema.classes is None:
        return np.asarray(values, dtype=np.float64)
    return np.array(schema.classes)[np.asarray(values, dtype=np.int64)]


def _parts(column: Column, series: pl.Series) -> list[pl.Series]:
    """The features of one column."""
    if column.kind in {"date", "datetime"}:
        return to_date_parts(series, time_of_day=column.kind == "datetime")
    convert = {"numeric": to_numbers, "boolean": to_truth, "categorical": to_categories, "text": to_texts}
    return [convert[column.kind](series)]


def _target_column(schema: Schema, frame: pl.DataFrame) -> pl.Series:
    """The target column, or an error."""
    if schema.target is None:
        raise DataError("the task is clustering, which has no target")
    if schema.target not in frame.columns:
        raise DataError(f"the table lacks the target column '{schema.target}'{nearest(schema.target, frame.columns)}")
    return frame[schema.target]


def _class_namer(schema: Schema) -> Callable[[object], str]:
    """How a cell of the target is named: numbers alike however spelt, truth values in any case, else exactly."""
    assert schema.classes is not None
    if all(isinstance(label, bool) for label in schema.classes):
        return lambda value: category_name(value).lower()
    if all(isinstance(label, int | float) for label in schema.classes):
        return _number_name
    return category_name


def _number_name(value: object) -> str:
    """The one name of a number, given as a number or as a text."""
    number = parse_number(value) if isinstance(value, str) else value
    return category_name(value if number is None else number)
