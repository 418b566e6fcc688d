"""A PostgreSQL database that holds logs of studies: reach it, wait for it, and say what is wrong with it."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.address import masked, remember, with_password
from holdfast.errors import BusyLogError, HoldfastError, LogError, NewerLogError, RequestError
from holdfast.log.upgrade import STEPS, Steps, newest, upgrade_postgres
from holdfast.optional import need

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

TRIES = (0.5, 1.0, 2.0)
"""Seconds between the tries to reach a server when a log is opened."""

PATIENCE = 120.0
"""Seconds to wait for a server that was there before and went away."""

LOCK = 0x686F6C64
"""'hold' in ASCII: the advisory lock under which the tables are made."""

_OPTIONS = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}

_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS holdfast",
    "CREATE TABLE holdfast.format (version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())",
    """CREATE TABLE holdfast.study (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE, length bigint NOT NULL, hash text NOT NULL
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE holdfast.event (
        study integer NOT NULL REFERENCES holdfast.study, idx bigint NOT NULL, body text NOT NULL, hash text NOT NULL,
        PRIMARY KEY (study, idx)
    )""",
    """CREATE TABLE holdfast.lease (
        study integer NOT NULL REFERENCES holdfast.study, trial integer NOT NULL, token integer NOT NULL,
        owner text NOT NULL, beat bigint NOT NULL, PRIMARY KEY (study, trial)
    ) WITH (fillfactor = 50)""",
    "CREATE TABLE holdfast.blob (sha256 text PRIMARY KEY, data bytea NOT NULL)",
    """CREATE TABLE holdfast.snapshot (
        study integer NOT NULL REFERENCES holdfast.study, idx bigint NOT NULL, head_hash text NOT NULL,
        sha256 text NOT NULL, data bytea NOT NULL, PRIMARY KEY (study, idx)
    )""",
)

_told = logging.getLogger("holdfast")


class Server:
    """A database as one process uses it: its threads take turns, and a server that went away is waited for.

    Args:
        storage: the address, as ``postgresql://user@host/database``; a password may also come from PGPASSWORD or from
            ~/.pgpass.
        read_only: never write, nor create anything.
        steps: from each format to the next.

    Raises:
        RequestError: if the address cannot be meant, or the server refuses this user.
        LogError: if the server is not there, or the log in it is from a newer holdfast.
    """

    def __init__(self, storage: str, read_only: bool = False, steps: Steps = STEPS) -> None:
        self.storage = storage
        self.read_only = read_only
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._closed = False
        self._held = [connected(storage)]  # at most one
        weakref.finalize(self, _let_go, self._held, self._process)
        remember(storage)
        self.holds_log = False
        try:
            self.holds_log = self.use(lambda connection: _prepared(connection, storage, read_only, steps))
        except BaseException:
            self.close()
            raise

    def use(self, action: Callable[[psycopg.Connection[Any]], T]) -> T:
        """What ``action`` returns for the connection; it is called again when the server went away in the middle.

        Raises:
            RequestError: if the server refuses this user something.
            LogError: if the server stays away, or the log was opened before a fork.
        """
        if os.getpid() != self._process:
            raise LogError(
                f"the log in {masked(self.storage)} was opened before this process was forked; open the study in the"
                " process that uses it (multiprocessing's start method 'spawn')"
            )
        driver = _driver()
        with self._lock, sentences(self.storage):
            deadline = None
            while True:
                if self._closed:
                    raise LogError(f"the log in {masked(self.storage)} is closed")
                try:
                    if not self._held:
                        self._held.append(_connect(self.storage))
                    return action(self._held[0])
                except driver.OperationalError as exc:
                    deadline = self._wait(exc, deadline)

    def write(self, action: Callable[[psycopg.Connection[Any]], T]) -> T:
        """As `use`, for what writes; each statement is on disk when it returns.

        Raises:
            RequestError: as `use`, or if the log was opened read-only.
            LogError: as `use`.
        """
        if self.read_only:
            raise RequestError(
                f"the log in {masked(self.storage)} was opened read-only; open it for writing to add to it"
            )
        return self.use(action)

    def close(self) -> None:
        """Release the connection."""
        with self._lock:
            _let_go(self._held, self._process)
            self._closed = True

    def _wait(self, exc: psycopg.OperationalError, deadline: float | None) -> float:
        """Let go of a broken connection, and wait a little for the server; returns when to give up."""
        if self._held:
            if not self._held[0].closed:
                raise exc
            _let_go(self._held, self._process)
        now = time.monotonic()
        if deadline is None:
            _told.warning("%s is gone; waiting for it for up to %.0f seconds", masked(self.storage), PATIENCE)
            return now + PATIENCE
        if now > deadline or not _may_come_back(exc):
            raise exc
        time.sleep(0.2)
        return deadline


def _let_go(held: list[psycopg.Connection[Any]], process: int) -> None:
    """Close a connection in the process that opened it."""
    while held:
        connection = held.pop()
        if os.getpid() == process:
            connection.close()


def connected(storage: str) -> psycopg.Connection[Any]:
    """A connection to a server; a few tries are made while it does not answer.

    Raises:
        RequestError: if the address cannot be meant, or the server refuses this user.
        LogError: if the server does not answer.
    """
    driver = _driver()
    with sentences(storage):
        for pause in TRIES:
            try:
                return _connect(storage)
            except driver.OperationalError as exc:
                if not _may_come_back(exc):
                    raise
                _told.warning("%s does not answer; trying again in %.1f seconds", masked(storage), pause)
            time.sleep(pause)
        return _connect(storage)


def check_address(storage: str) -> None:
    """Refuse an address that cannot be meant; nothing is connected.

    Raises:
        RequestError: as said.
        MissingExtraError: if the driver is not installed.
    """
    _options(storage)


def _driver() -> Any:
    return need("psycopg", "postgres", "storage in PostgreSQL")


def _options(storage: str) -> dict[str, Any]:
    """What an address says, for libpq."""
    driver = _driver()
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = conninfo_to_dict(with_password(storage))
    except driver.ProgrammingError:
        given = {}
    ports = str(given.get("port", "")).split(",")
    if not given.get("dbname") or not all(port.isdecimal() or not port for port in ports):
        raise RequestError(
            f"storage '{masked(storage)}' is not understood; write postgresql://user@host/database, and escape special"
            " characters of a password as %40 for @"
        )
    return {**_OPTIONS, **given}


def _connect(storage: str) -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] = _driver().connect(
        **_options(storage), autocommit=True, client_encoding="UTF8", application_name="holdfast"
    )
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    return connection


def _prepared(connection: psycopg.Connection[Any], storage: str, read_only: bool, steps: Steps) -> bool:
    """Whether the database holds a log; where it may, one is made if there is none, and brought to the newest format.

    Raises:
        RequestError: if its encoding cannot hold a log.
        NewerLogError: if the log is from a newer holdfast.
        LogError: if it is from an older one and may only be read.
    """
    encoding, version = _standing(connection)
    if encoding != "UTF8":
        raise RequestError(
            f"the database of {masked(storage)} has the encoding {encoding}; create one for studies with"
            " ENCODING 'UTF8'"
        )
    if (version is None or version < newest(steps)) and not read_only:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            version = _standing(connection)[1]  # another process may have been first
            if version is None:
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute("INSERT INTO holdfast.format (version) VALUES (%s)", (newest(),))
                version = newest()
            upgrade_postgres(connection, version, steps)
            version = max(version, newest(steps))
    if version is not None and version > newest(steps):
        raise NewerLogError(
            f"{masked(storage)} has log format {version}, and this holdfast reads formats up to {newest(steps)};"
            " install a newer holdfast"
        )
    if version is not None and version < newest(steps):
        raise LogError(
            f"{masked(storage)} has log format {version}, which has to be brought to {newest(steps)} before it is read;"
            " go on with one of its studies, or ask its owner to"
        )
    return version is not None


def _standing(connection: psycopg.Connection[Any]) -> tuple[str, int | None]:
    """The encoding of a database, and the format of the log in it; None if there is none."""
    # the catalogue itself, not a name looked up: such an answer may be kept from before another process made the tables
    is_there = "EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'holdfast' AND tablename = 'format')"
    encoding, there = _one(connection, f"SELECT current_setting('server_encoding'), {is_there}")
    return encoding, _one(connection, "SELECT max(version) FROM holdfast.format")[0] if there else None


def _one(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def _may_come_back(exc: BaseException) -> bool:
    """Whether a server that failed so may answer later: it is down, starts, or is out of reach for the moment."""
    text = str(exc)
    return not any(part in text for part in _REFUSED)


@contextmanager
def sentences(storage: str) -> Iterator[None]:
    """Turn what the server and its driver raise into one sentence for people; no password is in it.

    Raises:
        RequestError: if the server refuses this user or this database.
        LogError: for every other error.
    """
    driver = _driver()
    try:
        yield
    except HoldfastError:
        raise
    except driver.Error as exc:
        raise _sentence(storage, exc) from None  # the driver's own traceback may show the password


_REFUSED = {
    "password authentication failed": "the server of {address} does not accept this user and password",
    "no password supplied": "the server of {address} asks for a password",
    "no pg_hba.conf entry": "the server of {address} does not let this user in from here; see its pg_hba.conf",
    "does not exist": "{address} names a user or a database that the server does not have: {said}",
    "could not translate host name": "{address} names a host that cannot be found; check its name",
    "failed to resolve host": "{address} names a host that cannot be found; check its name",
    "permission denied for database": "the server of {address} does not let this user connect to that database",
    "is not permitted to log in": "the server of {address} does not let this user log in",
}
_HOW = "; give it in the address, in PGPASSWORD or in ~/.pgpass"


def _sentence(storage: str, exc: Any) -> HoldfastError:
    address = masked(storage)
    said = _said(storage, exc)
    if exc.sqlstate == "42501":
        return RequestError(
            f"{said} in {address}; have its owner run: GRANT CREATE ON DATABASE ... TO this user, or grant it all on"
            " the schema holdfast"
        )
    if exc.sqlstate == "53100":
        return LogError(f"the disk of {address} is full; what was logged is kept, free some space and resume")
    if exc.sqlstate == "25006":
        return LogError(f"{address} cannot be written to, it is a standby or read-only; name the primary server")
    if isinstance(exc, _driver().OperationalError):
        for part, sentence in _REFUSED.items():
            if part in str(exc):
                how = _HOW if "password" in part else ""
                return RequestError(f"{sentence.format(address=address, said=said)}{how}")
        return BusyLogError(f"{address} does not answer ({said}); see that the server runs, and run the same again")
    return LogError(f"{address} cannot be used: {said}")


def _said(storage: str, exc: BaseException) -> str:
    """The last line of what the server said, without the password."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line]
    text = masked(((fatal or lines) or [type(exc).__name__])[0])
    secret = _options(storage).get("password")
    text = text.rpartition("FATAL:")[2].strip().rstrip(".") or text
    return text.replace(str(secret), "***") if secret else text
