"""A plan, or the winner of a study, counted: its parameters beside what was chosen, searched and left at a default."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.count.choices import DEFAULT, network_choices, of_estimator
from holdfast.count.records import UNKNOWN, Hyperparameter, Inspection
from holdfast.data.columns import Schema
from holdfast.errors import RequestError
from holdfast.facts.learned import inspection_of
from holdfast.facts.log import latest, winner_of
from holdfast.facts.winner import describe
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.learn import Recipe, prepare, task_of
from holdfast.protocol.prepare import prepare_study
from holdfast.protocol.read import PlanFile, read_plan
from holdfast.protocol.tables import rows_of_role
from holdfast.records import Config
from holdfast.space import Space
from holdfast.study.state import StudyState
from holdfast.train.sizes import family_part, family_work
from holdfast.train.task import Task

NOT_FITTED = "The model that ships has not been fitted yet, so that its parameters are not on the record."


def inspect_plan(path: Path) -> Inspection:
    """What a plan would search, and how large the model at its defaults is.

    The table is read, divided and prepared as for a study, in a folder that is gone afterwards; nothing is fitted but
    the preprocessing.

    Raises:
        RequestError: if the plan or its table is wrong.
    """
    file = read_plan(path)
    recipe, space, task = _prepared(file)
    config = space.default_config()
    part = family_part(recipe.family, config, task)
    notes = ["The parameters are those of the default configuration, which the search may leave."]
    if part is None:
        notes = [f"How many parameters a model of the family '{recipe.family}' learns is known after its fit only."]
    source = {name: "plan" if name in file.plan.space else "space of the family" for name in config}
    return Inspection(
        str(path),
        "plan",
        () if part is None else part.layers,
        (*_searched(config, space, source), *left_at_defaults(recipe, config, task)),
        () if part is None else part.buffers,
        work=None if part is None else family_work(recipe.family, part),
        unrecorded="not recorded in the plan",
        notes=tuple(notes),
    )


def _prepared(file: PlanFile) -> tuple[Recipe, Space, Task]:
    """What a plan asks for, with the columns that its preprocessing makes of the table."""
    plan = file.plan.model_copy(update={"study": file.plan.study.model_copy(update={"storage": None})})
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-inspect-") as folder,
        closing(prepare_study(replace(file, plan=plan), RunFolder(Path(folder), plan.study.name))) as ready,
    ):
        learn = rows_of_role(ready.run.path, "train", ready.recipe.schema)
        space = ready.book.state.settings.space
        assert space is not None
        return ready.recipe, space, prepare(ready.recipe, learn).task


def inspect_study(state: StudyState) -> Inspection:
    """The winner of a study: its parameters from the record of the model that ships, its hyperparameters from the log.

    Raises:
        RequestError: if there is no winner.
    """
    winner = winner_of(state)
    if winner is None:
        raise RequestError(f"study '{state.settings.name}' has no winner yet, so there is no model to inspect")
    space = state.settings.space or state.history.space
    told = (latest(state, "model.fitted") or {}).get("parameters")
    source = dict.fromkeys(winner.config, f"config of trial {winner.number}")
    kind = f"winner of a study, trial {winner.number}"
    found = Inspection(state.settings.name, kind, (), notes=(NOT_FITTED,))
    if told is not None:
        found = inspection_of(told, state.settings.name, kind)
    chosen = (*_searched(winner.config, space, source), *_left_of_study(state, winner.config))
    return replace(found, hyperparameters=chosen, unrecorded="not recorded in the log")


def _searched(config: Config, space: Space | None, source: Mapping[str, str]) -> list[Hyperparameter]:
    """The hyperparameters of the space, each with its default and range."""
    defaults = {} if space is None else space.default_config()
    return [
        Hyperparameter(
            name,
            value,
            defaults.get(name, UNKNOWN) if space is None or name not in space else _default(space, name, defaults),
            describe(space[name]) if space is not None and name in space else None,
            source[name],
        )
        for name, value in config.items()
    ]


def _default(space: Space, name: str, defaults: Config) -> Any:
    """The default of a hyperparameter, also of one that is not active at the defaults."""
    declared = space[name].default
    return defaults.get(name, UNKNOWN if declared is None else declared)


def _left_of_study(state: StudyState, config: Config) -> list[Hyperparameter]:
    """What a study's plan left at the defaults of the family's code; nothing for a study without a plan."""
    plan, split = latest(state, "plan.resolved"), latest(state, "data.split")
    if plan is None or split is None:
        return []
    model, schema = plan["plan"]["model"], Schema.from_json(split["schema"])
    recipe = Recipe(model["family"], None, schema, Path(plan["base"]), (), tuple(model.get("image_shape") or ()))
    task = task_of(recipe, split["seal"]["rows"].get("train", 2), len(schema.features))
    return left_at_defaults(recipe, config, task)


def left_at_defaults(recipe: Recipe, config: Config, task: Task) -> list[Hyperparameter]:
    """What is not in the space and so has the value of the family's code; nothing for a factory of one's own."""
    family = recipe.find_family()
    if family is None:
        return []
    if family.network is not None:
        found = network_choices(family.network, config, family.network.architecture(config, task))
    else:
        found = of_estimator(family.build(config, task, 0))
    rest = [each for each in found if each.name.rpartition("__")[2] not in config and each.name != "random_state"]
    return sorted(rest, key=lambda each: each.recorded_in == DEFAULT)
