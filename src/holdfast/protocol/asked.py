"""What a plan asks for beside its table, checked: the space and the strategy that searches it, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.data.columns import Schema
from holdfast.data.roles import SplitPlan
from holdfast.errors import PlanError, RequestError, SpaceError
from holdfast.evaluate.metrics import Metric
from holdfast.meter.price import Price
from holdfast.protocol.batches import trials_at_once
from holdfast.protocol.constraints import checked_constraints
from holdfast.protocol.cost import check_budget, price_of
from holdfast.protocol.inputs import check_inputs
from holdfast.protocol.learn import Recipe, task_of
from holdfast.protocol.limits import check_requests
from holdfast.protocol.plan import Plan, TrialTable
from holdfast.protocol.read import PlanFile
from holdfast.protocol.recorded import recipe_of
from holdfast.protocol.scheduled import for_networks
from holdfast.protocol.searched import searched
from holdfast.protocol.starts import portfolio
from holdfast.protocol.weighing import check_weighing
from holdfast.records import Config, Fidelity
from holdfast.search.base import Strategy
from holdfast.search.registry import make_strategy, traits_named, traits_of
from holdfast.space import Space
from holdfast.study.folds import NEVER, checked_rule

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a table when its plan is checked: the columns, the split, and the train rows."""

    schema: Schema
    split: SplitPlan
    train: pl.DataFrame


@dataclass(frozen=True)
class Search:
    """What is searched, and how."""

    recipe: Recipe
    metric: Metric
    space: Space
    strategy: Strategy
    fidelity: Fidelity | None

    def at_once(self, plan: Plan, parts: int) -> int:
        """How many trials, of so many fits each, run at once over all workers."""
        return plan.search.workers * trials_at_once(plan.search, self.recipe.network_shape, self.space, parts)


@dataclass(frozen=True)
class Asked:
    """What a plan asks for beside its table, checked."""

    search: Search
    constraints: dict[str, str]
    requests: list[tuple[Config, str]]
    left_out: list[str]
    price: Price


def asked_of(file: PlanFile, known: Known) -> Asked:
    """What a plan asks for beside its table.

    Raises:
        RequestError: if it cannot be meant; with the place in the plan.
    """
    plan, search = file.plan, search_of(file, known)
    requests = []
    for number, trial in enumerate(plan.trials):
        with file.at("trials", number, "config"):
            requests.append(_request(search.space, number + 1, trial))
            check_requests(search.space, requests[-1][0], number + 1)
    with file.at("search", "deterministic"):
        _check_deterministic(plan)
    with file.at("search", "drop_folds"):
        _check_dropping(plan, known.split, search.fidelity)
    if plan.data.weight is not None:
        with file.at("data", "weight"):
            check_weighing(plan, search.recipe, search.space, known.split, search.fidelity)
    constraints = checked_constraints(
        plan.metric.constraints,
        search.recipe,
        lambda name: file.at("metric", "constraints", name),
        stepwise=search.fidelity is not None,
    )
    with file.at("price", "country"):
        price = price_of(plan)
    check_budget(file, price)
    with file.at("search", "portfolio"):
        starts, left_out = _starts(plan, search.recipe, search.space, search.fidelity)
    return Asked(search, constraints, [*requests, *starts], left_out, price)


def search_of(file: PlanFile, known: Known) -> Search:
    """What a plan searches, and how.

    Raises:
        RequestError: if that cannot be meant; with the place in the plan.
    """
    plan = file.plan
    recipe = recipe_of(file, known.schema)
    with file.at("metric", "name"):
        metric = recipe.make_metric()
    with file.at("model", "ship"):
        _check_shipping(plan, known.split)
    with file.at("model"):
        check_inputs(plan.model)
    with file.at("model", "family"):
        task = task_of(recipe, len(known.train), len(known.schema.features))
        default = recipe.default_space(task)
    recipe, space, measure = searched(file, recipe, task, default, known.train, known.split)
    with file.at("search", "strategy"):
        strategy = make_strategy(plan.search.strategy)
        if not traits_of(strategy).proposes and not plan.trials:
            raise PlanError(
                f"strategy '{strategy.name}' tries what [[trials]] hold and nothing else, and there are none; add some"
            )
    with file.at("search", "settings"):
        strategy = make_strategy(plan.search.strategy, plan.search.settings) if plan.search.settings else strategy
        strategy = for_networks(strategy, recipe, space, measure, plan)
    return Search(recipe, metric, space, strategy, None if measure is None else measure.fidelity)


def _starts(
    plan: Plan, recipe: Recipe, space: Space, fidelity: Fidelity | None
) -> tuple[list[tuple[Config, str]], list[str]]:
    """The portfolio, where the plan wants it; and what was left out."""
    family = recipe.find_family()
    if not plan.search.portfolio or family is None:
        return [], []
    if fidelity is not None or traits_named(plan.search.strategy).finite:
        why = f"strategy '{plan.search.strategy}'" if fidelity is None else f"trials that are paused by {fidelity.name}"
        raise RequestError(f"[search] has portfolio = true, which does not go with {why}; leave it out")
    return portfolio(space, family.starts, plan.most_trials)


def _request(space: Space, number: int, trial: TrialTable) -> tuple[Config, str]:
    """A configuration to try first, with every value, and the reason for it."""
    try:
        return space.validate(trial.config, fill=True), trial.why
    except SpaceError as exc:
        raise SpaceError(f"[[trials]] number {number}: {exc}") from exc


def _check_shipping(plan: Plan, split: SplitPlan) -> None:
    if plan.model.ship == "scored" and split.folds is not None:
        raise PlanError(
            '[model] has ship = "scored", but with folds every score comes from several models; use "refitted", or a '
            "validation share instead of folds"
        )
    if plan.model.ship == "scored" and split.reshuffle:
        raise PlanError(
            '[model] has ship = "scored", but with reshuffle = true every trial is scored on rows of its own; use '
            '"refitted", or leave out reshuffle'
        )


def _check_deterministic(plan: Plan) -> None:
    """Refuse an end that depends on which results are there."""
    if plan.search.deterministic and (plan.search.stop is not None or plan.search.stop_gain is not None):
        key = "stop" if plan.search.stop is not None else "stop_gain"
        raise RequestError(
            f"[search] has deterministic = true and {key}, which ends the search by the results that are there at the "
            "time; leave out one of them"
        )


def _check_dropping(plan: Plan, split: SplitPlan, fidelity: Fidelity | None) -> None:
    """Refuse to drop folds where a trial has one fit only, or is trained step by step."""
    rule = plan.search.drop_folds
    if rule == NEVER:
        return
    if split.folds is None:
        own = "validation rows of its own" if split.reshuffle else "one validation part"
        raise RequestError(
            f'[search] has drop_folds = "{rule}", but every trial has {own}, so that it is one fit and none can be '
            "saved; ask for folds, as in split = { folds = 5, test = 0.2 }, or leave it out"
        )
    checked_rule(rule, fidelity, {})
