"""A folded state as bytes and back: columns. Disposable: anything unexpected means folding the log instead."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.log.base import Head
from holdfast.records import Verdict
from holdfast.space import Space
from holdfast.study.container import from_bytes, to_bytes
from holdfast.study.limits import with_limits
from holdfast.study.losses import has_lost
from holdfast.study.packed import Packed, small, text
from holdfast.study.settings import Settings
from holdfast.study.state import Proposal, Request, StudyState
from holdfast.study.trials import Trials

VERSION = 11


def state_to_bytes(state: StudyState, head: Head) -> bytes:
    """The state after the event that ``head`` names; what has not changed since the last time is not encoded anew."""
    trials = state.trials.pack()
    history, columns = state.history.to_columns()
    # strategies see a proposal, where the space is found as it is used, and otherwise what was asked, if it is not lost
    own = state.settings.space is None or has_lost(state)
    values = {
        "version": VERSION,
        "head": [head.length, head.hash],
        "settings": state.settings.to_json(),
        "queue": [[number, request.config, request.why, request.by_scores] for number, request in state.queue.items()],
        "proposals": [
            [number, item.config, None if item.space is None else item.space.to_json()]
            for number, item in state.proposals.items()
        ],
        "requests": state.requests,
        "by_scores": [state.scored, state.enqueued_by_scores, state.amended_by_scores],
        "strategy_says": state.strategy_says,
        "notes": state.notes,
        "sessions": state.sessions,
        "verdicts": [[number, verdict.value] for number, verdict in state.verdicts.items()],
        "diverged": sorted(state.diverged),
        "history": history,
        "names": trials.names,
    }
    numbers = [trials.codes, trials.ints, trials.floats, trials.reports, trials.steps, trials.kinds, trials.values]
    whole = [small(column) if column.dtype.kind == "i" else column for column in columns]
    lines = [trials.configs, trials.texts, [text(config) for config in state.history.configs] if own else []]
    return to_bytes(values, [*numbers, *whole], lines)


def state_from_bytes(data: bytes) -> tuple[StudyState, Head] | None:
    """The state and its head; None for a snapshot that is damaged or of another version."""
    try:
        values, arrays, lines = from_bytes(data)
        return _state(values, arrays, lines) if values["version"] == VERSION else None
    except (zlib.error, HoldfastError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None  # whatever is wrong with it, the log holds the truth


def _state(values: dict[str, Any], arrays: list[np.ndarray], lines: list[list[str]]) -> tuple[StudyState, Head]:
    state = StudyState.begin(Settings.from_json(values["settings"]))
    codes, ints, floats, reports, steps, kinds, said, *columns = arrays
    configs, texts, seen = lines
    names = tuple(tuple(item) for item in values["names"])
    trials = Packed(codes, ints, floats, configs, texts, reports, steps, kinds, names, said)
    trials.check()
    state.trials = Trials(trials)
    state.queue = {number: Request(*request) for number, *request in values["queue"]}
    state.proposals = {
        number: Proposal(config, None if space is None else with_limits(Space.from_json(space)))
        for number, config, space in values["proposals"]
    }
    state.requests = values["requests"]
    state.scored, state.enqueued_by_scores, state.amended_by_scores = values["by_scores"]
    state.strategy_says = values["strategy_says"]
    state.notes = values["notes"]
    state.sessions = [(start, end) for start, end in values["sessions"]]
    state.verdicts = {number: Verdict(verdict) for number, verdict in values["verdicts"]}
    state.diverged = set(values["diverged"])
    state.history.restore(values["history"], columns, seen or configs)
    if state.history.space is not None:
        state.history.space = with_limits(state.history.space)
    length, digest = values["head"]
    state.length = length
    return state, Head(length, digest)
