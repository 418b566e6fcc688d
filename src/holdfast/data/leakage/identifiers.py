"""Features that number or name the rows: a model learns them by heart, and they say nothing of a new row."""

from __future__ import annotations

import re

import numpy as np

from holdfast.data.columns import Column
from holdfast.data.kinds import remedy
from holdfast.data.leakage.finding import Finding, Severity
from holdfast.data.leakage.view import View, codes_of

FEWEST = 20
"""So many rows at least tell that values count, or that none comes twice."""

DENSE = 2.0
"""Different whole numbers that fill a range of at most so many times their number are row numbers in disorder."""

SMALL_STEP = 10.0
"""Whole numbers that grow from row to row by so much in the mean, at most, are given to the rows as they come."""

ID = re.compile(r"(?:^|_)(?:id|ids|uid|uuid|guid|key|index|idx|row|number|no|nr|code|hash|serial)(?:$|_)")
"""A part of a name that says that a column names its rows."""


def identifiers(view: View) -> list[Finding]:
    """Features of whole numbers or texts without a repetition that count, or are named as an identifier is.

    Whole numbers that grow from row to row by large steps are a note: a table may be sorted by what was measured.
    """
    found = []
    for column in view.schema.features:
        what, measured = _what(view, column)
        if not what:
            continue
        text, drop = f"'{column.name}' {what}", f"leave it out with {remedy(column.name, 'drop')} in [data.columns]"
        if measured:
            text += ": the table may be sorted by it, or it says which row it is"
            advice = f"if it was given to the rows as they came, {drop}"
        else:
            text += ", so it says which row it is and not what is in it"
            advice = f"{drop}, unless the order of the rows is meant"
        severity: Severity = "note" if measured else "warning"
        found.append(Finding("identifiers", severity, text, advice, (column.name,), count=len(view)))
    return found


def words_of(name: str) -> str:
    """A column's name in lower case with underscores between its words.

    >>> words_of("customerID"), words_of("Row Number")
    ('customer_id', 'row_number')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")


def _what(view: View, column: Column) -> tuple[str, bool]:
    """What makes a column an identifier, in words, empty if it is none; and whether it may as well be measured."""
    if len(view) < FEWEST or column.kind in {"boolean", "date", "datetime"}:
        return "", False
    if column.kind == "numeric":
        return _what_number(view, column.name)
    return _what_text(view, column.name), False


def _what_number(view: View, name: str) -> tuple[str, bool]:
    values = view.values[name]
    if np.isnan(values).any() or not (values == np.floor(values)).all():
        return "", False
    steps = np.diff(values[np.argsort(view.numbers, kind="stable")])
    if (steps == 1).all() or (steps == -1).all():
        return "counts the rows one by one", False
    if len(np.unique(values)) < len(values):
        return "", False
    grows = "grows" if steps[0] > 0 else "falls"
    in_order, is_named = (steps > 0).all() or (steps < 0).all(), ID.search(words_of(name)) is not None
    if in_order and (is_named or np.abs(steps).mean() <= SMALL_STEP):
        return f"is a whole number that {grows} from row to row", False
    if values.max() - values.min() < DENSE * len(values):
        return "holds whole numbers that fill their range, each once", False
    if in_order:
        return f"is a whole number that {grows} from row to row by large steps", True
    return "holds another whole number in each row, as its name says" if is_named else "", False


def _what_text(view: View, name: str) -> str:
    codes = codes_of(view.frame[name])
    if (codes < 0).any() or int(codes.max()) + 1 < len(codes):
        return ""
    texts = [str(text) for text in view.frame[name].to_list()]
    if any(re.search(r"\s", text.strip()) for text in texts):
        return ""
    if len({len(text) for text in texts}) <= 2 and any(re.search(r"\d", text) for text in texts):
        return "holds another code of the same length in each row"
    return "holds another text in each row, as its name says" if ID.search(words_of(name)) else ""
