"""Outcome constraints of a plan: bounds on what is measured of a trial beside the metric that ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from holdfast.errors import RequestError, nearest, shown
from holdfast.evaluate.catalogue import known_names, shown_name
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.ranges import in_words
from holdfast.protocol.learn import Recipe
from holdfast.records import Trial
from holdfast.search.pareto import total_violation
from holdfast.study.constraints import Constraint, named_constraints, to_table
from holdfast.study.ranking import scored_trials
from holdfast.study.state import StudyState

FIT_SECONDS, MODEL_BYTES = "fit_seconds", "model_bytes"

MEASURED = (FIT_SECONDS, MODEL_BYTES)
"""What a constraint may be on that is no metric: wall seconds of one fit (the mean of the folds), and bytes on disk."""


def checked_constraints(
    table: Mapping[str, Any], recipe: Recipe, at: Callable[[str], AbstractContextManager[None]], *, stepwise: bool
) -> dict[str, str]:
    """The constraints of a study from those of its plan, by the names under which trials record what they are on.

    Args:
        table: of the plan.
        recipe: what the trials are of.
        at: puts the place in the plan before what is wrong with the constraint of a name.
        stepwise: whether trials pause and resume.

    Raises:
        RequestError: for a bound that is none or that nothing can meet, or a metric that does not exist or fit.
    """
    found: dict[str, Constraint] = {}
    for name, text in table.items():
        with at(name):
            (item,) = named_constraints({name: text})
            if name in MEASURED:
                _check_measured(item, text, stepwise=stepwise)
                found[name] = item
                continue
            metric = _metric(name, recipe)
            if not metric.range[0] <= item.bound <= metric.range[1]:
                example = "'>= 0.8'" if metric.direction == "maximize" else "'<= 0.2'"
                raise RequestError(
                    f"the constraint on '{name}' is {shown(text)}, but it {in_words(metric.range)}; "
                    f"write it as {example}"
                )
            if metric.name in found:
                raise RequestError(f"'{metric.name}' has two constraints, by two of its names; keep one of them")
            found[metric.name] = Constraint(metric.name, item.sense, item.bound)
    return to_table(found.values())


def limited_metrics(recipe: Recipe) -> tuple[Metric, ...]:
    """The metrics that constraints are on, without the one that ranks."""
    ranks = recipe.make_metric().name
    metrics = [recipe.metric_by(name) for name in recipe.limited if name not in MEASURED]
    return tuple(metric for metric in metrics if metric.name != ranks)


def nearest_to_feasible(state: StudyState) -> Trial:
    """Of the trials with a value the one that misses the constraints by the least, of equals the first."""
    scored = scored_trials(state)
    missed = [[item.violation(trial.metrics) for item in state.settings.constraints] for trial in scored]
    return scored[int(np.argmin(total_violation(np.array(missed))))]


def _metric(name: str, recipe: Recipe) -> Metric:
    known = known_names()
    if ":" not in name and name not in known and not name.endswith("_score"):
        raise RequestError(
            f"there is no metric named '{name}'{nearest(name, [*MEASURED, *known])}; a constraint can be on any "
            f"scikit-learn scorer, a 'module:function', {FIT_SECONDS} or {MODEL_BYTES}"
        )
    if name.startswith("neg_"):
        raise RequestError(
            f"a constraint is on a metric in its natural sense: write {shown_name(name)} with a bound that is not "
            f"negated, instead of {name}"
        )
    return recipe.metric_by(name)


def _check_measured(item: Constraint, text: Any, *, stepwise: bool) -> None:
    if item.sense == "<=" and item.bound <= 0:
        example = "'<= 2'" if item.metric == FIT_SECONDS else "'<= 1e6'"
        raise RequestError(
            f"the constraint on '{item.metric}' is {shown(text)}, which no model can meet; write it as {example}"
        )
    if item.metric == FIT_SECONDS and stepwise:
        raise RequestError(
            f"there is a constraint on '{FIT_SECONDS}', but trials that pause and resume are not fitted in one go; "
            "leave it out, or leave out the strategy that pauses and [search.fidelity]"
        )
