"""A folded state as bytes and back: JSON, compressed. Disposable: anything unexpected means folding the log instead."""

from __future__ import annotations

import json
import zlib
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.log.base import Head
from holdfast.records import Cause, Trial, TrialState, number_from_json, number_to_json
from holdfast.space import Space
from holdfast.study.limits import with_limits
from holdfast.study.settings import Settings
from holdfast.study.state import Proposal, Request, StudyState
from holdfast.usage import Usage

VERSION = 5


def state_to_bytes(state: StudyState, head: Head) -> bytes:
    """The state after the event that ``head`` names."""
    data = {
        "version": VERSION,
        "head": [head.length, head.hash],
        "settings": state.settings.to_json(),
        "trials": [_trial_to_json(trial) for trial in state.trials],
        "queue": [[number, request.config, request.why] for number, request in state.queue.items()],
        "proposals": [
            [number, item.config, None if item.space is None else item.space.to_json()]
            for number, item in state.proposals.items()
        ],
        "requests": state.requests,
        "strategy_says": state.strategy_says,
        "notes": state.notes,
        "sessions": state.sessions,
        "history": state.history.to_json(),
    }
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), level=1)


def state_from_bytes(data: bytes) -> tuple[StudyState, Head] | None:
    """The state and its head; None for a snapshot that is damaged or of another version."""
    try:
        loaded: dict[str, Any] = json.loads(zlib.decompress(data))
        return _state_from_json(loaded) if loaded["version"] == VERSION else None
    except (zlib.error, HoldfastError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None  # whatever is wrong with it, the log holds the truth


def _state_from_json(loaded: dict[str, Any]) -> tuple[StudyState, Head]:
    state = StudyState.begin(Settings.from_json(loaded["settings"]))
    state.trials = [_trial_from_json(item) for item in loaded["trials"]]
    state.queue = {number: Request(config, why) for number, config, why in loaded["queue"]}
    state.proposals = {
        number: Proposal(config, None if space is None else with_limits(Space.from_json(space)))
        for number, config, space in loaded["proposals"]
    }
    state.requests = loaded["requests"]
    state.strategy_says = loaded["strategy_says"]
    state.notes = loaded["notes"]
    state.sessions = [(start, end) for start, end in loaded["sessions"]]
    state.history.restore(loaded["history"])
    if state.history.space is not None:
        state.history.space = with_limits(state.history.space)
    length, digest = loaded["head"]
    state.length = length
    return state, Head(length, digest)


def _trial_to_json(trial: Trial) -> list[Any]:
    return [
        trial.number,
        trial.config,
        trial.state.value,
        trial.reason,
        trial.seed,
        _numbers_to_json(trial.metrics),
        [[step, _numbers_to_json(metrics)] for step, metrics in trial.reports],
        trial.until_step,
        trial.start_step,
        trial.checkpoint,
        trial.rows,
        trial.error,
        None if trial.cause is None else trial.cause.value,
        trial.parent,
        trial.asked_at,
        trial.told_at,
        trial.seconds,
        trial.cpu_seconds,
        trial.restarts,
        dict(trial.extra),
        [usage.to_json() for usage in trial.usage],
        trial.parent_step,
        trial.replaces,
    ]


def _trial_from_json(item: list[Any]) -> Trial:
    number, config, state, reason, seed, metrics, reports, until, start, checkpoint, rows, error, cause, *rest = item
    parent, asked_at, told_at, seconds, cpu_seconds, restarts, extra, usage, parent_step, replaces = rest
    return Trial(
        number=number,
        config=config,
        state=TrialState(state),
        reason=reason,
        seed=seed,
        metrics=_numbers_from_json(metrics),
        reports=tuple((step, _numbers_from_json(values)) for step, values in reports),
        until_step=until,
        start_step=start,
        checkpoint=None if checkpoint is None else (checkpoint[0], checkpoint[1]),
        rows=rows,
        error=error,
        cause=None if cause is None else Cause(cause),
        parent=parent,
        asked_at=asked_at,
        told_at=told_at,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        restarts=restarts,
        extra=extra,
        usage=tuple(Usage.from_json(leg) for leg in usage),
        parent_step=parent_step,
        replaces=replaces,
    )


def _numbers_to_json(metrics: Any) -> dict[str, Any]:
    return {name: number_to_json(value) for name, value in metrics.items()}


def _numbers_from_json(metrics: Any) -> dict[str, float]:
    return {name: number_from_json(value) for name, value in metrics.items()}
