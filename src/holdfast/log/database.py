"""An SQLite file that holds the logs of several studies: open it, wait for it, and say what is wrong with it."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from holdfast.durable import flush, flush_folder
from holdfast.errors import BusyLogError, HoldfastError, LogError, NewerLogError, RequestError
from holdfast.log.remains import holds_events
from holdfast.log.shares import check_share
from holdfast.log.upgrade import STEPS, Steps, newest, sqlite_format, upgrade_sqlite

T = TypeVar("T")

APPLICATION_ID = 0x686F6C64
"""'hold' in ASCII, kept in the file's header, so that another program's database is not mistaken for a log."""

PATIENCE = 120.0
"""Seconds to wait for other processes that write to the same file."""

LITTLE = 2**20
"""Fewer free bytes than this, and a disk counts as full."""

_SCHEMA = (
    """CREATE TABLE event (
        study TEXT NOT NULL, idx INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (study, idx)
    ) WITHOUT ROWID""",
    "CREATE TABLE blob (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL)",
    """CREATE TABLE snapshot (
        study TEXT NOT NULL, idx INTEGER NOT NULL, head_hash TEXT NOT NULL, sha256 TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (study, idx)
    )""",
)


class Database:
    """A database file as one process uses it: its threads take turns, and all wait for other processes.

    Args:
        path: the file; created if it is not there.
        read_only: never write, nor create anything; the file may lie where this process cannot write.
        steps: from each format to the next.

    Raises:
        RequestError: if no file can be at ``path``.
        LogError: if the file cannot be used, is no log, or is from a newer holdfast.
    """

    def __init__(self, path: Path, read_only: bool = False, steps: Steps = STEPS) -> None:
        self.path = path
        self.read_only = read_only
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._wal: int | None = None
        self._connection: sqlite3.Connection | None = (
            _open_log(path, steps) if read_only else open_database(path, steps)
        )

    def use(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """What ``action`` returns for the connection; it may be called again when another process was in the way.

        Raises:
            LogError: if the file cannot be used any more, stays locked, or was opened before a fork.
        """
        if os.getpid() != self._process:
            raise LogError(
                f"'{self.path}' was opened before this process was forked, and SQLite cannot be used across a fork;"
                " open the study in the process that uses it (multiprocessing's start method 'spawn')"
            )
        with self._lock, sentences(self.path):
            connection = self._connection
            if connection is None:
                raise LogError(f"the log in '{self.path}' is closed")
            return patiently(lambda: action(connection), self.path)

    def write(self, action: Callable[[sqlite3.Connection], T], *, lasting: bool = True) -> T:
        """As `use`, in one transaction that holds the write lock; what was written is on disk when this returns.

        What need not be ``lasting`` is safe from the end of any process, but a power failure may take it, as long as
        nothing lasting was written behind it. The lock is let go before the disk is waited for, so that several threads
        and processes wait together.

        Raises:
            RequestError: if the file was opened read-only.
            LogError: as `use`, or if the disk is full or the file cannot be written.
        """
        self._check_writable()

        def transaction(connection: sqlite3.Connection) -> tuple[T, bool]:
            before = connection.total_changes
            with writing(connection):
                found = action(connection)
            return found, connection.total_changes > before

        found, changed = self.use(transaction)
        if lasting and changed:
            self.flush()
        return found

    def insert(self, statement: str, values: Sequence[Any], *, lasting: bool = True) -> bool:
        """Whether a statement added anything; as `write`, in less time, for one that is a transaction by itself."""
        self._check_writable()
        added = self.use(lambda connection: connection.execute(statement, values).rowcount > 0)
        if lasting and added:
            self.flush()
        return added

    def _check_writable(self) -> None:
        if self.read_only:
            raise RequestError(f"the log in '{self.path}' was opened read-only; open it for writing to add to it")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._connection is not None and os.getpid() == self._process:
                self._connection.close()
            self._connection = None
            if self._wal is not None:
                os.close(self._wal)
                self._wal = None

    def flush(self) -> None:
        """Wait until all that was committed so far is on disk, in the file beside the database that is written first.

        It is the same file as long as a connection is open, and no lock of SQLite's lies on it.
        """
        with self._lock, sentences(self.path):
            if self._wal is None:
                self._wal = _open_wal(self.path)
            wal = os.dup(self._wal)
        try:
            flush(wal)
        except OSError as exc:
            raise LogError(f"the disk that holds '{self.path}' failed to write ({exc.strerror})") from exc
        finally:
            os.close(wal)


def open_database(path: Path, steps: Steps = STEPS) -> sqlite3.Connection:
    """Open a database file for reading and writing; create it if it is not there, and bring it to the newest format.

    Raises:
        RequestError: if no file can be at ``path``.
        LogError: if the file cannot be used, is no log, or is from a newer holdfast.
    """
    check_file(path)
    with sentences(path):
        connection = _connect(path, "mode=rwc")
        try:
            if patiently(lambda: is_log(connection, path, steps), path):
                _write_ahead(connection, path)  # a copy of a log may have lost the mode
                patiently(lambda: _upgrade(connection, steps), path)
            else:
                _create(connection, path)
            # whole after a power failure whatever was being written; how far it goes is seen to by Database.write
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync does not reach the disk
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _open_wal(path: Path) -> int:
    """The write-ahead log of an open database, with its name in the folder on disk, too."""
    wal = os.open(f"{path}-wal", os.O_RDWR)
    flush_folder(path.parent)
    return wal


def check_file(path: Path) -> None:
    """Refuse a path where no log can be.

    Raises:
        RequestError: as said.
    """
    if path.is_dir():
        raise RequestError(f"storage '{path}' is a folder; name a file in it, such as sqlite:///{path / 'study.db'}")
    if not path.parent.is_dir():
        raise RequestError(f"storage '{path}' lies in a folder that does not exist; create '{path.parent}' first")
    check_share(path)


def open_read_only(path: Path, steps: Steps = STEPS) -> sqlite3.Connection:
    """Open an existing database file for reading; works in a folder that cannot be written to, too.

    Raises:
        LogError: if the file is not there, cannot be read, is no log, or is from a newer holdfast.
    """
    if not path.is_file():
        raise LogError(f"there is no log at '{path}'; check the storage's name")
    with sentences(path):
        connection = _connect(path, "mode=ro")
        try:
            is_log(connection, path, steps)
        except sqlite3.OperationalError as exc:
            connection.close()
            if exc.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
                return _undone(path)
            # Where SQLite cannot put its shared memory beside the file, nobody can write, and the file stays as it is.
            beside = path.with_name(path.name + "-wal")
            if beside.exists() and beside.stat().st_size > 0:
                raise
            connection = _connect(path, "mode=ro&immutable=1")
            is_log(connection, path, steps)
    return connection


def _undone(path: Path) -> sqlite3.Connection:
    """A connection for reading to a file that lost its power while it was laid out, which is undone first."""
    with closing(_connect(path, "mode=rw")) as connection:
        is_log(connection, path)
    connection = _connect(path, "mode=ro")
    is_log(connection, path)
    return connection


def _open_log(path: Path, steps: Steps = STEPS) -> sqlite3.Connection:
    """A connection for reading to a file that holds at least one log; of an older format, to what it would become."""
    connection = open_read_only(path, steps)
    with sentences(path):
        if not is_log(connection, path, steps):
            connection.close()
            raise LogError(f"'{path}' is empty and holds no study yet")
        if sqlite_format(connection) == newest(steps):
            return connection
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with closing(connection):
            connection.backup(copy)
        copy.text_factory = _decoded
        _upgrade(copy, steps)
    return copy


def _upgrade(connection: sqlite3.Connection, steps: Steps) -> None:
    """Bring a log to the newest format, in one transaction."""
    if sqlite_format(connection) < newest(steps):
        with writing(connection):
            upgrade_sqlite(connection, steps)


def is_log(connection: sqlite3.Connection, path: Path, steps: Steps = STEPS) -> bool:
    """Whether the database is a log of this format or an older one; False if it is still empty.

    Raises:
        LogError: if it belongs to another program, or to a newer holdfast.
    """
    # one statement sees one state of the file, which another process may be creating
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application != APPLICATION_ID:
        if tables:
            raise LogError(f"'{path}' is an SQLite database of another program; name a new file for the study")
        return False
    if version > newest(steps):
        raise NewerLogError(
            f"'{path}' has log format {version}, and this holdfast reads formats up to {newest(steps)};"
            " install a newer holdfast"
        )
    return True


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    wal = path.with_name(f"{path.name}-wal")
    if path.exists() and path.stat().st_size == 0 and wal.exists() and wal.stat().st_size > 0:  # SQLite would delete it
        raise LogError(
            f"'{path}' has lost its content, but not what lies beside it; save that with: {salvage_command(path)}"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=1.0, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _decoded
    return connection


def _decoded(text: bytes) -> str:
    """Text that somebody made unreadable is read as such; its hash then does not fit, which names the event."""
    return text.decode(errors="replace")


def _create(connection: sqlite3.Connection, path: Path) -> None:
    """Lay out an empty database; several processes may try at once."""
    _write_ahead(connection, path)

    def lay_out() -> None:
        with writing(connection):
            if is_log(connection, path):
                return
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {newest()}")

    patiently(lay_out, path)


def _write_ahead(connection: sqlite3.Connection, path: Path) -> None:
    """Have what is written go to a log of its own first, so that readers and the writer are not in each other's way."""
    (mode,) = patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone(), path)
    if mode != "wal":
        raise LogError(
            f"'{path}' lies where files cannot be shared by processes, as on some network drives; name a file on a disk"
            " of this machine, or a server as postgresql://user@host/base"
        )


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that holds the write lock from its first moment; committed, and on disk, when it ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def patiently(action: Callable[[], T], path: Path, patience: float = PATIENCE) -> T:
    """Run ``action``, again and again while another process holds the lock.

    Raises:
        LogError: if the lock was not free for ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    pause = 0.001
    while True:
        try:
            return action()
        except sqlite3.OperationalError as exc:
            if _code(exc) not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            if time.monotonic() > deadline:
                raise BusyLogError(
                    f"another process has kept '{path}' locked for {patience:.0f} seconds; end it and try again"
                ) from exc
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # waiting times, not a search
        pause = min(2 * pause, 0.1)


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one sentence for people.

    Raises:
        LogError: for every error of SQLite.
    """
    try:
        yield
    except HoldfastError:
        raise
    except (sqlite3.Error, OverflowError) as exc:
        code = _code(exc)
        if code == sqlite3.SQLITE_IOERR and _is_full(path):
            code = sqlite3.SQLITE_FULL
        if (code == sqlite3.SQLITE_NOTADB or "no such table" in str(exc)) and is_left_of_a_log(path):
            code = sqlite3.SQLITE_CORRUPT
        sentence = _SENTENCES.get(code, "'{path}' cannot be used: {exc}")
        kind = BusyLogError if code == sqlite3.SQLITE_BUSY else LogError
        raise kind(sentence.format(path=path, exc=exc, salvage=salvage_command(path))) from exc


