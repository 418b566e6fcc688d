"""Which trial is the best, by the values that were observed."""

from __future__ import annotations

import math

from holdfast.errors import RequestError
from holdfast.records import Trial, TrialState
from holdfast.search.pareto import front
from holdfast.study.constraints import is_feasible
from holdfast.study.state import StudyState


def best_of(state: StudyState) -> Trial:
    """The complete trial with the best first objective; among partial ones (highest step first) where none is complete.

    Only trials that are known to meet the outcome constraints count.

    Raises:
        RequestError: if no trial has a value, none meets the constraints, or the study has several objectives.
    """
    if len(state.settings.directions) > 1:
        names = ", ".join(state.settings.directions)
        raise RequestError(
            f"study '{state.settings.name}' has several objectives ({names}), so no trial is the best; best_trials has "
            "those that no other beats"
        )
    ranked = ranking(state)
    if not ranked and (scored := scored_trials(state)):
        constraints = state.settings.constraints
        wish = " and ".join(map(str, constraints))
        untold = [item.metric for item in constraints if not any(item.metric in trial.metrics for trial in scored)]
        advice = f"tell {' and '.join(untold)} with the value" if untold else "go on, or ease it in a new study"
        raise RequestError(
            f"none of the {len(scored)} trials with a value in study '{state.settings.name}' is known to meet {wish}, "
            f"so there is no best one; {advice}"
        )
    if not ranked:
        raise RequestError(f"study '{state.settings.name}' has no trial with a value yet")
    return ranked[0]


def ranking(state: StudyState) -> list[Trial]:
    """Trials with a value that meet the constraints, best first: complete ones, then by how far they were trained."""
    sign = 1.0 if state.settings.directions[state.first_metric] == "minimize" else -1.0

    def key(trial: Trial) -> tuple[bool, float, float, int]:
        loss = sign * trial.metrics[state.first_metric]
        partial = trial.state is not TrialState.COMPLETE
        step = -float(trial.reports[-1][0]) if partial and trial.reports else 0.0
        return (partial, step, loss, trial.number)

    feasible = [trial for trial in scored_trials(state) if is_feasible(state.settings.constraints, trial.metrics)]
    return sorted(feasible, key=key)


def pareto_front(state: StudyState) -> list[Trial]:
    """The complete trials that meet the constraints and that no other beats in every objective, by number."""
    return [state.trials[number] for number in front(state.history.snapshot(state.length)).tolist()]


def scored_trials(state: StudyState) -> list[Trial]:
    """Trials that have ended or paused with a value."""
    ended = {TrialState.COMPLETE, TrialState.PAUSED, TrialState.STOPPED}
    return [t for t in state.trials if t.state in ended and math.isfinite(t.metrics.get(state.first_metric, math.nan))]
