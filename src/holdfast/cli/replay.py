"""The command that takes the decisions of a study again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import RUNS, Json, Name, Runs, Storage
from holdfast.cli.output import aligned, columns, say, show, show_json

if TYPE_CHECKING:
    from holdfast.study.book import Book
    from holdfast.study.state import StudyState


def replay(
    name: Name,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Take every decision again, and compare.")] = False,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Show what was decided, or decide it all again.

    With --verify every decision is taken again and compared.
    A suggestion, a promotion or a verdict depends on what the log held before it and on nothing else. On the
    environment that the study ran on every one comes out the same, to the bit; on another one the first that does not
    is named, with what differs between the environments.

    Exit code 0 if nothing differs, 1 otherwise.
    """
    from holdfast.cli.stored import book_of

    book, _ = book_of(name, runs, storage)
    try:
        return _verify(book, name, as_json) if verify else _show(book, as_json)
    finally:
        book.log.close()


def _show(book: Book, as_json: bool) -> int:
    """The decisions on record, in their order."""
    made: list[dict[str, Any]] = []
    for event in book.log.read(0):
        if event.kind in {"trial.asked", "trial.resumed"}:
            what = "enqueued" if event.data.get("enqueued") is not None else event.kind.removeprefix("trial.")
            seen = event.data["seen"] if what != "enqueued" else None
            keys = {key: event.data[key] for key in ("trial", "until_step", "reason")}
            made.append({"event": event.index, "decision": what, "seen": seen, **keys})
    if as_json:
        show_json({"decisions": made})
        return 0
    head = ["event", "decision", "trial", "to step", "saw events", "reason"]
    lines = [
        [
            f"{at['event']:,}",
            at["decision"],
            str(at["trial"]),
            _plain(at["until_step"]),
            _plain(at["seen"]),
            at["reason"],
        ]
        for at in made
    ]
    show(aligned([head, *lines], width=columns(sys.stdout)))
    return 0


def _plain(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _verify(book: Book, name: str, as_json: bool) -> int:
    from holdfast.study.advice import recorded_strategy
    from holdfast.study.replay import replay as take_again

    found = take_again(book.log.read(0), recorded_strategy(book.state))
    differing = environment_differences(book.state)
    if as_json:
        other = None if found.difference is None else str(found.difference)
        counts = {"suggestions": found.suggestions, "verdicts": found.verdicts, "enqueued": found.enqueued}
        show_json({"name": name, "same": other is None, "difference": other, **counts, "environment": differing})
    else:
        counted = f"{found.suggestions:,} suggestions and {found.verdicts:,} verdicts were taken again"
        if found.difference is None:
            show(f"study '{name}': {counted}, and every one is as it was")
        else:
            show(f"study '{name}': {counted}; the first that differs is {found.difference}")
        for text in differing:
            say(f"note: {text}")
    return 0 if found.difference is None else 1


def environment_differences(state: StudyState) -> list[str]:
    """What differs between the environment on record and this one, as sentences; none where none is on record."""
    from holdfast.data.provenance import environment

    notes = state.notes.get("code.recorded", [])
    if not notes:
        return []
    then, now = notes[-1]["environment"], environment()
    found = [
        f"the study ran on {key} {then[key]}, and this is {now[key]}"
        for key in ("python", "platform", "machine")
        if then.get(key) != now[key]
    ]
    packages = sorted({*then["versions"], *now["versions"]})
    for package in packages:
        was, there = then["versions"].get(package, "no version"), now["versions"].get(package, "no version")
        if was != there:
            found.append(f"the study ran with {package} {was}, and here is {there}")
    return found
