from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.errors import BusyLogError, LogError, RequestError
from holdfast.log import FORMAT, Head, SqliteLog, database, exists, list_studies
from holdfast.log.verify import verify
from holdfast.testing.logs import append, entry, insist

WRITER = """
import sys
from holdfast.log import SqliteLog
from holdfast.testing.logs import entry, insist
path, name, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
log = SqliteLog(path, "digits")
for number in range(count):
    log.put(bytes([number % 7]) * 1000)
    head = insist(log, [entry(number, writer=name, part=part) for part in range(2)])
    print(head.length, head.hash, flush=True)
"""


def writer(path: Path, name: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(name), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_four_processes_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "study.db"  # not there yet: they race to create it, too
    processes = [writer(path, name, 60) for name in range(4)]
    told = [process.communicate(timeout=60) for process in processes]
    assert [err for _, err in told] == [""] * 4
    log = SqliteLog(path, "digits")
    events = list(log.read())
    assert sorted((e.data["writer"], e.data["number"], e.data["part"]) for e in events) == [
        (name, number, part) for name in range(4) for number in range(60) for part in range(2)
    ]
    pairs = list(zip(events[::2], events[1::2], strict=True))
    assert all((first.data["part"], second.data["part"]) == (0, 1) for first, second in pairs)
    assert all(first.data["writer"] == second.data["writer"] for first, second in pairs)
    assert verify(log).ok
    heads = {(event.index + 1, event.hash) for event in events}
    assert {(int(line.split()[0]), line.split()[1]) for out, _ in told for line in out.splitlines()} <= heads
    log.close()


@pytest.mark.parametrize("after", [1, 20, 57])
def test_what_append_returned_for_survives_a_kill(tmp_path: Path, after: int) -> None:
    path = tmp_path / "study.db"
    process = writer(path, 0, 100_000)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    lines += process.communicate()[0].splitlines()
    length, digest = next(
        line for line in reversed(lines) if len(line.split()) == 2 and len(line.split()[1]) == 64
    ).split()
    log = SqliteLog(path, "digits")
    assert [event.hash for event in log.read()][int(length) - 1] == digest
    assert verify(log, digest).ok
    assert log.head().length % 2 == 0  # an append is there as a whole or not at all
    append(log, entry(0))
    log.close()


def test_a_reader_does_not_wait_for_a_long_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write is not at its end before the reads are, so that whoever waited for it would wait in vain."""

    def waited(_: float) -> None:
        raise AssertionError("a reader waits for the lock")

    monkeypatch.setattr("time.sleep", waited)
    path = tmp_path / "study.db"
    log = SqliteLog(path, "digits")
    append(log, entry(0))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO event VALUES ('digits', 1, '{}', 'unfinished')")
    reader = SqliteLog(path, "digits", read_only=True)
    assert len(list(reader.read())) == len(list(log.read())) == reader.head().length == 1
    assert list_studies(f"sqlite:///{path}") == ["digits"]
    other.execute("ROLLBACK")
    for handle in (log, reader, other):
        handle.close()


def test_a_writer_waits_for_another_and_then_says_who_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.db"
    log = SqliteLog(path, "digits")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    log._database.use(lambda sql: sql.execute("PRAGMA busy_timeout = 10").fetchone())
    connection = log._database._connection
    assert connection is not None
    with pytest.raises(BusyLogError, match=r"kept .* locked for 0 seconds"):
        database.patiently(lambda: connection.execute("BEGIN IMMEDIATE"), path, patience=0.2)
    other.execute("ROLLBACK")
    append(log, entry(0))
    for handle in (log, other):
        handle.close()


def test_a_read_only_log_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    with pytest.raises(LogError, match="there is no log"):
        SqliteLog(path, "digits", read_only=True)
    assert list_studies(f"sqlite:///{path}") == []
    assert not exists(f"sqlite:///{path}", "digits")
    assert not path.exists()
    SqliteLog(path, "digits").close()
    before = path.read_bytes()
    log = SqliteLog(path, "digits", read_only=True)
    for action in (
        lambda: log.append([entry(0)], Head()),
        lambda: log.put(b"x"),
        lambda: log.save_snapshot(0, "", b""),
    ):
        with pytest.raises(RequestError, match="read-only"):
            action()
    log.close()
    assert path.read_bytes() == before


READER = """
import os, sys
from holdfast.errors import HoldfastError
from holdfast.log import SqliteLog, list_studies
os.setuid(65534)
path = sys.argv[1]
print(list_studies("sqlite:///" + path), len(list(SqliteLog(path, "digits", read_only=True).read())))
try:
    SqliteLog(path, "digits").append([], SqliteLog(path, "digits", read_only=True).head())
    print("written")
except HoldfastError as exc:
    print(exc)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody who may not write")
def test_a_folder_that_cannot_be_written_to_can_be_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        Path(folder).chmod(0o755)
        log = SqliteLog(path, "digits")
        append(log, entry(0))
        log.close()
        told = subprocess.run(
            [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=False, timeout=20
        )
    assert told.stderr == ""
    assert told.stdout.splitlines() == [
        "['digits'] 1",
        f"'{path}' cannot be written to; check the permissions of the file and its folder",
    ]


def test_studies_share_a_file_and_blobs_but_no_events(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}"
    logs = [SqliteLog(tmp_path / "studies.db", name) for name in ("b", "ä 'quoted' \" ;--", "a")]
    assert list_studies(storage) == []
    for number, log in enumerate(logs):
        append(log, *(entry(number) for _ in range(number + 1)))
    assert [log.head().length for log in logs] == [1, 2, 3]
    assert list_studies(storage) == ["a", "b", "ä 'quoted' \" ;--"]
    assert exists(storage, "a")
    assert not exists(storage, "c")
    assert logs[0].get(logs[1].put(b"shared")) == b"shared"
    for log in logs:
        log.close()


def test_a_log_from_a_newer_holdfast_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    SqliteLog(path, "digits").close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(LogError, match=f"log format {FORMAT + 1}, .* up to {FORMAT}; install a newer holdfast"):
            SqliteLog(path, "digits", read_only=read_only)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trials (number INTEGER)")
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(LogError, match="SQLite database of another program"):
            SqliteLog(path, "digits", read_only=read_only)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database\n" * 100)
    for read_only in (False, True):
        with pytest.raises(LogError, match="is no SQLite database"):
            SqliteLog(tmp_path / "notes.txt", "digits", read_only=read_only)
    with pytest.raises(RequestError, match="is a folder; name a file in it"):
        SqliteLog(tmp_path, "digits")
    with pytest.raises(RequestError, match="does not exist; create"):
        SqliteLog(tmp_path / "nowhere" / "study.db", "digits")
    (tmp_path / "empty.db").touch()
    with pytest.raises(LogError, match="holds no study yet"):
        SqliteLog(tmp_path / "empty.db", "digits", read_only=True)
    SqliteLog(tmp_path / "empty.db", "digits").close()


def test_a_full_disk_is_one_sentence_and_what_was_there_is_kept(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "study.db", "digits")
    head = append(log, entry(0))
    pages = log._database.use(lambda sql: sql.execute("PRAGMA page_count").fetchone()[0])
    log._database.use(lambda sql: sql.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(LogError, match="is full; what was logged is kept"):
        log.append([entry(1, text="x" * 100_000)], head)
    with pytest.raises(LogError, match="is full; what was logged is kept"):
        log.put(b"x" * 100_000)
    assert log.head() == head
    log._database.use(lambda sql: sql.execute("PRAGMA max_page_count = 1000000").fetchone())
    append(log, entry(1, text="x" * 100_000))
    assert verify(log).ok
    log.close()


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    log = SqliteLog(path, "digits")
    append(log, *(entry(number, text="x" * 100) for number in range(200)))
    log.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    log = SqliteLog(path, "digits")
    with pytest.raises(LogError, match=r"study\.db' is damaged"):
        list(log.read())
    log.close()


def test_a_blob_that_sqlite_cannot_hold_is_refused(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "study.db", "digits")
    log._database.use(lambda sql: sql.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000))
    with pytest.raises(RequestError, match="a blob of 200000 bytes is more than the 100000"):
        log.put(bytes(200_000))
    log.close()


def test_a_closed_log_says_so_and_closes_twice(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "study.db", "digits")
    log.close()
    log.close()
    with pytest.raises(LogError, match="is closed"):
        log.head()


def test_a_log_is_not_used_across_a_fork(tmp_path: Path) -> None:
    script = """
import os, sys
from holdfast.errors import LogError
from holdfast.log import SqliteLog
log = SqliteLog(sys.argv[1], "digits")
if os.fork() == 0:
    try:
        log.head()
    except LogError as exc:
        os.write(1, str(exc).encode())
    os._exit(0)
os.wait()
"""
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "study.db")],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert "cannot be used across a fork" in told.stdout


