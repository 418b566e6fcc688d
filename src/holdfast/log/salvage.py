"""What can be saved of a damaged SQLite log: every event and blob that can still be read, in a new log beside it.

Each event keeps its place and its very text. In the place of one that is lost stands ``event.lost``; the hashes are
those of the damaged log up to the first such place, and are made anew behind it. An event that demonstrably is not what
was written, because it does not give its hash, is lost, too. So nothing is invented, and what was saved is told at the
end of the new log by ``log.salvaged``.
"""

from __future__ import annotations

import glob
import hashlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from holdfast.durable import flush_folder
from holdfast.errors import BusyLogError, LogError, NewerLogError, RequestError
from holdfast.log import pages
from holdfast.log.base import GENESIS, Head, Row, StudyLog, blob_hash, chain, event_body, link
from holdfast.log.database import Database, is_log, open_read_only, sentences
from holdfast.log.remains import blob_types, event_types, is_event
from holdfast.log.sqlite import SqliteLog, studies_in
from holdfast.log.verify import blobs_in, verify
from holdfast.records import Entry

LOST = "event.lost"
SALVAGED = "log.salvaged"
MARK = ".salvaged"
"""What the name of a salvaged log has before its suffix."""


@dataclass(frozen=True)
class Saved:
    """What was saved of one study.

    Attributes:
        study: its name.
        events: how many events were saved.
        head: up to which the new log is the damaged one, hash by hash; before the first event that is missing.
        last: the end of the damaged log as far as it could be read.
        lost: the first and last index of each piece that is missing.
        altered: indices, among the lost ones, of events that can be read but are not what was written.
        unchecked: indices of events that were saved without the hash before them, so that nothing vouches for them.
        missing: the sha256 of blobs that saved events name and that are lost.
    """

    study: str
    events: int
    head: Head
    last: Head
    lost: tuple[tuple[int, int], ...]
    altered: tuple[int, ...]
    unchecked: tuple[int, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What the event at the end of the new log says of it."""
        return {
            "events": self.events,
            "head": [self.head.length, self.head.hash],
            "last": [self.last.length, self.last.hash],
            "lost": [list(piece) for piece in self.lost],
            "altered": list(self.altered),
            "unchecked": list(self.unchecked),
            "missing": list(self.missing),
        }


@dataclass(frozen=True)
class Salvage:
    """A salvaged file: where it is, from which it was saved (unchanged), and what of each study; ``blobs`` in all."""

    path: Path
    source: Path
    sha256: str
    blobs: int
    studies: tuple[Saved, ...]


@dataclass
class _Found:
    """The rows of a study that can be read, by index; several where versions differ."""

    rows: dict[int, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, index: int, body: str, digest: str) -> None:
        versions = self.rows.setdefault(index, [])
        if (body, digest) not in versions:
            versions.append((body, digest))


def salvage(path: Path) -> Salvage:
    """Write what can be read of a damaged log to a new one beside it. The damaged file is not touched.

    Raises:
        LogError: if there is no such file, nothing in it can be read, or the new one cannot be written.
    """
    if not path.is_file():
        raise LogError(f"there is no log at '{path}'; check the storage's name")
    target = _free(path)
    part = target.with_name(f"{target.name}.part")
    _remove(part)
    try:
        digest, blobs, saved = _saved_to(part, path)
        part.replace(target)
        flush_folder(path.parent)
    except BaseException:
        _remove(part)
        raise
    return Salvage(target, path, digest, blobs, tuple(saved))


def _saved_to(new: Path, path: Path) -> tuple[str, int, list[Saved]]:
    """Write the new log: the hash of the damaged file, the number of blobs, and what was saved of each study."""
    with closing(Database(new)) as database:
        found, blobs = database.write(lambda sql: _read(path, sql))
        digest = _sha256(path)
        saved = database.write(lambda sql: _write(sql, found, blobs, path, digest))
        if not saved:
            raise LogError(f"nothing in '{path}' can be read as an event of a log; go back to a copy of it")
        kept = database.use(lambda sql: int(sql.execute("SELECT count(*) FROM blob").fetchone()[0]))
        database.use(_whole_in_one_file)
        return digest, kept, saved


def _whole_in_one_file(new: sqlite3.Connection) -> None:
    """Have all in the file itself, so that it can be renamed."""
    if new.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise BusyLogError("another process has opened the new log before it was finished; run the same again")


def newest(path: Path) -> Path:
    """The log that stands for the one at ``path``: what was last salvaged from it, or itself."""
    pattern = f"{glob.escape(path.stem)}{MARK}*{glob.escape(path.suffix)}"
    numbered = [(_number(path, other), other) for other in path.parent.glob(pattern)]
    return max([(0, path), *((number, other) for number, other in numbered if number)])[1]


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing damaged in a log, and every event and blob is what was written."""
    if not path.is_file():
        raise LogError(f"there is no log at '{path}'; check the storage's name")
    try:
        with closing(open_read_only(path)) as connection, sentences(path):
            if not is_log(connection, path) or connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
        for study in studies_in(path):
            with closing(SqliteLog(path, study, read_only=True)) as log:
                if not verify(log).ok:
                    return False
    except NewerLogError:
        raise
    except LogError:
        return False
    return True


def salvaged_in(log: StudyLog) -> list[dict[str, Any]]:
    """What the events of a log say of the damaged files that it was saved from; nothing for any other log."""
    rows = [row.body for row in log.rows() if f'"kind":"{SALVAGED}"' in row.body]
    return [json.loads(body)["data"] for body in rows if _is_json(body)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _number(path: Path, other: Path) -> int:
    """The how-many-th salvaged log of ``path`` another file is; 0 if it is none."""
    rest = other.name.removeprefix(f"{path.stem}{MARK}").removesuffix(path.suffix)
    if rest == "":
        return 1
    return int(rest[1:]) if rest[0] == "-" and rest[1:].isdecimal() else 0


def _free(path: Path) -> Path:
    """The name of the next salvaged log; what is salvaged once more counts on."""
    stem, mark, count = path.stem.rpartition(MARK)
    if not mark or not (count == "" or (count[0] == "-" and count[1:].isdecimal())):
        stem = path.stem
    first = path.with_name(f"{stem}{path.suffix}")
    number = _number(first, newest(first)) if newest(first) != first else 0
    return path.with_name(f"{stem}{MARK}{f'-{number + 1}' if number else ''}{path.suffix}")


def _remove(part: Path) -> None:
    for end in ("", "-wal", "-shm"):
        part.with_name(f"{part.name}{end}").unlink(missing_ok=True)


def _read(path: Path, new: sqlite3.Connection) -> tuple[dict[str, _Found], set[str]]:
    """Every event that can be read by study; blobs go to the new log at once, for there may be many."""
    studies: dict[str, _Found] = {}
    blobs: set[str] = set()
    with pages.opened(path, event_types) as damaged:
        for row in damaged.rows(lambda types: event_types(types) or blob_types(types)):
            match row:
                case (str(name), bytes(data)) if name not in blobs and blob_hash(data) == name:
                    new.execute("INSERT OR IGNORE INTO blob (sha256, data) VALUES (?, ?)", (name, data))
                    blobs.add(name)
                case (str(study), int(index), str(body), str(digest)) if is_event(row):
                    studies.setdefault(study, _Found()).add(index, body, digest)
    return studies, blobs


@dataclass(frozen=True)
class _Pieced:
    """The events of a study that are what was written, as far as that can be told, by index."""

    bodies: dict[int, str]
    unchecked: tuple[int, ...]
    altered: tuple[int, ...]
    last: Head


def _pieced(found: Mapping[int, Sequence[tuple[str, str]]]) -> _Pieced:
    """Of all versions of all events those that give their hash behind the one before; or may, where that is lost."""
    bodies: dict[int, str] = {}
    unchecked, altered = [], []
    certain: dict[int, str] = {-1: GENESIS}
    for index in sorted(found):
        versions = found[index]
        known = index - 1 in certain
        before = [certain[index - 1]] if known else [digest for _, digest in found.get(index - 1, ())]
        sound = next(((b, d) for b, d in versions if any(link(each, b) == d for each in before)), None)
        if sound is None and known:  # the hash may be what was damaged
            again = [(body, link(certain[index - 1], body)) for body, _ in versions]
            behind = found.get(index + 1, ())
            sound = next(((b, d) for b, d in again if any(link(d, body) == digest for body, digest in behind)), None)
        if sound is not None:
            bodies[index], certain[index] = sound
            continue
        plausible = next((body for body, _ in versions if _is_canonical(index, body)), None)
        if plausible is None or known:
            altered.append(index)
        else:
            bodies[index] = plausible
            unchecked.append(index)
    end = max(bodies, default=-1)
    digest = certain.get(end) or next((digest for body, digest in found.get(end, ()) if body == bodies[end]), GENESIS)
    return _Pieced(bodies, tuple(unchecked), tuple(altered), Head(end + 1, digest))


def _is_canonical(index: int, body: str) -> bool:
    """Whether a text is, to the letter, what an event of that index is written as."""
    try:
        data = json.loads(body)
        return event_body(index, Entry(data["kind"], data["data"], data["time"])) == body
    except (ValueError, TypeError, KeyError, RecursionError, RequestError):
        return False


def _saved(study: str, pieced: _Pieced, blobs: Collection[str]) -> tuple[Saved, list[Row], set[str], set[str]]:
    """What was saved of a study, the rows of its new log, and the blobs that these need and drop."""
    lost = _gaps(pieced.bodies, pieced.last.length)
    rows, head = _rows(pieced)
    needed, dropped = _uses(rows)
    saved = Saved(
        study=study,
        events=len(pieced.bodies),
        head=head,
        last=pieced.last,
        lost=lost,
        altered=pieced.altered,
        unchecked=pieced.unchecked,
        missing=tuple(sorted(needed - set(blobs))),
    )
    return saved, rows, needed, dropped


def _gaps(there: Collection[int], length: int) -> tuple[tuple[int, int], ...]:
    """The first and last index of each piece of ``range(length)`` that is not there."""
    edges = [-1, *sorted(there), length]
    return tuple((one + 1, two - 1) for one, two in pairwise(edges) if two - one > 1)


def _rows(pieced: _Pieced) -> tuple[list[Row], Head]:
    """The events in their places, chained, and how far the chain is that of the damaged log."""
    rows: list[Row] = []
    previous, time, head = GENESIS, 0.0, Head()
    for index in range(pieced.last.length):
        body = pieced.bodies.get(index)
        if body is None:
            body = event_body(index, Entry(LOST, {}, time))
        else:
            time = float(json.loads(body)["time"])
        previous = link(previous, body)
        rows.append(Row(index, body, previous))
        if index in pieced.bodies and head.length == index:
            head = Head(index + 1, previous)
    return rows, head


def _uses(rows: Iterable[Row]) -> tuple[set[str], set[str]]:
    """The blobs that events refer to and still need at the end, and those that nobody needs any more."""
    needed: set[str] = set()
    dropped: set[str] = set()
    for row in rows:
        named, gone = blobs_in(row.body)
        needed.update(named)
        needed.difference_update(gone)
        dropped.difference_update(named)
        dropped.update(gone)
    return needed, dropped


def _write(
    new: sqlite3.Connection, found: Mapping[str, _Found], blobs: Collection[str], source: Path, digest: str
) -> list[Saved]:
    """The new log of every study, and no blob that nobody needs any more."""
    results: list[Saved] = []
    needed: set[str] = set()
    dropped: set[str] = set()
    for study, versions in sorted(found.items()):
        saved, rows, uses, gone = _saved(study, _pieced(versions.rows), blobs)
        if saved.events == 0:
            continue
        needed, dropped = needed | uses, dropped | gone
        told = Entry(SALVAGED, {"source": source.name, "sha256": digest, **saved.to_json()}, time.time())
        rows += chain([told], Head(len(rows), rows[-1].hash))
        new.executemany(
            "INSERT INTO event (study, idx, body, hash) VALUES (?, ?, ?, ?)",
            [(study, row.index, row.body, row.hash) for row in rows],
        )
        results.append(saved)
    new.executemany("DELETE FROM blob WHERE sha256 = ?", [(name,) for name in sorted(dropped - needed)])
    return results


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
