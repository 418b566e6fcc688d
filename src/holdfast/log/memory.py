"""A log in the memory of this process: for tests, and for studies that need not outlive it."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from holdfast.errors import MissingBlobError
from holdfast.log.base import EMPTY, Conflict, Head, Row, blob_hash, chain, checked_blob, event_from_row, head_after
from holdfast.log.leases import MemoryLeases
from holdfast.records import Entry, Event

SEALED = 1024
"""So many rows are packed together once they are there: their texts are much alike."""

LEVEL = 2
"""Of zlib's nine levels; higher ones take several times as long for a few percent."""

HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Packed:
    """Rows that were packed together: their hashes one after the other, which nothing compresses, and their texts."""

    hashes: bytes
    bodies: bytes


class _Rows:
    """Rows of a log in order, the older ones packed."""

    def __init__(self) -> None:
        self._packed: list[_Packed] = []
        self._open: list[Row] = []

    def __len__(self) -> int:
        return len(self._packed) * SEALED + len(self._open)

    def extend(self, rows: Sequence[Row]) -> None:
        """Add rows behind the last one."""
        self._open += rows
        while len(self._open) > SEALED:  # one stays open, so that the head is at hand
            self._packed.append(_packed(self._open[:SEALED]))
            self._open = self._open[SEALED:]

    def last(self) -> list[Row]:
        """The last row, if there is one."""
        return self._open[-1:]

    def since(self, index: int) -> Iterator[Row]:
        """The rows from ``index`` on, as far as there are any now."""
        if index >= len(self):
            return iter(())
        packed, opened = tuple(self._packed), tuple(self._open)
        return _since(packed, opened, max(index, 0))

    def at(self, index: int) -> Row:
        """One row."""
        return next(self.since(index))


def _since(packed: tuple[_Packed, ...], opened: tuple[Row, ...], index: int) -> Iterator[Row]:
    begun = min(index // SEALED, len(packed))
    for position in range(begun, len(packed)):
        rows = _unpacked(packed[position], position * SEALED)
        yield from rows[max(index - position * SEALED, 0) :]
    yield from opened[max(index - len(packed) * SEALED, 0) :]


def _packed(rows: Sequence[Row]) -> _Packed:
    """Rows packed; a canonical JSON text has no line break of its own."""
    bodies = "\n".join(row.body for row in rows).encode()
    return _Packed(b"".join(bytes.fromhex(row.hash) for row in rows), zlib.compress(bodies, LEVEL))


def _unpacked(packed: _Packed, first: int) -> list[Row]:
    bodies = zlib.decompress(packed.bodies).decode().split("\n")
    hashes = (packed.hashes[at : at + HASH_BYTES].hex() for at in range(0, len(packed.hashes), HASH_BYTES))
    return [Row(index, *row) for index, row in enumerate(zip(bodies, hashes, strict=True), start=first)]


class MemoryLog:
    """Events and blobs in memory; any number of threads may use it.

    Events are kept as the text that is hashed, as in every other log, so that what is read is never an object that
    somebody still changes.
    """

    durable = False
    flush = None

    def __init__(self) -> None:
        self.leases = MemoryLeases()
        self._lock = threading.Lock()
        self._rows = _Rows()
        self._blobs: dict[str, bytes] = {}
        self._snapshots: list[tuple[int, str, bytes]] = []

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())  # a copy has a lock of its own

    def head(self) -> Head:
        """The present end of the log."""
        with self._lock:
            return self._head()

    def _head(self) -> Head:
        return head_after(self._rows.last(), EMPTY)

    def append(self, events: Sequence[Entry], expected_head: Head, *, lasting: bool = True) -> Head | Conflict:  # noqa: ARG002
        """Add events behind ``expected_head``, all or none.

        Raises:
            RequestError: if an event holds something that JSON has no form for.
        """
        rows = chain(events, expected_head)
        with self._lock:
            if self._head() != expected_head:
                return Conflict(self._head())
            self._rows.extend(rows)
            return head_after(rows, expected_head)

    def turn(self, after: int) -> AbstractContextManager[Iterator[Event]]:
        """No wait: threads of one process are seldom in each other's way."""
        return nullcontext(self.read(after))

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events with index ``after`` and later, in order, up to the head at the time of the call."""
        with self._lock:
            rows = self._rows.since(after)
        return map(event_from_row, rows)

    def rows(self) -> Iterator[Row]:
        """Every event as it is stored."""
        with self._lock:
            return self._rows.since(0)

    def put(self, data: bytes) -> str:
        """Keep a blob and return its sha256 in hex."""
        sha256 = blob_hash(data)
        with self._lock:
            self._blobs.setdefault(sha256, bytes(data))
        return sha256

    def get(self, sha256: str) -> bytes:
        """The blob with that hash.

        Raises:
            MissingBlobError: if it is not there.
            TamperError: if its content was changed.
        """
        with self._lock:
            data = self._blobs.get(sha256)
        if data is None:
            raise MissingBlobError(f"the log in memory holds no blob {sha256[:12]}")
        return checked_blob(data, sha256)

    def drop(self, names: Sequence[str]) -> None:
        """Delete blobs by their sha256."""
        with self._lock:
            for name in names:
                self._blobs.pop(name, None)

    def blobs(self) -> Iterator[str]:
        """The sha256 of every blob."""
        with self._lock:
            return iter(sorted(self._blobs))

    def save_snapshot(self, index: int, head_hash: str, data: bytes) -> None:
        """Keep the state after the first ``index`` events; the newest two are kept."""
        with self._lock:
            self._snapshots = sorted([*self._snapshots, (index, head_hash, bytes(data))])[-2:]

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest (index, data) whose hash is still that of event ``index - 1``."""
        with self._lock:
            for index, head_hash, data in reversed(self._snapshots):
                if 0 < index <= len(self._rows) and self._rows.at(index - 1).hash == head_hash:
                    return index, data
        return None

    def close(self) -> None:
        """Nothing is held that would have to be released."""
