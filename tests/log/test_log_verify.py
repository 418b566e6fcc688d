from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import RequestError, TamperError
from holdfast.log import MemoryLog, SqliteLog
from holdfast.log.base import GENESIS, Head, Row, chain, link
from holdfast.log.verify import blob_references, first_broken, verify
from holdfast.records import canonical_json
from holdfast.testing.logs import append, entry

N = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = SqliteLog(tmp_path / "study.db", "digits")
    rows = log.put(b"row scores")
    append(log, *(entry(number, rows={"blob": rows} if number == 3 else None) for number in range(N)))
    other = SqliteLog(tmp_path / "study.db", "other")
    append(other, *(entry(number) for number in range(5)))
    log.close()
    other.close()
    return tmp_path / "study.db"


def tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def problems(path: Path, expected_head: str | None = None) -> tuple[str, ...]:
    log = SqliteLog(path, "digits", read_only=True)
    found = verify(log, expected_head)
    log.close()
    assert found.ok == (not found.problems)
    return found.problems


def hashes(path: Path) -> list[str]:
    log = SqliteLog(path, "digits", read_only=True)
    result = [row.hash for row in log.rows()]
    log.close()
    return result


def renumber(path: Path, first: int, shift: int, text_too: bool) -> None:
    """Move the numbers of all events from ``first`` on, as somebody would who hides a gap."""
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT idx, body FROM event WHERE study = 'digits' AND idx >= ? ORDER BY idx", (first,)
    ).fetchall()
    for index, body in sorted(found, reverse=shift > 0):
        text = canonical_json({**json.loads(body), "index": index + shift}) if text_too else body
        connection.execute(
            "UPDATE event SET idx = ?, body = ? WHERE study = 'digits' AND idx = ?", (index + shift, text, index)
        )
    connection.commit()
    connection.close()


def test_a_sound_log_is_sound(path: Path) -> None:
    assert problems(path) == ()
    assert problems(path, hashes(path)[-1].upper()) == ()


def test_an_edited_event_is_named(path: Path) -> None:
    tamper(path, "UPDATE event SET body = replace(body, '\"number\":17', '\"number\":71') WHERE study = 'digits'")
    assert problems(path) == (
        "event 17 was edited: its content does not give its hash (or event 16 was replaced, its hash with it)",
    )


