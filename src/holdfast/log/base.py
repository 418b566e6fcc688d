"""The log is the only truth: events in order, each hashed with the one before, and blobs named by their content."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from holdfast.errors import RequestError, TamperError
from holdfast.log.leases import Leases
from holdfast.records import Entry, Event, canonical_json

GENESIS = "0" * 64
"""The hash before the first event."""

FORMAT = 1
"""The first version of the stored form; `holdfast.log.upgrade` holds the steps from there to the newest."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log: how many events it holds, and the hash of the last one."""

    length: int = 0
    hash: str = GENESIS


EMPTY = Head()
"""The head of a log without events."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else appended first; ``head`` is where the log stands now. Read from there and decide again."""

    head: Head


class Log(Protocol):
    """Where a study's events and blobs are kept."""

    def head(self) -> Head:
        """The present end of the log."""
        ...

    def append(self, events: Sequence[Entry], expected_head: Head, *, lasting: bool = True) -> Head | Conflict:
        """Add events behind ``expected_head``, all or none; they are durable when this returns a `Head`.

        What need not be ``lasting`` may be lost to a power failure of the only machine that can have read it, as long
        as nothing lasting was appended behind it.
        """
        ...

    @property
    def flush(self) -> Callable[[], None] | None:
        """Waits until all that was appended so far is on disk, as if it had been ``lasting``; others go on meanwhile.

        None where there is nothing to wait for, or every append waits for it.
        """
        ...

    def turn(self, after: int) -> AbstractContextManager[Iterable[Event]]:
        """Whoever appends in a turn waits until it is theirs, so that few conflicts happen; with what to read by then.

        It is a courtesy: others may append meanwhile, by a log that knows no turns or after they have waited for long.
        """
        ...

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events with index ``after`` (the first has index 0) and later, in order."""
        ...

    def put(self, data: bytes) -> str:
        """Keep a blob and return its sha256 in hex; durable when it returns."""
        ...

    def get(self, sha256: str) -> bytes:
        """The blob with that hash; `MissingBlobError` if it is not there, `TamperError` if its content was changed."""
        ...

    def drop(self, names: Sequence[str]) -> None:
        """Delete blobs by their hashes, once an event says so (its ``drops``); one that is not there is no error."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


class Snapshots(Protocol):
    """Folded states kept beside a log to save time; disposable, and no part of the truth."""

    @property
    def durable(self) -> bool:
        """Whether the log outlives this process: only then does a kept state save anybody time."""
        ...

    def save_snapshot(self, index: int, head_hash: str, data: bytes) -> None:
        """Keep the state after the first ``index`` events, the last of which has the hash ``head_hash``."""
        ...

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest (index, data) whose hash is still that of event ``index - 1``; go on with ``read(index)``."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """An event as it is stored: ``hash`` is the SHA-256 of the hash before it and of the text ``body``."""

    index: int
    body: str
    hash: str


class Auditable(Protocol):
    """What `holdfast.log.verify` reads: everything as it is stored, unparsed."""

    def rows(self) -> Iterator[Row]:
        """Every stored event in the order of its index, gaps and all."""
        ...

    def blobs(self) -> Iterator[str]:
        """The sha256 of every stored blob."""
        ...


class StudyLog(Log, Snapshots, Auditable, Protocol):
    """A log with everything that holdfast's own logs can do."""

    @property
    def leases(self) -> Leases:
        """Who is working on what right now, beside the log."""
        ...


def written(entry: Entry) -> Entry:
    """The entry with the data that will be read from a log: tuples are lists, and tables have no order.

    The canonical JSON goes with it, so that it is made once.

    Raises:
        RequestError: if the data hold something that JSON has no form for, such as NaN.
    """
    try:
        text = canonical_json(entry.data)
        return Entry(entry.kind, _read(text, 0)[0], entry.time, text)
    except (TypeError, ValueError) as exc:
        raise _refusal(entry, exc) from exc


