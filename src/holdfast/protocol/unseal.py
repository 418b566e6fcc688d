"""Opening the sealed test rows: once, on the record, and counted across every study of the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.data.fingerprint import overlap
from holdfast.data.seal import open_sealed
from holdfast.data.weights import relative
from holdfast.errors import MetricError, SealError
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.sealed import test_score
from holdfast.evaluate.series import series_of
from holdfast.evaluate.wording import weighted_by
from holdfast.facts.log import latest, opened_before, openings
from holdfast.log.base import Conflict, Head, StudyLog
from holdfast.protocol.choose import ships_in_words
from holdfast.protocol.constraints import limited_metrics
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.learn import predict
from holdfast.protocol.ledger import entry_data, hashes_of, ledger_of, recorded_uses, study_hash
from holdfast.protocol.opened_curve import opened_curve
from holdfast.protocol.prepare import Ready
from holdfast.protocol.tables import Rows, rows_of_frame
from holdfast.protocol.units import units_of
from holdfast.records import Entry, Score
from holdfast.study.book import entry
from holdfast.study.losses import OPENED_BEFORE
from holdfast.study.state import StudyState
from holdfast.train.storage import LoadedModel


class OpenedBeforeError(SealError):
    """The test rows, or some of them, have been opened before, and nobody gave a reason to do it again."""


@dataclass(frozen=True)
class Opening:
    """One opening of test rows that overlap with those of a study.

    ``place`` is the ledger's end right after it, ``log`` the end of the log of the study that opened them.
    """

    study: str
    study_hash: str
    shared: int
    why: str
    place: Head
    log: Mapping[str, Any] | None = None


def open_test(
    ready: Ready, model: LoadedModel, *, why: str = "", again: bool = False, later: bool = False
) -> Score | None:
    """Open the test rows and read the score of the model that ships; None if a metric of one's own cannot be computed.

    The opening is on the ledger before the file is read. One that was cut short by a crash is not counted twice. One
    that comes ``later`` than the rest, by hand or after a crash, is a session of its own, so that the time before it
    does not count as spent on the study.

    Raises:
        OpenedBeforeError: if these rows, or some of them, have been opened before and ``again`` with a reason is not
            given.
        SealError: if the file is gone or was changed.
    """
    with ledger_of(ready.run) as ledger:
        place, before = _announce(ledger, ready, why, again=again, later=later)
    opening = 1 + max([len(before), *(note["opening"] for note in _own_notes(ready))])
    rows = rows_of_frame(open_sealed(ready.run.path, ready.seal), ready.recipe.schema)
    score, limited, missing = _read_scores(ready, model, rows, opening)
    curve = opened_curve(ready, model, rows)
    event = {
        "fingerprint": ready.seal.fingerprints["test"],
        "rows": ready.seal.rows["test"],
        "opening": opening,
        "earlier": [_sentence(earlier) for earlier in before],
        "why": why,
        "score": None if score is None else score.to_json(),
        "missing": missing,
        "constraints": {name: found.to_json() for name, found in limited.items()},
        "curve": curve,
        "ledger": {"length": place.length, "hash": place.hash},
    }
    opened = [entry("test.opened", event)]
    if later:
        opened.insert(0, Entry("run.began", {}, opened[0].time))
    ready.book.commit(lambda _: (opened, None))
    return score


def look_for_openings(ready: Ready, *, later: bool = False) -> None:
    """Put on the study's record that its test rows had been opened before, where nobody asks to open them now."""
    with ledger_of(ready.run) as ledger:
        known = _overlapping(ledger, hashes_of(ready.book, "test"))
        before = [*_off_the_ledger(ready, known), *known]
        if before and _unfinished(ready, known) is None:
            _withhold(ready, before, later=later)


def _withhold(ready: Ready, before: list[Opening], *, later: bool) -> None:
    """Put the openings before on the study's record, where it has none of its own and does not say so yet."""
    earlier = [_sentence(opening) for opening in before]
    rows = {"fingerprint": ready.seal.fingerprints["test"], "rows": ready.seal.rows["test"]}
    new = entry("test.withheld", {**rows, "earlier": earlier})
    began = [Entry("run.began", {}, new.time)] if later else []

    def decide(now: StudyState) -> tuple[list[Entry], None]:
        said = latest(now, "test.withheld")
        is_said = bool(openings(now)) or (said is not None and said["earlier"] == earlier)
        return [] if is_said else [*began, new], None

    ready.book.commit(decide)


