"""The checkpoints of trials: where a clone begins, what to do where one is gone, and which nobody needs any more."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from holdfast.errors import MissingBlobError, RequestError, TamperError
from holdfast.records import Entry, Trial, TrialState, number_to_json
from holdfast.study.book import Book, entry
from holdfast.study.results import not_finite
from holdfast.study.state import NO_MORE, StudyState
from holdfast.study.storing import UNSAVED, clear, name_of, reference

_told = logging.getLogger("holdfast")


def of_clone(state: StudyState, parent: int, replaces: int | None) -> dict[str, Any]:
    """What the event of a clone says of where it begins, and of the trial whose place it takes.

    Raises:
        RequestError: if the parent has saved no checkpoint.
    """
    found = state.trials[parent].checkpoint
    if found is None:
        raise RequestError(
            f"strategy '{state.settings.strategy}' clones trial {parent}, which has saved no checkpoint; the objective "
            "has to call trial.save(bytes) when trial.should_prune() says so, and to begin from trial.checkpoint"
        )
    data = {"start_step": found[0], "checkpoint": reference(state, found[1]), "replaces": replaces}
    if replaces is None or replaces == parent or state.settings.workers is not None:
        return data
    return {**data, "drops": _needless(state, state.trials[replaces], {found[1]})}


def read_or_restart(book: Book, number: int) -> bytes | None:
    """The checkpoint that a running trial begins from; None for one that begins at step 0.

    Where it is missing or not what it was, the trial is restarted from the beginning, and the log says why.
    """
    trial = book.state.trials[number]
    if trial.start_step == 0 or trial.checkpoint is None:
        return None
    try:
        return book.checkpoints.get(trial.checkpoint[1])
    except (MissingBlobError, TamperError) as exc:
        why = f"its checkpoint at step {trial.start_step} is of no use ({exc}), so it begins anew"
    if trial.parent is not None and trial.start_step == trial.parent_step:
        why += f", without what trial {trial.parent} had learned"
    gone = [trial.checkpoint[1]]
    if "trial.restarted" not in book.state.notes:  # the log has them all
        _told.warning("trial %d: %s", number, why)
    book.note("trial.restarted", {"trial": number, "why": why, "start_step": 0, "drops": gone})
    book.checkpoints.drop(gone)
    return None


def warn_of_unsaved(state: StudyState, numbers: Collection[int]) -> bool:
    """Warn of the first of these running trials that was paused and begins anew, as its objective had saved nothing.

    One whose checkpoint was of no use had saved it, and that it begins anew has been said.
    """
    lost = {note["trial"] for note in state.notes.get("trial.restarted", [])}
    for number in numbers:
        if number in lost:
            continue
        trial = state.trials[number]
        if trial.usage and trial.start_step == 0 and trial.checkpoint is None and UNSAVED not in state.notes:
            _told.warning(
                "trial %d goes on from step 0, as it had saved nothing when it was paused, and so will others; call "
                "trial.save(bytes) when trial.should_prune() says so, and go on from trial.checkpoint at "
                "trial.start_step",
                number,
            )
            return True
    return False


def ended_in_silence(state: StudyState, trial: Trial, end: int | None) -> Entry | None:
    """The end of a trial that was lost when it had reported and saved at its end, and had only to say so.

    It is paused with what it reported. At the fidelity's most it is complete, unless more than that would have been
    told of it: a metric of the study that it did not report, or row scores, where other trials have them.
    """
    if end is None or trial.checkpoint is None or trial.checkpoint[0] < end:
        return None
    step, metrics = trial.reports[-1] if trial.reports else (-1, {})
    settings = state.settings
    if step < end or not_finite(metrics, settings.objectives):
        return None
    data = {
        "trial": trial.number,
        "metrics": {name: number_to_json(value) for name, value in metrics.items()},
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "extra": {},
        "rows": None,
        "usage": {},
    }
    if settings.fidelity is None or max(end, step) < settings.fidelity.max:
        return entry("trial.paused", {**data, "until_step": trial.until_step})
    wanted = {*settings.objectives, *(item.metric for item in settings.constraints)}
    if not wanted <= metrics.keys() or any(other.rows is not None for other in state.trials):
        return None
    told = {**data, "state": TrialState.COMPLETE.value, "error": None, "cause": None}
    return entry("trial.told", {**told, **beyond(trial)})


def beyond(trial: Trial) -> dict[str, Any]:
    """What the end of a complete trial says of its last step, where that is beyond the one that it was to run to."""
    last = trial.reports[-1][0] if trial.reports else None
    return {} if last is None or trial.until_step is None or last <= trial.until_step else {"until_step": last}


def with_drops(state: StudyState, trial: Trial, entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Events about a running trial, with the checkpoint that nobody needs any more after them, and its blob."""
    if state.settings.workers is not None:
        return list(entries), []  # a decision that knows of an earlier one may still ask for it
    for place, item in enumerate(entries):
        if item.kind == "trial.saved":
            names = _needless(state, trial, {name_of(item.data["checkpoint"])})
        elif item.kind == "trial.told" and TrialState(item.data["state"]) in NO_MORE:
            names = _needless(state, trial)
        else:
            continue
        if names:
            told = entry(item.kind, {**item.data, "drops": names})
            return [*entries[:place], told, *entries[place + 1 :]], names
    return list(entries), []


def drop_all(book: Book) -> None:
    """Delete every checkpoint, when no trial will be trained any more."""

    def decide(state: StudyState) -> tuple[list[Entry], list[str]]:
        saved = (state.trials[number].checkpoint for number in state.trials.saved)
        names = sorted({checkpoint[1] for checkpoint in saved if checkpoint is not None})
        return ([entry("checkpoints.dropped", {"drops": names})] if names else []), names

    book.checkpoints.drop(book.commit(decide))
    clear(book)


def _needless(state: StudyState, trial: Trial, needed: Collection[str] = ()) -> list[str]:
    """The blob of a trial's checkpoint that it needs no more, unless another trial does or it is among ``needed``."""
    if trial.checkpoint is None or trial.checkpoint[1] in needed:
        return []
    others = (state.trials[number].checkpoint for number in state.trials.saved if number != trial.number)
    sha256 = trial.checkpoint[1]
    return [] if any(other is not None and other[1] == sha256 for other in others) else [sha256]
