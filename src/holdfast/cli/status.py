"""The command that looks at one study, also while it runs, or at all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.ahead import gain_json, learning_json, overtuning_json, predicted_json, show_next
from holdfast.cli.complete import studies
from holdfast.cli.options import RUNS, Json, Runs, Storage
from holdfast.cli.output import aligned, columns, is_live, json_text, say, show, show_json
from holdfast.cli.stored import book_of

if TYPE_CHECKING:
    from holdfast.protocol.live import LiveEstimate
    from holdfast.study.book import Book

PERIOD = 1.0
"""Seconds between two looks."""

SILENCE = 600.0
"""Seconds without an event from which on a study that seems to run may well not."""

REST = 9
"""At least so many times as long as a look took is nothing done after it."""

STOPPED = 130
"""The exit code after Ctrl-C."""

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="The study's name; without it all studies are listed.", autocompletion=studies),
]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Look again every second until the study is at its end, or Ctrl-C.")
]

Next = Annotated[
    bool, typer.Option("--next", help="Say what the strategy would try next, and why; nothing is begun or written.")
]


def status(
    name: Name = None,
    *,
    follow: Follow = False,
    advise: Next = False,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> int:
    """Show where a study stands, also while it runs.

    Trials by state, the best so far, an alarm where only its luck still grows, how the trials learned, what one more
    trial is expected to gain, what those that run or wait are expected to end at, what was spent of the budget, what
    runs, and what of the protocol is done. Without a name: a line for each study in DIR, or in the storage, the latest
    first.

    With --next it is said what the strategy would try next: what that changes against the best trial, what is expected
    of it, and why.

    Nothing is locked or written, so that looking disturbs nobody. With --follow the page is kept up to date on a
    terminal; elsewhere a line is written (with --json an object) whenever something has changed.
    """
    from holdfast.errors import RequestError

    if follow and advise:
        raise RequestError("--next is said once, and --follow looks again and again; leave out one of them")
    if name is None:
        for option in ["--follow"] * follow + ["--next"] * advise:
            raise RequestError(f"{option} needs the name of a study, as in: holdfast status NAME {option}")
        return _all(runs, storage, as_json)
    book, folder = book_of(name, runs, storage)
    if advise:
        return show_next(book, as_json)
    if follow:
        return _follow(book, folder, as_json)
    standing = look(book, folder)
    for found in (gain_json, learning_json, predicted_json):
        standing |= found(book.state)
    standing |= overtuning_json(book)
    if as_json:
        show_json(standing)
    else:
        show(page(standing, columns(sys.stdout)))
        _hint(standing, folder)
    return 0


def _hint(standing: dict[str, Any], folder: Path | None) -> None:
    """What to type where a study does not go on by itself."""
    from holdfast.facts.numbers import duration
    from holdfast.protocol.folder import RunFolder

    if folder is None or standing["state"] in {"finished", "halted", "open"}:
        return
    resume = RunFolder(folder.parent, folder.name).command("resume")
    quiet = standing["quiet_seconds"] or 0.0
    if standing["state"] == "stopped":
        say(f"it was stopped by Ctrl-C; go on with: {resume}")
    elif quiet > SILENCE:
        say(f"nothing has been written for {duration(round(quiet))}; if no process works on it, go on with: {resume}")


def look(book: Book, folder: Path | None, live: LiveEstimate | None = None) -> dict[str, Any]:
    """Where the study stands now, with the best score's luck taken off where row scores allow it.

    ``idle`` is the share of the workers' time that a deterministic study has waited, None before a trial has ended.

    ``live`` is what an earlier look has left for that.
    """
    from holdfast.facts.log import latest, winner_of
    from holdfast.protocol.steward import folder_bytes
    from holdfast.report.status import status_dict
    from holdfast.study.waiting import idle_share

    state = book.state
    limited = (latest(state, "limits.set") or {}).get("disk_bytes") is not None
    standing = status_dict(state, disk_bytes=folder_bytes(folder) if folder and limited else None)
    if state.settings.workers is not None:
        standing["idle"] = idle_share(book.log.read(0), state.settings.workers)
    best = winner_of(state)
    if best is not None:
        live = live or live_estimate(folder)
        standing["best"]["corrected"] = None if standing["scores"]["estimate"] else live.of(book, best)
    return standing


def live_estimate(folder: Path | None) -> LiveEstimate:
    """What takes the luck off the best score of a study while it runs."""
    from holdfast.protocol.folder import RunFolder
    from holdfast.protocol.live import LiveEstimate

    return LiveEstimate(None if folder is None else RunFolder(folder.parent, folder.name))


def page(standing: dict[str, Any], width: int | None = None) -> str:
    """Everything about one study, as lines."""
    from holdfast.cli.standing import rows

    return aligned(rows(standing), indent="", width=width)


def _follow(book: Book, folder: Path | None, as_json: bool) -> int:
    """Look again and again; what is shown follows the study until it is at its end."""
    try:
        if is_live(sys.stdout) and not as_json:
            _follow_live(book, folder)
        else:
            _follow_lines(book, folder, as_json)
    except KeyboardInterrupt:  # the looking was stopped, not the study
        return STOPPED
    return 0


def looks(book: Book, folder: Path | None) -> Iterator[dict[str, Any]]:
    """Where the study stands, every second; the last one when it is at its end."""
    from holdfast.report.status import ENDED

    live = live_estimate(folder)
    while True:
        began = time.monotonic()
        standing = look(book, folder, live)
        yield standing
        if standing["state"] in ENDED:
            return
        time.sleep(max(PERIOD, REST * (time.monotonic() - began)))
        book.refresh()


def _follow_live(book: Book, folder: Path | None) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for standing in looks(book, folder):
            live.update(Text(page(standing, console.width)), refresh=True)


def _follow_lines(book: Book, folder: Path | None, as_json: bool) -> None:
    """A line for each change; time that goes by is none."""
    from holdfast.cli.standing import line

    words: Callable[[dict[str, Any]], str] = json_text if as_json else line
    before = ""
    for standing in looks(book, folder):
        now = line(standing)
        if now != before:
            show(words(standing))
            sys.stdout.flush()
        before = now


def _all(runs: Path, storage: str | None, as_json: bool) -> int:
    """A line for each study of a folder, or of a storage."""
    from holdfast.address import masked
    from holdfast.cli.standing import HEADER, row

    found = list(_in_folder(runs) if storage is None else _in_storage(storage))
    found.sort(key=lambda standing: standing.get("last_event") or "", reverse=True)
    if as_json:
        show_json(found)
    elif found:
        show(aligned([HEADER, *map(row, found)], indent=""))
    else:
        say(f"there is no study in {masked(storage) if storage else runs} yet; begin one with: holdfast tune PLAN")
    return 0


def _in_folder(runs: Path) -> Iterator[dict[str, Any]]:
    """Where each study of a folder stands; for one that cannot be read, why."""
    from holdfast.errors import HoldfastError, RequestError
    from holdfast.protocol.folder import RunFolder, names_in, open_book

    if not runs.is_dir():
        raise RequestError(
            f"there is no folder of runs '{runs}' here; name another one with --runs DIR, or begin with: "
            "holdfast tune PLAN"
        )
    for name in names_in(runs):
        try:
            yield _standing(name, open_book(RunFolder(runs, name)))
        except HoldfastError as exc:
            yield {"name": name, "state": "unreadable", "why": str(exc)}


def _in_storage(storage: str) -> Iterator[dict[str, Any]]:
    from holdfast.cli.stored import open_stored
    from holdfast.log.open import list_studies
    from holdfast.study.book import Book

    for name in list_studies(storage):
        yield _standing(name, Book(open_stored(storage, name)))


def _standing(name: str, book: Book) -> dict[str, Any]:
    from holdfast.report.status import status_dict

    try:
        return status_dict(book.state) if book.exists else {"name": name, "state": "not begun"}
    finally:
        book.log.close()
