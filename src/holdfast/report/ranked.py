"""The trials by their scores: which have one, in which order, and where the best of them lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.facts.numbers import shown
from holdfast.records import Trial, TrialState
from holdfast.report.axes import Axis
from holdfast.report.charts import label
from holdfast.study.state import StudyState

FEWEST = 3
"""So many of the best trials are looked at together, at least."""

NARROW = 1 / 3
"""The best lie close together if they take up no more than this part of an axis, and..."""

NARROWER = 1 / 2
"""...no more than this part of where all trials lie."""


def scored(state: StudyState) -> list[Trial]:
    """The trials with a finite first metric, best first; the failed and the running have none."""
    sign = state.loss_sign
    metric = state.first_metric
    found = [
        trial
        for trial in state.trials
        if trial.state in {TrialState.COMPLETE, TrialState.STOPPED, TrialState.PAUSED}
        and math.isfinite(trial.metrics.get(metric, math.nan))
    ]
    return sorted(found, key=lambda trial: (sign * trial.metrics[metric], trial.number))


def best_tenth(ranked: Sequence[Trial]) -> Sequence[Trial]:
    """The best tenth of them, and three at least."""
    return ranked[: max(FEWEST, math.ceil(len(ranked) / 10))]


def where_the_best_lie(axis: Axis, ranked: Sequence[Trial]) -> str:
    """Where the best lie on an axis, if that is a small part of it and of where the others lie; else empty.

    >>> from holdfast.records import TrialState
    >>> from holdfast.space import Float
    >>> trials = [Trial(i, {"x": i / 20}, TrialState.COMPLETE, "", 0) for i in range(20)]
    >>> where_the_best_lie(Axis("x", Float(0, 1), ()), trials)
    'x between 0 and 0.1'
    """
    if len(ranked) < 3 * FEWEST:
        return ""
    values = [trial.config[axis.name] for trial in best_tenth(ranked) if axis.name in trial.config]
    places = [place for value in values if (place := axis.place(value)) is not None]
    tried = [trial.config[axis.name] for trial in ranked if axis.name in trial.config]
    everywhere = [place for value in tried if (place := axis.place(value)) is not None]
    if len(places) < FEWEST or len(set(everywhere)) < 2:
        return ""
    name = label(axis.name)
    if axis.categorical:
        only = {axis.choice(value) for value in values}
        return f"{name} at {only.pop()}" if len(only) == 1 else ""
    if max(places) - min(places) > min(NARROW, NARROWER * (max(everywhere) - min(everywhere))):
        return ""
    numbers = [value for value in values if isinstance(value, int | float)]
    low, high = shown(min(numbers)), shown(max(numbers))
    return f"{name} at {low}" if low == high else f"{name} between {low} and {high}"
