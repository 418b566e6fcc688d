"""How a trial learned: its score on the rows it learned from, and a verdict on over- and underfitting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.analyse.curves import Diagnosis, diagnose
from holdfast.facts.log import three_scores, winner_of
from holdfast.records import Trial
from holdfast.study.state import StudyState

TWO_SIDED = 3.919927969080108
"""The width of a 95% interval in standard errors."""


def winners_diagnosis(state: StudyState) -> Diagnosis | None:
    """The verdict on the winner; None where there is neither a curve nor a training score."""
    winner = winner_of(state)
    if winner is None or (train_score(winner) is None and kept_curve(winner) is None):
        return None
    return diagnosis_of(state, winner)


def diagnosis_of(state: StudyState, trial: Trial) -> Diagnosis:
    """The verdict on a trial."""
    best = winner_of(state)
    return diagnose(
        train_score(trial),
        trial.metrics.get(state.first_metric, math.nan),
        state.settings.directions[state.first_metric],
        kept_curve(trial),
        noise=_noise(state),
        reference=_number(trial, "reference"),
        best=None if best is None else best.metrics.get(state.first_metric),
    )


def _noise(state: StudyState) -> float | None:
    """The standard error of a validation score, from the width of the estimate's interval."""
    estimate = three_scores(state).estimate
    if estimate is None or estimate.low is None or estimate.high is None or estimate.level != 0.95:
        return None
    return (estimate.high - estimate.low) / TWO_SIDED


def train_score(trial: Trial) -> float | None:
    """The metric on (a sample of) the rows that a trial learned from; None where the log has none."""
    return _number(trial, "train")


def _number(trial: Trial, name: str) -> float | None:
    """A finite number that is kept beside a trial; None where there is none."""
    value = trial.extra.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)


def kept_curve(trial: Trial) -> Mapping[str, Any] | None:
    """The learning curve that a trial kept; None if what it kept under that name is something of the user's own."""
    curve = trial.extra.get("curve")
    if not isinstance(curve, Mapping) or not {"metric", "step", "steps", "train", "validation"} <= curve.keys():
        return None
    columns = [curve["steps"], curve["train"], curve["validation"]]
    if not all(isinstance(column, Sequence) and len(column) == len(columns[0]) for column in columns):
        return None
    values = [each for column in columns for each in column if each is not None]
    if None in curve["steps"] or not all(isinstance(each, int | float) for each in values):
        return None
    return {**curve, "metric": str(curve["metric"]), "step": str(curve["step"])}
