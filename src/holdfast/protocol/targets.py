"""`inspect` for everything that holds a model: what `holdfast.count` knows, and plans and studies beside it.

Nothing heavy is imported before it is needed, so that the name of an architecture is answered at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.count.records import Inspection


def inspect(target: Any, *, optimizer: Any = None, runs: str | os.PathLike[str] = "runs") -> Inspection:
    """A model, counted: every array of parameters, and every hyperparameter with where it is recorded.

    Args:
        target: an architecture such as ``"gpt2"`` or ``"mlp:784-256-128-10"``; a file or folder that holds a model; a
            ``plan.toml``; a study by its name, or itself, of which the winner is meant; a fitted scikit-learn, xgboost
            or lightgbm estimator; a torch ``nn.Module``; a model of holdfast.
        optimizer: of a torch module, whose choices are listed as well.
        runs: the folder of all runs, for the name of a study.

    Raises:
        RequestError: for a name that is none, a file or plan that cannot be read, a study without a winner, or an
            object that holds no model.
    """
    if isinstance(target, (str, os.PathLike)):
        return _named(os.fspath(target), os.fspath(runs))
    if type(target).__module__.startswith("holdfast.study."):
        from holdfast.protocol.inspected import inspect_study

        return inspect_study(target.book.state)
    from holdfast.count.inspecting import inspect_object

    return inspect_object(target, optimizer)


def _named(target: str, runs: str) -> Inspection:
    """What a text names: a plan, a study in the folder of runs, a file, an architecture."""
    if target.endswith(".toml"):
        from pathlib import Path

        from holdfast.protocol.inspected import inspect_plan

        return inspect_plan(Path(target))
    if _is_run(runs, target):
        from pathlib import Path

        from holdfast.protocol.folder import find_run, open_book
        from holdfast.protocol.inspected import inspect_study

        return inspect_study(open_book(find_run(Path(runs), target)).state)
    from holdfast.count.inspecting import inspect_name

    return inspect_name(target)


def _is_run(runs: str, name: str) -> bool:
    """Whether there is a study of that name; a name that could lead elsewhere is none."""
    plain = bool(name) and not set(name) & set("/\\:\0") and name not in {".", ".."}
    files = ("plan.toml", "study.db")
    return plain and any(os.path.exists(f"{runs}{os.sep}{name}{os.sep}{file}") for file in files)  # noqa: PTH110 - quick
