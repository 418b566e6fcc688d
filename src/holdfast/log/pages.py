"""The pages of an SQLite file, read without SQLite, so that damage to one of them costs what lay on it and no more.

The form is that of https://sqlite.org/fileformat2.html. Neither the header nor the tree is needed: every page that can
be a leaf is read for itself, in every version that the file and the write-ahead log beside it hold.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"SQLite format 3\x00"
SIZES = (4096, 1024, 2048, 8192, 16384, 32768, 65536, 512)
"""The sizes that a page may have, the usual one first."""

_INTERIOR_INDEX, _LEAF_INDEX, _LEAF_TABLE = 0x02, 0x0A, 0x0D
_WAL_HEADER, _FRAME_HEADER = 32, 24
_WIDTHS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
"""The bytes of an integer by its type in a record; the types 8 and 9 are the numbers 0 and 1."""

_LONGEST = 2**31 - 1
"""The most bytes that a row may have."""

Value = str | bytes | int
Wanted = Callable[[Sequence[int]], bool]
"""Whether the rows with values of these types (as records have them) are looked for."""


@dataclass(frozen=True)
class Frame:
    """A page as the write-ahead log holds it; ``sound`` if its checksum is right."""

    page: int
    data: bytes
    sound: bool


@dataclass(frozen=True)
class Pages:
    """All that a file and its write-ahead log hold.

    Attributes:
        file: the bytes of the file.
        size: of a page.
        reserved: bytes at the end of each page that are not used.
        frames: the committed pages in the write-ahead log, the oldest first.
    """

    file: mmap.mmap | bytes
    size: int
    reserved: int
    frames: tuple[Frame, ...]

    @property
    def count(self) -> int:
        """The number of pages in the file, one that is cut off with them."""
        return -(-len(self.file) // self.size)

    def page(self, number: int) -> bytes:
        """A page of the file by its number, from 1; what is cut off is zero."""
        start = (number - 1) * self.size
        return bytes(self.file[start : start + self.size]).ljust(self.size, b"\0")

    def rows(self, wanted: Wanted) -> Iterator[tuple[Value, ...]]:
        """Every row of wanted types on any version of any page; the same one may come several times."""
        own: Mapping[int, bytes] = {}
        sound = {frame.page: frame.data for frame in self.frames if frame.sound}
        every = {frame.page: frame.data for frame in self.frames}
        views = [sound, own] if sound == every else [sound, every, own]
        views = views if self.frames else [own]
        for number in range(1, self.count + 1):
            yield from self._on_page(number, self.page(number), views, wanted)
        for frame in self.frames:
            yield from self._on_page(frame.page, frame.data, views, wanted)

    def _on_page(
        self, number: int, data: bytes, views: Sequence[Mapping[int, bytes]], wanted: Wanted
    ) -> Iterator[tuple[Value, ...]]:
        start = 100 if number == 1 else 0
        kind = data[start]
        if kind not in {_INTERIOR_INDEX, _LEAF_INDEX, _LEAF_TABLE}:
            return
        first = start + (12 if kind == _INTERIOR_INDEX else 8)
        cells = min(int.from_bytes(data[start + 3 : start + 5], "big"), (self.size - first) // 2)
        for place in struct.unpack_from(f">{cells}H", data, first):
            yield from self._in_cell(data, place, kind, views, wanted)

    def _in_cell(
        self, data: bytes, place: int, kind: int, views: Sequence[Mapping[int, bytes]], wanted: Wanted
    ) -> Iterator[tuple[Value, ...]]:
        """The row of a cell, once for each way of reading what does not fit on its page."""
        try:
            length, place = _varint(data, place + (4 if kind == _INTERIOR_INDEX else 0))
            if kind == _LEAF_TABLE:
                _, place = _varint(data, place)
            local = self._local(length, is_table=kind == _LEAF_TABLE)
            head = data[place : place + local]
            types, _ = _types(head)
        except (IndexError, ValueError):
            return
        if len(head) < local or length > _LONGEST or not wanted(types):
            return
        if local == length:
            whole = {head}
        else:
            link = int.from_bytes(data[place + local : place + local + 4], "big")
            whole = {found for view in views if (found := self._followed(head, link, length, view)) is not None}
        for payload in whole:
            row = _values(payload)
            if row is not None:
                yield row

    def _local(self, length: int, *, is_table: bool) -> int:
        """How many bytes of a row lie on the page itself."""
        usable = self.size - self.reserved
        least = (usable - 12) * 32 // 255 - 23
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        rest = least + (length - least) % (usable - 4)
        return rest if rest <= most else least

    def _followed(self, head: bytes, link: int, length: int, view: Mapping[int, bytes]) -> bytes | None:
        """A row with what lies on further pages; None where one of them is missing."""
        parts, missing = [head], length - len(head)
        usable = self.size - self.reserved
        while missing > 0:
            if link == 0 or (link > self.count and link not in view):
                return None
            page = view[link] if link in view else self.page(link)
            parts.append(page[4 : min(usable, 4 + missing)])
            missing -= len(parts[-1])
            link = int.from_bytes(page[:4], "big")
        return b"".join(parts)


@contextmanager
def opened(path: Path, wanted: Wanted) -> Iterator[Pages]:
    """The pages of a file and of the write-ahead log beside it, where there is one. Nothing is written or locked.

    Where the header is gone, pages have the size with which most rows of ``wanted`` types are found.
    """
    beside = path.with_name(f"{path.name}-wal")
    log = beside.read_bytes() if beside.is_file() else b""
    with path.open("rb") as handle:
        empty = path.stat().st_size == 0
        file: mmap.mmap | bytes = b"" if empty else mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            size, reserved = _sizes(file, log, wanted)
            yield Pages(file, size, reserved, tuple(_committed(log, size)))
        finally:
            if isinstance(file, mmap.mmap):
                file.close()


def _sizes(file: mmap.mmap | bytes, log: bytes, wanted: Wanted) -> tuple[int, int]:
    """The size of a page, and how many bytes of it are reserved."""
    stated = int.from_bytes(file[16:18], "big") if file[:16] == MAGIC else 0
    stated = 65536 if stated == 1 else stated
    if stated in SIZES and file[20] <= 32:
        return stated, file[20]
    logged = int.from_bytes(log[8:12], "big")
    if logged in SIZES:
        return logged, 0
    start = file[: 2**22]
    return max(SIZES, key=lambda size: sum(1 for _ in Pages(start, size, 0, ()).rows(wanted))), 0


def _committed(log: bytes, size: int) -> Iterator[Frame]:
    """The frames of a write-ahead log of which the end of their transaction is there, too."""
    whole = (len(log) - _WAL_HEADER) // (size + _FRAME_HEADER)
    ends: dict[bytes, int] = {}
    places = [_WAL_HEADER + at * (size + _FRAME_HEADER) for at in range(max(whole, 0))]
    for place in places:
        if log[place + 4 : place + 8] != b"\0\0\0\0":
            ends[log[place + 8 : place + 16]] = place
    before = log[24:32]
    order = "big" if log[3:4] == b"\x83" else "little"
    for place in places:
        head = log[place : place + _FRAME_HEADER]
        data = log[place + _FRAME_HEADER : place + _FRAME_HEADER + size]
        if ends.get(head[8:16], -1) >= place and head[:4] != b"\0\0\0\0":
            yield Frame(int.from_bytes(head[:4], "big"), data, _checksum(before, head[:8] + data, order) == head[16:])
        before = head[16:]


def _checksum(before: bytes, data: bytes, order: str) -> bytes:
    """The checksum of a frame behind that of the frame before."""
    first, second = struct.unpack(">II", before)
    words = struct.unpack(f"{'>' if order == 'big' else '<'}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return struct.pack(">II", first, second)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and the place behind it."""
    number = 0
    for count in range(8):
        byte = data[place + count]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, place + count + 1
    return number << 8 | data[place + 8], place + 9


def _types(record: bytes) -> tuple[list[int], int]:
    """The types of the values in a record, and where these begin."""
    end, place = _varint(record, 0)
    if not place < end <= 100:  # a row of a log has few values
        raise ValueError("this is no record of a log")
    types = []
    while place < end:
        kind, place = _varint(record, place)
        types.append(kind)
    return types, end


def _values(record: bytes) -> tuple[Value, ...] | None:
    """The values of a record; None if it holds others than texts, blobs and integers, or a text is none."""
    types, place = _types(record)
    values: list[Value] = []
    for kind in types:
        length = (kind - 12) // 2 if kind >= 12 else _WIDTHS.get(kind, -1)
        part = record[place : place + length]
        if length < 0 or len(part) < length:
            return None
        place += length
        if kind < 12:
            values.append(kind - 8 if kind in {8, 9} else int.from_bytes(part, "big", signed=True))
        elif kind % 2 == 0:
            values.append(part)
        else:
            try:
                values.append(part.decode())
            except UnicodeDecodeError:
                return None
    return tuple(values)
