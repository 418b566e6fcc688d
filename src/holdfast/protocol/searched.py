"""What a plan searches: the space, and by what its trials pause; models are made without a fit to see that they can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.data.roles import SplitPlan
from holdfast.errors import RequestError
from holdfast.protocol.fidelity import Measure, fidelity_of
from holdfast.protocol.learn import Recipe
from holdfast.protocol.limits import limited
from holdfast.protocol.overrides import overridden
from holdfast.protocol.own import checked_models
from holdfast.protocol.read import PlanFile
from holdfast.rng import Streams
from holdfast.space import Space
from holdfast.space.rules import forbidden
from holdfast.train.task import Task

if TYPE_CHECKING:
    import polars as pl


def searched(
    file: PlanFile, recipe: Recipe, task: Task, default: Space | None, train: pl.DataFrame, split: SplitPlan
) -> tuple[Recipe, Space, Measure | None]:
    """The recipe with what its models turned out to be, the space to search, and what trials are paused by.

    Args:
        file: the plan.
        recipe: its family.
        task: as the family sees it.
        default: the family's own space, None for a factory.
        train: the train rows.
        split: of the rows.

    Raises:
        RequestError: if there is no such space, no such model of it, or no such fidelity.
    """
    measure = _measure(file, recipe, train, split)
    if measure is not None and default is not None and measure.fidelity.name not in default:
        with file.at("search", "fidelity"):
            _check_grown(recipe, measure, task)
    space = _space(file, recipe, default, measure, train)
    with file.at():
        draw = Streams(file.plan.study.seed).generator(-1, "check")
        recipe = checked_models(recipe, space, task, train, draw, bool(file.plan.space) or measure is not None)
    found = _measure(file, recipe, train, split)  # what a factory makes is known only now
    if found == measure:
        return recipe, space, found
    return recipe, _space(file, recipe, default, found, train), found


def _measure(file: PlanFile, recipe: Recipe, train: pl.DataFrame, split: SplitPlan) -> Measure | None:
    with file.at("search", "fidelity" if file.plan.search.fidelity else "strategy"):
        folds = split.folds or 0
        return fidelity_of(file.plan, recipe, len(train), folds, folds * split.repeats)


def _check_grown(recipe: Recipe, measure: Measure, task: Task) -> None:
    """Refuse a fidelity that is named like no hyperparameter of a family."""
    family, fidelity = recipe.find_family(), measure.fidelity
    if family is None or measure.kind != "hyperparameter":
        return
    try:
        family.build({fidelity.name: fidelity.max}, task, 0)
    except RequestError as exc:
        ways = [recipe.fidelity.name] if recipe.fidelity is not None else []
        raise RequestError(
            f"[search.fidelity] has name = '{fidelity.name}', and trials of '{recipe.family}' are paused by "
            f"{', '.join([*ways, 'rows'])} or folds; take one of them"
        ) from exc


def _space(
    file: PlanFile, recipe: Recipe, default: Space | None, measure: Measure | None, train: pl.DataFrame
) -> Space:
    """What is searched, by the family and the plan."""
    plan = file.plan
    wanted = plan.space if measure is None else measure.fixed(plan.space)
    with file.at("search", "forbid"):
        forbidden(plan.search.forbid)
    with file.at("space"):
        space = overridden(default, wanted, lambda name: file.at("space", name), known=recipe.known)
    if plan.search.forbid:
        with file.at("search", "forbid"):
            space = overridden(default, wanted, forbid=plan.search.forbid, known=recipe.known)
    with file.at("model"):
        return limited(space, plan.model, recipe, train)
