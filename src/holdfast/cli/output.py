"""What the command line says: data on stdout, messages on stderr, JSON as one document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO


def say(text: str) -> None:
    """A message, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Data, on stdout."""
    sys.stdout.write(f"{text}\n")


def show_json(data: Any) -> None:
    """One JSON document, on stdout."""
    show(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def show_bytes(data: bytes) -> None:
    """The bytes of a file, on stdout, whatever encoding the terminal has."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def is_live(stream: TextIO) -> bool:
    """Whether lines written there can be written over: a terminal, and not one that only types."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def aligned(rows: Sequence[Sequence[str]], *, gap: int = 3, indent: str = "  ") -> str:
    """Rows of cells as lines of text, every column as wide as its widest cell but the last.

    >>> print(aligned([["a", "b"], ["long", "c"]], gap=1, indent=""))
    a    b
    long c
    """
    columns = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(columns)]
    lines = [(" " * gap).join(cell.ljust(widths[i]) for i, cell in enumerate(row)) for row in rows]
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)