def event_body(index: int, entry: Entry) -> str:
    """The canonical JSON of an event: what is stored, and what is hashed.

    Raises:
        RequestError: if the event holds something that JSON has no form for, such as NaN.
    """
    try:
        data = canonical_json(entry.data) if entry.text is None else entry.text
        kind, time = canonical_json(entry.kind), _finite(float(entry.time))
        body = f'{{"data":{data},"index":{index},"kind":{kind},"time":{time!r}}}'
        body.encode()
    except (TypeError, ValueError) as exc:
        raise _refusal(entry, exc) from exc
    return body


def _refusal(entry: Entry, reason: Exception) -> RequestError:
    """One sentence that says what keeps an entry from being written."""
    found = _unfit(entry.data, "data") or _unfit(entry.time, "time") or str(reason)
    return RequestError(f"event '{entry.kind}' cannot be logged, because {found}")


def link(previous: str, body: str) -> str:
    """SHA-256 over the hash of the event before and the text of the event, in hex."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def event_hash(previous: str, index: int, entry: Entry) -> str:
    """SHA-256 over the previous hash and the canonical JSON of the event."""
    return link(previous, event_body(index, entry))


def chain(events: Sequence[Entry], head: Head) -> list[Row]:
    """The rows that put ``events`` behind ``head``."""
    rows = []
    previous = head.hash
    for index, entry in enumerate(events, start=head.length):
        body = event_body(index, entry)
        previous = link(previous, body)
        rows.append(Row(index, body, previous))
    return rows


def head_after(rows: Sequence[Row], head: Head) -> Head:
    """The head of a log that stood at ``head`` and got ``rows``."""
    return Head(rows[-1].index + 1, rows[-1].hash) if rows else head


def in_order(study: str, rows: Iterable[Row], after: int) -> Iterator[Event]:
    """The events that rows from index ``after`` on hold.

    Raises:
        TamperError: if an event is missing in between or its text is no event.
    """
    for expected, row in enumerate(rows, start=after):
        if row.index != expected:
            raise TamperError(f"event {expected} is missing in study '{study}'; run 'holdfast verify'")
        yield event_from_row(row)


def newest_intact(found: Iterable[tuple[int, str, bytes]]) -> tuple[int, bytes] | None:
    """Of snapshots (index, sha256, data), the newest first, the first one whose content is what was kept."""
    return next(((index, data) for index, sha256, data in found if blob_hash(data) == sha256), None)


_DECODER = json.JSONDecoder()
parsed = _DECODER.decode
"""What a JSON text says: `json.loads`, without what it does for other arguments on each call."""

_read = _DECODER.raw_decode
"""The same with where it ends, of a text that nothing stands around."""


def event_from_row(row: Row) -> Event:
    """The event that a row holds.

    Raises:
        TamperError: if its text is no event.
    """
    try:
        body = parsed(row.body)
        return Event(index=row.index, kind=body["kind"], data=body["data"], time=body["time"], hash=row.hash)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise TamperError(f"event {row.index} was edited: its text is no event; run 'holdfast verify'") from exc


def blob_hash(data: bytes) -> str:
    """The name of a blob: the SHA-256 of its content, in hex."""
    return hashlib.sha256(data).hexdigest()


def checked_blob(data: bytes, sha256: str) -> bytes:
    """``data``, if ``sha256`` is its name.

    Raises:
        TamperError: if its content was changed.
    """
    if blob_hash(data) != sha256:
        raise TamperError(f"blob {sha256[:12]} was edited: its content no longer has that sha256")
    return data


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def _unfit(value: Any, path: str) -> str | None:
    """What keeps ``value`` from being JSON, with the path to it; None if nothing does."""
    match value:
        case float() if not math.isfinite(value):
            return f"{path} is {value}, which JSON has no form for; write it with number_to_json"
        case str():
            clean = value == value.encode("utf-8", "ignore").decode()
            return None if clean else f"{path} holds half a surrogate pair, which UTF-8 has no form for"
        case None | bool() | int() | float():
            return None
        case dict():
            return next((found for key, item in value.items() if (found := _unfit(item, f"{path}.{key}"))), None)
        case list() | tuple():
            return next((found for at, item in enumerate(value) if (found := _unfit(item, f"{path}[{at}]"))), None)
    return f"{path} is a {type(value).__name__}, which is no JSON value"
