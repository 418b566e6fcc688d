"""What a page is made of: plain records of plain text. Each format (Markdown, HTML) draws and escapes them itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    """Rows of cells; ``numeric`` and ``code`` are the positions of columns of numbers and of hashes or exact values."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    numeric: frozenset[int] = frozenset()
    code: frozenset[int] = frozenset()


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


Block = Paragraph | Alert | Bullets | Command | Table | ScoreCards


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
