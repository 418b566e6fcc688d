"""What the command line says: data on stdout, messages on stderr, JSON as one document."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

PLAIN: dict[str, str] = {"×": "x", "±": "+/-", "…": "...", "–": "-", "→": "->"}
"""What stands for a character where a terminal's encoding has none for it."""


def in_plain(exc: UnicodeError) -> tuple[str, int]:
    """An error handler of encoders: `PLAIN`, and for other characters their codes."""
    if not isinstance(exc, UnicodeEncodeError):
        raise exc
    missing = exc.object[exc.start : exc.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), exc.end


codecs.register_error("holdfast.plain", in_plain)


def say(text: str) -> None:
    """A message, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Data, on stdout."""
    sys.stdout.write(f"{text}\n")


def show_json(data: Any) -> None:
    """One JSON document, on stdout."""
    show(json_text(data, indent=2))


def json_text(data: Any, indent: int | None = None) -> str:
    """JSON in the characters that stdout can show; others as JSON escapes them."""
    whole = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    return json.dumps(data, indent=indent, ensure_ascii=not whole, allow_nan=False)


def show_bytes(data: bytes) -> None:
    """The bytes of a file, on stdout, whatever encoding the terminal has."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def is_live(stream: TextIO) -> bool:
    """Whether lines written there can be written over: a terminal, and not one that only types."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def show_marked(text: str, styles: Mapping[str, str]) -> None:
    """Data, on stdout; on a terminal that shows colours, a line's first word is coloured as ``styles`` says."""
    if not is_live(sys.stdout) or os.environ.get("NO_COLOR"):
        show(text)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    for line in text.splitlines():
        word = next(iter(line.split()), "")
        shown = Text(line, style="" if line.startswith(" ") or not line else "bold")
        if line.startswith(" ") and word in styles:
            at = line.index(word)
            shown.stylize(styles[word], at, at + len(word))
        console.print(shown)


def columns(stream: TextIO) -> int | None:
    """The width of a terminal, at least 40; None where the stream is none, and lines may be as long as they are."""
    return max(shutil.get_terminal_size().columns, 40) if stream.isatty() else None


def aligned(rows: Sequence[Sequence[str]], *, gap: int = 3, indent: str = "  ", width: int | None = None) -> str:
    """Rows of cells as lines of text, every column as wide as its widest cell but the last.

    With ``width`` the last column is broken at words to fit into so many columns.

    >>> print(aligned([["a", "b"], ["long", "c"]], gap=1, indent=""))
    a    b
    long c
    >>> print(aligned([["a", "one two three four five"]], gap=1, indent="", width=22))
    a one two three four
      five
    """
    many = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(many)]
    before = len(indent) + sum(widths[:-1]) + gap * (many - 1)
    broken = rows if width is None else [line for row in rows for line in _broken(row, many, width - before)]
    lines = [(" " * gap).join(cell.ljust(widths[i]) for i, cell in enumerate(row)) for row in broken]
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def _broken(row: Sequence[str], many: int, width: int) -> list[list[str]]:
    """A row, and below it what of its last cell does not fit."""
    if len(row) < many:
        return [list(row)]
    first, *rest = textwrap.wrap(row[-1], max(width, 20), break_on_hyphens=False) or [""]
    return [[*row[:-1], first], *([""] * (many - 1) + [text] for text in rest)]
