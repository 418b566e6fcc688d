"""Damage of every kind to the file of a log: what its intact pages hold is saved, and nothing is invented."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import LogError
from holdfast.log.base import Head, Row, blob_hash
from holdfast.log.database import salvage_command
from holdfast.log.remains import holds_events
from holdfast.log.salvage import LOST, SALVAGED, Salvage, Saved, is_whole, newest, salvage
from holdfast.log.sqlite import SqliteLog
from holdfast.log.verify import verify
from holdfast.records import Entry

PAGE = 4096
N = 120


@dataclass(frozen=True)
class Original:
    """A log before it was damaged: its files by their endings, its events, its blobs, and the pages of each event."""

    files: dict[str, bytes]
    rows: list[Row]
    blobs: dict[str, bytes]
    places: list[set[tuple[str, int]]]


def written(folder: Path, *, checkpointed: bool) -> Original:
    """A log of events of all sizes, with blobs, beside another study in its file."""
    draw = random.Random(0)
    path = folder / "study.db"
    log, other = SqliteLog(path, "digits"), SqliteLog(path, "other")
    head, beside, blobs = Head(), Head(), {}
    for number in range(N):
        data: dict[str, object] = {"text": draw.randbytes(draw.choice([8, 40, 400, 3000])).hex()}
        if number % 7 == 0:
            blob = draw.randbytes(draw.choice([10, 3000, 20_000]))
            blobs[log.put(blob)] = blob
            data["rows"] = {"blob": blob_hash(blob)}
        head = appended(log, head, Entry("noted", data, float(number)))
        beside = appended(other, beside, Entry("noted", {}, float(number)))
        if number == N // 2 and checkpointed:
            log._database.use(lambda sql: sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    files = {end: path.with_name(f"study.db{end}").read_bytes() for end in ("", "-wal")}
    rows = list(log.rows())
    log.close()
    other.close()
    return Original(files, rows, blobs, places(files, rows))


def appended(log: SqliteLog, head: Head, entry: Entry) -> Head:
    found = log.append([entry], head)
    assert isinstance(found, Head)
    return found


def places(files: dict[str, bytes], rows: list[Row]) -> list[set[tuple[str, int]]]:
    """The pages, by file and number, on which a piece of each event's text or hash lies."""
    pieces = {
        text[at : at + 8]: row.index
        for row in rows
        for text in (row.body.encode(), row.hash.encode())
        for at in range(len(text) - 7)
        if not text[at : at + 8].startswith((b'"', b"{", b"}"))
    }
    found: list[set[tuple[str, int]]] = [set() for _ in rows]
    for end, start, step in (("", 0, PAGE), ("-wal", 32, PAGE + 24)):
        data = files.get(end, b"")
        for page, at in enumerate(range(start, len(data), step)):
            for place in range(at, min(at + step, len(data)) - 7):
                if (index := pieces.get(data[place : place + 8])) is not None:
                    found[index].add((end, page))
    return found


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    """A log whose file holds all, and one of which much lies beside the file."""
    folder = tmp_path_factory.mktemp("original")
    beside = written(folder, checkpointed=True)
    alone = {"": (folder / "study.db").read_bytes()}
    return [Original(alone, beside.rows, beside.blobs, places(alone, beside.rows)), beside]


@pytest.fixture(params=[0, 1], ids=["all in the file", "much beside it"])
def original(request: pytest.FixtureRequest, originals: list[Original]) -> Original:
    return originals[int(request.param)]


def of(done: Salvage, study: str = "digits") -> Saved:
    return next(saved for saved in done.studies if saved.study == study)


def check(original: Original, done: Salvage) -> set[int]:
    """What holds of every salvage; returns which events were saved."""
    saved = of(done)
    with closing(SqliteLog(done.path, "digits")) as log:
        rows, found = list(log.rows()), verify(log)
        assert all("is missing, which event" in problem for problem in found.problems)
        assert {name: log.get(name) for name in log.blobs()}.items() <= original.blobs.items()
        told = json.loads(rows[-1].body)
        assert told["kind"] == SALVAGED
        assert told["data"] == {"source": "study.db", "sha256": done.sha256, **saved.to_json()}
        assert isinstance(log.append([Entry("noted", {}, 0.0)], log.head()), Head)
    there = set()
    for row in rows[:-1]:
        if json.loads(row.body)["kind"] != LOST:
            there.add(row.index)
            assert row.body == original.rows[row.index].body, "an event is not what was written"
    lost = {index for first, last in saved.lost for index in range(first, last + 1)}
    assert lost == set(range(len(rows) - 1)) - there
    assert saved.head.length == min([len(rows) - 1, *lost])
    assert all(row.hash == original.rows[row.index].hash for row in rows[: saved.head.length])
    assert all(index - 1 not in there for index in saved.unchecked)
    return there


def laid_out(original: Original, folder: Path) -> Path:
    for end, content in original.files.items():
        (folder / f"study.db{end}").write_bytes(content)
    return folder / "study.db"


