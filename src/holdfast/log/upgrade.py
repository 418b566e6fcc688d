"""From one format of the log to the next: each step in one transaction with its record, an event of every log in it.

A release that changes the stored form adds a `Step` to `STEPS` and so raises `newest`; logs of all formats before it
are brought to it when they are opened for writing. A file that is only read is brought to it in memory and stays as it
is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.log.base import FORMAT, Head, Row, chain
from holdfast.records import Entry

if TYPE_CHECKING:
    import psycopg

UPGRADED = "log.upgraded"


@dataclass(frozen=True)
class Step:
    """What leads from the format before to the next one.

    Attributes:
        text: what changes, in words.
        in_sqlite: changes a file, within a transaction; what it raises undoes all of it.
        in_postgres: the same for a database of a server.
    """

    text: str
    in_sqlite: Callable[[sqlite3.Connection], None]
    in_postgres: Callable[[psycopg.Connection[Any]], None]


Steps = Sequence[Step]

STEPS: tuple[Step, ...] = ()
"""The step from format 1 to 2, that from 2 to 3, and so on."""


def newest(steps: Steps = STEPS) -> int:
    """The format that these steps lead to."""
    return FORMAT + len(steps)


def upgrade_sqlite(connection: sqlite3.Connection, steps: Steps) -> None:
    """Bring a file to the newest format, within a transaction that the caller has begun."""
    while (version := sqlite_format(connection)) < newest(steps):
        step = steps[version - FORMAT]
        step.in_sqlite(connection)
        connection.execute(f"PRAGMA user_version = {version + 1}")
        for (study,) in connection.execute("SELECT DISTINCT study FROM event").fetchall():
            last = "SELECT idx + 1, hash FROM event WHERE study = ? ORDER BY idx DESC LIMIT 1"
            (row,) = record(step, version, Head(*connection.execute(last, (study,)).fetchone()))
            connection.execute("INSERT INTO event (study, idx, body, hash) VALUES (?, ?, ?, ?)", (study, *parts(row)))


def upgrade_postgres(connection: psycopg.Connection[Any], version: int, steps: Steps) -> None:
    """Bring a database from a format to the newest one, within a transaction that the caller has begun."""
    connection.execute("LOCK TABLE holdfast.study IN EXCLUSIVE MODE")  # nobody appends meanwhile
    for before, step in enumerate(steps[version - FORMAT :], start=version):
        step.in_postgres(connection)
        connection.execute("INSERT INTO holdfast.format (version) VALUES (%s)", (before + 1,))
        ends = connection.execute("SELECT id, length, hash FROM holdfast.study WHERE length > 0").fetchall()
        for study, length, digest in ends:
            (row,) = record(step, before, Head(length, digest))
            add = "INSERT INTO holdfast.event (study, idx, body, hash) VALUES (%s, %s, %s, %s)"
            connection.execute(add, (study, *parts(row)))
            moved = "UPDATE holdfast.study SET length = %s, hash = %s WHERE id = %s"
            connection.execute(moved, (row.index + 1, row.hash, study))


def record(step: Step, version: int, head: Head) -> list[Row]:
    """The event at the end of a log that says that it was brought to another format."""
    from importlib.metadata import version as version_of

    data = {"from": version, "to": version + 1, "text": step.text, "holdfast": version_of("holdfast")}
    return chain([Entry(UPGRADED, data, time.time())], head)


def parts(row: Row) -> tuple[int, str, str]:
    """What a table holds of a row beside its study."""
    return row.index, row.body, row.hash


def sqlite_format(connection: sqlite3.Connection) -> int:
    """The format of the logs in a file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
