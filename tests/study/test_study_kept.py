"""States are kept often enough that little is left to fold, by one process each time, and never a torn one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.log.base import Head
from holdfast.log.open import open_log
from holdfast.records import Entry
from holdfast.study import book, kept
from holdfast.study.book import Book, entry
from holdfast.study.snapshot import state_to_bytes
from holdfast.study.state import StudyState, fold


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kept, "FIRST", 20)
    return f"sqlite:///{tmp_path}/s.db"


def a_study(storage: str, **settings: Any) -> holdfast.Study:
    return holdfast.Study({"x": holdfast.Float(0, 1)}, strategy="random", storage=storage, **settings)


def kept_of(storage: str) -> int:
    found = open_log(storage, "study", read_only=True).load_snapshot()
    return 0 if found is None else found[0]


def folds_of(storage: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The events that are folded to open a study, and go on for one trial."""
    seen: list[int] = []

    def noted(state: StudyState | None, item: Entry, index: int) -> StudyState:
        seen.append(index)
        return fold(state, item, index)

    monkeypatch.setattr(book, "fold", noted)
    study = holdfast.load_study("study", storage)
    study.tell(study.ask(), 0.5)
    return seen


def test_at_most_a_tenth_is_left_to_fold(storage: str) -> None:
    study = a_study(storage)
    assert kept_of(storage) == 0
    lengths = []
    for _ in range(100):
        study.tell(study.ask(), 0.5)
        length = study.book.head.length
        assert length < 20 or kept_of(storage) >= length / kept.GROWTH - 2
        lengths.append(kept_of(storage))
    assert len(set(lengths)) < 30


def test_two_processes_keep_each_state_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    plain = kept.Kept.save

    def noted(self: kept.Kept, state: StudyState, head: Head) -> None:
        saved.append(head.length)
        plain(self, state, head)

    monkeypatch.setattr(kept.Kept, "save", noted)
    studies = [a_study(storage), a_study(storage)]
    for at in range(60):
        studies[at % 2].tell(studies[at % 2].ask(), 0.5)
    assert len(saved) == len({kept._passed(length) for length in saved}) > 5


def test_closing_keeps_what_was_added(storage: str) -> None:
    study = a_study(storage)
    for _ in range(11):
        study.tell(study.ask(), 0.5)
    length = study.book.head.length
    assert kept_of(storage) < length
    study.close()
    assert kept_of(storage) == length


def test_a_short_study_leaves_nothing_beside_its_log(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/s.db"
    study = a_study(storage)
    study.tell(study.ask(), 0.5)
    study.close()
    assert kept_of(storage) == 0


def test_a_long_log_without_a_state_is_folded_once(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FIRST", 10**6)
    study = a_study(storage)
    for _ in range(15):
        study.tell(study.ask(), 0.5)
    length = study.book.head.length
    monkeypatch.setattr(kept, "FIRST", 20)
    assert folds_of(storage, monkeypatch) == list(range(length + 2))


def test_a_state_that_an_interrupt_tore_is_not_kept_and_is_folded_anew(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study(storage)
    study.tell(study.ask(), 0.5)
    trial = study.ask()

    def torn(state: StudyState | None, item: Entry, index: int) -> StudyState:
        fold(state, item, index)
        raise KeyboardInterrupt

    monkeypatch.setattr(book, "fold", torn)
    with pytest.raises(KeyboardInterrupt):
        trial.report(0.25, 1)
    monkeypatch.setattr(book, "fold", fold)
    study.book.save_snapshot()
    assert kept_of(storage) == 0
    study.book.refresh()
    assert study.trials[1].reports == ((1, {"value": 0.25}),)
    study.book.save_snapshot()
    assert kept_of(storage) == study.book.head.length


def test_a_deterministic_study_is_always_folded(storage: str) -> None:
    study = a_study(storage, deterministic=True)
    for _ in range(15):
        study.tell(study.ask(), 0.5)
    study.close()
    assert kept_of(storage) == 0


def test_a_state_too_large_for_a_database_is_not_kept(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LARGEST", 10)
    study = a_study(storage)
    study.book.save_snapshot()
    assert kept_of(storage) == 0


def test_trials_are_packed_while_a_long_log_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PACKED", 10)
    study = a_study(None)  # type: ignore[arg-type]
    for _ in range(30):
        study.tell(study.ask(), 0.5)
    again = Book(study.book.log)
    assert again.state.trials._asleep > 0
    assert tuple(again.state.trials) == study.trials
    again.append([entry("config.enqueued", {"config": {"x": 0.5}, "why": ""})])
    assert len(again.state.queue) == 1


def test_what_is_folded_from_the_log_alone_takes_nothing_from_a_state(storage: str) -> None:
    study = a_study(storage)
    for _ in range(11):
        study.tell(study.ask(), 0.5)
    other = a_study(storage + "x")
    head = study.book.head
    study.book.log.save_snapshot(head.length, head.hash, state_to_bytes(other.book.state, head))
    log = open_log(storage, "study", read_only=True)
    assert len(Book(log).state.trials) == 0
    assert tuple(Book(log, from_log=True).state.trials) == study.trials
