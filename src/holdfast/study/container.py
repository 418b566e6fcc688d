"""JSON values, arrays of numbers and lists of lines as bytes and back: for snapshots, without pickles."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MAGIC = b"holdfast columns\n"
LEVEL = 1
"""Of zlib's nine levels: arrays are to be read fast."""


def to_bytes(values: Mapping[str, Any], arrays: Sequence[np.ndarray], lines: Sequence[Sequence[str]]) -> bytes:
    """All of it in one piece. Floats stay as they are, since noise does not get shorter; the rest is compressed.

    Args:
        values: JSON values, with NaN and the infinities as Python writes them.
        arrays: of numbers.
        lines: texts without line breaks.
    """
    parts, forms = [], []
    for array in arrays:
        raw = np.ascontiguousarray(array).tobytes()
        parts.append(raw if array.dtype.kind == "f" else zlib.compress(raw, LEVEL))
        forms.append([array.dtype.str, list(array.shape), len(parts[-1])])
    for texts in lines:
        raw = "\n".join(texts).encode()
        parts.append(zlib.compress(raw, LEVEL))
        forms.append([len(texts), len(raw), len(parts[-1])])
    whole = {"values": values, "arrays": forms[: len(arrays)], "lines": forms[len(arrays) :]}
    head = zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), LEVEL)
    return b"".join([MAGIC, len(head).to_bytes(8, "little"), head, *parts])


def from_bytes(data: bytes) -> tuple[dict[str, Any], list[np.ndarray], list[list[str]]]:
    """What `to_bytes` was given; whole numbers may be wider than they need to be, arrays are read-only.

    Raises:
        ValueError, KeyError, TypeError, zlib.error: if it is damaged, or something else.
    """
    at = len(MAGIC) + 8
    if not data.startswith(MAGIC):
        raise ValueError("no columns")
    length = int.from_bytes(data[len(MAGIC) : at], "little")
    whole = json.loads(zlib.decompress(data[at : at + length]))
    at += length
    arrays, lines = [], []
    for kind, shape, stored in whole["arrays"]:
        dtype, size = np.dtype(kind), int(np.prod(shape, dtype=np.int64))
        raw = memoryview(data)[at : at + stored]
        whole_raw = raw if dtype.kind == "f" else _expanded(raw, size * dtype.itemsize)
        arrays.append(
            np.frombuffer(whole_raw, dtype=dtype, count=size).reshape(shape) if size else np.empty(shape, dtype)
        )
        at += stored
    for count, size, stored in whole["lines"]:
        texts = _expanded(memoryview(data)[at : at + stored], size).decode().split("\n") if count else []
        if len(texts) != count:
            raise ValueError("lines are missing")
        lines.append(texts)
        at += stored
    if at != len(data):
        raise ValueError("not as long as it says")
    return whole["values"], arrays, lines


def _expanded(data: memoryview, size: int) -> bytes:
    """So many bytes, out of fewer."""
    source = zlib.decompressobj()
    found = source.decompress(data, size + 1)
    if len(found) != size or not source.eof:
        raise ValueError("not as long as it says")
    return found
