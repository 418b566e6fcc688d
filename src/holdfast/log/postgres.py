"""A study's log in a PostgreSQL database: durable, safe for many processes on many machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.address import masked
from holdfast.errors import LogError, MissingBlobError, RequestError, TamperError
from holdfast.log.base import (
    GENESIS,
    Conflict,
    Head,
    Row,
    blob_hash,
    chain,
    checked_blob,
    head_after,
    in_order,
    newest_intact,
)
from holdfast.log.held import PostgresLeases
from holdfast.log.server import LOCK, Server, check_address
from holdfast.records import Entry, Event

if TYPE_CHECKING:
    import psycopg

_CHUNK = 1000
"""Events read at a time; nothing is locked between two chunks."""

_LARGEST = 2**30 - 2**20
"""Bytes that PostgreSQL can hold in one piece, less some for what is around them."""

_APPEND = """
WITH moved AS (
    UPDATE holdfast.study SET length = %s, hash = %s WHERE id = %s AND length = %s AND hash = %s RETURNING id
)
INSERT INTO holdfast.event (study, idx, body, hash)
SELECT moved.id, added.idx, added.body, added.hash
FROM moved, unnest(%s::bigint[], %s::text[], %s::text[]) AS added (idx, body, hash)
"""


_LOCK = "SELECT pg_advisory_lock(%s, %s) FROM set_config('lock_timeout', %s, true)"
_READ = "SELECT idx, body, hash FROM holdfast.event WHERE study = %s AND idx >= %s ORDER BY idx LIMIT %s"
_WAIT = "5s"
"""How long a process waits for its turn."""


class PostgresLog:
    """The log of one study in a database that may hold several; blobs are shared between them.

    An append is one statement: it moves the end of the study, a row that it locks, if that is where it was expected,
    and adds the events; it is on disk when it returns. A server that goes away in the middle is waited for, and what it
    had written by then is not written again. Readers wait for nobody. Any number of threads may use one object; every
    process opens its own.

    Args:
        storage: the address, as ``postgresql://user@host/database``.
        study: the name of the study.
        read_only: never write, nor create anything.

    Raises:
        RequestError: if the address cannot be meant, or the server refuses this user.
        LogError: if the server does not answer, or the log is from a newer holdfast.
    """

    durable = True
    flush = None

    def __init__(self, storage: str, study: str, read_only: bool = False) -> None:
        if "\0" in study:
            raise RequestError(f"study {study!r} has a zero character in its name, which PostgreSQL cannot hold")
        self.study = study
        self.server = Server(storage, read_only)
        if not self.server.holds_log:
            self.server.close()
            raise LogError(f"{masked(storage)} holds no study yet")
        self._id = self.server.use(self._found if read_only else self._made)
        self.leases = PostgresLeases(self.server, self._id)

    def head(self) -> Head:
        """The present end of the log."""
        return self.server.use(self._head)

    def append(self, events: Sequence[Entry], expected_head: Head, *, lasting: bool = True) -> Head | Conflict:  # noqa: ARG002
        """Add events behind ``expected_head``, all or none; they are on disk when this returns a `Head`.

        Also where they need not be ``lasting``: others may have read them when the server fails.

        Raises:
            RequestError: if an event holds something that JSON has no form for, or the log was opened read-only.
            LogError: if the server stays away, or its disk is full.
            TamperError: if the end of the log is not where it was left.
        """
        rows = chain(events, expected_head)
        end = head_after(rows, expected_head)
        tries = 0

        def write(connection: psycopg.Connection[Any]) -> Head | Conflict:
            nonlocal tries
            tries += 1
            if rows:
                columns = [[row.index for row in rows], [row.body for row in rows], [row.hash for row in rows]]
                place = (end.length, end.hash, self._id, expected_head.length, expected_head.hash)
                if connection.execute(_APPEND, (*place, *columns)).rowcount == len(rows):
                    return end
                if tries > 1 and self._holds(connection, rows[-1]):
                    return end  # it was written just before the server went away
            head = self._head(connection)
            if head != expected_head:
                return Conflict(head)
            if rows:
                raise TamperError(f"the end of study '{self.study}' was changed by hand; run 'holdfast verify'")
            return head

        return self.server.write(write)

    @contextmanager
    def turn(self, after: int) -> Iterator[Iterator[Event]]:
        """A queue in the server, which whoever loses the connection leaves; after some seconds it is passed by."""
        place = (LOCK, self._id)
        found = self.server.write(lambda sql: _locked(sql, place, after))
        try:
            if found is None or len(found) == _CHUNK:  # there may be more
                yield self.read(after)
            else:
                yield in_order(self.study, map(_row, found), after)
        finally:
            if found is not None:
                self.server.write(lambda sql: sql.execute("SELECT pg_advisory_unlock(%s, %s)", place))

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
            RequestError: if the log was opened read-only, or the blob is larger than PostgreSQL can hold.
            LogError: if the server stays away, or its disk is full.
        """
        if len(data) > _LARGEST:
            raise RequestError(
                f"a blob of {len(data)} bytes is more than the {_LARGEST} that PostgreSQL can hold in one piece"
            )
        sha256 = blob_hash(data)
        query = "SELECT 1 FROM holdfast.blob WHERE sha256 = %s"
        if self.server.use(lambda sql: sql.execute(query, (sha256,)).fetchone()) is None:
            add = "INSERT INTO holdfast.blob (sha256, data) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            self.server.write(lambda sql: sql.execute(add, (sha256, data), binary=True))
        return sha256

    def get(self, sha256: str) -> bytes:
        """The blob with that hash.

        Raises:
            MissingBlobError: if it is not there.
            TamperError: if its content was changed.
        """
        query = "SELECT data FROM holdfast.blob WHERE sha256 = %s"
        row = self.server.use(lambda sql: sql.execute(query, (sha256,), binary=True).fetchone())
        if row is None:
            raise MissingBlobError(f"{masked(self.server.storage)} holds no blob {sha256[:12]}")
        return checked_blob(bytes(row[0]), sha256)

    def drop(self, names: Sequence[str]) -> None:
        """Delete blobs by their sha256, but for those that an event of another study in the database names."""
        remove = """DELETE FROM holdfast.blob WHERE sha256 = %s AND NOT EXISTS
            (SELECT 1 FROM holdfast.event WHERE study <> %s AND strpos(body, %s) > 0)"""
        for name in names:
            parts = (name, self._id, name)
            self.server.write(lambda sql: sql.execute(remove, parts))  # noqa: B023

    def blobs(self) -> Iterator[str]:
        """The sha256 of every blob in the database, whichever study put it there."""
        query = "SELECT sha256 FROM holdfast.blob ORDER BY sha256"
        names = self.server.use(lambda sql: sql.execute(query).fetchall())
        return (str(name) for (name,) in names)

    def save_snapshot(self, index: int, head_hash: str, data: bytes) -> None:
        """Keep the state after the first ``index`` events; the newest two are kept."""
        add = """INSERT INTO holdfast.snapshot (study, idx, head_hash, sha256, data) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (study, idx) DO UPDATE SET head_hash = excluded.head_hash, sha256 = excluded.sha256,
            data = excluded.data"""
        remove = """DELETE FROM holdfast.snapshot WHERE study = %s AND idx NOT IN
            (SELECT idx FROM holdfast.snapshot WHERE study = %s ORDER BY idx DESC LIMIT 2)"""

        def write(connection: psycopg.Connection[Any]) -> None:
            connection.execute(add, (self._id, index, head_hash, blob_hash(data), data), binary=True)
            connection.execute(remove, (self._id, self._id))

        self.server.write(write)

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest (index, data) whose hash is still that of event ``index - 1`` and whose content is intact."""
        query = """SELECT snapshot.idx, snapshot.sha256, snapshot.data FROM holdfast.snapshot JOIN holdfast.event
            ON event.study = snapshot.study AND event.idx = snapshot.idx - 1 AND event.hash = snapshot.head_hash
            WHERE snapshot.study = %s ORDER BY snapshot.idx DESC"""
        found = self.server.use(lambda sql: sql.execute(query, (self._id,), binary=True).fetchall())
        return newest_intact((int(index), str(sha256), bytes(data)) for index, sha256, data in found)

    def close(self) -> None:
        """Release the connection."""
        self.server.close()

    def _made(self, connection: psycopg.Connection[Any]) -> int | None:
        """The study's number in the database; it gets one if it has none."""
        number = self._found(connection)
        if number is None:
            add = "INSERT INTO holdfast.study (name, length, hash) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING"
            connection.execute(add, (self.study, GENESIS))
            number = self._found(connection)
        return number

    def _found(self, connection: psycopg.Connection[Any]) -> int | None:
        row = connection.execute("SELECT id FROM holdfast.study WHERE name = %s", (self.study,)).fetchone()
        return None if row is None else int(row[0])

    def _head(self, connection: psycopg.Connection[Any]) -> Head:
        query = "SELECT idx, hash FROM holdfast.event WHERE study = %s ORDER BY idx DESC LIMIT 1"
        row = connection.execute(query, (self._id,)).fetchone()
        return Head() if row is None else Head(int(row[0]) + 1, str(row[1]))

    def _holds(self, connection: psycopg.Connection[Any], row: Row) -> bool:
        query = "SELECT hash FROM holdfast.event WHERE study = %s AND idx = %s"
        found = connection.execute(query, (self._id, row.index)).fetchone()
        return found is not None and found[0] == row.hash

    def _rows(self, after: int) -> Iterator[Row]:
        while True:
            start = after
            chunk = self.server.use(lambda sql: sql.execute(_READ, (self._id, start, _CHUNK)).fetchall())  # noqa: B023
            yield from map(_row, chunk)
            if len(chunk) < _CHUNK:
                return
            after = int(chunk[-1][0]) + 1


