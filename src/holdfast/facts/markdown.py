"""A document as GitHub's Markdown; whatever comes from the user is escaped, so that no name becomes markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.facts.blocks import (
    Alert,
    Beside,
    Block,
    Bullets,
    Command,
    Document,
    Figure,
    Gallery,
    Paragraph,
    ScoreCard,
    ScoreCards,
    Section,
    Table,
)


def markdown(page: Document) -> str:
    """A document in Markdown."""
    parts = [f"# {escaped(page.title)}", *[_block(block) for block in page.top]]
    parts.extend(section_markdown(section) for section in page.sections)
    return "\n\n".join(parts) + "\n"


def section_markdown(section: Section, level: int = 2) -> str:
    """A heading of that level and the blocks under it, without a line break at the end."""
    return "\n\n".join([f"{'#' * level} {escaped(section.title)}", *map(_block, section.blocks)])


def escaped(text: str) -> str:
    """One line of text in which nothing is markup."""
    line = " ".join(text.split())
    line = re.sub(r"([\\`*<>|\[\]~&$!])", r"\\\1", line)
    line = re.sub(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\\_", line)
    line = re.sub(r"(?i)\b(https?|ftp|mailto):", r"\1\\:", line)
    return re.sub(r"(?i)\bwww\.", r"www\\.", line)


def _paragraph(text: str) -> str:
    """A line that cannot begin a list, a heading or a rule."""
    line = escaped(text)
    line = re.sub(r"^([#+\-=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)


def _code(text: str) -> str:
    """A code span, or nothing for nothing; within a table a vertical bar is escaped all the same."""
    line = " ".join(text.split())
    if not line:
        return ""
    ticks = "`" * (1 + _longest_run(line))
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}".replace("|", "\\|")


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return _paragraph(text)
        case Alert(text):
            return f"> **Note:** {escaped(text)}"
        case Bullets(items):
            return "\n".join(f"- {_paragraph(item)}" for item in items)
        case Command(text):
            fence = "`" * max(3, 1 + _longest_run(text))
            return f"{fence}sh\n{' '.join(text.splitlines())}\n{fence}"
        case Table():
            return _table(block)
        case Beside(tables):
            return "\n\n".join(_table(table) for table in tables)
        case ScoreCards(cards):
            return _cards(cards)
        case Figure():
            return _figure(block)
        case Gallery(figures):
            return "\n\n".join(_figure(figure) for figure in figures)


def _figure(figure: Figure) -> str:
    return f"![{escaped(figure.alternative)}](figures/{figure.name}.png)\n\n{_paragraph(figure.caption)}"


def _table(table: Table) -> str:
    rule = ["---:" if place in table.numeric else "---" for place in range(len(table.header))]
    body = [
        [_code(cell) if place in table.code else escaped(cell) for place, cell in enumerate(row)] for row in table.rows
    ]
    return _grid([[escaped(cell) for cell in table.header], rule, *body])


def _cards(cards: Sequence[ScoreCard]) -> str:
    lines = [
        ["", *[card.title for card in cards]],
        ["score", *[f"**{escaped(card.value)}**" for card in cards]],
        ["interval", *[escaped(card.interval) for card in cards]],
        ["method", *[escaped(card.method) for card in cards]],
        ["about", *[escaped(card.estimand) for card in cards]],
        ["rows", *[escaped(card.rows) for card in cards]],
    ]
    grid = _grid([lines[0], ["---"] * (len(cards) + 1), *lines[1:]])
    missing = [f"- No {card.title.lower()}: {escaped(card.missing)}." for card in cards if card.missing]
    return "\n\n".join([grid, "\n".join(missing)]) if missing else grid


def _grid(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
