"""The log and the state folded from it, kept in step: every change is an event first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from holdfast.errors import LogError
from holdfast.log.base import Conflict, Head, StudyLog, written
from holdfast.log.salvage import LOST
from holdfast.records import Entry, Event, RowScores, array_from_bytes, array_to_bytes
from holdfast.space import Space
from holdfast.space.rules import Predicate
from holdfast.study.kept import Kept
from holdfast.study.ordered import Ordered
from holdfast.study.state import StudyState, fold
from holdfast.study.storing import Blobs, place_of

T = TypeVar("T")


class Book:
    """One study's log and state. Another process may append in between: then the decision is taken again.

    Threads of one process take turns: each decides on, appends and folds what it has to before the next one does.

    Args:
        log: the log.
        from_log: fold every event, and take no state that is kept beside the log for what they add up to.
    """

    def __init__(self, log: StudyLog, *, from_log: bool = False) -> None:
        self.log = log
        self._head = Head()
        self._state: StudyState | None = None
        self._ordered: Ordered | None = None
        self._predicates: list[Predicate] = []
        self._crowded = False
        self._kept = Kept(log, used=not from_log)
        self._whole = True
        self._turn = threading.RLock()
        self._closed = self._deciding = False
        self.warned: set[str] = set()
        self.reload()

    @property
    def exists(self) -> bool:
        """Whether the study has been created."""
        return self._state is not None

    @property
    def state(self) -> StudyState:
        """The state as of the last refresh or commit."""
        if self._state is None:
            raise LogError("the log is empty: the study has not been created")
        return self._state

    def still(self) -> AbstractContextManager[Any]:
        """No other thread changes the state in here."""
        return self._turn

    def look(self, at: Callable[[StudyState], T]) -> T:
        """What ``at`` says of the state with what others have appended by now; after `close`, of the state of then."""
        with self._turn:
            if not self._closed:
                self.refresh()
            return at(self.state)

    @property
    def ordered(self) -> Ordered | None:
        """What decisions know where timing must change nothing; None in any other study."""
        return self._ordered

    @property
    def checkpoints(self) -> Blobs:
        """Where checkpoints lie: in the log, or in a place of their own."""
        return place_of(self.log, self.state)

    @property
    def head(self) -> Head:
        """The end of the log as far as it is folded."""
        return self._head

    def supply(self, space: Space) -> None:
        """Take over the functions by which a space forbids combinations, which no log holds."""
        given = [rule.predicate for rule in space.forbid if rule.predicate is not None]
        self._predicates = [*given, *(predicate for predicate in self._predicates if predicate not in given)]
        self._supply()

    def refresh(self) -> StudyState | None:
        """Fold what others have appended; nothing while a decision is taken, which is on the state as it is."""
        with self._turn:
            return self._state if self._deciding else self._caught_up()

    def _caught_up(self) -> StudyState | None:
        if self._is_torn:
            self.reload()
        self._follow(self.log.read(self._head.length))
        return self._state

    def reload(self) -> None:
        """Fold the log anew, where an interrupt may have struck in the middle of a fold."""
        with self._turn:
            self._head, self._state, self._ordered, self._whole = Head(), None, None, True
            self._state, self._head = self._kept.load() or (None, Head())
            state = self._caught_up()
            self._kept.opened(self._head.length)
            if state is not None and self._predicates:
                self._supply()

    def commit(self, decide: Callable[[StudyState], tuple[Sequence[Entry], T]], *, lasting: bool = True) -> T:
        """Append what ``decide`` makes of the state, and return what else it says; decided anew after a conflict.

        What need not be ``lasting`` is safe with the next event that is (see `holdfast.log.base.Log.append`). Where
        others were first the last time they most likely are again, so that it is read before anything is decided.
        """
        with self._turn:
            if not self._crowded:
                entries, answer = self._decided(decide)
                if not entries or self.append(entries, lasting=lasting):
                    return answer
            if self._is_torn:
                self.reload()
            before = self._head
            with self.log.turn(before.length) as news:
                self._follow(news)
                self._crowded = not self._crowded or self._head != before
                while True:
                    entries, answer = self._decided(decide)
                    if not entries or self.append(entries, lasting=lasting):
                        return answer

    def _decided(self, decide: Callable[[StudyState], tuple[Sequence[Entry], T]]) -> tuple[Sequence[Entry], T]:
        """What ``decide`` says, which may look at the study itself: a strategy of one's own, for example."""
        before, self._deciding = self._deciding, True
        try:
            return decide(self.state)
        finally:
            self._deciding = before

    def append(self, entries: Sequence[Entry], *, lasting: bool = True) -> bool:
        """Append behind the known head; False, and up to date again, if somebody else was first."""
        as_read = [written(item) for item in entries]  # what is folded now is what will be read later
        with self._turn:
            result = self.log.append(as_read, self._head, lasting=lasting)
            if isinstance(result, Conflict):
                self._caught_up()
                return False
            for index, item in enumerate(as_read, start=self._head.length):
                self._fold(item, index)
            before, self._head = self._head.length, result
            if self._kept.is_due(before, result.length):
                self.save_snapshot()
            return True

    def note(self, kind: str, data: Mapping[str, Any]) -> None:
        """Append one event that holds whatever the state."""
        self.commit(lambda _: ([entry(kind, data)], None))

    def put_rows(self, rows: RowScores) -> dict[str, Any]:
        """Keep row scores as blobs; returns the JSON that stands for them in an event."""
        return {
            "values": {"blob": self.log.put(array_to_bytes(rows.values))},
            "rows": None if rows.rows is None else {"blob": self.log.put(array_to_bytes(rows.rows))},
            "kind": rows.kind,
            "aggregate": rows.aggregate,
            "n": len(rows.values),
        }

    def get_rows(self, data: Mapping[str, Any]) -> RowScores:
        """The row scores that `put_rows` kept."""
        return RowScores(
            values=array_from_bytes(self.log.get(data["values"]["blob"])),
            rows=None if data["rows"] is None else array_from_bytes(self.log.get(data["rows"]["blob"])),
            kind=data["kind"],
            aggregate=data["aggregate"],
        )

    def save_snapshot(self) -> None:
        """Keep the folded state, to open faster next time."""
        if not self._is_torn and self._ordered is None:
            self._kept.save(self.state, self._head)

    def close(self) -> None:
        """Release the log, with the state kept if much was added since the last time."""
        with self._turn:
            try:
                if self._kept.is_due_at_close(self._head.length):
                    self.save_snapshot()
            finally:
                self._closed = True
                self.log.close()

    @property
    def _is_torn(self) -> bool:
        """Whether an interrupt struck in the middle of a fold, or between one and its place in the log."""
        return not self._whole or (self._state is not None and self._state.length != self._head.length)

    def _follow(self, events: Iterable[Event]) -> None:
        for event in events:
            self._fold(Entry(event.kind, event.data, event.time), event.index)
            self._head = Head(event.index + 1, event.hash)

    def _fold(self, item: Entry, index: int) -> None:
        self._whole = False
        self._state = fold(self._state, item, index)
        if index == 0 and self._state.settings.workers is not None:
            self._ordered = Ordered(self._state.settings.workers)
        if item.kind == LOST:
            self._ordered = None  # the order of decisions is lost with it
        if self._ordered is not None:
            self._ordered.take(item)
        self._whole = True
        self._kept.pack(self._state)

    def _supply(self) -> None:
        self.state.supply(self._predicates)
        if self._ordered is not None:
            self._ordered.supply(self._predicates)


def entry(kind: str, data: Mapping[str, Any]) -> Entry:
    """An event of now."""
    return Entry(kind, data, time.time())
