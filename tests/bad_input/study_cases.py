"""Studies that are not what a command takes them for, disks that take nothing, and command lines."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, TABLE, Case, changed, finished_study, prepared_study
else:
    from bench import PLAN, TABLE, Case, changed, finished_study, prepared_study


@contextlib.contextmanager
def newer_log() -> Iterator[None]:
    """The study 'mine', as a holdfast of a later format would have left it."""
    with prepared_study():
        with contextlib.closing(sqlite3.connect("runs/mine/study.db")) as connection:
            connection.execute("PRAGMA user_version = 2")
        yield


@contextlib.contextmanager
def edited_log() -> Iterator[None]:
    """The study 'mine', with an event that somebody removed."""
    with prepared_study():
        with contextlib.closing(sqlite3.connect("runs/mine/study.db", isolation_level=None)) as connection:
            connection.execute("DELETE FROM event WHERE idx = 2")
        yield


@contextlib.contextmanager
def damaged_log() -> Iterator[None]:
    """The study 'mine', with a log that is no database any more."""
    with prepared_study():
        Path("runs/mine/study.db").write_bytes(b"not a database at all" * 100)
        yield


@contextlib.contextmanager
def edited_rows() -> Iterator[None]:
    """The study 'mine', whose training rows somebody changed."""
    with prepared_study():
        path = Path("runs/mine/data/train.arrow")
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        yield


@contextlib.contextmanager
def lost_log() -> Iterator[None]:
    """The study 'mine' without its log."""
    with prepared_study():
        for path in Path("runs/mine").glob("study.db*"):
            path.unlink()
        yield


@contextlib.contextmanager
def lost_model() -> Iterator[None]:
    """The study 'mine' of a model of one's own, whose module is gone."""
    factory = Path("models.py")
    factory.write_text("from sklearn.neighbors import KNeighborsClassifier as make\n", encoding="utf-8")
    space = '[space]\nn_neighbors = { type = "int", low = 1, high = 5 }\n'
    with prepared_study(changed(family='"models:make"') + space):
        factory.unlink()
        del sys.modules["models"]
        yield


@contextlib.contextmanager
def other_database() -> Iterator[None]:
    with contextlib.closing(sqlite3.connect("all.db")) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    yield


STUDIES = [
    Case(
        "the name of a study with another plan", "trials = 3", {"plan.toml": changed(trials="3")}, around=prepared_study
    ),
    Case(
        "the name of a study on other data",
        'source = "other.csv"',
        {"plan.toml": changed(source='"other.csv"'), "other.csv": TABLE},
        around=prepared_study,
    ),
    Case("rows of a study that were changed", around=edited_rows, code=2),
    Case("an unknown study", command=("resume", "yours"), around=prepared_study),
    Case("a misspelt study", command=("status", "mien"), around=prepared_study),
    Case("a study where there is none", command=("best", "mine")),
    Case("a plan in the place of a study", command=("resume", "plan.toml")),
    Case("a study in the place of a plan", command=("tune", "mine"), around=prepared_study),
    Case("a study that has chosen nothing yet", command=("best", "mine"), around=prepared_study),
    Case("test rows before the choice", command=("unseal", "mine"), around=prepared_study),
    Case("predictions before the choice", command=("predict", "mine", "table.csv"), around=prepared_study),
    Case("a second opening without a reason", command=("unseal", "mine", "--again"), around=prepared_study),
    Case("trials in an unknown format", command=("export", "mine", "trials.xlsx"), around=prepared_study),
    Case("a log from a newer holdfast", command=("resume", "mine"), around=newer_log),
    Case("a log from a newer holdfast, met by its plan", around=newer_log),
    Case("a log with an event missing", command=("resume", "mine"), around=edited_log, code=1),
    Case("a log that is damaged", command=("status", "mine"), around=damaged_log, code=1),
    Case("a study whose model is gone", command=("resume", "mine"), around=lost_model),
    Case("a log that is gone", command=("resume", "mine"), around=lost_log),
    Case(
        "a database of another program",
        'storage = "sqlite:///all.db"',
        {"plan.toml": PLAN.replace('name = "mine"', 'name = "mine"\nstorage = "sqlite:///all.db"')},
        around=other_database,
        code=1,
    ),
]


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """A file system that takes no more files, whoever asks."""
    make, open_file = os.mkdir, os.open

    def refuse(path: Any, *args: Any, **more: Any) -> int:
        if args and not args[0] & (os.O_WRONLY | os.O_RDWR):
            return open_file(path, *args, **more)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))

    os.mkdir, os.open = refuse, refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os.mkdir, os.open = make, open_file


@contextlib.contextmanager
def full_for_files() -> Iterator[None]:
    """A disk that is full when a file is written out."""
    sync = os.fsync

    def refuse(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.fsync = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = sync


@contextlib.contextmanager
def full_for_the_log() -> Iterator[None]:
    """A disk on which a database has room for its first pages only."""
    connect = sqlite3.connect

    def in_little_room(*args: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **more)
        connection.execute("PRAGMA max_page_count = 5")
        return connection

    sqlite3.connect = in_little_room  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = connect


def new(what: str, table: str, command: tuple[str, ...] = ("predict", "mine", "new.csv"), code: int = 2) -> Case:
    """New rows for a finished study that it cannot predict for."""
    return Case(what, table, {"new.csv": table or "x1,x2,colour\n1,2,red"}, command, code, finished_study)


RESULTS = [
    new("a table without a column", "x1,colour\n1,red"),
    new("a table with a column of another name", "x1,x2,color\n1,2,red"),
    new("text in a column of numbers", "x1,x2,colour\n1,2,red\nmany,2,red"),
    new("a number without an end", "x1,x2,colour\n1,inf,red"),
    new("a header without rows", "x1,x2,colour"),
    new("no such table", "", ("predict", "mine", "news.csv")),
    new("a table in another format", "", ("predict", "mine", "plan.toml")),
    new("a file in the place of a folder", "", ("predict", "mine", "new.csv", "--out", "new.csv/out.csv")),
    new("predictions in an unknown format", "", ("predict", "mine", "new.csv", "--out", "predictions.xlsx")),
    new("trials in the place of a folder", "", ("export", "mine", "runs")),
    new("a second opening", "", ("unseal", "mine"), 1),
    new("a head that is none", "", ("verify", "mine", "--head", "abc")),
]

DISKS = [
    Case("a file where the runs should be", command=("tune", "plan.toml", "--runs", "table.csv")),
    Case("a file where the study should be", files={"runs/mine": "notes"}),
    Case("a read-only folder", around=read_only),
    Case("a disk that is full before the rows are written", around=full_for_files, code=1),
    Case("a disk that is full before the log is written", around=full_for_the_log, code=1),
]

COMMANDS = [
    Case("no plan", command=("tune",)),
    Case("an unknown command", command=("tnue", "plan.toml")),
    Case("an unknown option", command=("tune", "plan.toml", "--trails", "9")),
    Case("an option without its value", command=("tune", "plan.toml", "--runs")),
    Case("one argument too many", command=("best", "mine", "yours")),
]
