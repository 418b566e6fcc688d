"""How a study went: the search, what failed, what it ran on, and how to check the record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Block, Bullets, Paragraph, Section, Table
from holdfast.facts.log import latest, trials_by_state
from holdfast.facts.numbers import count, duration, listed, number, short_hash, shortened
from holdfast.facts.record import written_by
from holdfast.records import TrialState
from holdfast.study.actions import last_line
from holdfast.study.book import Book
from holdfast.study.state import StudyState

MOST_NUMBERS = 10
"""How many trial numbers a table cell lists."""


def search_section(state: StudyState) -> Section:
    """The strategy in its own words, the trials by state, and what the estimate says of the selection."""
    settings = state.settings
    says = "" if state.strategy_says in {"", settings.strategy} else f" In its own words: {state.strategy_says}"
    blocks: list[Block] = [Paragraph(f"Strategy {settings.strategy}, seed {settings.seed}.{says}")]
    if not state.trials:
        return Section("The search", [*blocks, Paragraph("No trial has been asked yet.")])
    counts = [[each.value, str(n)] for each, n in trials_by_state(state).items() if n]
    blocks.append(Table(["state", "trials"], counts, "Trials by state", frozenset({1})))
    blocks.append(Paragraph(_effort(state)))
    made = latest(state, "estimate.made")
    if made is not None:
        effective = made["effective_configurations"]
        if effective is not None and not made["sentences"]:
            compared = count(made["n_configurations"], "configuration")
            blocks.append(Paragraph(f"{compared} count as {number(effective)} independent ones."))
        if made["sentences"]:
            blocks.append(Paragraph("On the estimate:"))
            blocks.append(Bullets(made["sentences"]))
    return Section("The search", blocks)


def failures_section(state: StudyState) -> Section:
    """The trials that failed, grouped by cause and error."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in state.trials:
        if trial.state is TrialState.FAILED:
            groups[trial.cause.value if trial.cause else "unknown", last_line(trial.error)].append(trial.number)
    if not groups:
        return Section("Failures", [Paragraph("No trial failed.")])
    rows = [
        [str(len(numbers)), cause, shortened(error, 300), _some(numbers)]
        for (cause, error), numbers in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]
    header = ["trials", "cause", "error", "which"]
    return Section("Failures", [Table(header, rows, "Failed trials by cause", frozenset({0}))])


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


def _effort(state: StudyState) -> str:
    """Limits, restarts and time spent."""
    limit = state.history.trials_limit
    parts = [f"The budget was {count(limit, 'trial')}." if limit is not None else "There was no limit on trials."]
    restarts = sum(trial.restarts for trial in state.trials)
    if restarts:
        parts.append(f"Trials were started again {count(restarts, 'time')} after their process was gone.")
    by_hand = sum(trial.reason.startswith("enqueued") for trial in state.trials)
    if by_hand:
        parts.append(f"{count(by_hand, 'configuration')} came from a person.")
    seconds = sum(trial.seconds for trial in state.trials)
    processor = sum(trial.cpu_seconds for trial in state.trials)
    spent = f"The trials took {duration(seconds)} in all"
    parts.append(f"{spent}, {duration(processor)} of it processor time." if processor else f"{spent}.")
    return " ".join(parts)


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
