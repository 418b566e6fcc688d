"""The report as one HTML file: no network, fit for a phone, a desktop and a printer, light and dark.

Its figures are drawn by a script that is part of the file; a content security policy names that script and one for
sorting by their hashes and forbids all else. Without scripts the page is whole, with its figures in words.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache

import jinja2

from holdfast.facts.blocks import Block, Document, Figure
from holdfast.log.base import Head
from holdfast.report.charts import sized
from holdfast.report.figures import drawing_script
from holdfast.report.palette import dark_rules


def page_html(page: Document, head: Head) -> str:
    """A document as a page that stands alone; equal documents give equal pages.

    Every text that is not the template's own is escaped, and specifications lie in the page as data, not as code.
    """
    css = _css()
    scripts = [_source("tables.js"), *([drawing_script()] if page.figures else [])]
    template = _environment().get_template("report.html.jinja")
    return template.render(page=page, css=css, scripts=scripts, policy=_policy(css, scripts), head=head)


def slug(title: str) -> str:
    """The anchor of a section.

    >>> slug("The winner's hyperparameters")
    'the-winner-s-hyperparameters'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _policy(css: str, scripts: Sequence[str]) -> str:
    """A content security policy that allows this style and these scripts, and nothing from anywhere."""
    allowed = " ".join(_hash(script) for script in scripts)
    parts = ["default-src 'none'", f"style-src {_hash(css)}", f"script-src {allowed}", "base-uri 'none'"]
    return "; ".join([*parts, "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _spec(figure: Figure) -> str:
    """The specification as JSON that cannot end the element it stands in."""
    text = json.dumps(sized(figure.spec, "container"), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


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
    environment.filters.update(kind=_kind, spec=_spec, slug=slug)
    return environment


@cache
def _css() -> str:
    """The style of the page, with the dark colours of the figures."""
    dark = dark_rules(".drawing")
    return f"{_source('report.css')}@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"


@cache
def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
