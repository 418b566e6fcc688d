"""The end of the log, and how to check the record from outside."""

from __future__ import annotations

import shlex

from holdfast.facts.blocks import Block, Command, Paragraph, Section, Table
from holdfast.facts.numbers import count
from holdfast.study.book import Book


def log_section(book: Book, what: str = "page") -> Section:
    """The end of the log, and how to check that nobody has changed what led up to it."""
    head, name = book.head, book.state.settings.name
    text = (
        f"This {what} was drawn from a log of {count(head.length, 'event')}. Whoever holds the hash of the "
        "last one can find out whether any of them was changed or removed since:"
    )
    place = "" if "plan.resolved" in book.state.notes else " --storage ADDRESS"
    rows = [["length", f"{head.length:,}"], ["head", head.hash]]
    blocks: list[Block] = [
        Paragraph(text),
        Command(f"holdfast verify {shlex.quote(name)}{place} --head {head.hash}"),
        *([Paragraph("ADDRESS is the storage of the study, such as sqlite:///study.db.")] if place else []),
        Table(["log", "which"], rows, "The end of the log", code=frozenset({1})),
    ]
    return Section("The record", blocks)


def written_by(book: Book) -> str:
    """The version of holdfast that created the study, from the log's first event."""
    first = next(iter(book.log.read(0)))
    return str(first.data.get("holdfast", "unknown"))
