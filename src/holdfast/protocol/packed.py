"""Several byte strings as one."""

from __future__ import annotations

import struct


def pack(blobs: list[bytes]) -> bytes:
    """Several byte strings as one: their number, their lengths, themselves."""
    return struct.pack(f"<{len(blobs) + 1}Q", len(blobs), *map(len, blobs)) + b"".join(blobs)


def unpack(data: bytes) -> list[bytes]:
    """What `pack` put together."""
    (count,) = struct.unpack_from("<Q", data)
    lengths = struct.unpack_from(f"<{count}Q", data, 8)
    blobs, at = [], 8 * (count + 1)
    for length in lengths:
        blobs.append(data[at : at + length])
        at += length
    return blobs
