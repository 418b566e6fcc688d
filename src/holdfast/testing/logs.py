"""The conformance suite of every log: run each of `LOG_CHECKS` with a function that opens the same log again.

    @pytest.mark.parametrize("check", LOG_CHECKS)
    def test_log(check, tmp_path):
        check(lambda: MyLog(tmp_path / "study"))

Where a log cannot be opened twice (it lives in memory), the function may return one and the same object. A check raises
AssertionError with a sentence on what the log did wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from holdfast.errors import LogError, RequestError
from holdfast.log.base import Conflict, Head, StudyLog, blob_hash, event_hash
from holdfast.log.leases import Lease
from holdfast.log.verify import verify
from holdfast.records import Entry, Event

MakeLog = Callable[[], StudyLog]


def entry(number: int = 0, **data: Any) -> Entry:
    """A small event for tests."""
    return Entry(kind="test", data={"number": number, **data}, time=1000.0 + number)


def append(log: StudyLog, *entries: Entry) -> Head:
    """Append behind the present head, which nobody else moves."""
    head = log.append(entries, log.head())
    assert isinstance(head, Head), f"append behind the present head returned {head}"
    return head


@contextmanager
def opened(make_log: MakeLog) -> Iterator[StudyLog]:
    """A log that is closed in the end."""
    log = make_log()
    try:
        yield log
    finally:
        log.close()


def check_starts_empty(make_log: MakeLog) -> None:
    """A new log has length 0 and yields nothing."""
    with opened(make_log) as log:
        assert log.head() == Head(), f"a new log has the head {log.head()}"
        assert list(log.read()) == [], "a new log yields events"


def check_append_and_read(make_log: MakeLog) -> None:
    """What was appended is read in order, from any index."""
    with opened(make_log) as log:
        entries = [entry(number) for number in range(5)]
        append(log, *entries[:2])
        head = append(log, *entries[2:])
        events = list(log.read())
        assert head == log.head() == Head(5, events[-1].hash), "the head returned is not that of the last event"
        assert [event.index for event in events] == list(range(5)), "indices do not count from 0"
        assert [Entry(event.kind, event.data, event.time) for event in events] == entries, "events were changed"
        for after in range(7):
            assert list(log.read(after)) == events[after:], f"read({after}) does not begin at index {after}"


def check_hash_chain(make_log: MakeLog) -> None:
    """Every hash is SHA-256 over the hash before and the canonical JSON of the event, and `verify` agrees."""
    with opened(make_log) as log:
        append(log, *(entry(number, deep={"b": [1, 2.5, None, True], "a": "x"}) for number in range(10)))
        previous = Head().hash
        for event in log.read():
            previous = event_hash(previous, event.index, _entry_of(event))
            assert event.hash == previous, f"event {event.index} has another hash than its content gives"
        found = verify(log, expected_head=previous)
        assert found.ok, f"verify finds fault with a sound log: {found.problems}"
        assert found.cannot_exclude is None, "with the head at hand nothing is left to exclude"


def check_conflict(make_log: MakeLog) -> None:
    """An append behind an old head changes nothing and names the present head."""
    with opened(make_log) as log:
        old = log.head()
        head = append(log, entry(0))
        for expected in (old, Head(1, "f" * 64), Head(2, head.hash), Head(0, head.hash)):
            answer = log.append([entry(1)], expected)
            assert answer == Conflict(head), f"append behind {expected} returned {answer}, not a conflict"
        assert [event.data["number"] for event in log.read()] == [0], "a refused append left something behind"


def check_empty_append(make_log: MakeLog) -> None:
    """Appending nothing returns the head, or a conflict."""
    with opened(make_log) as log:
        assert log.append([], Head()) == Head(), "appending nothing to an empty log does not return its head"
        head = append(log, entry(0))
        assert log.append([], head) == head, "appending nothing moved the head"
        assert log.append([], Head()) == Conflict(head), "appending nothing behind an old head is a conflict too"


def check_refuses_what_json_cannot_hold(make_log: MakeLog) -> None:
    """NaN, infinities, objects and broken text are refused in one sentence, and nothing of the append is kept."""
    with opened(make_log) as log:
        for value in (math.nan, math.inf, -math.inf, {1, 2}, object(), b"bytes", "\ud800"):
            entries = [entry(0), entry(1, deep=[{"x": value}])]
            message = _refusal(RequestError, lambda: log.append(entries, Head()))  # noqa: B023  # called at once
            assert "data.deep[0].x" in message, f"{value!r} was not refused with a word on where it is: {message!r}"
        assert log.head() == Head(), "a refused append left something behind"


def check_text_and_numbers_survive(make_log: MakeLog) -> None:
    """Unicode, control characters, long text, exact floats and big integers come back as they were."""
    values = ["", "\x00\n\t\"\\'", "日本語 🎯 ä", "a" * 200_000, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 2**70]
    with opened(make_log) as log:
        append(log, Entry("unicode ü", {"values": values, "ключ": {"": None}}, 1e9 + 0.123456))
        event = next(iter(log.read()))
        assert event.data == {"values": values, "ключ": {"": None}}, "values were changed"
        assert (event.kind, event.time) == ("unicode ü", 1e9 + 0.123456), "kind or time was changed"
        assert math.copysign(1.0, event.data["values"][7]) == -1.0, "the sign of -0.0 was lost"


def check_events_are_not_shared(make_log: MakeLog) -> None:
    """Changing an object after it was appended, or after it was read, changes nothing in the log."""
    with opened(make_log) as log:
        data: dict[str, Any] = {"list": [1]}
        append(log, Entry("test", data, 0.0))
        data["list"].append(2)
        next(iter(log.read())).data["list"].append(3)
        assert next(iter(log.read())).data == {"list": [1]}, "the log shares its events with the caller"


def check_blobs(make_log: MakeLog) -> None:
    """Blobs are named by their sha256, may be put twice, and may be empty or large."""
    blobs = [b"", b"\x00\xff" * 10, bytes(range(256)) * 4 * 1024 * 8]
    with opened(make_log) as log:
        for data in blobs:
            assert log.put(data) == log.put(data) == blob_hash(data), "a blob is not named by its sha256"
        for data in blobs:
            assert log.get(blob_hash(data)) == data, "a blob was changed"
        assert sorted(log.blobs()) == sorted(map(blob_hash, blobs)), "the blobs listed are not the blobs put"
        assert log.head() == Head(), "putting a blob moved the head"


def check_missing_blob(make_log: MakeLog) -> None:
    """A blob that is not there is a `LogError`, and `verify` names the event that refers to it."""
    with opened(make_log) as log:
        name = blob_hash(b"never put")
        message = _refusal(LogError, lambda: log.get(name))
        assert name[:12] in message, f"asking for a blob that is not there is not refused by name: {message!r}"
        append(log, entry(0, rows={"blob": name}))
        assert any(name[:12] in problem and "event 0" in problem for problem in verify(log).problems), (
            "verify does not report a missing blob"
        )


def check_two_handles(make_log: MakeLog) -> None:
    """Two handles on one log see each other's events and blobs at once."""
    with opened(make_log) as first, opened(make_log) as second:
        head = append(first, entry(0))
        assert second.head() == head, "the second handle does not see the first one's head"
        assert second.append([entry(1)], Head()) == Conflict(head), "the second handle overwrote the first one's event"
        append(second, entry(1))
        assert [event.data["number"] for event in first.read()] == [0, 1], "the first handle misses the second's event"
        assert second.get(first.put(b"shared")) == b"shared", "the second handle does not see the first one's blob"


