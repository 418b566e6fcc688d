"""Leases in a file of SQLite, and in a database of PostgreSQL (see `holdfast.log.leases`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.log.database import Database
from holdfast.log.leases import NOBODY, Lease

if TYPE_CHECKING:
    import psycopg

    from holdfast.log.server import Server

_SQLITE = """CREATE TABLE IF NOT EXISTS lease (
    study TEXT NOT NULL, trial INTEGER NOT NULL, token INTEGER NOT NULL, owner TEXT NOT NULL, beat INTEGER NOT NULL,
    PRIMARY KEY (study, trial)
) WITHOUT ROWID"""

_BEAT = """INSERT INTO {table} (study, trial, token, owner, beat) VALUES ({mark}, {mark}, {mark}, {mark}, 1)
    ON CONFLICT (study, trial) DO UPDATE SET token = excluded.token, owner = excluded.owner, beat = {table}.beat + 1
    WHERE excluded.token >= {table}.token"""


class SqliteLeases:
    """Leases in the file of the log."""

    def __init__(self, database: Database, study: str) -> None:
        self._database = database
        self._study = study

    def beat(self, owner: str, tokens: Mapping[int, int]) -> None:
        """A sign of life."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQLITE)
            mine = connection.execute("SELECT trial FROM lease WHERE study = ? AND owner = ?", (self._study, owner))
            over = [(self._study, trial) for (trial,) in mine.fetchall() if trial not in tokens]
            connection.executemany("DELETE FROM lease WHERE study = ? AND trial = ?", over)
            rows = [(self._study, trial, token, owner) for trial, token in tokens.items()]
            connection.executemany(_BEAT.format(table="lease", mark="?"), rows)

        self._database.write(write, lasting=False)  # after a power failure nobody has anything in hand

    def give_up(self, owner: str) -> None:
        """The trials of ``owner`` belong to nobody."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_SQLITE)
            query = "UPDATE lease SET owner = ? WHERE study = ? AND owner = ?"
            connection.execute(query, (NOBODY, self._study, owner))

        self._database.write(write, lasting=False)

    def held(self) -> list[Lease]:
        """All leases, by trial."""

        def read(connection: sqlite3.Connection) -> list[Any]:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'lease'").fetchone() is None:
                return []
            query = "SELECT trial, token, owner, beat FROM lease WHERE study = ? ORDER BY trial"
            return connection.execute(query, (self._study,)).fetchall()

        return [Lease(*row) for row in self._database.use(read)]


class PostgresLeases:
    """Leases in the database of the log."""

    def __init__(self, server: Server, study: int | None) -> None:
        self._server = server
        self._study = study

    def beat(self, owner: str, tokens: Mapping[int, int]) -> None:
        """A sign of life."""
        rows = [(self._study, trial, token, owner) for trial, token in sorted(tokens.items())]

        def write(connection: psycopg.Connection[Any]) -> None:
            with connection.transaction():
                connection.execute("SET LOCAL synchronous_commit = off")  # may be lost
                over = "DELETE FROM holdfast.lease WHERE study = %s AND owner = %s AND NOT trial = ANY(%s::integer[])"
                connection.execute(over, (self._study, owner, list(tokens)))
                if rows:
                    connection.cursor().executemany(_BEAT.format(table="holdfast.lease", mark="%s"), rows)

        self._server.write(write)

    def give_up(self, owner: str) -> None:
        """The trials of ``owner`` belong to nobody."""
        query = "UPDATE holdfast.lease SET owner = %s WHERE study = %s AND owner = %s"
        self._server.write(lambda sql: sql.execute(query, (NOBODY, self._study, owner)))

    def held(self) -> list[Lease]:
        """All leases, by trial."""
        query = "SELECT trial, token, owner, beat FROM holdfast.lease WHERE study = %s ORDER BY trial"
        return [Lease(*row) for row in self._server.use(lambda sql: sql.execute(query, (self._study,)).fetchall())]
