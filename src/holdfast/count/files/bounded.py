"""Bytes of a file that nobody has checked: read a little at a time, with a limit on everything, and refused in words.

A file may claim any length, nest to any depth and hold any number of parts. What is read from it here takes less than
`MEMORY` bytes whatever it claims, and what is wrong with it is a `RequestError`.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from holdfast.errors import RequestError

MEMORY = 48_000_000
"""Bytes that the values of one parsed text may take."""

MOST_ARRAYS = 200_000
"""Arrays of one model that are listed."""

DEEPEST = 60
"""How far values may be nested."""

CHUNK = 1 << 16


class Source:
    """A file that is read from the front, with its name for sentences.

    Args:
        file: open for reading bytes; it can seek.
        name: what the file is called in sentences.
        size: its bytes.
    """

    def __init__(self, file: BinaryIO, name: str, size: int) -> None:
        self.file = file
        self.name = name
        self.size = size

    def tell(self) -> int:
        """Where the next byte is read."""
        return self.file.tell()

    def left(self) -> int:
        """How many bytes there are from here on."""
        return self.size - self.file.tell()

    def read(self, count: int, what: str) -> bytes:
        """Exactly so many bytes of ``what``.

        Raises:
            RequestError: if the file ends before them.
        """
        if count > self.left():
            raise cut_off(self.name, f"{what} would take {count:,} bytes and {self.left():,} are left")
        data = self.file.read(count)
        if len(data) < count:
            raise cut_off(self.name, f"{what} would take {count:,} bytes and it ends after {len(data):,}")
        return data

    def skip(self, count: int, what: str) -> None:
        """Leave out so many bytes of ``what``, without reading them."""
        if count > self.left():
            raise cut_off(self.name, f"{what} would take {count:,} bytes and {self.left():,} are left")
        self.file.seek(count, os.SEEK_CUR)

    def number(self, width: int, what: str, *, big: bool = False) -> int:
        """An unsigned number of ``width`` bytes."""
        return int.from_bytes(self.read(width, what), "big" if big else "little")


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A regular file to read from.

    Raises:
        RequestError: if it is none, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            yield Source(file, str(path), status.st_size)
    except OSError as exc:
        raise RequestError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def regular(path: Path) -> None:
    """Refuse what is there and neither a file nor a folder, such as a pipe: opening one may wait for ever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as exc:
        said = "name a file or folder that holds a model, or an architecture such as gpt2"
        raise RequestError(f"{path} is not there; {said}") from exc
    except (OSError, ValueError) as exc:
        raise RequestError(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise RequestError(f"{path} is neither a file nor a folder; name one that holds a model")


def cut_off(name: str, why: str) -> RequestError:
    """What is said of a file that ends too early."""
    return RequestError(f"{name} is cut off or damaged: {why}; get the file again")


def damaged(name: str, why: str) -> RequestError:
    """What is said of a file that cannot be what it looks like."""
    return RequestError(f"{name} is damaged: {why}; get the file again")


def too_large(name: str, what: str) -> RequestError:
    """What is said of a file that is in order, perhaps, but would take more than a look."""
    return RequestError(f"{name} is not read: {what}")


def parsed(data: bytes, name: str, what: str) -> Any:
    """The value of a JSON text of bounded size.

    Args:
        data: UTF-8.
        name: the file, for sentences.
        what: which part of it, such as ``its header``.

    Raises:
        RequestError: if it is no JSON, holds a key twice, or would take more than `MEMORY` bytes.
    """
    if _weight(data) > MEMORY:
        raise too_large(name, f"{what} has {len(data):,} bytes, and its values would take more than {MEMORY:,}")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_distinct)
    except _RepeatedError as exc:
        raise damaged(name, f"{what} holds {exc} twice") from exc
    except (ValueError, RecursionError) as exc:
        raise damaged(name, f"{what} is no JSON{_place(exc)}") from exc


def parsed_object(data: bytes, name: str, what: str) -> dict[str, Any]:
    """The same for a text that has to be a JSON object."""
    value = parsed(data, name, what)
    if not isinstance(value, dict):
        raise damaged(name, f"{what} is no JSON object")
    return value


class _RepeatedError(Exception):
    """A key that an object holds twice."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedError(word(next(key for position, key in enumerate(keys) if key in keys[:position])))
    return found


def _weight(data: bytes) -> int:
    """No less than the bytes that a JSON text takes as text and as values (CPython, 64 bits)."""
    wide = 1 if data.isascii() else 4
    return (
        2 * wide * len(data)
        + 72 * data.count(b"[")
        + 240 * data.count(b"{")
        + 72 * data.count(b",")
        + 110 * data.count(b":")
    )


def _place(exc: Exception) -> str:
    """Where a JSON text goes wrong, as far as it is known."""
    if isinstance(exc, json.JSONDecodeError):
        return f" (line {exc.lineno}, column {exc.colno})"
    if isinstance(exc, UnicodeDecodeError):
        return f" (byte {exc.start:,} is no UTF-8)"
    return " (it is nested too deep)" if isinstance(exc, RecursionError) else ""


def word(text: object, longest: int = 60) -> str:
    """A name from a file as a sentence shows it: in quotes, on one line, cut off if it is long."""
    shown = repr(str(text)[: longest + 1])
    return shown if len(str(text)) <= longest else f"{shown[:-2]}...'"