def check_turns(make_log: MakeLog) -> None:
    """One turn follows another, and what is appended in one counts as ever."""
    with opened(make_log) as first, opened(make_log) as second:
        for number, log in enumerate((first, second, first)):
            with log.turn(0) as read:
                assert [event.data["number"] for event in read] == list(range(number)), (
                    "a turn does not begin at the end"
                )
                append(log, entry(number))
        with second.turn(3):
            conflict = second.append([entry(3)], Head())
        assert conflict == Conflict(first.head()), "an append in a turn overwrote what others had appended"
        seen = [event.data["number"] for event in second.read()]
        assert seen == [0, 1, 2], f"what was appended in three turns is read as {seen}"


def check_reading_while_appending(make_log: MakeLog) -> None:
    """A reader that is slow stays in order while the log grows."""
    with opened(make_log) as log:
        append(log, *(entry(number) for number in range(3)))
        reader = log.read()
        seen = [next(reader).index]
        append(log, entry(3))
        seen += [event.index for event in reader]
        assert seen in ([0, 1, 2], [0, 1, 2, 3]), f"a reader saw the indices {seen} while the log grew"


def check_threads(make_log: MakeLog) -> None:
    """Threads that share one handle and append as fast as they can lose nothing."""
    with opened(make_log) as log:

        def work(thread: int) -> None:
            for number in range(10):
                insist(log, [entry(thread * 10 + number)])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert sorted(event.data["number"] for event in log.read()) == list(range(40)), "events were lost or doubled"
        assert verify(log).ok, f"threads broke the chain: {verify(log).problems}"


