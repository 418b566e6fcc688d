"""One column, one rule: a column's values as its kind wants them. Nothing is learned from the values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from holdfast.data.values import NUMBER, category_name, parse_boolean, parse_iso, parse_number
from holdfast.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MISSING_CATEGORY = "(missing)"
"""The category, and the text, of a missing value."""

EPOCH = dt.date(1970, 1, 1)


def to_numbers(series: pl.Series) -> pl.Series:
    """A column as Float64; a missing value is NaN.

    Raises:
        DataError: with column, row and value, if a value is no number or infinite.
    """
    numbers = parse_numbers(series)
    wrong = (numbers.is_null() & series.is_not_null()).arg_true()
    if len(wrong):
        raise DataError(
            f"column '{series.name}' holds {series[wrong[0]]!r} in row {wrong[0] + 1}, which is not a number; correct "
            "the value, or leave it empty"
        )
    numbers = numbers.fill_null(float("nan"))
    infinite = numbers.is_infinite().arg_true()
    if len(infinite):
        raise DataError(
            f"column '{series.name}' is infinite in row {infinite[0] + 1}; correct the value, or leave it empty"
        )
    return numbers


def parse_numbers(series: pl.Series) -> pl.Series:
    """A column as Float64, with null where a value is missing or no number; texts are read as `parse_number` does."""
    import polars as pl

    if series.dtype.is_numeric() or isinstance(series.dtype, pl.Boolean | pl.Null):
        return series.cast(pl.Float64)
    if not isinstance(series.dtype, pl.String | pl.Categorical | pl.Enum):
        return pl.Series(series.name, [None] * len(series), dtype=pl.Float64)
    texts = series.cast(pl.String)
    spelt = texts.str.contains(f"^(?i:{NUMBER.pattern})$")
    numbers = pl.select(pl.when(spelt).then(texts)).to_series().cast(pl.Float64, strict=False)
    unread = (spelt & numbers.is_null()).fill_null(value=False).arg_true()
    values = [parse_number(texts[row]) for row in unread]
    return numbers.scatter(unread, values).alias(series.name) if values else numbers.alias(series.name)


def to_truth(series: pl.Series) -> pl.Series:
    """A column as Float64: 1 for true, 0 for false, NaN for missing.

    Raises:
        DataError: with column, row and value, if a value is neither true or false nor one or zero.
    """
    import polars as pl

    return _map(series, parse_boolean, pl.Float64, "true or false").fill_null(float("nan"))


def to_categories(series: pl.Series) -> pl.Series:
    """A column as names of categories, with `MISSING_CATEGORY` for a missing value and for NaN."""
    import polars as pl

    return _map(series, category_name, pl.String, "a category").fill_null(MISSING_CATEGORY)


def to_texts(series: pl.Series) -> pl.Series:
    """A column as texts; a missing or blank one is `MISSING_CATEGORY`, so that a text is never without words."""
    import polars as pl

    return _map(series, lambda value: str(value).strip() or None, pl.String, None).fill_null(MISSING_CATEGORY)


def to_date_parts(series: pl.Series, *, time_of_day: bool) -> list[pl.Series]:
    """A column of dates as numbers: days since 1970 (with the fraction of the day), year, month, weekday (Monday 1).

    With ``time_of_day`` the hour (with its fraction) comes behind them. The columns are called ``name.days`` and so
    on; a time zone is ignored, the clock's own reading counts; a missing date is NaN in every part.

    Raises:
        DataError: with column, row and value, if a value is no date.
    """
    import polars as pl

    days = _map(series, _to_days, pl.Float64, "a date as in 2026-01-31")
    dates = (days.floor() * 86_400_000_000).cast(pl.Int64).cast(pl.Datetime("us"))
    parts = {"days": days, "year": dates.dt.year(), "month": dates.dt.month(), "weekday": dates.dt.weekday()}
    if time_of_day:
        parts["hour"] = (days - days.floor()) * 24
    return [
        part.cast(pl.Float64).fill_null(float("nan")).alias(f"{series.name}.{suffix}") for suffix, part in parts.items()
    ]


def _to_days(value: Any) -> float | None:
    """The days from 1970 to a date or a date and time by the clock, or None."""
    if isinstance(value, str):
        value = parse_iso(value)
    if isinstance(value, dt.datetime):
        clock = value.replace(tzinfo=None)
        return (clock - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)  # noqa: DTZ001 - the clock's reading
    return float((value - EPOCH).days) if isinstance(value, dt.date) else None


def _map(series: pl.Series, function: Callable[[Any], Any], dtype: type[pl.DataType], wanted: str | None) -> pl.Series:
    """Every value through a function, each different one once; a null, a NaN and an allowed None become null.

    ``wanted`` says what the function makes of a value, for the error; None allows the function to give None.
    """
    import polars as pl

    if series.dtype.is_float():
        series = series.fill_nan(None)
    known: dict[Any, Any] = {None: None}
    mapped = []
    for row, value in enumerate(series.to_list(), start=1):
        if value not in known:
            known[value] = function(value)
            if known[value] is None and wanted is not None:
                raise DataError(
                    f"column '{series.name}' holds {value!r} in row {row}, which is not {wanted}; correct the "
                    "value, or leave it empty"
                )
        mapped.append(known[value])
    return pl.Series(series.name, mapped, dtype=dtype)
