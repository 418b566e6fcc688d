"""Reading tables from files: CSV and TSV by rules that leave no doubt, Parquet and Arrow with the types they carry.

A CSV file is read as text only; which column holds numbers or dates is decided in `holdfast.data.columns`, so that a
training table and a table to predict for are read alike. The rules:

- The file is UTF-8 (with or without a byte-order mark). The first line names the columns.
- ``.tsv`` is separated by tabs; ``.csv`` by commas, or by semicolons or tabs if the header holds those and no comma.
- Spaces around a value are no part of it. A line without any character is no row.
- The spellings in `MISSING` are missing values.
- Every row has as many values as the header has names; anything else is refused with its line.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"})
"""The spellings of a missing value in a CSV file."""

SUFFIXES = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".ipc")
"""The endings of the files that can be read."""

LONGEST_VALUE = 2**31 - 1
"""The most characters of a value in a CSV file: what Python's reader can be set to on every system."""


def read_table(data: bytes, path: Path) -> pl.DataFrame:
    """The table in the bytes of a file; the ending of ``path`` says the format.

    Raises:
        DataError: if the bytes are not such a table, or the table has no rows, no columns, or columns without a name
            or with the same name.
    """
    if not data:
        raise DataError(f"{path} is empty; a table with a header and rows is needed")
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv"}:
        return _read_delimited(data, path, "\t" if suffix == ".tsv" else None)
    frame = _read_binary(data, path, suffix)
    check_names(frame.columns, str(path))
    if frame.height == 0:
        raise DataError(f"{path} has columns but no rows; at least one row is needed")
    return frame


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse a header without names, with an empty name, or with the same name twice.

    Raises:
        DataError: as said.
    """
    if not names:
        raise DataError(f"{where} has no columns; a table with named columns is needed")
    first: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"column {position} of {where} has no name in the header; name it, or leave out the row numbers "
                "(in pandas: index=False) when the table is saved"
            )
        if name in first:
            raise DataError(
                f"columns {first[name]} and {position} of {where} are both called '{name}'; every column needs a "
                "name of its own"
            )
        first[name] = position


def _read_delimited(data: bytes, path: Path, delimiter: str | None) -> pl.DataFrame:
    """A CSV or TSV file as a frame of strings."""
    import polars as pl

    text = _decode(data, path)
    rows: list[tuple[str, ...]] = []
    names: list[str] = []
    for line, row in _rows(text, delimiter or _delimiter(text), path):
        if not names:
            names = [name.strip() for name in row]
            check_names(names, str(path))
        elif len(row) != len(names):
            raise DataError(
                f"line {line} of {path} has {_count(len(row), 'value')} where the header names "
                f"{_count(len(names), 'column')}; put a value that holds the separator between double quotes"
            )
        else:
            rows.append(tuple(row))
    if not names:
        raise DataError(f"{path} holds blank lines only; a table with a header and rows is needed")
    if not rows:
        raise DataError(f"{path} has a header but no rows; at least one row is needed")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    texts = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)).select(pl.all().str.strip_chars())
    return texts.select(pl.when(~pl.all().is_in(sorted(MISSING))).then(pl.all()))


def _rows(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV text that hold anything, with the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(LONGEST_VALUE)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as exc:
        raise DataError(f"line {line} of {path} {_plainly(str(exc))}") from exc
    finally:
        csv.field_size_limit(limit)


def _plainly(reason: str) -> str:
    """What the CSV parser says of a line, as a person would."""
    if "end of data" in reason:
        return "opens a double quote that is never closed; close it, or write a double quote within a value twice"
    return "goes on after a closing double quote; write a double quote within a value twice"


def _count(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _delimiter(text: str) -> str:
    """The separator of a ``.csv`` file, as its header shows it."""
    header = text.lstrip("\r\n").splitlines()[:1]
    if header and "," not in header[0]:
        return max(";\t,", key=header[0].count)
    return ","


def _decode(data: bytes, path: Path) -> str:
    """The bytes as UTF-8 text, or an error that says where they are not."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DataError(f"{path} is UTF-16; save it as UTF-8") from exc
        line = data.count(b"\n", 0, exc.start) + 1
        raise DataError(
            f"{path} is not UTF-8: byte {exc.start + 1}, in line {line}, is 0x{data[exc.start]:02x}; save it as UTF-8"
        ) from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"line {line} of {path} holds a zero byte, as no text file does; save it as CSV in UTF-8")
    return text


def _read_binary(data: bytes, path: Path, suffix: str) -> pl.DataFrame:
    """A Parquet file, or an Arrow file or stream."""
    import polars as pl

    try:
        with _without_panics():
            if suffix == ".parquet":
                return pl.read_parquet(io.BytesIO(data))
            if data.startswith(b"ARROW1"):
                return pl.read_ipc(io.BytesIO(data))
            return pl.read_ipc_stream(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as exc:
        kind = "Parquet" if suffix == ".parquet" else "Arrow"
        raise DataError(
            f"{path} is no {kind} file, or a damaged one; save it again, or give it the ending of its own format"
        ) from exc


@contextmanager
def _without_panics() -> Iterator[None]:
    """Keep what polars writes to the process's stderr, when a damaged file makes it panic, from a person."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed already
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