def test_a_snapshot_that_was_damaged_is_ignored(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "study.db", "digits")
    for number in range(4):
        head = insist(log, [entry(number)])
        log.save_snapshot(head.length, head.hash, b"state %d" % number)
    log._database.write(lambda sql: sql.execute("UPDATE snapshot SET data = 'changed' WHERE idx = 4"))
    assert log.load_snapshot() == (3, b"state 2")
    assert log._database.use(lambda sql: sql.execute("SELECT count(*) FROM snapshot").fetchone()) == (2,)
    log.close()


def test_reading_a_long_log_takes_little_more_than_parsing_its_texts(tmp_path: Path) -> None:
    """In processor time, next to a plain loop over the same rows: some 1.4 times as much."""
    log = SqliteLog(tmp_path / "study.db", "digits")
    append(log, *(entry(number, metrics={"value": number / 3}) for number in range(20_000)))

    def parsed() -> int:
        with closing(sqlite3.connect(tmp_path / "study.db")) as plain:
            rows = plain.execute("SELECT idx, body, hash FROM event ORDER BY idx")
            return sum(bool(json.loads(body)) for _, body, _ in rows)

    def least(read: Callable[[], int]) -> float:
        took = []
        for _ in range(3):
            began = time.process_time()
            assert read() == 20_000
            took.append(time.process_time() - began)
        return min(took)

    assert least(lambda: sum(1 for _ in log.read())) < 5 * least(parsed)
    log.close()


