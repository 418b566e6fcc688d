"""When the folded state of a growing log is kept: seldom enough to cost little, often enough to open fast."""

from __future__ import annotations

import math

from holdfast.log.base import Head, StudyLog
from holdfast.study.snapshot import state_from_bytes, state_to_bytes
from holdfast.study.state import StudyState

FIRST = 5_000
"""The length of the log at which its state is kept for the first time; a shorter one is folded in no time."""

GROWTH = 1.1
"""It is kept again each time the log has grown by this factor: all that together costs what eleven times do."""

AT_CLOSE = 0.02
"""It is kept at the end, too, if the log has grown by more than this share since."""

LARGEST = 2**29
"""A state of more bytes than this is not kept: databases hold no pieces much larger."""

PACKED = 50_000
"""After at least so many more events trials are packed, so that a long log takes little memory while it is folded."""


class Kept:
    """The states that are kept beside a log, as one process sees to it.

    A log passes each of the lengths at which its state is kept by the append of one process, which then keeps it.

    Args:
        log: the log.
        used: whether a state that is kept is taken for what the events before it add up to.
    """

    def __init__(self, log: StudyLog, *, used: bool = True) -> None:
        self._log = log
        self._used = used
        self._length = 0
        self._overdue = False
        self._pack_at = PACKED

    def load(self) -> tuple[StudyState, Head] | None:
        """The newest state that is kept of this very log, and where to go on; None if there is none."""
        found = self._log.load_snapshot() if self._used else None
        loaded = None if found is None else state_from_bytes(found[1])
        if loaded is not None and loaded[0].settings.workers is not None:
            loaded = None  # the order of its decisions is no part of it
        self._length = 0 if loaded is None else loaded[1].length
        self._pack_at = self._length + PACKED
        return loaded

    def opened(self, length: int) -> None:
        """The log has been folded up to this length."""
        self._overdue = _passed(length) > _passed(self._length)

    def is_due(self, before: int, after: int) -> bool:
        """Whether this process is to keep the state, having appended from one length to another."""
        return self._log.durable and (self._overdue or _passed(after) > _passed(before))

    def is_due_at_close(self, length: int) -> bool:
        """Whether it is worth keeping the state of a log that this process leaves."""
        return self._log.durable and length >= FIRST and length > self._length * (1 + AT_CLOSE)

    def save(self, state: StudyState, head: Head) -> None:
        """Keep the state after the event that ``head`` names."""
        data = state_to_bytes(state, head)
        if len(data) <= LARGEST:
            self._log.save_snapshot(head.length, head.hash, data)
        self._length, self._overdue = head.length, False

    def pack(self, state: StudyState) -> None:
        """Have the trials take less memory, now and then."""
        if state.length >= self._pack_at:
            state.trials.pack()
            self._pack_at = state.length + max(PACKED, state.length // 4)


def _passed(length: int) -> int:
    """How many of the lengths at which its state is kept a log has passed."""
    return 0 if length < FIRST else 1 + int(math.log(length / FIRST) / math.log(GROWTH))
