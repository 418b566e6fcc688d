"""The files of a result: what a person takes home."""

from __future__ import annotations

import hashlib
from pathlib import Path

from holdfast.facts.files import write_atomically
from holdfast.facts.markdown import markdown
from holdfast.report.content import document, with_trials
from holdfast.report.figures import draw_png, draw_svg, is_picture
from holdfast.report.page import page_html
from holdfast.report.trials_table import trials_csv
from holdfast.study.book import Book


def write_results(book: Book, folder: Path) -> dict[str, str]:
    """Write the summary, the page, the trials and every picture into ``folder``; pictures of an earlier state go.

    Each file is there whole or not at all. The summary, the page and the pictures show the same document.

    Returns:
        The sha256 of each file, by its name relative to ``folder``.

    Raises:
        RequestError: if the folder cannot be written to.
    """
    page = document(book)
    files = {
        "summary.md": markdown(page).encode(),
        "report.html": page_html(with_trials(page, book.state), book.head).encode(),
        "trials.csv": trials_csv(book.state).encode(),
    }
    for figure in page.figures:
        svg = draw_svg(figure)
        files[f"figures/{figure.name}.svg"] = svg.encode()
        files[f"figures/{figure.name}.png"] = draw_png(svg)
    for name, data in files.items():
        write_atomically(folder / name, data)
    for path in (folder / "figures").glob("*"):
        if is_picture(path.name) and f"figures/{path.name}" not in files:
            path.unlink()
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
