"""Every trial with its configuration, for reading: a long table."""

from __future__ import annotations

from holdfast.facts.blocks import Paragraph, Section, Table
from holdfast.facts.numbers import count, shortened, shown
from holdfast.report.trials_table import CONFIG, METRIC, TIME_COLUMNS, Row, trials_rows
from holdfast.study.state import StudyState

NUMERIC_COLUMNS = frozenset({"number", "steps", "restarts", "seconds"})
NAMES = {"number": "trial"}
"""Columns that a page names otherwise than a file does."""


def trials_section(state: StudyState) -> Section:
    """All trials in a table that can be sorted."""
    rows = trials_rows(state)
    if not rows:
        return Section("Every trial", [Paragraph("No trial has been asked yet.")])
    table = _table(rows)
    text = (
        "Press a column's name to sort by it. Numbers are rounded to four digits; "
        f"trials.csv has all {count(len(rows), 'trial')} exactly, with their times."
    )
    return Section("Every trial", [Paragraph(text), table])


def _table(rows: list[Row]) -> Table:
    """Numbers rounded, columns that say the same of every trial or nothing left out, clock times left to the CSV."""
    names = [name for name in rows[0] if _is_shown(name, rows)]
    values = [["" if row[name] is None else shown(row[name]) for name in names] for row in rows]
    numeric = frozenset(place for place, name in enumerate(names) if _is_numeric(name, rows))
    titles = [NAMES.get(name, shortened(name.removeprefix(METRIC).removeprefix(CONFIG), 60)) for name in names]
    return Table(titles, values, "All trials", numeric, long=True)


def _is_shown(name: str, rows: list[Row]) -> bool:
    if name in TIME_COLUMNS:
        return name == "seconds"
    if name == "restarts":
        return any(row[name] for row in rows)
    return name in {"number", "state"} or any(row[name] is not None for row in rows)


def _is_numeric(name: str, rows: list[Row]) -> bool:
    if name in NUMERIC_COLUMNS:
        return True
    values = [row[name] for row in rows if row[name] is not None]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