def _announce(ledger: StudyLog, ready: Ready, why: str, *, again: bool, later: bool) -> tuple[Head, list[Opening]]:
    """Put the opening on the ledger: its place there, and the openings before it.

    Decided anew if another study opens rows in between. An opening of this very study that a crash cut short keeps its
    place.
    """
    own = hashes_of(ready.book, "test")
    data = entry_data(ledger, ready.run.name, study_hash(ready.book), own)
    data |= {"why": why, "log": dataclasses.asdict(ready.book.head)}
    while True:
        head = ledger.head()
        known = _overlapping(ledger, own)
        missing = _off_the_ledger(ready, known)
        unfinished = _unfinished(ready, known)
        if unfinished is not None:
            return known[unfinished].place, [*missing, *known[:unfinished]]
        before = [*missing, *known]
        if before and not (again and why.strip()):
            _withhold(ready, before, later=later)
            raise _refusal(ready, before)
        result = ledger.append([entry("rows.opened", data)], head)
        if not isinstance(result, Conflict):
            return result, before


def _refusal(ready: Ready, before: list[Opening]) -> OpenedBeforeError:
    said = opened_before([_sentence(opening) for opening in before])
    return OpenedBeforeError(f"the test rows of study '{ready.run.name}' {said}; {to_open_again(ready.run)}")


def to_open_again(run: RunFolder) -> str:
    """How to open test rows that had been opened before."""
    again = run.doors("unseal", again=True, why="the reason")
    return f"to open them again, at the price of a wider interval, run: {again}"


def _unfinished(ready: Ready, known: list[Opening]) -> int | None:
    """Which opening was by this very study and never got its score on the record; None if there is none.

    Nothing may have happened in the study since: a log that was put back to an earlier state and went on is no crash.
    """
    done = {note["ledger"]["hash"] for note in _own_notes(ready)}
    name, log = study_hash(ready.book), dataclasses.asdict(ready.book.head)
    for number, opening in enumerate(known):
        if opening.study_hash == name and opening.log == log and opening.place.hash not in done:
            return number
    return None


def _off_the_ledger(ready: Ready, known: list[Opening]) -> list[Opening]:
    """Openings in this study's own log that the ledger does not hold: somebody removed it, and they count."""
    there = {opening.place.hash for opening in known}
    return [
        Opening(ready.run.name, study_hash(ready.book), note["rows"], note["why"], Head(**note["ledger"]))
        for note in _own_notes(ready)
        if note["ledger"]["hash"] not in there
    ]


def _own_notes(ready: Ready) -> list[Mapping[str, Any]]:
    """The openings in the study's own log."""
    notes = ready.book.state.notes
    return [*notes.get(OPENED_BEFORE, []), *notes.get("test.opened", [])]


def _read_scores(
    ready: Ready, model: LoadedModel, rows: Rows, opening: int
) -> tuple[Score | None, dict[str, Score], str | None]:
    """The metric that ranks, those that the plan's constraints are on, by name, and why any of these is missing."""
    ranks, limited = ready.recipe.make_metric(), limited_metrics(ready.recipe)
    X = np.asarray(model.preprocessor.transform(rows.features), dtype=float)
    classes = ready.recipe.schema.classes
    truth = X if rows.y is None else rows.y

    missing: list[str] = []

    def score(metric: Metric) -> Score | None:
        prediction = predict(model.model, metric, X, 0 if classes is None else len(classes))
        own = metric.rows(truth, prediction)
        units = units_of(rows.groups, rows.times, None if own is None else series_of(own, rows.y))
        try:
            weights = relative(rows.weights)
            found = test_score(truth, prediction, metric, openings=opening, groups=units.names, weights=weights)
        except MetricError as exc:
            missing.append(f"on the test rows {exc}")
            return None
        method = weighted_by(found.method, ready.recipe.schema.weight)
        return dataclasses.replace(found, estimand=ships_in_words(ready), method=method)

    ranking = score(ranks)
    others = {metric.name: score(metric) for metric in limited}
    known = {name: found for name, found in others.items() if found is not None}
    return ranking, known, "; ".join(missing) or None


def _overlapping(ledger: StudyLog, own: np.ndarray) -> list[Opening]:
    found = []
    for recorded in recorded_uses(ledger):
        shared = overlap(own, recorded.use.hashes) if recorded.use.role == "test" else 0
        if shared:
            opening = Opening(recorded.use.study, recorded.study_hash, shared, recorded.why, recorded.place)
            found.append(dataclasses.replace(opening, log=recorded.log))
    return found


def _sentence(opening: Opening) -> str:
    reason = f", because: {opening.why}" if opening.why else ""
    return f"by study '{opening.study}', {opening.shared:,} of these rows{reason}"
