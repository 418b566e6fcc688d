"""How a study went: what failed, and what it ran on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Paragraph, Section, Table
from holdfast.facts.log import latest
from holdfast.facts.numbers import count, listed, short_hash, shortened
from holdfast.facts.record import written_by
from holdfast.records import Cause, TrialState
from holdfast.study.actions import last_line
from holdfast.study.book import Book
from holdfast.study.state import StudyState

CAUSES: dict[str, str] = {
    Cause.ERROR: "the objective raised an error",
    Cause.DIVERGED: "the score was no finite number",
    Cause.LOST: "the process that ran it was gone",
    Cause.INTERRUPTED: "a person stopped the study",
    Cause.BUDGET: "the budget was spent while it ran; not the configuration's fault",
}
"""Each cause of a failure in words."""

MOST_NUMBERS = 10
"""How many trial numbers a table cell lists."""


def failures_section(state: StudyState) -> Section:
    """The trials that failed, grouped by cause and error."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in state.trials:
        if trial.state is TrialState.FAILED:
            groups[trial.cause.value if trial.cause else "unknown", last_line(trial.error)].append(trial.number)
    if not groups:
        return Section("Failures", [Paragraph("No trial failed.")])
    rows = [
        [str(len(numbers)), CAUSES.get(cause, cause), shortened(error, 300), _some(numbers)]
        for (cause, error), numbers in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    header = ["trials", "cause", "error", "which"]
    failed = sum(map(len, groups.values()))
    text = f"{count(failed, 'trial')} of {len(state.trials)} failed."
    return Section("Failures", [Paragraph(text), Table(header, rows, "Failed trials by cause", frozenset({0}))])


def environment_section(book: Book) -> Section:
    """What the study ran on: plan, code, versions."""
    state = book.state
    rows = [["holdfast", written_by(book)]]
    plan = latest(state, "plan.resolved")
    if plan is not None:
        rows.append(["plan", f"{plan['path']} (sha256 {short_hash(plan['sha256'])})"])
    code = latest(state, "code.recorded")
    if code is not None:
        rows.extend(_flat({key: value for key, value in code.items() if key != "time"}))
    table = Table(["what", "which"], rows, "Environment and code")
    missing = [] if code is not None else [Paragraph("Code and environment are not on record.")]
    return Section("Environment and code", [table, *missing])


def _some(numbers: list[int]) -> str:
    if len(numbers) <= MOST_NUMBERS:
        return listed([str(n) for n in numbers])
    return f"{', '.join(str(n) for n in numbers[:MOST_NUMBERS])} and {len(numbers) - MOST_NUMBERS} more"


def _flat(data: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Nested values as rows of (path, text); a text of many lines is counted, not shown."""
    rows = []
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows.extend(_flat(value, f"{path} "))
        elif isinstance(value, str) and len(lines := value.splitlines()) > 1:
            rows.append([path, f"{len(lines):,} lines, kept in the log"])
        elif value is None or value in ("", []):
            rows.append([path, "none"])
        else:
            rows.append([path, shortened(str(value))])
    return rows
