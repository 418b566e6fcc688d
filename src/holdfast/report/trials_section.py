"""Every trial with its configuration, for reading: a long table."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.analyse.curves import Diagnosis
from holdfast.facts.blocks import Paragraph, Section, Table
from holdfast.facts.learning import Learning, is_told
from holdfast.facts.numbers import count, shortened, shown
from holdfast.report.ranked import scored
from holdfast.report.trials_table import CONFIG, METRIC, TIME_COLUMNS, Row, trials_rows
from holdfast.study.state import StudyState

NUMERIC_COLUMNS = frozenset({"number", "parent", "parent_step", "replaces", "steps", "restarts", "seconds"})
NAMES = {"number": "trial"}
"""Columns that a page names otherwise than a file does."""

LEARNED = "how it learned"
"""The column of verdicts; on the page alone, since they may change as other trials are told."""


MOST_JUDGED, MOST_SAID = 2000, 500
"""So many trials, the best ones, have a verdict on how they learned, and so many a sentence that says why."""


def trials_section(state: StudyState) -> Section:
    """All trials in a table that can be sorted, each with the verdict on how it learned where there is one."""
    rows = trials_rows(state)
    if not rows:
        return Section("Every trial", [Paragraph("No trial has been asked yet.")])
    learned = Learning(state)
    ranked = scored(state)
    front = {trial.number for trial in ranked}
    told = [trial for trial in [*ranked, *(t for t in state.trials if t.number not in front)] if is_told(trial)]
    found = {trial.number: learned.of(trial) for trial in told[:MOST_JUDGED]}
    table = _table(rows, found)
    text = (
        "Press a column's name to sort by it. Numbers are rounded to four digits; "
        f"trials.csv has all {count(len(rows), 'trial')} exactly, with their times."
    )
    if len(told) > MOST_JUDGED:
        text += f" How they learned is said of the best {MOST_JUDGED:,}."
    if table.more:
        text += " Press a verdict on how a trial learned to read why, and what to change."
    return Section("Every trial", [Paragraph(text), table])


def _table(rows: list[Row], found: Mapping[int, Diagnosis]) -> Table:
    """Numbers rounded, columns that say the same of every trial or nothing left out, clock times left to the CSV.

    The verdicts stand behind the metrics; those of most trials can be unfolded.
    """
    names = [name for name in rows[0] if _is_shown(name, rows)]
    cells = [["" if row[name] is None else shown(row[name]) for name in names] for row in rows]
    titles = [NAMES.get(name, shortened(name.removeprefix(METRIC).removeprefix(CONFIG), 60)) for name in names]
    numeric = [_is_numeric(name, rows) for name in names]
    more: dict[tuple[int, int], str] = {}
    if any(verdict.kind != "unknown" for verdict in found.values()):
        place = sum(name in {"number", "state"} or name.startswith(METRIC) for name in names)
        titles.insert(place, LEARNED)
        numeric.insert(place, False)
        for number, line in enumerate(cells):
            line.insert(place, found[number].short if number in found else "")
        more = {(number, place): found[number].sentence for number in list(found)[:MOST_SAID]}
    return Table(
        titles, cells, "All trials", frozenset(i for i, each in enumerate(numeric) if each), long=True, more=more
    )


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
