"""Whatever a test of this room does: no event of a kind that is not documented gets into a log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.events import KINDS


@pytest.fixture(autouse=True)
def documented_events_only(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Book.append

    def checked(self: Book, entries: Sequence[Entry], *, lasting: bool = True) -> bool:
        unknown = {entry.kind for entry in entries} - KINDS.keys()
        assert not unknown, f"{unknown} are no events of events.KINDS"
        return append(self, entries, lasting=lasting)

    monkeypatch.setattr(Book, "append", checked)
