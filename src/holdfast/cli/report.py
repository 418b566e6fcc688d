"""The command that draws the pages of a study again, from its log alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import RUNS, Json, Name, Runs, Storage
from holdfast.cli.output import say, show, show_json
from holdfast.cli.stored import open_stored

if TYPE_CHECKING:
    from holdfast.study.book import Book

FOLDER = Path("report")
"""Where the pages of a study without a run folder go."""


def report(
    name: Name,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to; by default the folder of the run.")
    ] = None,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Draw the report again, from the log alone.

    It writes report.html, summary.md, trials.csv and figures/. The log is all it needs: neither the data nor the model,
    and not the machine that the study ran on. It can be called while a study runs; the page says what is still to come.

    With --storage it is drawn for a study of your own code, into the folder report.
    """
    from holdfast.facts.numbers import count
    from holdfast.report.results import write_results

    book, folder = _book_and_folder(name, runs, storage, out)
    files = write_results(book, folder)
    if as_json:
        show_json({"name": name, "folder": str(folder), "files": files, "head": book.head.hash})
        return
    figures = sum(file.endswith(".png") for file in files)
    say(f"drawn from {count(book.head.length, 'event')}: the page, the summary, the trials, {count(figures, 'figure')}")
    show(str(folder / "report.html"))


def _book_and_folder(name: str, runs: Path, storage: str | None, out: Path | None) -> tuple[Book, Path]:
    """The study's log, and where its pages go."""
    from holdfast.protocol.folder import find_run, open_book
    from holdfast.study.book import Book

    if storage is None:
        run = find_run(runs, name)
        return open_book(run, from_log=True), out or run.path
    return Book(open_stored(storage, name), from_log=True), out or FOLDER
