"""What goes with weights of rows in a plan: models that learn by them, metrics that count by them, honest estimates."""

from __future__ import annotations

from holdfast.data.roles import SplitPlan
from holdfast.errors import RequestError
from holdfast.protocol.constraints import limited_metrics
from holdfast.protocol.fidelity import FOLDS
from holdfast.protocol.learn import Recipe
from holdfast.protocol.plan import Plan
from holdfast.records import Fidelity
from holdfast.space import Space
from holdfast.study.folds import NEVER
from holdfast.train.estimators import weight_argument
from holdfast.train.factory import build_from_factory
from holdfast.train.registry import all_families


def check_weighing(plan: Plan, recipe: Recipe, space: Space, split: SplitPlan, fidelity: Fidelity | None) -> None:
    """Refuse weights where a model or a metric would ignore them, or an estimate would not be honest.

    Raises:
        RequestError: as said.
    """
    if recipe.schema.task == "clustering":
        raise _refusal(plan, "but the task is clustering, whose metrics look at every row alike", "leave it out")
    _check_model(plan, recipe, space)
    for metric in (recipe.make_metric(), *limited_metrics(recipe)):
        if not metric.weighs:
            why = f"but the metric '{metric.name}' takes no weights of rows"
            other = "give it a sample_weight" if ":" in metric.name else "take another metric"
            raise _refusal(plan, why, f"{other}, or leave weight out")
    if split.nested is not None:
        why = (
            f"but the split has nested = {split.nested}, and scores of outer folds that weigh unevenly have no interval"
        )
        raise _refusal(plan, why, "leave out one of them")
    if plan.search.drop_folds != NEVER:
        raise _refusal(plan, f'but [search] has drop_folds = "{plan.search.drop_folds}"; {UNFINISHED}', LEAVE)
    if fidelity is not None and fidelity.name == FOLDS:
        raise _refusal(plan, f"but trials are paused by folds; {UNFINISHED}", LEAVE)


UNFINISHED = "an estimate counts trials of some folds as if all rows weighed alike"
LEAVE = "leave out one of them"


def _check_model(plan: Plan, recipe: Recipe, space: Space) -> None:
    """Refuse a model whose fit takes no weights."""
    family = recipe.find_family()
    if recipe.is_network:
        what = f"but the networks of '{recipe.family}' learn from every row alike"
    elif family is None:
        model = build_from_factory(recipe.family, space.default_config(), plan.study.seed, recipe.base)
        if weight_argument(model) is not None:
            return
        what = f"but the fit of {type(model).__name__}, which '{recipe.family}' makes, takes no sample_weight"
    elif family.weighs:
        return
    else:
        what = f"but models of the family '{recipe.family}' learn from every row alike"
    able = [name for name, each in all_families().items() if each.weighs and recipe.schema.task in each.tasks]
    raise _refusal(plan, what, f"take {', '.join(able)}, or leave weight out")


def _refusal(plan: Plan, why: str, instead: str) -> RequestError:
    return RequestError(f"[data] has weight = '{plan.data.weight}', {why}; {instead}")