@pytest.mark.parametrize("body", ["", "no json", "[1]", "{}", '{"index":17}', "\x00", "[" * 100_000, b"\xff"])
def test_an_event_that_is_no_event_any_more_is_named(path: Path, body: str | bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE event SET body = CAST(? AS TEXT) WHERE study = 'digits' AND idx = 17", (body,))
    connection.commit()
    connection.close()
    assert problems(path)[0].startswith("event 17 was edited")
    log = SqliteLog(path, "digits")
    with pytest.raises(TamperError, match="event 17 was edited"):
        list(log.read())
    log.close()


@pytest.mark.parametrize("at", [0, 17, N - 1])
def test_an_edit_is_found_anywhere(path: Path, at: int) -> None:
    tamper(path, f"UPDATE event SET body = replace(body, '\"kind\"', '\"Kind\"') WHERE study = 'digits' AND idx = {at}")
    assert problems(path)[0].startswith(f"event {at} was edited")


def test_an_edit_with_its_own_hash_mended_is_found_behind_it(path: Path) -> None:
    connection = sqlite3.connect(path)
    body, previous = connection.execute(
        "SELECT (SELECT body FROM event WHERE study = 'digits' AND idx = 17),"
        " (SELECT hash FROM event WHERE study = 'digits' AND idx = 16)"
    ).fetchone()
    edited = body.replace('"number":17', '"number":71')
    connection.execute(
        "UPDATE event SET body = ?, hash = ? WHERE study = 'digits' AND idx = 17", (edited, link(previous, edited))
    )
    connection.commit()
    connection.close()
    assert "event 17 was replaced" in problems(path)[0]


def test_a_changed_hash_is_told_from_a_changed_event(path: Path) -> None:
    tamper(path, f"UPDATE event SET hash = '{'a' * 64}' WHERE study = 'digits' AND idx = 17")
    assert problems(path) == ("event 17 was edited: its stored hash was changed, its content was not",)


def test_a_removed_event_is_named(path: Path) -> None:
    tamper(path, "DELETE FROM event WHERE study = 'digits' AND idx = 17")
    assert problems(path) == ("event 17 was removed: the log has no such event but has event 18",)
    tamper(path, "DELETE FROM event WHERE study = 'digits' AND idx IN (16, 18)")
    assert problems(path) == ("events 16 to 18 were removed: the log has none of them but has event 19",)
    log = SqliteLog(path, "digits")
    with pytest.raises(TamperError, match="event 16 is missing"):
        list(log.read())
    log.close()


@pytest.mark.parametrize("text_too", [False, True])
@pytest.mark.parametrize("removed", [1, 3])
def test_a_removal_that_was_hidden_by_renumbering_is_named(path: Path, removed: int, text_too: bool) -> None:
    tamper(path, f"DELETE FROM event WHERE study = 'digits' AND idx >= 17 AND idx < {17 + removed}")
    renumber(path, 17, -removed, text_too)
    expected = "event 17 was removed" if removed == 1 else "events 17 to 19 were removed"
    assert problems(path)[0].startswith(expected)


@pytest.mark.parametrize("text_too", [False, True])
@pytest.mark.parametrize("mended", [False, True])
def test_an_inserted_event_is_named(path: Path, mended: bool, text_too: bool) -> None:
    previous = hashes(path)[16]
    renumber(path, 17, 1, text_too)
    (row,) = chain([entry(99)], Head(17, previous))
    digest = row.hash if mended else "b" * 64
    tamper(path, f"INSERT INTO event (study, idx, body, hash) VALUES ('digits', 17, '{row.body}', '{digest}')")
    assert problems(path)[0].startswith("event 17 was inserted")


def test_a_number_that_is_none_is_named(path: Path) -> None:
    tamper(path, "UPDATE event SET idx = 'x' WHERE study = 'digits' AND idx = 17")
    with pytest.raises(TamperError, match="was edited: its number is 'x'"):
        problems(path)


def test_an_event_before_the_first_is_named(path: Path) -> None:
    tamper(path, "INSERT INTO event (study, idx, body, hash) VALUES ('digits', -1, '{}', '')")
    assert problems(path)[0].startswith("event -1 was inserted")


@pytest.mark.parametrize("text_too", [False, True])
@pytest.mark.parametrize(("first", "second"), [(12, 13), (12, 20), (0, N - 1), (N - 2, N - 1)])
def test_two_events_that_changed_places_are_named(path: Path, first: int, second: int, text_too: bool) -> None:
    tamper(
        path,
        f"UPDATE event SET idx = -9 WHERE study = 'digits' AND idx = {first}",
        f"UPDATE event SET idx = {first} WHERE study = 'digits' AND idx = {second}",
        f"UPDATE event SET idx = {second} WHERE study = 'digits' AND idx = -9",
    )
    if text_too:
        renumber(path, 0, 0, text_too=True)
    assert problems(path)[0].startswith(f"events {first} to {second} were reordered")


def test_a_cut_end_is_found_with_the_head_and_admitted_without(path: Path) -> None:
    head = hashes(path)[-1]
    tamper(path, "DELETE FROM event WHERE study = 'digits' AND idx >= 25")
    log = SqliteLog(path, "digits")
    assert "cut off before it, or rewritten" in verify(log, head).problems[0]
    found = verify(log)
    log.close()
    assert found.ok
    assert found.cannot_exclude is not None
    assert "the end of the log was cut off" in found.cannot_exclude


def test_a_log_that_grew_since_the_head_was_kept_is_sound(path: Path) -> None:
    log = SqliteLog(path, "digits")
    found = verify(log, hashes(path)[20])
    assert found.ok
    assert "goes on for 9 events after that head" in (found.cannot_exclude or "")
    assert verify(log, hashes(path)[-1]).cannot_exclude is None
    assert verify(log, GENESIS).ok
    log.close()


def test_a_rewritten_log_is_found_with_the_head(path: Path) -> None:
    head = hashes(path)[-1]
    rewritten = MemoryLog()
    append(rewritten, *(entry(number + 1) for number in range(N)))
    assert verify(rewritten).ok
    assert not verify(rewritten, head).ok


def test_a_head_that_is_no_hash_is_refused() -> None:
    with pytest.raises(RequestError, match="give the 64 hex digits"):
        verify(MemoryLog(), "1234")


def test_an_edited_blob_and_a_missing_one_are_named(path: Path) -> None:
    log = SqliteLog(path, "digits")
    name = next(iter(log.blobs()))
    tamper(path, "UPDATE blob SET data = 'other'")
    with pytest.raises(TamperError, match=f"blob {name[:12]} was edited"):
        log.get(name)
    assert problems(path) == (f"blob {name[:12]} was edited: its content no longer has that sha256",)
    tamper(path, "DELETE FROM blob")
    assert problems(path) == (f"blob {name[:12]} is missing, which event 3 refers to",)
    log.close()


def test_another_study_in_the_same_file_is_not_blamed(path: Path) -> None:
    tamper(path, "UPDATE event SET body = replace(body, '\"number\":17', '\"number\":71') WHERE study = 'digits'")
    log = SqliteLog(path, "other")
    assert verify(log).ok
    log.close()


def test_blob_references_are_found_at_any_depth() -> None:
    name, second = "a" * 64, "b" * 64
    data = {"rows": {"blob": name, "more": [{"blob": second}]}, "blob": "short", "sha": name}
    assert list(blob_references(data)) == [name, second]


Change = Callable[[list[Row], int, int], list[Row]]


def changes() -> Iterator[Change]:
    yield lambda rows, i, j: [
        *rows[:i],
        Row(i, rows[i].body.replace('"number"', '"digit"'), rows[i].hash),
        *rows[i + 1 :],
    ]
    yield lambda rows, i, j: renumbered([*rows[:i], *rows[i + 1 :]])
    yield lambda rows, i, j: renumbered([*rows[:i], rows[j], *rows[i:]])
    yield lambda rows, i, j: renumbered([*rows[:i], rows[j], *rows[i + 1 :]]) if i != j else rows[1:]


def renumbered(rows: list[Row]) -> list[Row]:
    return [Row(index, row.body, row.hash) for index, row in enumerate(rows)]


@settings(deadline=None)
@given(change=st.sampled_from(list(changes())), i=st.integers(0, 11), j=st.integers(0, 11))
def test_no_change_before_the_end_goes_unnoticed(change: Change, i: int, j: int) -> None:
    rows = chain([entry(number) for number in range(13)], Head())
    assert first_broken(rows) is None
    broken = first_broken(change(rows, i, j))
    assert broken is not None
    assert "event" in broken


def test_an_intact_log_is_read_once_and_no_state_beside_it_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SqliteLog(path, "digits")
    log.save_snapshot(N, log.head().hash, b"a state that the events do not add up to")
    walks: list[Iterator[Row]] = []
    plain = log.rows

    def rows() -> Iterator[Row]:
        walks.append(plain())
        return walks[-1]

    monkeypatch.setattr(log, "rows", rows)
    monkeypatch.setattr(log, "load_snapshot", None)
    assert verify(log).ok
    assert len(walks) == 1
    tamper(path, "UPDATE event SET body = replace(body, 'data', 'date') WHERE idx = 7 AND study = 'digits'")
    assert verify(log).problems[0].startswith("event 7 was edited")
    assert len(walks) == 3
    log.close()
