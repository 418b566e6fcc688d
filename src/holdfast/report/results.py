"""The files of a result: what a person takes home."""

from __future__ import annotations

import hashlib
from pathlib import Path

from holdfast.facts.files import write_atomically
from holdfast.report.figures import draw_png, draw_svg
from holdfast.report.history_figure import history_spec
from holdfast.report.page import report_html
from holdfast.report.summary import summary_markdown
from holdfast.report.trials_table import trials_csv
from holdfast.study.book import Book


def write_results(book: Book, folder: Path) -> dict[str, str]:
    """Write the summary, the page, the trials and the picture of the search into ``folder``.

    Each file is there whole or not at all.

    Returns:
        The sha256 of each file, by its name relative to ``folder``.

    Raises:
        RequestError: if the folder cannot be written to.
    """
    spec = history_spec(book.state, background="white")
    files = {
        "summary.md": summary_markdown(book).encode(),
        "report.html": report_html(book).encode(),
        "trials.csv": trials_csv(book.state).encode(),
        "figures/history.png": draw_png(spec),
        "figures/history.svg": draw_svg(spec),
    }
    for name, data in files.items():
        write_atomically(folder / name, data)
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
