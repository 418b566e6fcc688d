"""What kind of thing a column holds, found from its values.

A kind says how a column becomes a feature. Inference looks at all rows, but for types and counts of different values
only; nothing that a model could use is learned here. The rules, in order:

1. Columns of booleans, numbers, dates, and dates with times keep their type (boolean, numeric, date, datetime).
2. Texts that all spell numbers are numeric, unless one begins with a needless zero ("01067"): those are codes.
3. Texts that all spell true or false are boolean; numbers with commas are refused, for they can be meant in two ways.
4. Texts that all spell ISO 8601 dates are date; with a time of day in any of them, datetime.
5. Other texts are categorical if there are few different ones: at most 50, or 5% of the rows up to 1000, and not more
   than half as many as rows (ten are always few).
6. What is left is free text or an identifier, or numbers with a few misfits. A person has to say which.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from holdfast.data.convert import parse_numbers
from holdfast.data.values import TRUTH, parse_iso
from holdfast.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["numeric", "boolean", "categorical", "date", "datetime", "text"]
"""How a column becomes a feature."""

KINDS: tuple[str, ...] = get_args(Kind)

ROW = "__row__"
"""The column of a run's files that holds a row's number in the table that was divided, from 0."""

FOLD = "__fold__"
"""The column of the train file that holds a row's fold, -1 where there is none."""

AGAIN = "__again__"
"""The column of the train file that holds a row's folds in the repeats after the first, where there are any."""

LEARN = "__learn__"
"""The column of open files that says which fits learn from a row, where that does not follow from its fold."""

KEPT = (ROW, FOLD, AGAIN, LEARN)
"""The names of columns that no table may have."""

MOSTLY = 0.9
"""The share of numbers from which a column of texts is taken for numbers with misfits; and of dates alike."""

DATE = r"^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}(?:[ T].*)?$"
"""What looks like a date, in whatever order its parts are."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A column of too many different texts: ``distinct`` of them, with an ``example``.

    ``misfit`` is the first row (from 1) that holds no number, and ``misfits`` how many there are, where nearly all do;
    or with ``dates`` the first row whose date is not spelt as ISO 8601 does, where nearly all hold dates.
    """

    distinct: int
    example: str
    misfit: int | None = None
    misfits: int = 0
    dates: bool = False


def infer_kind(series: pl.Series) -> Kind | Undecided:
    """The kind of a column, of a type that `check_type` accepts, that has at least one value.

    Raises:
        DataError: if it holds numbers with commas.
    """
    import polars as pl

    dtype = series.dtype
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_numeric():
        return "numeric"
    if dtype == pl.Date:
        return "date"
    if dtype == pl.Datetime:
        return "datetime"
    return _kind_of_texts(series.cast(pl.String))


def check_type(series: pl.Series) -> None:
    """Refuse a column of a type that nothing can be made of: lists, structures, bytes, times of day, durations.

    Raises:
        DataError: as said.
    """
    import polars as pl

    plain = pl.Boolean | pl.Date | pl.Datetime | pl.String | pl.Categorical | pl.Enum | pl.Null
    if not (series.dtype.is_numeric() or isinstance(series.dtype, plain)):
        raise DataError(
            f"column '{series.name}' is of type {series.dtype}, which no feature can be made of; turn it into numbers "
            f"or text, or leave it out with {remedy(series.name, 'drop')} in [data.columns]"
        )


def remedy(name: str, kind: str) -> str:
    """A line for ``[data.columns]`` of a plan."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f'{key} = "{kind}"'


def refusal(undecided: dict[str, Undecided]) -> DataError:
    """The error that asks what the columns of these names are to be."""
    name, first = next(iter(undecided.items()))
    if first.dates:
        return DataError(
            f"column '{name}' holds {_short(first.example)} in row {first.misfit}, where dates are written as in "
            f"2026-01-31; write all of them so, or leave the column out with {remedy(name, 'drop')} in [data.columns]"
        )
    if first.misfit is not None:
        return DataError(
            f"column '{name}' holds numbers except in {first.misfits} rows (the first is row {first.misfit}: "
            f"{_short(first.example)}); correct or empty those, or leave the column out with {remedy(name, 'drop')} in "
            "[data.columns]"
        )
    if len(undecided) == 1:
        what = f"column '{name}' holds {first.distinct} different texts (such as {_short(first.example)})"
    else:
        what = f"columns {', '.join(repr(n) for n in undecided)} hold many different texts each"
    return DataError(
        f"{what}, too many for categories; in [data.columns] write {remedy(name, 'drop')} to leave out an identifier, "
        f"or {remedy(name, 'text')} to use the words in it"
    )


def _kind_of_texts(series: pl.Series) -> Kind | Undecided:
    """Rules 2 to 6."""
    present = series.drop_nulls()
    numbers = parse_numbers(present)
    if not numbers.has_nulls() and not present.str.contains(r"^0[0-9]+$").any():
        return "numeric"
    different = present.unique(maintain_order=True).to_list()
    if all(text.lower() in TRUTH for text in different):
        return "boolean"
    commas = present.str.contains(",", literal=True)
    if commas.any() and present.str.contains(r"^[+-]?[0-9]+(?:[.,][0-9]+)*$").all():
        raise DataError(
            f"column '{series.name}' holds numbers with commas (such as {_short(present.filter(commas)[0])}); write "
            f"them with a decimal point only, or say {remedy(series.name, 'categorical')} in [data.columns]"
        )
    if all(parse_iso(text) is not None for text in different):
        return "datetime" if any(isinstance(parse_iso(text), dt.datetime) for text in different) else "date"
    if _few(len(different), len(present)):
        return "categorical"
    dates = present.str.contains(DATE).sum()
    if dates and dates >= MOSTLY * len(present):
        row = next(row for row, text in enumerate(series.to_list()) if text is not None and parse_iso(text) is None)
        return Undecided(len(different), series[row], row + 1, dates=True)
    misfits = series.is_not_null() & parse_numbers(series).is_null()
    if 0 < misfits.sum() <= (1 - MOSTLY) * len(present):
        row = misfits.arg_true()[0]
        return Undecided(len(different), series[row], row + 1, int(misfits.sum()))
    return Undecided(len(different), different[0])


def _few(distinct: int, rows: int) -> bool:
    """Whether so many different texts in so many rows are categories."""
    return distinct <= max(50, min(1000, rows // 20)) and distinct <= max(10, rows // 2)


def _short(text: str) -> str:
    """A value as an error quotes it."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
