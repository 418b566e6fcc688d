"""The ledger of a store: which study looked at which rows, in order. A new name of a study resets nothing.

It is a log beside those of the studies. ``rows.opened`` is an opening of test rows, ``rows.used`` a look at rows of
another role; each names the rows by their hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.data.fingerprint import HASH_DTYPE, fingerprint, hashes_from_bytes
from holdfast.data.uses import Use
from holdfast.log.base import Head, StudyLog
from holdfast.log.open import exists, open_log
from holdfast.log.verify import verify
from holdfast.protocol.folder import RunFolder, open_book
from holdfast.records import Entry
from holdfast.study.book import Book
from holdfast.study.losses import OPENED_BEFORE

LEDGER = "openings"
"""The ledger's name within its storage."""

NO_ROWS = np.empty(0, dtype=HASH_DTYPE)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A use on the ledger: of the study whose first event has the hash ``study_hash``.

    ``place`` is the ledger's end right after it, ``log`` the end that the study's log had then, ``why`` the reason that
    a person gave.
    """

    use: Use
    study_hash: str
    place: Head
    log: Mapping[str, Any] | None = None
    why: str = ""


@contextmanager
def ledger_of(run: RunFolder) -> Iterator[StudyLog]:
    """The ledger of a run's store; a new one begins with what the studies have on their own logs.

    Somebody may have removed it, or studies may be older than ledgers.
    """
    is_new = not exists(run.ledger, LEDGER)
    with closing(open_log(run.ledger, LEDGER)) as ledger:
        if is_new:
            _refill(ledger, run)
        yield ledger


def uses_in(storage: str) -> list[Use]:
    """Every use on a ledger, where there is one; of a search the last word."""
    if not exists(storage, LEDGER):
        return []
    with closing(open_log(storage, LEDGER, read_only=True)) as ledger:
        return [recorded.use for recorded in recorded_uses(ledger)]


def recorded_uses(ledger: StudyLog) -> list[Recorded]:
    """Every use on a ledger in order; of a search, which is entered as it begins and as it ends, the last word."""
    found: dict[Any, Recorded] = {}
    for event in ledger.read():
        if event.kind not in {"rows.opened", "rows.used"}:
            continue
        data, place = event.data, Head(event.index + 1, event.hash)
        hashes = hashes_from_bytes(ledger.get(data["hashes"]["blob"]))
        use = Use(data["study"], data.get("role", "test"), data.get("configurations", 1), hashes)
        key = data["study_hash"] if use.role == "validation" else event.index
        found[key] = Recorded(use, data["study_hash"], place, data.get("log"), data.get("why", ""))
    return list(found.values())


def entry_data(ledger: StudyLog, study: str, study_hash: str, hashes: np.ndarray) -> dict[str, Any]:
    """What every entry says: the study, and the rows by fingerprint and hashes, shape (n,)."""
    blob = ledger.put(hashes.tobytes())
    return {
        "study": study,
        "study_hash": study_hash,
        "fingerprint": fingerprint(hashes),
        "hashes": {"blob": blob},
    }


def study_hash(book: Book) -> str:
    """The hash of the study's first event: a name for this very study."""
    return next(iter(book.log.read())).hash


def hashes_of(book: Book, which: str) -> np.ndarray:
    """The hashes of a study's rows, shape (n,): those ``judged``, only ``learned`` from, ``select`` or ``test``.

    None, of shape (0,), where there are no such rows, or the log is from before they were kept.
    """
    split = book.state.notes["data.split"][0]
    blob = split["test_hashes"]["blob"] if which == "test" else split.get("row_hashes", {}).get(which, {}).get("blob")
    return NO_ROWS if blob is None else np.frombuffer(book.log.get(blob), dtype=HASH_DTYPE)


def all_hashes(book: Book) -> np.ndarray:
    """The hashes of all rows of a study that have a role."""
    return np.concatenate([hashes_of(book, which) for which in ("judged", "learned", "select", "test")])


def ledger_problems(run: RunFolder, book_log: StudyLog) -> list[str]:
    """A sentence on each entry that a study's log names and the ledger of its store does not hold, or on a broken one.

    Nothing where there is no ledger beside the run: a folder may be looked at alone.
    """
    named = [(event.index, place) for event in book_log.read() for place in _places(event.kind, event.data)]
    if not named or not exists(run.ledger, LEDGER):
        return []
    with closing(open_log(run.ledger, LEDGER, read_only=True)) as ledger:
        checked = verify(ledger)
        if not checked.ok:
            return [f"the ledger of the store in {run.runs} was changed: {checked.problems[0]}"]
        ends = {row.index + 1: row.hash for row in ledger.rows()}
    return [
        f"the ledger of the store in {run.runs} does not hold the look that event {index} of the study names: it was "
        "removed, or written anew"
        for index, place in named
        if ends.get(place["length"]) != place["hash"]
    ]


def _places(kind: str, data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The places on the ledger that an event of a study names."""
    if kind == "test.opened":
        return [data["ledger"]]
    return [look["ledger"] for look in data.get("looks", [])] if kind == "choice.made" else []


def _refill(ledger: StudyLog, run: RunFolder) -> None:
    """Begin a ledger with the looks on the logs of the store; a study's own openings it knows by itself."""
    entries: list[Entry] = []
    for folder in sorted(run.runs.iterdir()):
        other = RunFolder(run.runs, folder.name)
        if not folder.is_dir() or not exists(other.recorded_storage(), other.name):
            continue
        with closing(open_book(other).log) as log:
            entries += _looks_of(ledger, other.name, Book(log), openings=folder.name != run.name)
    if entries:
        ledger.append(sorted(entries, key=lambda item: item.time), ledger.head())


def _looks_of(ledger: StudyLog, name: str, book: Book, *, openings: bool) -> Iterator[Entry]:
    """The entries that the log of a study makes up for."""
    notes = book.state.notes
    if "data.split" not in notes:
        return
    first = study_hash(book)
    for note in [*notes.get(OPENED_BEFORE, []), *notes.get("test.opened", [])] if openings else []:
        data = entry_data(ledger, name, first, hashes_of(book, "test"))
        yield Entry("rows.opened", {**data, "why": note["why"]}, note["time"])
    judged, choice = hashes_of(book, "judged"), notes.get("choice.made", [])
    looks = [(look["role"], look["configurations"]) for look in choice[-1].get("looks", [])] if choice else []
    if len(judged) and not looks and book.state.trials:
        looks = [("validation", max(book.state.history.trials_limit or 0, len(book.state.trials)))]
    for role, configurations in looks:
        data = entry_data(ledger, name, first, judged if role == "validation" else hashes_of(book, role))
        time = choice[-1]["time"] if choice else book.state.trials[0].asked_at
        yield Entry("rows.used", {**data, "role": role, "configurations": configurations}, time)
