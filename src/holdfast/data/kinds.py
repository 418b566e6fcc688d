"""What kind of thing a column holds, found from its values.

A kind says how a column becomes a feature. Inference looks at all rows, but for types and counts of different values
only; nothing that a model could use is learned here. The rules, in order:

1. Columns of booleans, numbers, dates, and dates with times keep their type (boolean, numeric, date, datetime).
2. Texts that all spell true or false are boolean.
3. Texts that all spell numbers are numeric, unless one begins with a needless zero ("01067"): those are codes.
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

from holdfast.data.values import TRUTH, parse_iso, parse_number
from holdfast.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["numeric", "boolean", "categorical", "date", "datetime", "text"]
"""How a column becomes a feature."""

KINDS: tuple[str, ...] = get_args(Kind)

MOSTLY = 0.9
"""The share of numbers from which a column of texts is taken for numbers with misfits."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A column of too many different texts: ``distinct`` of them, with an ``example``.

    ``misfit`` is the first row (from 1) that holds no number, and ``misfits`` how many there are, where nearly all do.
    """

    distinct: int
    example: str
    misfit: int | None = None
    misfits: int = 0


def infer_kind(series: pl.Series) -> Kind | Undecided:
    """The kind of a column that has at least one value.

    Raises:
        DataError: if the column is of a type that no feature can be made of (lists, binary, ...).
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
    if dtype in {pl.String, pl.Categorical, pl.Enum}:
        return _kind_of_texts(series.cast(pl.String))
    raise DataError(
        f"column '{series.name}' is of type {dtype}, which no feature can be made of; turn it into numbers or text, or "
        f"leave it out with {remedy(series.name, 'drop')} in [data.columns]"
    )


def remedy(name: str, kind: str) -> str:
    """A line for ``[data.columns]`` of a plan."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f'{key} = "{kind}"'


def refusal(undecided: dict[str, Undecided]) -> DataError:
    """The error that asks what the columns of these names are to be."""
    name, first = next(iter(undecided.items()))
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
    different = present.unique(maintain_order=True).to_list()
    if all(text.lower() in TRUTH for text in different):
        return "boolean"
    numbers = [parse_number(text) for text in different]
    if all(number is not None for number in numbers) and not any(_is_code(text) for text in different):
        return "numeric"
    dates = [parse_iso(text) for text in different]
    if all(date is not None for date in dates):
        return "datetime" if any(isinstance(date, dt.datetime) for date in dates) else "date"
    if _few(len(different), len(present)):
        return "categorical"
    misfits = [text for text, number in zip(different, numbers, strict=True) if number is None]
    wrong = int(present.is_in(misfits).sum())
    if 0 < wrong <= (1 - MOSTLY) * len(present):
        row = series.is_in(misfits).fill_null(value=False).arg_true()[0] + 1
        return Undecided(len(different), series[row - 1], row, wrong)
    return Undecided(len(different), different[0])


def _few(distinct: int, rows: int) -> bool:
    """Whether so many different texts in so many rows are categories."""
    return distinct <= max(50, min(1000, rows // 20)) and distinct <= max(10, rows // 2)


def _is_code(text: str) -> bool:
    """Whether digits begin with a zero that no number needs."""
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def _short(text: str) -> str:
    """A value as an error quotes it."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
