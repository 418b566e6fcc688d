"""The report as Markdown: plain, and true to the log."""

from __future__ import annotations

from holdfast.facts.markdown import markdown
from holdfast.report.content import document
from holdfast.study.book import Book


def summary_markdown(book: Book) -> str:
    """The report of a study in GitHub's Markdown, with its pictures beside it in ``figures/``.

    Whatever comes from the user is escaped, so that a column's name cannot become markup.
    """
    return markdown(document(book))
