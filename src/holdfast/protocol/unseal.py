"""Opening the sealed test rows: once, on the record, and counted across every study of the store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.data.fingerprint import HASH_DTYPE, hashes_from_bytes, overlap
from holdfast.data.seal import open_sealed
from holdfast.errors import SealError
from holdfast.evaluate.sealed import test_score
from holdfast.log.base import Conflict, Head, StudyLog
from holdfast.log.open import open_log
from holdfast.protocol.learn import predict
from holdfast.protocol.prepare import Ready
from holdfast.protocol.tables import rows_of_frame
from holdfast.records import Score
from holdfast.study.book import entry
from holdfast.train.storage import LoadedModel

LEDGER = "openings"
"""The ledger's name within its storage."""


@dataclass(frozen=True)
class Opening:
    """One opening of test rows that overlap with those of a study."""

    study: str
    study_hash: str
    shared: int
    why: str


def earlier_openings(ready: Ready) -> list[Opening]:
    """Openings, in any study of the store, of rows that are also test rows of this one; in order."""
    ledger = open_log(ready.run.ledger, LEDGER)
    try:
        return _overlapping(ledger, _own_hashes(ready))
    finally:
        ledger.close()


def unseal(ready: Ready, model: LoadedModel, *, why: str = "", again: bool = False) -> Score:
    """Open the test rows and read the score of the model that ships.

    The opening is on the ledger before the file is read. One that was cut short by a crash is not counted twice.

    Raises:
        SealError: if these rows, or some of them, have been opened before and ``again`` with a reason is not given.
    """
    ledger = open_log(ready.run.ledger, LEDGER)
    try:
        before = _overlapping(ledger, _own_hashes(ready))
        unfinished = _is_unfinished(ready, before)
        others = before[:-1] if unfinished else before
        if others and not unfinished:
            _check_permission(ready, others, why, again=again)
        if not unfinished:
            _record(ledger, ready, why)
        head = ledger.head()
    finally:
        ledger.close()
    score = _read_score(ready, model, len(others) + 1)
    event = {
        "fingerprint": ready.seal.fingerprints["test"],
        "rows": ready.seal.rows["test"],
        "opening": len(others) + 1,
        "earlier": [_sentence(opening) for opening in others],
        "why": why,
        "score": score.to_json(),
        "ledger": {"length": head.length, "hash": head.hash},
    }
    ready.book.note("test.opened", event)
    return score


def _check_permission(ready: Ready, others: list[Opening], why: str, *, again: bool) -> None:
    if again and why.strip():
        return
    raise SealError(
        f"the test rows of study '{ready.run.name}' have been opened {_times(len(others))} before "
        f"({_sentence(others[-1])}); to open them again, at the price of a wider interval, run: "
        f'holdfast unseal {ready.run.name} --again --why "the reason"'
    )


def _is_unfinished(ready: Ready, before: list[Opening]) -> bool:
    """Whether the last opening was by this very study and its score never got on the record."""
    own = [opening for opening in before if opening.study_hash == _study_hash(ready)]
    done = len(ready.book.state.notes.get("test.opened", []))
    return len(own) > done and before[-1] == own[-1]


def _read_score(ready: Ready, model: LoadedModel, opening: int) -> Score:
    rows = rows_of_frame(open_sealed(ready.run.path, ready.seal), ready.recipe.schema)
    metric = ready.recipe.make_metric()
    X = np.asarray(model.preprocessor.transform(rows.features), dtype=float)
    classes = ready.recipe.schema.classes
    prediction = predict(model.model, metric, X, 0 if classes is None else len(classes))
    return test_score(X if rows.y is None else rows.y, prediction, metric, openings=opening, groups=rows.groups)


def _overlapping(ledger: StudyLog, own: np.ndarray) -> list[Opening]:
    found = []
    for event in ledger.read():
        if event.kind != "rows.opened":
            continue
        shared = overlap(own, hashes_from_bytes(ledger.get(event.data["hashes"]["blob"])))
        if shared:
            found.append(Opening(event.data["study"], event.data["study_hash"], shared, event.data["why"]))
    return found


def _record(ledger: StudyLog, ready: Ready, why: str) -> Head:
    data = {
        "study": ready.run.name,
        "study_hash": _study_hash(ready),
        "fingerprint": ready.seal.fingerprints["test"],
        "hashes": {"blob": ledger.put(_own_hashes(ready).tobytes())},
        "why": why,
    }
    while True:
        result = ledger.append([entry("rows.opened", data)], ledger.head())
        if not isinstance(result, Conflict):
            return result


def _own_hashes(ready: Ready) -> np.ndarray:
    """The hashes of the study's own test rows, from its log."""
    blob = ready.book.state.notes["data.split"][0]["test_hashes"]["blob"]
    return np.frombuffer(ready.book.log.get(blob), dtype=HASH_DTYPE)


def _study_hash(ready: Ready) -> str:
    """The hash of the study's first event: a name for this very study."""
    return next(iter(ready.book.log.read())).hash


def _sentence(opening: Opening) -> str:
    reason = f", because: {opening.why}" if opening.why else ""
    return f"by study '{opening.study}', {opening.shared} of these rows{reason}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
