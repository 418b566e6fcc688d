"""What a study's log says of its plan: the one that it was begun with, or was amended to."""

from __future__ import annotations

from pathlib import Path

from holdfast.data.columns import Schema
from holdfast.protocol.folder import RunFolder
from holdfast.protocol.learn import Recipe
from holdfast.protocol.plan import Plan
from holdfast.protocol.read import PlanFile
from holdfast.protocol.tables import Judged, judged_rows, parts_of
from holdfast.study.book import Book


def recorded_plan(book: Book) -> PlanFile:
    """The plan that a study goes by: the one that it was begun with, or the last one that it was amended to."""
    note = book.state.notes["plan.resolved"][-1]
    path = None if note["path"] is None else Path(note["path"])
    return PlanFile(Plan.model_validate(note["plan"], strict=False), path, Path(note["base"]))


def recorded_recipe(book: Book) -> Recipe:
    """What every fit of a study's trials had in common, as far as its plan says it."""
    split = book.state.notes["data.split"][0]
    return recipe_of(recorded_plan(book), Schema.from_json(split["schema"]))


def recipe_of(file: PlanFile, schema: Schema) -> Recipe:
    """What every fit of a plan has in common, as far as the plan says it."""
    model, metric = file.plan.model, file.plan.metric
    limited = tuple(metric.constraints)
    return Recipe(
        model.family,
        metric.name,
        schema,
        file.base,
        limited,
        model.image_shape or (),
        preprocessing=model.preprocessing,
    )


def recorded_targets(run: RunFolder, book: Book, schema: Schema) -> Judged:
    """What the trials of a study were judged on, from the files of its run."""
    folds = bool(book.state.notes["data.split"][0]["folds"])
    return judged_rows(parts_of(run.path, schema, folds=folds))
