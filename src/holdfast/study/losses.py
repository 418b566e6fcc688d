"""What a fold makes of a log that has lost events, as `holdfast.log.salvage` leaves it.

A trial whose beginning is lost has no configuration, so that nothing can be learned from it: it keeps its number and
counts as failed. What else depends on something that is lost is left out of the state, and stays in the log.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from holdfast.errors import LogError
from holdfast.log.salvage import LOST, SALVAGED
from holdfast.log.verify import blob_references
from holdfast.records import Cause, Config, Entry, Trial, TrialState
from holdfast.usage import Usage

if TYPE_CHECKING:
    from holdfast.study.state import StudyState

NOWHERE: Config = {"": ""}
"""A configuration that fits into no space."""

WHY = "what it began with was lost when the file of the log was damaged"

RESULT = ("choice.made", "estimate.made")
"""The two are one decision."""

OPENED = "test.opened"
OPENED_BEFORE = "test.opened before"
"""Where openings of test rows stand in the notes whose choice is lost: they count, and are no result any more."""

BEGINNING = {"plan.resolved": "its plan", "data.split": "how its rows were divided"}
"""Without these a study of a plan cannot go on."""


def no_beginning() -> LogError:
    """The error of a log whose first event is lost."""
    return LogError(
        "the event that the study began with is lost, so nothing can be made of those behind it; go back to a copy of "
        "the log, or begin the study anew under another name"
    )


def has_lost(state: StudyState) -> bool:
    """Whether events are missing before this point."""
    return LOST in state.notes


def fitting(state: StudyState, entry: Entry) -> Entry | None:
    """An event as it can be folded where others before it are lost; None for one that cannot.

    Trials that are missing before it are put in their places.
    """
    data, number = entry.data, entry.data.get("trial")
    if number is None:
        return entry
    asked = entry.kind == "trial.asked"
    while len(state.trials) < number + (not asked):
        _put_lost(state, entry.time)
    if asked:
        again = dataclasses.replace(entry, data={**data, "enqueued": _request(state, data)}, text=None)
        return again if number == len(state.trials) else None
    if is_lost(state.trials[number]):
        _spend(state, data)
        return None
    return entry


def settle(state: StudyState, missing: AbstractSet[str]) -> None:
    """Take from the state what stands on something that is lost: a decision, which will be taken again, or a blob."""
    notes = state.notes
    for trial in list(state.trials):
        if trial.rows is not None and missing & set(blob_references(trial.rows)):
            state.trials[trial.number] = dataclasses.replace(trial, rows=None)
    whole = all(kind in notes for kind in RESULT) and not is_lost(state.trials[notes["choice.made"][-1]["trial"]])
    if not whole:
        for kind in (*RESULT, "model.fitted"):
            notes.pop(kind, None)
        if OPENED in notes:
            notes.setdefault(OPENED_BEFORE, []).extend(notes.pop(OPENED))


def is_lost(trial: Trial) -> bool:
    """Whether a trial only has its number left."""
    return trial.reason == WHY


def missing_beginning(state: StudyState) -> list[str]:
    """What a study of a plan has lost without which it cannot go on, in words; nothing for any other study."""
    if SALVAGED not in state.notes or not any(kind in state.notes for kind in (*BEGINNING, "limits.set")):
        return []
    lost = [what for kind, what in BEGINNING.items() if kind not in state.notes]
    missing = set(state.notes[SALVAGED][-1]["missing"])
    split = state.notes.get("data.split", [])
    return [*lost, *(["the hashes of its rows"] if missing & set(blob_references(split)) else [])]


def _put_lost(state: StudyState, time: float) -> None:
    """A trial of which nothing is known, in its place; no strategy sees anything of it."""
    number = len(state.trials)
    state.trials.append(
        Trial(number, {}, TrialState.FAILED, WHY, 0, error=WHY, cause=Cause.LOST, asked_at=time, told_at=time)
    )
    state.history.asked(NOWHERE, None)
    state.history.told(number, TrialState.FAILED, state.objectives({}))


def _request(state: StudyState, data: Mapping[str, Any]) -> int | None:
    """Which request a trial answers: numbers may have changed where one is lost, and what was asked for has not."""
    if data["enqueued"] is None:
        return None
    wanted = data.get("proposal") or data["config"]
    alike = [number for number, request in state.queue.items() if request.config == wanted]
    return min(alike, key=lambda number: abs(number - data["enqueued"]), default=None)


def _spend(state: StudyState, data: Mapping[str, Any]) -> None:
    """What a lost trial used is spent all the same."""
    if "seconds" not in data:
        return
    trial = state.trials[data["trial"]]
    state.trials[trial.number] = dataclasses.replace(
        trial,
        seconds=trial.seconds + data["seconds"],
        cpu_seconds=trial.cpu_seconds + data["cpu_seconds"],
        usage=(*trial.usage, Usage.from_json(data.get("usage", {}))),
    )
