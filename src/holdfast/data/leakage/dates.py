"""Dates against the direction of time: rows learned from later than rows judged, features later than their row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.columns import Column
from holdfast.data.convert import to_date_parts
from holdfast.data.kinds import remedy
from holdfast.data.leakage.finding import Finding, Severity, percent, some
from holdfast.data.leakage.identifiers import words_of
from holdfast.data.leakage.view import View
from holdfast.data.values import parse_iso

if TYPE_CHECKING:
    import polars as pl

BIRTH = re.compile(r"(?:^|_)(?:birth|birthday|birthdate|dob|born)(?:_|$)")
"""A name that says that a column holds dates of birth: they say when somebody was born, and not when a row was made."""

LATE = 0.01
"""So large a share of dates later than their row is a finding; fewer may be slips of the pen."""


def dates(view: View) -> list[Finding]:
    """Train rows later than rows to judge where the split does not go by time; features later than the row's time.

    Rows are in time by columns that no model sees, too: those that are dropped.
    """
    columns = [column for column in view.schema.columns if column.kind in {"date", "datetime"}]
    if view.schema.time is None:
        columns += _dropped(view)
        records = [column for column in columns if not _is_before_a_record(view, column, columns)]
        return [found for column in records if (found := _unordered(view, column)) is not None]
    time = view.schema.column(view.schema.time)
    if time.kind not in {"date", "datetime"}:
        return []
    return [found for c in columns if c.feature and c != time and (found := _later(view, c, time)) is not None]


def _dropped(view: View) -> list[Column]:
    """The columns of dates that the schema leaves out."""
    used = {view.schema.target, *(column.name for column in view.schema.columns)}
    return [
        Column(series.name, "datetime", False) for series in view.frame if series.name not in used and _dated(series)
    ]


def _dated(series: pl.Series) -> bool:
    """Whether a column holds dates, or texts that spell some as ISO 8601 does, and nothing else."""
    import polars as pl

    if isinstance(series.dtype, pl.Date | pl.Datetime):
        return True
    present = series.drop_nulls()
    if series.dtype != pl.String or not len(present) or parse_iso(present[0]) is None:
        return False
    return all(parse_iso(text) is not None for text in present.unique())


def _unordered(view: View, column: Column) -> Finding | None:
    """Train rows later than the first row to judge.

    It is a note where the split goes by group, and cannot go by time, and of dates of birth, where they are the only
    dates: rows may have been recorded at birth.
    """
    days = _days(view, column)
    judged = (view.role != "train") & ~np.isnan(days)
    train = (view.role == "train") & ~np.isnan(days)
    if not train.any():
        return None
    first = float(days[judged].min()) if judged.any() else float(days[train].min())
    late = train & (days > first)
    if not late.any():
        return None
    share = late.sum() / train.sum()
    text = (
        f"{percent(float(share))} of the train rows are later in '{column.name}' than the first row to judge, since "
        "the split does not go by time"
    )
    advice = (
        f"if the model is to be used on later rows than it learned from, divide by time with split = {{ time = "
        f"'{column.name}' }}"
    )
    of_birth = _is_of_birth(column)
    if of_birth:
        text += "; dates of birth seldom say when a row was recorded"
        advice = f"nothing needs to be done, unless rows were recorded at birth: {advice}"
    rows = some(view.numbers, np.flatnonzero(late))
    severity: Severity = "warning" if view.schema.group is None and not of_birth else "note"
    return Finding("dates", severity, text, advice, (column.name,), rows, int(late.sum()))


def _is_of_birth(column: Column) -> bool:
    return BIRTH.search(words_of(column.name)) is not None


def _is_before_a_record(view: View, column: Column, columns: list[Column]) -> bool:
    """Whether a column holds dates of birth, and another one later dates of the same rows, by which they are judged."""
    if not _is_of_birth(column):
        return False
    born = _days(view, column)
    for other in (other for other in columns if not _is_of_birth(other)):
        after = _days(view, other) - born
        known = after[~np.isnan(after)]
        if len(known) and (known > 0).mean() >= 1 - LATE:
            return True
    return False


def _later(view: View, column: Column, time: Column) -> Finding | None:
    """A feature with dates after the time of its row."""
    late = _days(view, column) > _days(view, time)
    if late.mean() < LATE:
        return None
    share = percent(float(late.mean()))
    text = f"the feature '{column.name}' is later than its row's '{time.name}' in {share} of the rows"
    advice = f"if it was not known by then, leave it out with {remedy(column.name, 'drop')} in [data.columns]"
    rows = some(view.numbers, np.flatnonzero(late))
    return Finding("dates", "warning", text, advice, (column.name,), rows, int(late.sum()))


def _days(view: View, column: Column) -> np.ndarray:
    """A column of dates in days, shape (N,)."""
    if column.name in view.values:
        return view.values[column.name]
    return to_date_parts(view.frame[column.name], time_of_day=False)[0].to_numpy().astype(np.float64)
