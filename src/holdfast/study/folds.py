"""Trials that are evaluated fold by fold and dropped early by a rule: the verdict, and what the rule has saved.

A trial of such a study reports the score of each fold, with the fold as the step. Its incumbent is the best of the
complete trials that may be the best, as the log has it at that moment, whichever worker ran it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from holdfast.errors import RequestError, nearest, shown
from holdfast.records import Direction, Fidelity, Trial, TrialState, Verdict
from holdfast.search.folds import is_dropped
from holdfast.search.history import History
from holdfast.stats.folds import RULES
from holdfast.study.ranking import never_compared
from holdfast.study.replicated import is_replicate
from holdfast.study.state import StudyState, reported_by_step

NEVER = "never"


class FoldsMade(NamedTuple):
    """How many trials a rule dropped of how many that ended, and how many fits were made of all that there were."""

    rule: str
    dropped: int
    ended: int
    made: int
    fits: int


def checked_rule(rule: Any, fidelity: Fidelity | None, directions: Mapping[str, Direction]) -> str:
    """The rule by which folds are dropped.

    Raises:
        RequestError: if there is no such rule, or the study pauses its trials or has several objectives.
    """
    names = (NEVER, *RULES)
    if rule not in names:
        known = f"{', '.join(repr(name) for name in names[:-1])} or {names[-1]!r}"
        raise RequestError(f"drop_folds = {shown(rule)}; it can be {known}{nearest(str(rule), names)}")
    if rule != NEVER and fidelity is not None:
        raise RequestError(
            f"drop_folds = '{rule}' goes with trials that report fold by fold, and the fidelity '{fidelity.name}' with "
            "trials that pause and resume; leave out one of them"
        )
    if rule != NEVER and len(directions) > 1:
        raise RequestError(
            f"drop_folds = '{rule}' needs one objective, and the study has {len(directions)}: {', '.join(directions)}; "
            "leave it out"
        )
    return str(rule)


def verdict(state: StudyState, number: int, history: History) -> Verdict:
    """Whether a trial goes on after a fold, by what is known; a replicate, asked for its mean of all, always does."""
    rule, trial = state.settings.drop_folds, state.trials[number]
    if rule == NEVER or is_replicate(trial):
        return Verdict.CONTINUE
    sign = state.loss_sign
    own = {step: sign * value for step, value in reported_by_step(state, trial).items()}
    dropped = is_dropped(history, number, own, rule)
    return Verdict.STOP if dropped else Verdict.CONTINUE


def mean_reported(state: StudyState, trial: Trial) -> float | None:
    """The mean of the folds that a trial has reported; None if it has not reported any."""
    found = list(reported_by_step(state, trial).values())
    return float(np.mean(found)) if found else None


def dropped_trials(state: StudyState) -> list[Trial]:
    """The trials that a rule dropped from among those to choose from."""
    if state.settings.drop_folds == NEVER:
        return []
    apart = never_compared(state)
    return [trial for trial in state.trials if trial.state is TrialState.STOPPED and trial.number not in apart]


def folds_made(state: StudyState) -> FoldsMade | None:
    """What the rule of a study has saved so far; None for a study without a rule, or before a trial is complete."""
    rule = state.settings.drop_folds
    complete = [trial for trial in state.trials if trial.state is TrialState.COMPLETE]
    dropped = [trial for trial in state.trials if trial.state is TrialState.STOPPED]
    folds = max((_fits(state, trial) for trial in complete), default=0)
    if rule == NEVER or folds == 0:
        return None
    ended = len(complete) + len(dropped)
    made = sum(_fits(state, trial) for trial in (*complete, *dropped))
    return FoldsMade(rule, len(dropped), ended, made, folds * ended)


def _fits(state: StudyState, trial: Trial) -> int:
    """How many folds a trial was fitted on: as its job says, or else as many as it reported."""
    return int(trial.extra.get("fits", len(reported_by_step(state, trial))))
