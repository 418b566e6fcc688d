"""Fingerprints of rows: the same content gives the same hash, whatever file, order or library version it came through.

A row's hash is BLAKE2b (16 bytes) over its cells in the order of the column names. A cell is reduced to what it says: a
number to its 64-bit float (so ``1``, ``1.0`` and the text ``"1.00"`` are one value), true and false to those words in
any case, a date to its ISO text, anything missing (null or NaN) to nothing. A table saved as CSV and as Parquet
therefore has the same fingerprint.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.values import TRUTH, parse_iso, parse_number

if TYPE_CHECKING:
    import polars as pl

HASH_DTYPE = np.dtype("S16")
"""The type of row hashes: 16 bytes each."""


def row_hashes(frame: pl.DataFrame, *, leave_out: Sequence[str] = ()) -> np.ndarray:
    """The content hash of every row, shape (N,), dtype `HASH_DTYPE`.

    Columns named in ``leave_out`` do not count. The order of the columns does not matter, their names do.
    """
    names = sorted(set(frame.columns) - set(leave_out))
    columns = [_cells(frame[name]) for name in names]
    header = hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()
    hashes = [hashlib.blake2b(b"".join(row), digest_size=16, key=header).digest() for row in zip(*columns, strict=True)]
    return np.array(hashes, dtype=HASH_DTYPE)


def fingerprint(hashes: np.ndarray) -> str:
    """The SHA-256, in hex, of a set of rows by their hashes, shape (N,); the order of the rows does not matter."""
    return hashlib.sha256(np.sort(np.asarray(hashes, dtype=HASH_DTYPE)).tobytes()).hexdigest()


def overlap(a: np.ndarray, b: np.ndarray) -> int:
    """How many rows two sets have in common, by their hashes; a row that occurs twice in both counts twice."""
    values_a, counts_a = np.unique(np.asarray(a, dtype=HASH_DTYPE), return_counts=True)
    values_b, counts_b = np.unique(np.asarray(b, dtype=HASH_DTYPE), return_counts=True)
    _, at_a, at_b = np.intersect1d(values_a, values_b, assume_unique=True, return_indices=True)
    return int(np.minimum(counts_a[at_a], counts_b[at_b]).sum())


def hashes_to_bytes(hashes: np.ndarray) -> bytes:
    """Row hashes as bytes, 16 a row, fit for a blob."""
    return np.asarray(hashes, dtype=HASH_DTYPE).tobytes()


def hashes_from_bytes(data: bytes) -> np.ndarray:
    """The row hashes that `hashes_to_bytes` wrote, shape (N,)."""
    return np.frombuffer(data, dtype=HASH_DTYPE)


def _cells(series: pl.Series) -> list[bytes]:
    """The canonical bytes of every cell of a column, each led by its length so that cells cannot run together."""
    canonical: dict[object, bytes] = {}
    cells = []
    typed = series.dtype.is_nested() or series.dtype.is_decimal()
    for value in series.to_list():
        key = str(value) if typed and value is not None else value
        known = canonical.get(key)
        if known is None:
            body = _canonical(key)
            known = canonical[key] = struct.pack("<I", len(body)) + body
        cells.append(known)
    return cells


def _canonical(value: object) -> bytes:
    """What a cell says, as bytes."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"t" + str(value).lower().encode()
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, dt.date | dt.time):
        return b"t" + value.isoformat().encode()
    if isinstance(value, bytes):
        return b"b" + value
    text = str(value)
    if text.lower() in TRUTH:
        return b"t" + text.lower().encode()
    number = parse_number(text)
    if number is not None:
        return _number(number)
    date = parse_iso(text)
    return b"t" + (text if date is None else date.isoformat()).encode()


def _number(value: float) -> bytes:
    """A number as a little-endian float64, the two zeros alike; NaN is missing."""
    return b"" if value != value else b"n" + struct.pack("<d", value + 0.0)  # noqa: PLR0124 - NaN differs from itself
