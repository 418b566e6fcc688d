"""Where a study stands, as plain JSON values for the command line."""

from __future__ import annotations

import time
from typing import Any

from holdfast.facts.constraints import feasible_trials
from holdfast.facts.folds import folds_sentence
from holdfast.facts.log import (
    is_governed,
    latest,
    limit_reached,
    metric_of,
    stages_done,
    three_scores,
    trials_by_state,
    weight_of,
    winner_of,
)
from holdfast.facts.numbers import utc
from holdfast.facts.search import amendments
from holdfast.facts.spending import spending
from holdfast.facts.standing import begun_anew, looked_at_again
from holdfast.facts.winner import course_sentence
from holdfast.records import Trial, TrialState, number_to_json
from holdfast.report.trials_table import steps_trained
from holdfast.study.state import StudyState

PATIENCE = 10.0
"""Seconds after the model was fitted for which the opening of the test rows is waited for: it may be refused."""

ENDED = ("finished", "halted", "stopped")
"""The states in which a study does not go on by itself."""


def status_dict(state: StudyState, *, disk_bytes: float | None = None, now: float | None = None) -> dict[str, Any]:
    """The study's name, trials by state, the best so far, what is left of the budget, what runs, the stages done.

    Keys: ``name``, ``state`` (see `standing`), ``last_event`` (ISO 8601, UTC), ``quiet_seconds`` since then,
    ``metric``, ``direction``, ``directions`` (of all objectives), ``trials`` (state -> number), ``best`` (trial, value,
    config, chosen; or None), ``scores`` (naive, estimate, test; each a Score or None), ``budget`` (trials, left; None
    for no limit), ``spending`` (name -> spent, method, allowed; None: unknown, no limit), ``forecast`` (or None),
    ``limit_reached`` (a sentence, or None), ``dropped`` (what a rule saved of the fits: a sentence, or None),
    ``constraints`` (texts), ``feasible`` (how many trials with a score are
    known to meet them all, or None without any), ``running`` (one dict a trial), ``enqueued``, ``strategy``,
    ``strategy_says``, ``stages`` (event -> whether it is in the log), ``openings`` of the test rows, ``reopened`` (a
    sentence for each that was not the first of these rows, and on a look at select rows that was not the first one),
    ``begun_anew`` (that checkpoints were of no use: a sentence, or None), ``halted`` (why, or None). Numbers that JSON
    has no form for are text.

    Args:
        state: the study's.
        disk_bytes: what the folder of the run takes up, where somebody has looked.
        now: seconds since 1970, by default those of the clock.
    """
    now = time.time() if now is None else now
    last, scores = last_event(state), three_scores(state)
    metric = metric_of(state)
    limit = state.history.trials_limit
    halted = _halted(state)
    return {
        "name": state.settings.name,
        "state": standing(state, now),
        "last_event": utc(last) or None,
        "quiet_seconds": None if last is None else max(now - last, 0.0),
        "metric": metric.name,
        "direction": metric.direction,
        "directions": dict(state.settings.directions),
        "weight": weight_of(state),
        "trials": {each.value: n for each, n in trials_by_state(state).items()},
        "best": _best(state),
        "budget": {"trials": limit, "left": None if limit is None else max(limit - len(state.trials), 0)},
        "scores": {
            name: None if score is None else score.to_json()
            for name, score in (("naive", scores.naive), ("estimate", scores.estimate), ("test", scores.test))
        },
        "spending": {item.name: item.to_json() for item in spending(state, disk_bytes)},
        "forecast": latest(state, "forecast.made"),
        "limit_reached": limit_reached(state) or None,
        "dropped": folds_sentence(state) or None,
        "constraints": [str(item) for item in state.settings.constraints],
        "feasible": feasible_trials(state) if state.settings.constraints else None,
        "running": [_running(trial, now) for trial in state.trials if trial.state is TrialState.RUNNING],
        "enqueued": len(state.queue),
        "strategy": state.settings.strategy,
        "strategy_says": state.strategy_says,
        "stages": stages_done(state),
        "openings": len(state.notes.get("test.opened", [])),
        "reopened": looked_at_again(state),
        "begun_anew": begun_anew(state) or None,
        "halted": None if halted is None else halted["why"],
        "amended": amendments(state),
        "hidden": len(state.history.masked),
    }


def standing(state: StudyState, now: float) -> str:
    """In one word: beginning, searching, finishing, finished, stopped (by Ctrl-C), halted (by itself), or open.

    ``open`` is a study without a plan, whose own code decides when it is at its end. A process that was killed leaves
    no word: then the last event is long ago.
    """
    running = [trial for trial in state.trials if trial.state is TrialState.RUNNING]
    if _halted(state) is not None:
        return "halted"
    if "model.fitted" in state.notes and not _test_to_come(state, now):
        return "finished"
    if "choice.made" in state.notes:
        return "finishing"
    if running and all(trial.cause is not None for trial in running):
        return "stopped"
    if not is_governed(state):
        return "open"
    if not state.trials:
        return "beginning"
    return "finishing" if state.budget_spent and not running else "searching"


def last_event(state: StudyState) -> float | None:
    """When the study last wrote to its log, as far as its state says; seconds since 1970."""
    times = [trial.told_at or trial.asked_at for trial in state.trials[-100:]]
    times += [end for _, end in state.sessions[-1:]]
    times += [events[-1]["time"] for events in state.notes.values()]
    return max(times, default=None)


def _test_to_come(state: StudyState, now: float) -> bool:
    """Whether the test rows are about to be opened."""
    plan, split = latest(state, "plan.resolved"), latest(state, "data.split")
    by_hand = plan is not None and plan["plan"]["study"].get("unseal") == "by-hand"
    without = split is not None and "test" not in split["roles"]
    if {"test.opened", "test.withheld"} & state.notes.keys() or by_hand or without:
        return False
    return now - (last_event(state) or 0.0) < PATIENCE


def _halted(state: StudyState) -> Any:
    """The event by which the study ended itself, unless it went on."""
    halted = latest(state, "study.halted")
    return None if halted and any(trial.asked_at > halted["time"] for trial in state.trials) else halted


def _best(state: StudyState) -> dict[str, Any] | None:
    trial = winner_of(state)
    if trial is None:
        return None
    value = trial.metrics.get(state.first_metric)
    return {
        "trial": trial.number,
        "value": None if value is None else number_to_json(value),
        "config": dict(trial.config),
        "course": course_sentence(state, trial) or None,
        "chosen": "choice.made" in state.notes,
    }


def _running(trial: Trial, now: float) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "config": dict(trial.config),
        "asked_at": utc(trial.asked_at),
        "seconds": max(now - trial.asked_at, 0.0),
        "steps": steps_trained(trial),
        "until_step": trial.until_step,
        "interrupted": trial.cause is not None,
    }
