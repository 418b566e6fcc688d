"""The report as one HTML file: no network, no scripts, fit for a phone, a printer, light and dark."""

from __future__ import annotations

import re
from functools import cache

import jinja2

from holdfast.facts.blocks import Block, Table
from holdfast.facts.numbers import shortened, shown
from holdfast.report.content import document
from holdfast.report.figures import draw_svg
from holdfast.report.history import alternative, caption
from holdfast.report.history_figure import history_spec
from holdfast.report.trials_table import TIME_COLUMNS, trials_rows
from holdfast.study.book import Book
from holdfast.study.state import StudyState

NUMERIC_COLUMNS = frozenset({"number", "steps", "restarts", "seconds", "cpu_seconds"})


def report_html(book: Book) -> str:
    """The whole report with its picture and all trials; equal logs give equal pages.

    Every text that is not the template's own is escaped, and a content security policy forbids scripts and the network.
    """
    state = book.state
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            page=document(book),
            css=_css(),
            wide=inline_svg(draw_svg(history_spec(state)), "wide"),
            narrow=inline_svg(draw_svg(history_spec(state, narrow=True)), "narrow"),
            caption=caption(state),
            alternative=alternative(state),
            trials=trials_block(state),
            head=book.head,
        )
    )


def trials_block(state: StudyState) -> Table:
    """All trials for reading: numbers rounded, clock times left to the CSV."""
    rows = trials_rows(state)
    names = [name for name in (rows[0] if rows else {}) if name not in TIME_COLUMNS or name == "seconds"]
    values = [[("" if row[name] is None else shown(row[name])) for name in names] for row in rows]
    numeric = frozenset(
        place
        for place, name in enumerate(names)
        if name in NUMERIC_COLUMNS or all(isinstance(row[name], int | float | None) for row in rows)
    )
    titles = [shortened(name.split(".", maxsplit=1)[-1]) for name in names]
    return Table(titles, values, "All trials", numeric)


def inline_svg(svg: bytes, kind: str) -> str:
    """A drawing for use inside a page: its names made unique to ``kind``, and it scales with its box."""
    text = svg.decode()
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{kind}-", text)
    return re.sub(r"<svg ", f'<svg aria-hidden="true" focusable="false" data-kind="{kind}" ', text, count=1)


def _kind(block: Block) -> str:
    """The name of the macro that draws a block."""
    return type(block).__name__


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("holdfast.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    return environment


@cache
def _css() -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, "report.css")[0]
