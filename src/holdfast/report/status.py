"""Where a study stands, as plain JSON values for the command line."""

from __future__ import annotations

from typing import Any

from holdfast.facts.log import latest, metric_of, stages_done, trials_by_state, winner_of
from holdfast.facts.numbers import utc
from holdfast.records import Trial, TrialState, number_to_json
from holdfast.report.trials_table import steps_trained
from holdfast.study.state import StudyState


def status_dict(state: StudyState) -> dict[str, Any]:
    """The study's name, trials by state, the best so far, what is left of the budget, what runs, the stages done.

    Keys: ``name``, ``metric``, ``direction``, ``directions`` (of all objectives), ``trials`` (state -> number),
    ``best`` (trial, value, config, chosen; or None), ``budget`` (trials, left; None for no limit), ``running`` (one
    dict a trial), ``enqueued``, ``strategy``, ``strategy_says``, ``stages`` (event -> whether it is in the log),
    ``openings`` of the test rows, ``halted`` (why, or None). Numbers that JSON has no form for are text.
    """
    metric = metric_of(state)
    limit = state.history.trials_limit
    halted = latest(state, "study.halted")
    if halted is not None and any(trial.asked_at > halted["time"] for trial in state.trials):
        halted = None  # it went on
    return {
        "name": state.settings.name,
        "metric": metric.name,
        "direction": metric.direction,
        "directions": dict(state.settings.directions),
        "trials": {each.value: n for each, n in trials_by_state(state).items()},
        "best": _best(state),
        "budget": {"trials": limit, "left": None if limit is None else max(limit - len(state.trials), 0)},
        "running": [_running(trial) for trial in state.trials if trial.state is TrialState.RUNNING],
        "enqueued": len(state.queue),
        "strategy": state.settings.strategy,
        "strategy_says": state.strategy_says,
        "stages": stages_done(state),
        "openings": len(state.notes.get("test.opened", [])),
        "halted": None if halted is None else halted["why"],
    }


def _best(state: StudyState) -> dict[str, Any] | None:
    trial = winner_of(state)
    if trial is None:
        return None
    value = trial.metrics.get(state.first_metric)
    return {
        "trial": trial.number,
        "value": None if value is None else number_to_json(value),
        "config": dict(trial.config),
        "chosen": "choice.made" in state.notes,
    }


def _running(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "config": dict(trial.config),
        "asked_at": utc(trial.asked_at),
        "steps": steps_trained(trial),
        "until_step": trial.until_step,
        "interrupted": trial.cause is not None,
    }
