"""Limits of a plan on the size of its models: rules of the space, so that nothing larger is ever proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from holdfast.count.limits import Limit, Measure
from holdfast.data.features import to_features
from holdfast.data.places import known_tokens
from holdfast.data.preprocess import fit_preprocessor
from holdfast.errors import PlanError, RequestError, concerning
from holdfast.protocol.learn import Recipe, task_of
from holdfast.records import Config
from holdfast.space import Space
from holdfast.train.sizes import FamilySize

if TYPE_CHECKING:
    import polars as pl


def limited(space: Space, model: Any, recipe: Recipe, train: pl.DataFrame) -> Space:
    """The space without the configurations whose models are larger than the table [model] of the plan allows.

    Sizes are those of the columns that the preprocessing makes of all train rows; with folds a model may be smaller,
    where a fold lacks a rare category.

    Args:
        space: to search.
        model: the table [model], with ``max_parameters``, ``max_memory`` and ``max_flops``, None where not limited.
        recipe: the family and the columns.
        train: the train rows.

    Raises:
        RequestError: if the size of the family's models is not known before their fit, or nothing is small enough; its
            ``keys`` lead to the limit.
    """
    wanted = {measure: getattr(model, measure) for measure in get_args(Measure)}
    wanted = {measure: bound for measure, bound in wanted.items() if bound is not None}
    if not wanted:
        return space
    transformer, X = fit_preprocessor(recipe.schema, recipe.style, to_features(recipe.schema, train))
    size = FamilySize(recipe.family, task_of(recipe, len(train), X.shape[1], known_tokens(transformer)))
    for measure, bound in wanted.items():
        with concerning(measure):
            _check_known(measure, size, space.default_config())
            space = _without(space, Limit(measure, bound, size))
    return space


def check_requests(space: Space, config: Config, number: int) -> None:
    """Refuse a configuration of ``[[trials]]`` that is larger than the limits allow.

    Raises:
        PlanError: with the limit that it breaks, and by how much.
    """
    for rule in space.forbid:
        limit = rule.predicate
        if isinstance(limit, Limit) and limit(config):
            raise PlanError(
                f"[[trials]] number {number} has {limit.size(config):,} {limit.what}, and [model] allows "
                f"{limit.bound:,.0f} with {limit.measure}; make it smaller, or raise the limit"
            )


def _check_known(measure: Measure, size: FamilySize, config: Config) -> None:
    part = size(config)
    if part is None:
        raise PlanError(
            f"[model] has {measure}, but how large a model of the family '{size.family}' gets is known after its fit "
            "only; take a network, a linear model, kmeans or gradient-boosting, or limit what is measured, as in "
            '[metric] constraints = { model_bytes = "<= 1e6" }'
        )
    if measure == "max_flops" and not part.flops:
        raise PlanError(
            f"[model] has max_flops, but models of the family '{size.family}' compare more than they multiply; limit "
            "max_parameters instead"
        )


def _without(space: Space, limit: Limit) -> Space:
    """The space with one more rule."""
    try:
        return space.with_rules([limit])
    except RequestError as exc:
        smallest = limit.size(space.default_config())
        raise PlanError(
            f"[model] has {limit.measure} = {limit.bound:,.0f}, and no configuration that was drawn is as small; the "
            f"default one has {smallest:,} {limit.what}"
        ) from exc
