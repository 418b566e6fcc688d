"""The command that counts what a model learned, and lists what was chosen for it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import RUNS, Json, Runs, Storage
from holdfast.cli.output import columns, show, show_json

if TYPE_CHECKING:
    from holdfast.count.records import Inspection


class Optimizer(StrEnum):
    """What training can be counted for."""

    sgd = "sgd"
    momentum = "momentum"
    adam = "adam"


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="An architecture (gpt2, mlp:784-256-10), a file or folder that holds a model, a plan, or a study.",
        ),
    ],
    *,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Examples of a training step.")] = 1,
    optimizer: Annotated[
        Optimizer,
        typer.Option(
            "--optimizer",
            help="What it is trained with: sgd keeps nothing for a parameter, with momentum one number, adam two.",
        ),
    ] = Optimizer.adam,
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="Rows of an epoch, to count its FLOPs.")
    ] = None,
    storage: Storage = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Count what a model learned and list what was chosen for it.

    Parameters on the left: every array of numbers that training found in data, by name and shape. Hyperparameters on
    the right: what a person or a search decided before, its default, the range that was searched, and where it is
    recorded. Of a file only the header is read; no weight is loaded and no code is run.
    """
    found = _found(target, storage, runs)
    from holdfast.count.costs import costs

    takes = costs(found, optimizer=optimizer.value, batch=batch, rows=rows)
    if as_json:
        from holdfast.count.explain import explain

        training = None if takes is None else takes.to_json()
        show_json({**found.to_json(), "training": training, "explanation": explain(found)})
        return
    from holdfast.cli.inspected import page

    show(page(found, takes, columns(sys.stdout)))


def _found(target: str, storage: str | None, runs: Path) -> Inspection:
    """What is meant: a study of a storage, a plan, a study in the folder of runs, a file, an architecture."""
    if storage is not None:
        from holdfast.cli.stored import book_of
        from holdfast.protocol.inspected import inspect_study

        return inspect_study(book_of(target, runs, storage)[0].state)
    from holdfast.protocol.targets import inspect as inspect_target

    return inspect_target(target, runs=runs)
