"""What the study ran on, the end of the log, and how to check the record from outside."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from holdfast.facts.blocks import Block, Command, Paragraph, Section, Table
from holdfast.facts.log import latest
from holdfast.facts.numbers import count
from holdfast.log.salvage import SALVAGED
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
        *(Paragraph(f"{_first_upper(salvaged_sentence(told))}.") for told in book.state.notes.get(SALVAGED, [])),
    ]
    return Section("The record", blocks)


def salvaged_sentence(told: Mapping[str, Any]) -> str:
    """What the event says that stands at the end of what was saved from a damaged file."""
    lost = sum(last - first + 1 for first, last in told["lost"])
    length = told["head"][0]
    text = f"the log was salvaged from a damaged file, '{told['source']}': {count(told['events'], 'event')} were saved"
    if lost:
        text += f", {lost:,} are lost"
    missing = f", and {count(len(told['missing']), 'blob')} that they name" if told["missing"] else ""
    known = f"; the first {length:,} have the hashes that they had there" if length else ""
    return f"{text}{missing}{known}"


def _first_upper(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def environment_rows(book: Book) -> list[list[str]]:
    """The versions, the machine and the code, as pairs of what and which; no path of the machine is given away."""
    rows = [["holdfast", written_by(book)]]
    code = latest(book.state, "code.recorded")
    if code is None:
        return [*rows, ["code and environment", "not on the log"]]
    found = code.get("environment") or {}
    names = {"python": "Python", "platform": "platform", "machine": "processor", "cpu_count": "cores"}
    rows += [[words, str(found[key])] for key, words in names.items() if found.get(key) is not None]
    rows += [[name, str(version)] for name, version in (found.get("versions") or {}).items() if name != "holdfast"]
    return [*rows, *_code(code)]


def _code(code: Mapping[str, Any]) -> list[list[str]]:
    git = code.get("git")
    if not git:
        return [["code", "not in a repository"]]
    rows = [["commit", str(git.get("commit") or "none yet")]]
    if git.get("dirty"):
        sha256 = git.get("diff_sha256")
        rows.append(["uncommitted changes", "yes" if sha256 is None else f"yes, sha256 of the diff {sha256}"])
    else:
        rows.append(["uncommitted changes", "none"])
    if git.get("untracked"):
        rows.append(["files that git does not know", count(len(git["untracked"]), "file")])
    return rows


def written_by(book: Book) -> str:
    """The version of holdfast that created the study, from the log's first event."""
    first = next(iter(book.log.read(0)))
    return str(first.data.get("holdfast", "unknown"))
