"""What a page is made of: plain records of plain text. Each format (Markdown, HTML) draws and escapes them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDE = 760
"""The width of a picture, in pixels, that has its row for itself."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A sentence that nobody should overlook."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences that stand for themselves."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Command:
    """A line to type into a shell."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; ``numeric`` and ``code`` are the positions of columns of numbers and of hashes or exact values.

    A ``long`` table is one to search in: where a page can, it scrolls below its header and is sorted by any column.
    ``more`` holds, by row and column, what a cell says beyond its text: where a page can, it is folded away behind it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    numeric: frozenset[int] = frozenset()
    code: frozenset[int] = frozenset()
    long: bool = False
    more: Mapping[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beside:
    """Tables side by side where there is room."""

    tables: Sequence[Table]


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One score: its value large, the rest in small print. ``value`` is a dash where ``missing`` says why."""

    title: str
    value: str
    interval: str
    method: str
    estimand: str
    rows: str
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ScoreCards:
    """Scores side by side."""

    cards: Sequence[ScoreCard]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, from one specification wherever it is drawn.

    Args:
        name: of its files, in ``figures/``; safe as a file's name, and on one page no two are the same.
        spec: of Vega-Lite, without its width.
        caption: what to see in it, in a sentence or two.
        alternative: what it shows, for somebody who does not see it.
        width: in pixels, where it is a file; on a page it is as wide as its box.
    """

    name: str
    spec: Mapping[str, Any]
    caption: str
    alternative: str
    width: int = WIDE


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures side by side, as many as fit."""

    figures: Sequence[Figure]


Block = Paragraph | Alert | Bullets | Command | Table | Beside | ScoreCards | Figure | Gallery


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """A page: its title, what stands at the top, and its sections."""

    title: str
    top: Sequence[Block]
    sections: Sequence[Section]

    @property
    def figures(self) -> list[Figure]:
        """Every picture, in the order of the page."""
        found: list[Figure] = []
        for block in [*self.top, *(block for section in self.sections for block in section.blocks)]:
            if isinstance(block, Figure):
                found.append(block)
            elif isinstance(block, Gallery):
                found.extend(block.figures)
        return found