def test_an_undamaged_log_is_saved_whole(original: Original, tmp_path: Path) -> None:
    path = laid_out(original, tmp_path)
    done = salvage(path)
    assert path.read_bytes() == original.files[""]
    assert check(original, done) == set(range(N))
    assert (of(done).lost, of(done).unchecked, of(done).missing) == ((), (), ())
    assert of(done, "other").events == N
    assert done.blobs == len(original.blobs)
    assert of(done).last == of(done).head == Head(N, original.rows[-1].hash)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_event_whose_pages_are_intact_is_saved_and_nothing_is_invented(
    originals: list[Original], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    original = originals[data.draw(st.integers(0, 1), label="which")]
    files = {end: bytearray(content) for end, content in original.files.items()}
    gone: set[tuple[str, int]] = set()
    for end, content in files.items():
        start, step = (0, PAGE) if end == "" else (32, PAGE + 24)
        n = (len(content) - start) // step
        for page in data.draw(st.lists(st.integers(0, n - 1), max_size=4), label=f"pages {end}"):
            at = start + page * step
            content[at : at + step] = bytes(step)
            gone.add((end, page))
        cut = data.draw(st.none() | st.integers(0, len(content)), label=f"cut {end}")
        if cut is not None:
            del content[cut:]
            gone |= {(end, page) for page in range(max(cut - start, 0) // step, n)}
    if data.draw(st.booleans(), label="header gone"):
        files[""][:100] = bytes(len(files[""][:100]))
    folder = tmp_path_factory.mktemp("damaged")
    for end, content in files.items():
        (folder / f"study.db{end}").write_bytes(content)
    intact = {index for index, pages in enumerate(original.places) if pages and not pages & gone}
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    done = None
    with contextlib.suppress(LogError):
        done = salvage(folder / "study.db")
    assert before.items() <= {file.name: file.read_bytes() for file in folder.iterdir()}.items()
    found = done is not None and any(saved.study == "digits" for saved in done.studies)
    there = check(original, done) if done is not None and found else set()
    assert intact <= there
    shutil.rmtree(folder)


def test_what_was_written_over_by_noise_is_left_out(original: Original, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    draw = random.Random(1)
    for end, content in original.files.items():
        noisy = bytearray(content)
        for at in range(5000, len(noisy), 4999):
            noisy[at] = draw.randrange(256)
        path.with_name(f"study.db{end}").write_bytes(noisy)
    done = salvage(path)
    saved = of(done)
    with closing(SqliteLog(done.path, "digits")) as log:
        for row in log.rows():
            is_own = row.index >= N or json.loads(row.body)["kind"] == LOST or row.index in saved.unchecked
            assert is_own or row.body == original.rows[row.index].body


def test_an_event_that_was_edited_is_not_saved_and_one_whose_hash_was_is(original: Original, tmp_path: Path) -> None:
    path = laid_out(original, tmp_path)
    assert is_whole(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE event SET body = replace(body, '4', '5') WHERE study = 'digits' AND idx = 9")
        connection.execute("UPDATE event SET hash = ? WHERE study = 'digits' AND idx = 20", ("0" * 64,))
    assert not is_whole(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    saved = of(salvage(path))
    assert (saved.lost, saved.altered, saved.unchecked) == (((9, 9),), (9,), ())


def test_blobs_that_were_dropped_are_not_dug_out_again(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "study.db", "digits")
    old, new = log.put(b"old" * 3000), log.put(b"new" * 3000)
    head = appended(log, Head(), Entry("saved", {"checkpoint": {"blob": old}}, 0.0))
    appended(log, head, Entry("saved", {"checkpoint": {"blob": new}, "drops": [old]}, 1.0))
    log.drop([old])
    log.close()
    with closing(SqliteLog(salvage(tmp_path / "study.db").path, "digits")) as saved:
        assert list(saved.blobs()) == [new]


def test_a_salvaged_log_stands_for_the_damaged_one_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    log = SqliteLog(path, "digits")
    appended(log, Head(), Entry("noted", {}, 0.0))
    log.close()
    assert newest(path) == path
    names = [salvage(path).path.name for _ in range(3)]
    assert names == ["study.salvaged.db", "study.salvaged-2.db", "study.salvaged-3.db"]
    assert newest(path).name == "study.salvaged-3.db"
    assert salvage(tmp_path / "study.salvaged-2.db").path.name == "study.salvaged-4.db"
    assert not list(tmp_path.glob("*.part*"))


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "study[1].db"
    log = SqliteLog(path, "digits")
    appended(log, Head(), Entry("noted", {}, 0.0))
    log.close()
    assert salvage(path).path == newest(path) != path


@pytest.mark.parametrize("content", [b"", b"x", b"not a database" * 1000, b"\0" * 10_000])
def test_where_there_is_nothing_it_says_so_and_writes_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"nothing in '.*' can be read as an event"):
        salvage(path)
    assert [file.name for file in tmp_path.iterdir()] == ["study.db"]
    assert not holds_events(path)


def test_a_file_that_sqlite_cannot_read_names_the_command(tmp_path: Path) -> None:
    path = tmp_path / "my study.db"
    log = SqliteLog(path, "digits")
    appended(log, Head(), Entry("noted", {}, 0.0))
    log.close()
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    assert salvage_command(path) == f"holdfast doctor --salvage --storage 'sqlite:///{path}'"
    with pytest.raises(LogError, match=r"my study\.db' is damaged .*; save what can be saved of it with: holdfast doc"):
        SqliteLog(path, "digits")


def test_a_file_that_lost_all_but_what_lies_beside_it_is_not_opened(originals: list[Original], tmp_path: Path) -> None:
    """SQLite would delete the write-ahead log of an empty file."""
    (tmp_path / "study.db").write_bytes(b"")
    (tmp_path / "study.db-wal").write_bytes(originals[1].files["-wal"])
    with pytest.raises(LogError, match="has lost its content, but not what lies beside it; save that with"):
        SqliteLog(tmp_path / "study.db", "digits")
    assert of(salvage(tmp_path / "study.db")).events >= N // 2 - 1