def check_snapshots(make_log: MakeLog) -> None:
    """The newest snapshot that fits the log is found; one that fits no event is ignored."""
    with opened(make_log) as log:
        assert log.load_snapshot() is None, "a new log has a snapshot"
        log.save_snapshot(1, "e" * 64, b"of another log")
        assert log.load_snapshot() is None, "a snapshot beyond the end of the log was used"
        first = append(log, entry(0))
        assert log.load_snapshot() is None, "a snapshot of another log was used"
        log.save_snapshot(first.length, first.hash, b"one")
        second = append(log, entry(1))
        assert log.load_snapshot() == (1, b"one"), "the snapshot is not found once the log has grown"
        log.save_snapshot(second.length, second.hash, b"two")
        assert log.load_snapshot() == (2, b"two"), "the newest snapshot is not the one found"
        assert log.head() == second, "a snapshot moved the head"


def check_leases(make_log: MakeLog) -> None:
    """A sign of life says all that its owner holds; a newer token stands; what is given up is free."""
    with opened(make_log) as log, opened(make_log) as other:
        log.leases.beat("ann", {0: 0, 3: 1})
        if not log.durable:
            assert log.leases.held() == [], "a log that nobody else sees shows leases"
            return
        log.leases.beat("ann", {3: 1, 4: 0})
        found = [Lease(3, 1, "ann", 2), Lease(4, 0, "ann", 1)]
        assert other.leases.held() == found, f"the leases seen by others are {other.leases.held()}, not {found}"
        other.leases.beat("ben", {3: 2, 4: 0})
        log.leases.beat("ann", {3: 1})
        assert Lease(3, 2, "ben", 3) in log.leases.held(), "an older token took a trial from the hands of a newer one"
        other.leases.give_up("ben")
        assert [lease.owner for lease in log.leases.held()] == ["", ""], "what was given up still has an owner"
        assert log.head() == Head(), "a lease moved the head"


def insist(log: StudyLog, entries: Sequence[Entry]) -> Head:
    """Append behind whatever the head is, until nobody was faster."""
    head = log.head()
    while isinstance(answer := log.append(entries, head), Conflict):
        head = answer.head
    return answer


def _refusal(error: type[Exception], action: Callable[[], object]) -> str:
    """The sentence with which an action is refused; empty if it is not."""
    try:
        action()
    except error as exc:
        return str(exc)
    return ""


def _entry_of(event: Event) -> Entry:
    return Entry(event.kind, event.data, event.time)


LOG_CHECKS: tuple[Callable[[MakeLog], None], ...] = (
    check_starts_empty,
    check_append_and_read,
    check_hash_chain,
    check_conflict,
    check_empty_append,
    check_refuses_what_json_cannot_hold,
    check_text_and_numbers_survive,
    check_events_are_not_shared,
    check_blobs,
    check_missing_blob,
    check_two_handles,
    check_turns,
    check_reading_while_appending,
    check_threads,
    check_snapshots,
    check_leases,
)
"""Every check takes a function that opens the log, empty at first, and opens the same one again."""
