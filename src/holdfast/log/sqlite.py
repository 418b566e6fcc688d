"""A study's log in an SQLite file: durable, safe for several processes, and readable while it is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from holdfast.errors import MissingBlobError, RequestError, TamperError
from holdfast.log.base import Conflict, Head, Row, blob_hash, chain, checked_blob, head_after, in_order, newest_intact
from holdfast.log.database import Database, is_log, open_read_only, patiently, sentences
from holdfast.log.held import SqliteLeases
from holdfast.records import Entry, Event

_CHUNK = 1000
"""Events read at a time; nothing is locked between two chunks."""


class SqliteLog:
    """The log of one study in a database file that may hold several; blobs are shared between them.

    Every append is one transaction that compares the head under the write lock and is on disk when it returns: in the
    write-ahead log, which is waited for without the lock, so that several appends share the wait. Any number of threads
    may use one object; every process opens its own. The file has to be on a disk of this machine: SQLite's write-ahead
    log does not work over a network file system.

    Args:
        path: the database file; created if it is not there.
        study: the name of the study.
        read_only: never write, nor create anything; the file may lie where this process cannot write.

    Raises:
        RequestError: if no file can be at ``path``.
        LogError: if the file cannot be used, is no log, or is from a newer holdfast.
    """

    durable = True

    def __init__(self, path: str | Path, study: str, read_only: bool = False) -> None:
        self.study = study
        self._database = Database(Path(path), read_only)
        self.flush = self._database.flush
        self.leases = SqliteLeases(self._database, study)
        self._kept: set[str] = set()  # blobs that were put again, and are on disk

    def head(self) -> Head:
        """The present end of the log."""
        return self._database.use(lambda connection: _head(connection, self.study))

    def append(self, events: Sequence[Entry], expected_head: Head, *, lasting: bool = True) -> Head | Conflict:
        """Add events behind ``expected_head``, all or none; if ``lasting``, they are on disk when this returns.

        Raises:
            RequestError: if an event holds something that JSON has no form for, or the log was opened read-only.
            LogError: if the disk is full, the file cannot be written, or stays locked.
        """
        rows = chain(events, expected_head)
        if len(rows) == 1:
            (row,) = rows
            values = (self.study, row.index, row.body, row.hash, expected_head.hash)
            if self._database.insert(_APPEND_ONE, values, lasting=lasting):
                return head_after(rows, expected_head)

        def write(connection: sqlite3.Connection) -> Head | Conflict:
            head = _head(connection, self.study)
            if head != expected_head:
                return Conflict(head)
            connection.executemany(
                "INSERT INTO event (study, idx, body, hash) VALUES (?, ?, ?, ?)",
                [(self.study, row.index, row.body, row.hash) for row in rows],
            )
            return head_after(rows, head)

        return self._database.write(write, lasting=lasting)

    def turn(self, after: int) -> AbstractContextManager[Iterator[Event]]:
        """No wait: trying again costs less than standing in a queue."""
        return nullcontext(self.read(after))

    def read(self, after: int = 0) -> Iterator[Event]:
        """The events with index ``after`` and later, in order; takes no lock that a writer would wait for.

        Raises:
            TamperError: if an event is missing in between or its text is no event.
        """
        after = max(after, 0)
        return in_order(self.study, self._rows(after), after)

    def rows(self) -> Iterator[Row]:
        """Every event as it is stored, gaps and all."""
        return self._rows(-(2**63))

    def put(self, data: bytes) -> str:
        """Keep a blob and return its sha256 in hex; it is on disk when this returns.

        Raises:
            RequestError: if the log was opened read-only, or the blob is larger than SQLite can hold.
            LogError: if the disk is full, the file cannot be written, or stays locked.
        """
        sha256 = blob_hash(data)
        there = self._database.use(lambda sql: sql.execute(_HAS_BLOB, (sha256,)).fetchone()) is not None
        if not there and self._database.write(lambda sql: _insert_blob(sql, sha256, data)):
            return sha256
        if sha256 not in self._kept:  # somebody else put it, who may still be waiting for the disk
            self._database.flush()
            self._kept.add(sha256)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The blob with that hash.

        Raises:
            MissingBlobError: if it is not there.
            TamperError: if its content was changed.
        """
        row = self._database.use(
            lambda sql: sql.execute("SELECT data FROM blob WHERE sha256 = ?", (sha256,)).fetchone()
        )
        if row is None:
            raise MissingBlobError(f"'{self._database.path}' holds no blob {sha256[:12]}")
        return checked_blob(_bytes(row[0]), sha256)

    def drop(self, names: Sequence[str]) -> None:
        """Delete blobs by their sha256, but for those that an event of another study in the file names."""
        self._kept.difference_update(names)
        if names:
            self._database.write(lambda sql: _delete_blobs(sql, self.study, names))

    def blobs(self) -> Iterator[str]:
        """The sha256 of every blob in the file, whichever study put it there."""
        names = self._database.use(lambda sql: sql.execute("SELECT sha256 FROM blob ORDER BY sha256").fetchall())
        return (str(name) for (name,) in names)

    def save_snapshot(self, index: int, head_hash: str, data: bytes) -> None:
        """Keep the state after the first ``index`` events; the newest two are kept."""
        row = (self.study, index, head_hash, blob_hash(data), data)
        self._database.write(lambda sql: _replace_snapshot(sql, row))

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest (index, data) whose hash is still that of event ``index - 1`` and whose content is intact."""
        query = (
            "SELECT snapshot.idx, snapshot.sha256, snapshot.data FROM snapshot JOIN event"
            " ON event.study = snapshot.study AND event.idx = snapshot.idx - 1 AND event.hash = snapshot.head_hash"
            " WHERE snapshot.study = ? ORDER BY snapshot.idx DESC"
        )
        found = self._database.use(lambda sql: sql.execute(query, (self.study,)).fetchall())
        return newest_intact((index, sha256, _bytes(data)) for index, sha256, data in found)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def _rows(self, after: int) -> Iterator[Row]:
        query = "SELECT idx, body, hash FROM event WHERE study = ? AND idx >= ? ORDER BY idx LIMIT ?"
        while True:
            start = after
            chunk = self._database.use(lambda sql: sql.execute(query, (self.study, start, _CHUNK)).fetchall())  # noqa: B023
            for index, body, digest in chunk:
                if not isinstance(index, int):
                    raise TamperError(f"an event of study '{self.study}' was edited: its number is {index!r}")
                yield Row(index, str(body), str(digest))
            if len(chunk) < _CHUNK:
                return
            after = chunk[-1][0] + 1


_STUDIES = """WITH RECURSIVE found (name) AS (
    SELECT min(study) FROM event
    UNION ALL SELECT (SELECT min(study) FROM event WHERE study > name) FROM found WHERE name IS NOT NULL
) SELECT name FROM found WHERE name IS NOT NULL"""
"""The studies in order: by one look into the index for each, where DISTINCT would read every event."""

_APPEND_ONE = """INSERT INTO event (study, idx, body, hash) SELECT ?1, ?2, ?3, ?4
    WHERE NOT EXISTS (SELECT 1 FROM event WHERE study = ?1 AND idx >= ?2)
    AND (?2 = 0 OR EXISTS (SELECT 1 FROM event WHERE study = ?1 AND idx = ?2 - 1 AND hash = ?5))"""
"""One event behind the head that was expected, or nothing: a statement is a transaction of its own."""

_HAS_BLOB = "SELECT 1 FROM blob WHERE sha256 = ?"


def _head(connection: sqlite3.Connection, study: str) -> Head:
    query = "SELECT idx, hash FROM event WHERE study = ? ORDER BY idx DESC LIMIT 1"
    row = connection.execute(query, (study,)).fetchone()
    return Head() if row is None else Head(row[0] + 1, row[1])


def _insert_blob(connection: sqlite3.Connection, sha256: str, data: bytes) -> bool:
    """Insert a blob; False if it is there already."""
    limit = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
    if len(data) + 1000 > limit:
        raise RequestError(f"a blob of {len(data)} bytes is more than the {limit} that SQLite can hold in one piece")
    return connection.execute("INSERT OR IGNORE INTO blob (sha256, data) VALUES (?, ?)", (sha256, data)).rowcount > 0


def _delete_blobs(connection: sqlite3.Connection, study: str, names: Sequence[str]) -> None:
    others = "SELECT 1 FROM event WHERE study < ?1 UNION ALL SELECT 1 FROM event WHERE study > ?1 LIMIT 1"
    alone = connection.execute(others, (study,)).fetchone() is None
    named = "SELECT 1 FROM event WHERE study <> ? AND instr(body, ?) LIMIT 1"
    for name in names:
        if alone or connection.execute(named, (study, name)).fetchone() is None:
            connection.execute("DELETE FROM blob WHERE sha256 = ?", (name,))


def _replace_snapshot(connection: sqlite3.Connection, row: tuple[str, int, str, str, bytes]) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO snapshot (study, idx, head_hash, sha256, data) VALUES (?, ?, ?, ?, ?)", row
    )
    connection.execute(
        "DELETE FROM snapshot WHERE study = ?1 AND idx NOT IN"
        " (SELECT idx FROM snapshot WHERE study = ?1 ORDER BY idx DESC LIMIT 2)",
        row[:1],
    )


def studies_in(path: Path) -> list[str]:
    """The names of the studies in a database file, sorted; none if there is no file. Creates nothing.

    Raises:
        LogError: if the file cannot be read, is no log, or is from a newer holdfast.
    """
    if not path.exists():
        return []
    with closing(open_read_only(path)) as connection, sentences(path):
        if not is_log(connection, path):
            return []
        found = patiently(lambda: connection.execute(_STUDIES).fetchall(), path)
        return [name for (name,) in found]


def _bytes(stored: bytes | str) -> bytes:
    """What a blob column holds; somebody who edits the file by hand may have left text there."""
    return stored.encode() if isinstance(stored, str) else stored
