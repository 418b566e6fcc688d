"""Which trial is the best, by the values that were observed."""

from __future__ import annotations

import math

from holdfast.errors import RequestError
from holdfast.records import Trial, TrialState
from holdfast.study.state import StudyState


def best_of(state: StudyState) -> Trial:
    """The complete trial with the best first objective; among partial ones (highest step first) where none is complete.

    Raises:
        RequestError: if no trial has a value, or the study has several objectives.
    """
    if len(state.settings.directions) > 1:
        names = ", ".join(state.settings.directions)
        raise RequestError(f"study '{state.settings.name}' has several objectives ({names}), so no trial is the best")
    ranked = ranking(state)
    if not ranked:
        raise RequestError(f"study '{state.settings.name}' has no trial with a value yet")
    return ranked[0]


def ranking(state: StudyState) -> list[Trial]:
    """Trials with a value, best first: complete ones, then partial ones by how far they were trained."""
    sign = 1.0 if state.settings.directions[state.first_metric] == "minimize" else -1.0

    def key(trial: Trial) -> tuple[bool, float, float, int]:
        loss = sign * trial.metrics[state.first_metric]
        partial = trial.state is not TrialState.COMPLETE
        step = -float(trial.reports[-1][0]) if partial and trial.reports else 0.0
        return (partial, step, loss, trial.number)

    ended = {TrialState.COMPLETE, TrialState.PAUSED, TrialState.STOPPED}
    scored = [
        t for t in state.trials if t.state in ended and math.isfinite(t.metrics.get(state.first_metric, math.nan))
    ]
    return sorted(scored, key=key)
