"""How a study went: what failed, and what it ran on."""

from __future__ import annotations

from collections import defaultdict

from holdfast.facts.blocks import Paragraph, Section, Table
from holdfast.facts.log import CAUSES, latest
from holdfast.facts.numbers import count, listed, short_hash, shortened
from holdfast.facts.record import environment_rows
from holdfast.records import TrialState
from holdfast.study.book import Book
from holdfast.study.failures import error_line
from holdfast.study.state import StudyState

MOST_NUMBERS = 10
"""How many trial numbers a table cell lists."""


def failures_section(state: StudyState) -> Section:
    """The trials that failed, grouped by cause and error."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in state.trials:
        if trial.state is TrialState.FAILED:
            groups[trial.cause.value if trial.cause else "unknown", error_line(trial.error)].append(trial.number)
    if not groups:
        return Section("Failures", [Paragraph("No trial failed.")])
    rows = [
        [str(len(numbers)), CAUSES.get(cause, cause), shortened(error, 300), _some(numbers)]
        for (cause, error), numbers in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    header = ["trials", "cause", "error", "which"]
    failed = sum(map(len, groups.values()))
    text = f"{failed:,} of {count(len(state.trials), 'trial')} failed."
    return Section("Failures", [Paragraph(text), Table(header, rows, "Failed trials by cause", frozenset({0}))])


def environment_section(book: Book) -> Section:
    """What the study ran on: plan, code, versions."""
    plan = latest(book.state, "plan.resolved")
    rows = [] if plan is None else [["plan", f"{plan['path']} (sha256 {short_hash(plan['sha256'])})"]]
    rows += [[what, shortened(which)] for what, which in environment_rows(book)]
    return Section("Environment and code", [Table(["what", "which"], rows, "Environment and code")])


def _some(numbers: list[int]) -> str:
    if len(numbers) <= MOST_NUMBERS:
        return listed([str(n) for n in numbers])
    return f"{', '.join(str(n) for n in numbers[:MOST_NUMBERS])} and {len(numbers) - MOST_NUMBERS} more"
