"""Fingerprints of rows: the same content gives the same hash, whatever file, order or library version it came through.

A row's hash is BLAKE2b (16 bytes) over its cells in the order of the column names. A cell is reduced to what it says:
a number to its 64-bit float (so ``1``, ``1.0`` and the text ``"1.00"`` are one value), true and false to those words in
any case, a date to its ISO text, anything missing (null, NaN or an empty text) to nothing. A table saved as CSV and as
Parquet therefore has the same fingerprint.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.convert import parse_numbers
from holdfast.data.values import TRUTH, parse_iso

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
    import polars as pl

    if series.dtype == pl.Boolean:
        series = series.cast(pl.String)
    numbers = parse_numbers(series).fill_nan(None)
    cells = _pack(numbers.fill_null(0.0).to_numpy())
    canonical: dict[str, bytes] = {}
    others = numbers.is_null().arg_true()
    for row, value in zip(others.to_list(), series.gather(others).to_list(), strict=True):
        key = value if isinstance(value, str) else _text(value)
        if key not in canonical:
            body = _canonical(key)
            canonical[key] = len(body).to_bytes(4, "little") + body
        cells[row] = canonical[key]
    return cells


def _pack(numbers: np.ndarray) -> list[bytes]:
    """Numbers, shape (N,), as cells: the length 9, the letter n, and a little-endian float64; the two zeros alike."""
    packed = np.empty(len(numbers), dtype=[("length", "<u4"), ("kind", "S1"), ("number", "<f8")])
    packed["length"] = 9
    packed["kind"] = b"n"
    packed["number"] = numbers + 0.0
    cells: list[bytes] = packed.view(f"V{packed.itemsize}").tolist()
    return cells


def _text(value: object) -> str:
    """What a cell that is no text says, as a text; nothing if it is missing."""
    if value is None or value != value:  # noqa: PLR0124 - NaN differs from itself
        return ""
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _canonical(text: str) -> bytes:
    """What a text that is no number says, as bytes: nothing, a truth value, a date, or itself."""
    if not text:
        return b""
    if text.lower() in TRUTH:
        return b"t" + text.lower().encode()
    date = parse_iso(text)
    return b"t" + (text if date is None else date.isoformat()).encode()