def test_an_append_waits_for_the_disk_and_what_need_not_last_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(database, "flush", lambda file: flushed.append(os.fstat(file).st_ino))
    for _ in ("created", "opened again"):
        log = SqliteLog(tmp_path / "study.db", "digits")
        flushed.clear()
        head = log.append([entry(0)], log.head(), lasting=False)
        assert flushed == []
        assert isinstance(head, Head)
        log.append([entry(1)], head)
        log.append([entry(2)], head)  # a conflict, which writes nothing
        log.put(str(head).encode())
        assert flushed == [(tmp_path / "study.db-wal").stat().st_ino] * 2
        modes = [
            log._database.use(lambda sql, name=name: sql.execute(f"PRAGMA {name}").fetchone()[0])  # type: ignore[misc]
            for name in ("journal_mode", "synchronous", "fullfsync")
        ]
        assert modes == ["wal", 1, 1]
        log.close()


def test_a_blob_that_somebody_else_has_put_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one may still be waiting for the disk, and a loss of power would take what both were promised."""
    path = tmp_path / "study.db"
    waits: list[int] = []
    monkeypatch.setattr(database, "flush", waits.append)
    one, other = SqliteLog(path, "digits"), SqliteLog(path, "digits")
    name = one.put(b"the same")
    assert len(waits) == 1
    for expected in (2, 2):
        assert other.put(b"the same") == name
        assert len(waits) == expected
    other.drop([name])
    assert other.put(b"the same") == name
    assert len(waits) == 4
    one.close()
    other.close()


def test_a_file_that_lost_its_power_while_it_was_laid_out_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(bytes(4096))  # its first page, which was never written
    journal = bytes.fromhex("d9d505f920a163d7") + b"".join(n.to_bytes(4, "big") for n in (0, 1, 0, 512, 4096))
    path.with_name("study.db-journal").write_bytes(journal.ljust(512, b"\0"))
    assert list_studies(f"sqlite:///{path}") == []
    log = SqliteLog(path, "digits")
    append(log, entry(0))
    assert verify(log).ok
    log.close()
