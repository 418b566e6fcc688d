"""A factory of a person's own, called before anything is fitted: what it makes, and whether that can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.data.features import to_features
from holdfast.data.places import known_tokens
from holdfast.data.preprocess import fit_preprocessor
from holdfast.errors import RequestError, concerning
from holdfast.protocol.learn import Recipe, task_of
from holdfast.records import Config
from holdfast.space import Space
from holdfast.train.factory import gives_network
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.own import own_hyperparameters
from holdfast.train.task import Task

if TYPE_CHECKING:
    import polars as pl

TRIED = 3
"""Random configurations that are tried beside the default one; some may well fail."""


def checked_models(
    recipe: Recipe, space: Space, task: Task, train: pl.DataFrame, rng: np.random.Generator, changed: bool
) -> Recipe:
    """The recipe, after models of the space were made without a fit, to see that they can be made.

    Args:
        recipe: of the plan.
        space: its space.
        task: as the family sees it.
        train: the training rows.
        rng: draws configurations.
        changed: whether the plan changes the space of its family.

    Raises:
        RequestError: if they cannot; its ``keys`` lead to what is wrong in the plan.
    """
    if ":" not in recipe.family:
        if changed:
            recipe.check_space(space, task)
        return recipe
    found = recognised(recipe, space, rng)
    if found.own is not None:
        check_network(found, space, train, rng)
    return found


def recognised(recipe: Recipe, space: Space, rng: np.random.Generator) -> Recipe:
    """The recipe of a factory, by what it makes: estimators, or networks that have hyperparameters of their own.

    Raises:
        RequestError: if it makes no model of the default configuration nor of three random ones.
    """
    refusals = []
    for config in _tried(space, rng):
        try:
            network = gives_network(recipe.family, config, recipe.base)
        except RequestError as exc:
            refusals.append(exc)
        else:
            return replace(recipe, own=own_hyperparameters(space.names)) if network else recipe
    with concerning("model", "family"):
        raise refusals[0]


def check_network(recipe: Recipe, space: Space, train: pl.DataFrame, rng: np.random.Generator) -> None:
    """Make networks of the default configuration and of three random ones, on the columns of the training rows.

    Raises:
        RequestError: if one of them cannot be trained; its ``keys`` lead to what is wrong in the plan.
    """
    from holdfast.train.own_network import check_factory

    transformer, X = fit_preprocessor(recipe.schema, recipe.style, to_features(recipe.schema, train))
    task = task_of(recipe, len(X), X.shape[1], known_tokens(transformer))
    kind, shapes = recipe.network, []
    for config in _tried(space, rng):
        with concerning("space"):
            kind.settings(config)
        shape = kind.architecture(config, task)
        assert isinstance(shape, FactoryArchitecture)
        shapes.append(shape)
    with concerning("model", "family"):
        check_factory(shapes, recipe.base)


def _tried(space: Space, rng: np.random.Generator) -> Sequence[Config]:
    return [space.default_config(), *(space.sample(rng) for _ in range(TRIED))]
