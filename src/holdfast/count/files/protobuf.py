"""The wire format of protocol buffers, walked field by field; payloads are stepped over unless they are asked for.

A field is a key (number and wire type in one variable-length number) and a value: a variable-length number (0), eight
bytes (1), a length and as many bytes (2), or four bytes (5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.count.files.bounded import Source, cut_off, damaged, too_large

MOST_FIELDS = 500_000
"""Fields that are looked at in one file."""

AHEAD = 4096
"""Bytes that are read at once."""

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its number, its wire type, and its value; for bytes the value is their length."""

    number: int
    wire: int
    value: int


class Wire:
    """A cursor over a file, which knows how many fields it has looked at.

    Args:
        source: the file, read from where it stands.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.base = source.tell()
        self.buffer = b""
        self.at = 0
        self.seen = 0

    def tell(self) -> int:
        """Where the next byte is read, from the start of the file."""
        return self.base + self.at

    def move(self, place: int) -> None:
        """Go to a place in the file."""
        at = place - self.base
        if 0 <= at <= len(self.buffer):
            self.at = at
        else:
            self.base, self.buffer, self.at = place, b"", 0

    def take(self, count: int) -> bytes:
        """The next bytes, as many as are asked for."""
        if self.at + count > len(self.buffer):
            self._fill(count)
        taken = self.buffer[self.at : self.at + count]
        if len(taken) < count:
            raise cut_off(self.source.name, f"it ends at byte {self.source.size:,}, in the middle of a field")
        self.at += count
        return taken

    def text(self, length: int, longest: int = 4096) -> str:
        """The next bytes as text, cut off where it is very long; the cursor stands behind all of it."""
        place = self.tell() + length
        text = self.take(min(length, longest)).decode("utf-8", "replace")
        self.move(place)
        return text

    def varint(self) -> int:
        """A variable-length number: seven bits a byte, the lowest first."""
        if self.at + 10 > len(self.buffer):
            self._fill(10)
        number = 0
        for position, byte in enumerate(self.buffer[self.at : self.at + 10]):
            number |= (byte & 127) << 7 * position
            if byte < 128:
                self.at += position + 1
                return number & (1 << 64) - 1
        if self.tell() + 10 > self.source.size:
            raise cut_off(self.source.name, f"it ends at byte {self.source.size:,}, in the middle of a number")
        raise damaged(self.source.name, f"at byte {self.tell():,} is a number of more than ten bytes")

    def fields(self, end: int) -> Iterator[Field]:
        """The fields up to ``end``; after each the cursor goes behind its payload, wherever it was left."""
        while self.tell() < end:
            self.seen += 1
            if self.seen > MOST_FIELDS:
                raise too_large(self.source.name, f"it has more than {MOST_FIELDS:,} fields")
            field = self._field(end)
            behind = self.tell() + (field.value if field.wire == BYTES else 0)
            yield field
            self.move(behind)

    def _field(self, end: int) -> Field:
        """The next field; its payload, if it has one, comes next."""
        place = self.tell()
        key = self.varint()
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value = self.varint()
        elif wire == EIGHT:
            value = int.from_bytes(self.take(8), "little")
        elif wire == BYTES:
            value = self.varint()
        elif wire == FOUR:
            value = int.from_bytes(self.take(4), "little")
        else:
            raise damaged(self.source.name, f"at byte {place:,} is no field of a protocol buffer")
        behind = self.tell() + (value if wire == BYTES else 0)
        if number == 0:
            raise damaged(self.source.name, f"at byte {place:,} is no field of a protocol buffer")
        if behind > self.source.size:
            claimed = f"the field at byte {place:,} claims {value:,} bytes"
            raise cut_off(self.source.name, f"{claimed}, and the file has {self.source.size:,}")
        if behind > end:
            raise damaged(self.source.name, f"the field at byte {place:,} reaches over the end of what it is part of")
        return Field(number, wire, value)

    def _fill(self, count: int) -> None:
        """Have the next bytes in the buffer, as many as are asked for and the file has."""
        self.base, self.at = self.tell(), 0
        self.source.file.seek(self.base)
        self.buffer = self.source.file.read(max(count, AHEAD))
