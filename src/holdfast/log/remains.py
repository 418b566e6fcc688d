"""Which rows of a file that SQLite cannot read are events and blobs of a log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.log import pages

_HASH = 13 + 2 * 64
"""The type that a record has for a text of 64 characters."""


def holds_events(path: Path) -> bool:
    """Whether a file that SQLite cannot read is what is left of a log."""
    with pages.opened(path, event_types) as found:
        return any(is_event(row) for row in found.rows(event_types))


def event_types(types: Sequence[int]) -> bool:
    """Whether a record may be an event: study, index, text and hash."""
    match types:
        case (study, index, body, digest):
            return study >= 13 and study % 2 == 1 and index < 10 and body >= 13 and body % 2 == 1 and digest == _HASH
    return False


def blob_types(types: Sequence[int]) -> bool:
    """Whether a record may be a blob: its name and its bytes."""
    match types:
        case (name, data):
            return name == _HASH and data >= 12 and data % 2 == 0
    return False


def is_event(row: Sequence[Any]) -> bool:
    """Whether a row of these types has the number and the hash of an event."""
    _, index, body, digest = row
    return index >= 0 and f'"index":{index},' in body and set(digest) <= set("0123456789abcdef")
