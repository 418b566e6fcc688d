import pickle

from holdfast.log.base import Head, chain
from holdfast.log.memory import SEALED, MemoryLog
from holdfast.records import Entry


def filled(n: int) -> MemoryLog:
    log, head = MemoryLog(), Head()
    for first in range(0, n, 100):
        entries = [
            Entry("note", {"i": i, "text": "a line\nand more"}, float(i)) for i in range(first, min(first + 100, n))
        ]
        told = log.append(entries, head)
        assert isinstance(told, Head)
        head = told
    return log


def test_packed_rows_are_read_as_they_were_written() -> None:
    n = 2 * SEALED + 77
    log = filled(n)
    assert log.head().length == n
    assert [event.data["i"] for event in log.read()] == list(range(n))
    assert [row.index for row in log.rows()] == list(range(n))
    for after in (0, 1, SEALED - 1, SEALED, SEALED + 1, 2 * SEALED, n - 1, n, n + 5):
        assert [event.index for event in log.read(after)] == list(range(after, n))


def test_a_reader_sees_what_was_there_when_it_asked() -> None:
    log = filled(SEALED)
    reader = log.read()
    log.append([Entry("note", {"i": -1}, 0.0)] * 3, log.head())
    assert len(list(reader)) == SEALED


def test_a_full_block_ends_at_the_head() -> None:
    log = filled(SEALED)
    assert [row.hash for row in log.rows()][-1] == log.head().hash


def test_packed_rows_have_the_hashes_of_the_chain() -> None:
    n = SEALED + 5
    entries = [Entry("note", {"i": i, "text": "a line\nand more"}, float(i)) for i in range(n)]
    assert list(filled(n).rows()) == chain(entries, Head())


def test_a_copy_goes_on_by_itself() -> None:
    log = filled(SEALED + 5)
    copy: MemoryLog = pickle.loads(pickle.dumps(log))
    assert isinstance(copy.append([Entry("note", {}, 0.0)], log.head()), Head)
    assert list(copy.rows())[:-1] == list(log.rows())
