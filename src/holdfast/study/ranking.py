"""Which trial is the best, by the values that were observed."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Trial, TrialState
from holdfast.search.history import COMPLETE
from holdfast.search.pareto import front
from holdfast.study.constraints import is_feasible
from holdfast.study.failures import error_line
from holdfast.study.state import StudyState


def best_of(state: StudyState) -> Trial:
    """The complete trial with the best first objective; among partial ones (highest step first) where none is complete.

    Only trials that fit into the space as it stands and are known to meet the outcome constraints count.

    Raises:
        RequestError: if no trial has a value, none of them counts, or the study has several objectives.
    """
    if len(state.settings.directions) > 1:
        names = ", ".join(state.settings.directions)
        raise RequestError(
            f"study '{state.settings.name}' has several objectives ({names}), so no trial is the best; best_trials has "
            "those that no other beats"
        )
    best = first_ranked(state)
    if best is None:
        raise RequestError(no_best(state))
    return best


def first_ranked(state: StudyState) -> Trial | None:
    """The first of `ranking`, None if that is empty; the others are ordered only while no trial is complete."""
    return _best_complete(state) or next(iter(ranking(state)), None)


def best_config(state: StudyState) -> Config:
    """The configuration of the best trial, in the space as it stands: with what was added since, where it stands.

    Raises:
        RequestError: as `best_of`.
    """
    best = best_of(state)
    return state.history.as_amended(best.config) or dict(best.config)


def _best_complete(state: StudyState) -> Trial | None:
    """The first of `ranking`, if it is complete, out of the columns of the history: the others are not looked at."""
    history = state.history.snapshot(state.length)
    losses = history.told_loss[:, 0]
    may_be = (history.told_state == COMPLETE) & np.isfinite(losses) & (history.told_violation <= 0).all(axis=1)
    numbers = history.told_trial[may_be & (losses == losses[may_be].min(initial=np.inf))]
    return state.trials[int(numbers.min())] if len(numbers) else None


def no_best(state: StudyState) -> str:
    """Why no trial is the best of a study of one objective, and what to do about it."""
    name, scored = state.settings.name, scored_trials(state)
    if not scored:
        failed = [trial for trial in state.trials if trial.state is TrialState.FAILED]
        last = f": of {len(state.trials)} trials {len(failed)} failed, the last one with" if failed else ""
        why = f" {error_line(failed[-1].error)}" if failed else ""
        return f"study '{name}' has no trial with a value yet{last}{why}"
    within = [trial for trial in scored if trial.number not in state.history.masked]
    if not within:
        return (
            f"none of the {len(scored)} trials with a value in study '{name}' lies in the space as it was amended, so "
            "there is no best one; go on, or widen the space again"
        )
    constraints = state.settings.constraints
    untold = [item.metric for item in constraints if not any(item.metric in trial.metrics for trial in within)]
    advice = f"tell {' and '.join(untold)} with the value" if untold else "go on, or ease it in a new study"
    where = "" if len(within) == len(scored) else " that lie in the space as it was amended"
    return (
        f"none of the {len(within)} trials with a value in study '{name}'{where} is known to meet "
        f"{' and '.join(map(str, constraints))}, so there is no best one; {advice}"
    )


def ranking(state: StudyState) -> list[Trial]:
    """The trials that may be the best, best first: complete ones, then by how far they were trained.

    They have a value, meet the constraints, and fit into the space as it was amended.
    """
    sign = state.loss_sign

    def key(trial: Trial) -> tuple[bool, float, float, int]:
        loss = sign * trial.metrics[state.first_metric]
        partial = trial.state is not TrialState.COMPLETE
        step = -float(trial.reports[-1][0]) if partial and trial.reports else 0.0
        return (partial, step, loss, trial.number)

    return sorted((trial for trial in scored_trials(state) if is_eligible(state, trial)), key=key)


def is_eligible(state: StudyState, trial: Trial) -> bool:
    """Whether a trial may be the best: it fits into the space as it stands, and is known to meet the constraints."""
    return trial.number not in state.history.masked and is_feasible(state.settings.constraints, trial.metrics)


def could_be_picked(state: StudyState, trial: Trial) -> bool:
    """Whether a trial was among those to choose from: it may be the best, or might have been before an amendment."""
    return trial.number not in never_compared(state) and is_feasible(state.settings.constraints, trial.metrics)


def never_compared(state: StudyState) -> Collection[int]:
    """The numbers of trials outside of the space as it stands, whose scores chose nothing.

    A person who knew scores and amended the space has chosen by them, so that all trials count then.
    """
    return () if state.amended_by_scores else state.history.masked


def pareto_front(state: StudyState) -> list[Trial]:
    """The complete trials that may be the best and that no other beats in every objective, by number."""
    return [state.trials[number] for number in front(state.history.snapshot(state.length)).tolist()]


def scored_trials(state: StudyState) -> list[Trial]:
    """Trials that have ended or paused with a value."""
    ended = {TrialState.COMPLETE, TrialState.PAUSED, TrialState.STOPPED}
    return [t for t in state.trials if t.state in ended and math.isfinite(t.metrics.get(state.first_metric, math.nan))]