def _row(columns: tuple[Any, ...]) -> Row:
    index, body, digest = columns
    return Row(int(index), str(body), str(digest))


def _locked(
    connection: psycopg.Connection[Any], place: tuple[int, int | None], after: int
) -> list[tuple[Any, ...]] | None:
    """Wait for the lock of that place; the first rows from an index on, as they are then, in the same round trip.

    None if it was not free for some seconds, as where its owner stands still.
    """
    from psycopg import ClientCursor
    from psycopg.errors import LockNotAvailable

    with ClientCursor(connection) as cursor:
        try:
            cursor.execute(f"{_LOCK}; {_READ}", (*place, _WAIT, place[1], after, _CHUNK))
        except LockNotAvailable:
            return None
        cursor.nextset()
        return cursor.fetchall()


def studies_at(storage: str) -> list[str]:
    """The names of the studies that have events in a database, sorted. Creates nothing.

    Raises:
        RequestError: if the address cannot be meant, or the server refuses this user.
        LogError: if the server does not answer, or the log is from a newer holdfast.
    """
    server = Server(storage, read_only=True)
    try:
        if not server.holds_log:
            return []
        query = "SELECT name FROM holdfast.study WHERE EXISTS (SELECT 1 FROM holdfast.event WHERE study = id)"
        return sorted(str(name) for (name,) in server.use(lambda sql: sql.execute(query).fetchall()))
    finally:
        server.close()


__all__ = ["PostgresLog", "check_address", "studies_at"]
