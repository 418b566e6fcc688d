"""Universal Binary JSON, walked from the front: XGBoost's other format.

A value is a letter for its type and its bytes, big-endian. A list or object may state its length (``#``) and the type
of its items (``$``), and has no end mark then.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from holdfast.count.files.bounded import DEEPEST, Source, damaged, too_large, word
from holdfast.count.files.values import LARGEST_VALUE, Steps
from holdfast.errors import RequestError

_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_WORDS: dict[bytes, Any] = {b"Z": None, b"T": True, b"F": False}
_SIZES = {**{mark: struct.calcsize(form) for mark, form in _NUMBERS.items()}, b"C": 1, **dict.fromkeys(_WORDS, 0)}

MOST_VALUES = 10_000
"""Values in one value that is taken whole."""


class UbjsonValues:
    """A cursor over the values of a UBJSON file.

    Args:
        source: the file, read from where it stands.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.steps = Steps(source.name)
        self.depth = 0
        self.pending: bytes | None = None

    def members(self) -> Iterator[str]:
        """The keys of an object."""
        if self._mark() != b"{":
            raise _wrong(self.source, "an object")
        return self._keys()

    def items(self) -> Iterator[int]:
        """The positions of a list's items."""
        if self._mark() != b"[":
            raise _wrong(self.source, "a list")
        return self._positions()

    def value(self) -> Any:
        """The value itself, which is small."""
        return self._value([MOST_VALUES])

    def count(self) -> int:
        """How many items a list of numbers has."""
        if self._mark() != b"[":
            raise _wrong(self.source, "a list")
        kind, length = _header(self.source)
        if kind is not None and length is not None:
            self.source.skip(length * _size(self.source, kind), "a list")
            return length
        number = 0
        for _ in self._marks(b"]", kind, length):
            self.skip()
            number += 1
        return number

    def skip(self) -> None:
        """Step over the value."""
        mark = self._mark()
        if mark in _SIZES:
            self.source.skip(_SIZES[mark], "a number")
        elif mark in b"SH":
            self.source.skip(_length(self.source), "a text")
        elif mark == b"{":
            for _ in self._keys():
                self.skip()
        elif mark == b"[":
            kind, length = _header(self.source)
            if kind is not None and length is not None and kind in _SIZES:
                self.source.skip(length * _SIZES[kind], "a list")
            else:
                for _ in self._marks(b"]", kind, length):
                    self.skip()
        else:
            raise _wrong(self.source, "a value")

    def _value(self, left: list[int]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise too_large(self.source.name, f"a value in it holds more than {MOST_VALUES:,}")
        mark = self._mark()
        if mark in _NUMBERS:
            return struct.unpack(_NUMBERS[mark], self.source.read(_SIZES[mark], "a number"))[0]
        if mark in _WORDS:
            return _WORDS[mark]
        if mark in {b"S", b"H", b"C"}:
            return _text(self.source, 1 if mark == b"C" else _length(self.source))
        if mark == b"{":
            return {key: self._value(left) for key in self._keys()}
        if mark == b"[":
            return [self._value(left) for _ in self._positions()]
        raise _wrong(self.source, "a value")

    def _keys(self) -> Iterator[str]:
        """The keys behind the mark of an object."""
        kind, length = _header(self.source)
        for _ in self._marks(b"}", None, length):
            key = _text(self.source, _length(self.source))
            self.pending = kind
            yield key

    def _positions(self) -> Iterator[int]:
        """The positions behind the mark of a list."""
        kind, length = _header(self.source)
        yield from self._marks(b"]", kind, length)

    def _marks(self, end: bytes, kind: bytes | None, length: int | None) -> Iterator[int]:
        """Positions up to the end mark, or as many as are stated."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise too_large(self.source.name, f"its values are nested more than {DEEPEST} deep")
        position = 0
        while length is None or position < length:
            self.steps.add()
            if length is None:
                mark = self.source.read(1, "a list or object")
                if mark == end:
                    break
                self.source.file.seek(-1, 1)
            self.pending = kind
            yield position
            position += 1
        self.depth -= 1

    def _mark(self) -> bytes:
        """The letter of the next value; that of a typed list is stated once."""
        if self.pending is not None:
            mark, self.pending = self.pending, None
            return mark
        while (mark := self.source.read(1, "a value")) == b"N":
            self.steps.add()
        return mark


def _header(source: Source) -> tuple[bytes | None, int | None]:
    """The type of the items and their number, where they are stated."""
    kind = None
    mark = source.read(1, "a list or object")
    if mark == b"$":
        kind = source.read(1, "a type")
        mark = source.read(1, "a length")
        if mark != b"#":
            raise _wrong(source, "a length behind a type")
    if mark == b"#":
        return kind, _length(source)
    source.file.seek(-1, 1)
    return None, None


def _length(source: Source) -> int:
    mark = source.read(1, "a length")
    if mark not in {b"i", b"U", b"I", b"l", b"L"}:
        raise _wrong(source, "a length")
    (length,) = struct.unpack(_NUMBERS[mark], source.read(_SIZES[mark], "a length"))
    if length < 0:
        raise damaged(source.name, f"a length in it is {length:,}")
    return int(length)


def _size(source: Source, kind: bytes) -> int:
    if kind not in _SIZES:
        raise damaged(source.name, f"a list of numbers has items of the type {word(kind.decode('latin-1'))}")
    return _SIZES[kind]


def _text(source: Source, length: int) -> str:
    if length > LARGEST_VALUE:
        raise too_large(source.name, f"a text in it has {length:,} bytes")
    return source.read(length, "a text").decode("utf-8", "replace")


def _wrong(source: Source, expected: str) -> RequestError:
    return damaged(source.name, f"before byte {source.tell():,} should be {expected}")
