"""The command that writes the model card, and says what a person still has to write on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.options import RUNS, Json, Name, Runs, Storage
from holdfast.cli.output import aligned, say, show, show_json
from holdfast.cli.stored import open_stored

if TYPE_CHECKING:
    from holdfast.study.book import Book

INCOMPLETE = 1


def card(
    name: Name,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; list what a person still has to write.")
    ] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="URL", help="Where the test score can be looked up, for the card's index."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; by default MODEL_CARD.md of the run.")
    ] = None,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Write the model card, or check it.

    Everything but the parts for a person is filled from the log. What a person wrote in those parts, and keys added to
    the front matter, stay when the card is written anew; a card that was changed elsewhere is left alone.

    With --check, exit code 0 if nothing is left to write, the card says what the log says, and the front matter passes
    the reader of the Hugging Face Hub (nothing is sent there); 1 otherwise.
    """
    book, path = _book_and_path(name, runs, storage, out)
    command = _command(name, runs, storage, out)
    if check:
        found = _check(book, path, command)
        if as_json:
            show_json(found)
        else:
            _print(found)
        return 0 if found["complete"] else INCOMPLETE
    from holdfast.govern.card import rebuild_card

    text = rebuild_card(book, path, source)
    found = {**_look(book, path, text), "command": command}
    if as_json:
        show_json(found)
    else:
        _say_written(found)
    return 0


def _book_and_path(name: str, runs: Path, storage: str | None, out: Path | None) -> tuple[Book, Path]:
    """The study's log, and where its card is."""
    from holdfast.govern.card import CARD
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.study.book import Book

    if storage is not None:
        return Book(open_stored(storage, name), from_log=True), out or Path(CARD)
    run = find_run(runs, name)
    return open_book(run, from_log=True), out or run.path / CARD


def _command(name: str, runs: Path, storage: str | None, out: Path | None) -> str:
    """What to type to write this card."""
    from holdfast.protocol.folder import command

    more = ["--storage", storage] if storage is not None else []
    more += ["--out", str(out)] if out is not None else []
    return command(RUNS if storage is not None else runs, "card", name, *more)


def _check(book: Book, path: Path, command: str) -> dict[str, Any]:
    from holdfast.errors import RequestError
    from holdfast.govern.card import text_of

    text = text_of(path)
    if text is None:
        raise RequestError(f"there is no model card {path} yet; write it: {command}")
    return {**_look(book, path, text), "command": command}


def _look(book: Book, path: Path, text: str) -> dict[str, Any]:
    """What is left to write on a card, whether it says what the log says, and what the Hub's reader finds."""
    from holdfast.errors import MissingExtraError
    from holdfast.govern.card import is_current, left_to_write
    from holdfast.govern.metadata import problems_of

    left = left_to_write(text, str(path))
    current = is_current(book, text, str(path))
    problems: list[str] = []
    unchecked = None
    try:
        problems = problems_of(text)
    except MissingExtraError as exc:
        unchecked = str(exc)
    return {
        "name": book.state.settings.name,
        "card": str(path),
        "complete": not (left or problems or unchecked) and current,
        "to_write": [
            {"part": item.part.key, "title": item.part.title, "question": item.part.question, "line": item.line}
            for item in left
        ],
        "says_what_the_log_says": current,
        "front_matter": {"validated": unchecked is None, "problems": problems, "why_not": unchecked},
    }


def _print(found: dict[str, Any]) -> None:
    from holdfast.facts.numbers import count

    path, left = found["card"], found["to_write"]
    if found["complete"]:
        show(f"{path} is complete: nothing is left to write, it says what the log says, its front matter is valid")
        return
    if left:
        many = f"{count(len(left), 'part')} of {path} {'is' if len(left) == 1 else 'are'}"
        show(f"{many} still to be written by a person:\n")
        rows = [row for item in left for row in ([f"line {item['line']}", item["title"]], ["", item["question"]])]
        show(aligned(rows))
    else:
        show(f"{path}: nothing is left to write")
    if not found["says_what_the_log_says"]:
        show(f"\nthe card does not say what the log says now; write it anew: {found['command']}")
    _print_front(found["front_matter"])


def _print_front(front: dict[str, Any]) -> None:
    """What the Hub's reader found, where that is not nothing."""
    for problem in front["problems"]:
        show(f"\n{problem}")
    if front["why_not"]:
        show(f"\nthe front matter was not validated: {front['why_not']}")


def _say_written(found: dict[str, Any]) -> None:
    from holdfast.facts.numbers import count

    say(f"wrote {found['card']}")
    left = len(found["to_write"])
    if left:
        many = f"{count(left, 'part')} {'is' if left == 1 else 'are'}"
        say(f"{many} still to be written by a person; to list them: {found['command']} --check")
    front = found["front_matter"]
    for problem in front["problems"]:
        say(problem)
    if front["why_not"]:
        say(f"the front matter was not validated: {front['why_not']}")
