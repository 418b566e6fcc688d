"""Servers that are not there or refuse, and files where no log can be kept."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from holdfast.log import server, shares
from holdfast.study.lock import DriverLock

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, TUNE, Around, Case, prepared_study
else:
    from bench import PLAN, TUNE, Around, Case, prepared_study

ADDRESS = "postgresql://ann:secret@db.lab/studies"


def stored(what: str, storage: str, around: Around = contextlib.nullcontext, code: int = 2) -> Case:
    """The plan with its log in another place."""
    line = f'storage = "{storage}"'
    plan = PLAN.replace('name = "mine"\n', f'name = "mine"\n{line}\n')
    return Case(what, line, {"plan.toml": plan}, around=around, code=code)


def says(text: str, sqlstate: str | None = None) -> Around:
    """A server that answers every connection so."""

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        import psycopg

        failed = f'connection failed: connection to server at "10.0.0.7", port 5432 failed: {text}'

        def refuse(**_: Any) -> None:
            raise psycopg.OperationalError(failed) if sqlstate is None else psycopg.errors.lookup(sqlstate)(text)

        with mock.patch.object(psycopg, "connect", refuse), mock.patch.object(server, "TRIES", ()):
            yield

    return around


def checkpoints(what: str, lines: str, around: Around = contextlib.nullcontext) -> Case:
    """The plan with its checkpoints in another place."""
    return Case(what, lines, {"plan.toml": PLAN.replace("[data]\n", f"{lines}\n[data]\n")}, around=around)


@contextlib.contextmanager
def without_fsspec() -> Iterator[None]:
    """A machine on which fsspec is not installed."""
    with mock.patch.dict(sys.modules, {"fsspec": None}):
        yield


@contextlib.contextmanager
def without_driver() -> Iterator[None]:
    """A machine on which the driver is not installed."""
    with mock.patch.dict(sys.modules, {"psycopg": None}):
        yield


def mounted(name: str) -> Around:
    """A machine whose working folder lies on such a share, without locks."""

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        share = shares.Share(name, "/shared", locks=False)
        with mock.patch.object(shares, "share_of", return_value=share):
            yield

    return around


@contextlib.contextmanager
def driven() -> Iterator[None]:
    """The study 'mine', while another process works on it."""
    with prepared_study():
        lock = DriverLock(Path("runs/.tune"), "mine")
        lock.take(exclusive=True)
        try:
            yield
        finally:
            lock.close()


def damaged(first: int, last: int) -> Around:
    """The study 'mine', with these bytes of its log zero."""

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        with prepared_study():
            path = Path("runs/mine/study.db")
            data = path.read_bytes()
            path.write_bytes(data[:first] + bytes(last - first) + data[last:])
            yield

    return around


SERVERS = [
    stored("an address without a database", "postgresql://db.lab"),
    stored("the address of another library", "postgresql+psycopg2://ann:secret@db.lab/studies"),
    stored("a server of another kind", "mysql://ann:secret@db.lab/studies"),
    stored("a port that is no number", "postgresql://ann@db.lab:http/studies"),
    stored("a server that is not there", ADDRESS, says("Connection refused"), 1),
    stored("a host that cannot be found", ADDRESS, says('could not translate host name "db.lab" to address')),
    stored("a wrong password", ADDRESS, says('FATAL:  password authentication failed for user "ann"')),
    stored("no password", "postgresql://ann@db.lab/studies", says("fe_sendauth: no password supplied")),
    stored("a database that does not exist", ADDRESS, says('FATAL:  database "studies" does not exist')),
    stored("a machine that is not let in", ADDRESS, says('FATAL:  no pg_hba.conf entry for host "10.0.0.9"')),
    stored("a user without permission", ADDRESS, says("permission denied for database studies", "42501")),
    stored("a driver that is not installed", ADDRESS, without_driver),
    Case(
        "a misspelt study in a storage",
        command=("status", "mien", "--storage", "sqlite:///runs/mine/study.db"),
        around=prepared_study,
    ),
]

PLACES = [
    Case("a study that another process works on", command=TUNE, around=driven),
    Case(
        "a network share without file locks",
        "ann@host: on /shared type fuse.sshfs",
        around=mounted("SSHFS"),
    ),
    Case(
        "a share that is mounted without its locks",
        "host:/shared on /shared type nfs (nolock)",
        around=mounted("NFS"),
    ),
    Case("a log whose header is gone", command=("status", "mine"), around=damaged(0, 100), code=1),
    Case("a log with a page of zeros", command=("resume", "mine"), around=damaged(4096, 3 * 4096), code=1),
    checkpoints("a place for checkpoints that nobody knows", 'checkpoints = "nowhere://kept"'),
    checkpoints("a place for checkpoints with a password", 'checkpoints = "ftp://ann:secret@db.lab/kept"'),
    checkpoints("checkpoints in the place of a file", 'checkpoints = "table.csv"'),
    checkpoints("checkpoints elsewhere without fsspec", 'checkpoints = "s3://bucket/kept"', without_fsspec),
    checkpoints("a quota that is no size", 'checkpoints = "kept"\ncheckpoint_quota = "plenty"'),
    checkpoints("a quota without a place", 'checkpoint_quota = "20 GB"'),
    Case("a log with nothing left to save", command=("doctor", "mine", "--salvage"), around=damaged(0, 10**7), code=1),
]