def salvage_command(path: Path) -> str:
    """What to type to save what can be saved of a damaged file."""
    return f"holdfast doctor --salvage --storage {shlex.quote(f'sqlite:///{path}')}"


def is_left_of_a_log(path: Path) -> bool:
    """Whether a file that SQLite cannot read still holds events of a log."""
    return path.is_file() and holds_events(path)


def _is_full(path: Path) -> bool:
    """Whether the disk has no room for what SQLite keeps beside a file; it calls some of that a failure of the disk."""
    return shutil.disk_usage(path.parent).free < LITTLE


_SENTENCES = {
    sqlite3.SQLITE_NOTADB: "'{path}' is no SQLite database; name a new file, or a study's file",
    sqlite3.SQLITE_CORRUPT: "'{path}' is damaged ({exc}); save what can be saved of it with: {salvage}",
    sqlite3.SQLITE_FULL: "the disk that holds '{path}' is full; what was logged is kept, free some space and resume",
    sqlite3.SQLITE_READONLY: "'{path}' cannot be written to; check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "'{path}' cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_PERM: "'{path}' cannot be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_IOERR: "the disk that holds '{path}' failed to read or write ({exc}); what was logged is kept",
    sqlite3.SQLITE_BUSY: "'{path}' is locked by another process; try again when it has finished",
}


def _code(exc: BaseException) -> int:
    """SQLite's primary result code; -1 where the error is not SQLite's own."""
    code: int = getattr(exc, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1
