"""Zip archives: their list of members and the starts of members, with a limit on both; nothing is unpacked."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from holdfast.count.files.bounded import Source, damaged, too_large, word

END = b"PK\x05\x06"
"""What the end of a zip archive begins with."""

MOST_MEMBERS = 50_000
"""Members of one archive."""

LARGEST_LIST = 3_000_000
"""Bytes of an archive's list of members."""

_FAULTS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Python's reader of archives raises for one that is damaged, encrypted, or packed in an unknown way."""

_SHAPE = re.compile(rb"'shape'\s*:\s*\(([\d,L\s]*)\)")
_TYPE = re.compile(rb"'descr'\s*:\s*'([^']{1,40})'")

LONGEST_HEADER = 1 << 16


class Archive:
    """An open archive.

    Args:
        members: the archive as Python reads it.
        name: the file, for sentences.
    """

    def __init__(self, members: zipfile.ZipFile, name: str) -> None:
        self.members = members
        self.name = name
        self.names = frozenset(members.namelist())

    @contextmanager
    def member(self, name: str, largest: int) -> Iterator[Source]:
        """A member to read from.

        Raises:
            RequestError: if there is none, it is packed in an unusual way, or it claims more than ``largest`` bytes.
        """
        with faults(self.name):
            if name not in self.names:
                raise damaged(self.name, f"it should hold {word(name)}, and does not")
            info = self.members.getinfo(name)
            if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} or info.flag_bits & 1:
                raise too_large(self.name, f"{word(name)} in it is packed in a way that is not read, or encrypted")
            if info.file_size > largest:
                raise too_large(self.name, f"{word(name)} in it has {info.file_size:,} bytes, more than {largest:,}")
            with self.members.open(info) as file:
                yield Source(file, self.name, info.file_size)  # type: ignore[arg-type]

    def array(self, name: str) -> tuple[tuple[int, ...], str]:
        """The shape and type (as numpy writes it, ``<f8``; empty for a record) of an array in numpy's format."""
        with self.member(name, 1 << 62) as source:
            return numpy_header(source, name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """The whole numbers of 64 bits in a small array in numpy's format."""
        with self.member(name, 4096) as source:
            shape, dtype = numpy_header(source, name)
            if dtype != "<i8" or len(shape) != 1 or shape[0] > 64:
                raise damaged(self.name, f"the array {word(name)} is no shape")
            return struct.unpack(f"<{shape[0]}q", source.read(8 * shape[0], f"the array {word(name)}"))


def numpy_header(source: Source, name: str) -> tuple[tuple[int, ...], str]:
    """The shape and type of an array in numpy's format, from its header."""
    what = f"the array {word(name)}"
    if source.read(6, what) != b"\x93NUMPY":
        raise damaged(source.name, f"{what} is not in numpy's format")
    major = source.read(2, what)[0]
    length = source.number(2 if major == 1 else 4, what)
    if length > LONGEST_HEADER:
        raise too_large(source.name, f"{what} has a header of {length:,} bytes")
    header = source.read(length, what)
    shape, dtype = _SHAPE.search(header), _TYPE.search(header)
    sides = [side.strip().rstrip(b"L") for side in shape[1].split(b",")] if shape else []
    sides = [side for side in sides if side]
    if shape is None or len(sides) > 64 or not all(side.isdigit() and len(side) < 19 for side in sides):
        raise damaged(source.name, f"{what} has no shape")
    return tuple(int(side) for side in sides), dtype[1].decode("latin-1") if dtype else ""


@contextmanager
def archive(file: BinaryIO, size: int, name: str) -> Iterator[Archive]:
    """A zip archive to look into.

    Raises:
        RequestError: if it is damaged or has too many members to be looked at.
    """
    _few_enough(file, size, name)
    with faults(name), zipfile.ZipFile(file) as members:
        yield Archive(members, name)


@contextmanager
def faults(name: str) -> Iterator[None]:
    """Say of an archive that Python cannot read that it is damaged."""
    try:
        yield
    except _FAULTS as exc:
        raise damaged(name, f"it is an archive that cannot be read ({' '.join(str(exc).split())[:80]})") from exc


def _few_enough(file: BinaryIO, size: int, name: str) -> None:
    """Refuse an archive whose list of members is long, before the list is read."""
    file.seek(max(size - (1 << 16) - 22, 0))
    tail = file.read((1 << 16) + 22)
    at = tail.rfind(END)
    if at < 0 or len(tail) - at < 22:
        raise damaged(name, "it begins like a zip archive and has no list of members at its end")
    members, length = struct.unpack_from("<HI", tail, at + 10)
    if members > MOST_MEMBERS or length > LARGEST_LIST:
        raise too_large(name, f"it is an archive of more than {MOST_MEMBERS:,} members")
    file.seek(0)
