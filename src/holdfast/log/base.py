"""The log is the only truth: events in order, each hashed with the one before, and blobs named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.records import Entry, Event, canonical_json

GENESIS = "0" * 64
"""The hash before the first event."""

FORMAT = 1
"""The version of the event format; a log with a higher one is refused."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log: how many events it holds, and the hash of the last one."""

    length: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else appended first; ``head`` is where the log stands now. Read from there and decide again."""

    head: Head


class Log(Protocol):
    """Where a study's events and blobs are kept."""

    def head(self) -> Head:
        """The present end of the log."""
        ...

    def append(self, events: Sequence[Entry], expected_head: Head) -> Head | Conflict:
        """Add events behind ``expected_head``, all or none; they are durable when this returns a `Head`."""
        ...

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events with index ``after`` (the first has index 0) and later, in order."""
        ...

    def put(self, data: bytes) -> str:
        """Keep a blob and return its sha256 in hex; durable when it returns."""
        ...

    def get(self, sha256: str) -> bytes:
        """The blob with that hash; `LogError` if it is not there, `TamperError` if its content was changed."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


def event_hash(previous: str, index: int, entry: Entry) -> str:
    """SHA-256 over the previous hash and the canonical JSON of the event."""
    body = canonical_json({"data": entry.data, "index": index, "kind": entry.kind, "time": entry.time})
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
