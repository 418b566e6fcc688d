"""`inspect` for everything that holds a model: what `holdfast.count` knows, and plans and studies beside it.

Nothing heavy is imported before it is needed, so that the name of an architecture is answered at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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
        return _named(os.fspath(target), Path(runs))
    if type(target).__module__.startswith("holdfast.study."):
        from holdfast.protocol.inspected import inspect_study

        return inspect_study(target.book.state)
    from holdfast.count.inspecting import inspect_object

    return inspect_object(target, optimizer)


def _named(target: str, runs: Path) -> Inspection:
    """What a text names: a plan, a study in the folder of runs, a file, an architecture."""
    if target.endswith(".toml"):
        from holdfast.protocol.inspected import inspect_plan

        return inspect_plan(Path(target))
    if _is_run(runs, target):
        from holdfast.protocol.folder import find_run, open_book
        from holdfast.protocol.inspected import inspect_study

        return inspect_study(open_book(find_run(runs, target)).state)
    from holdfast.count.inspecting import inspect_name

    return inspect_name(target)


def _is_run(runs: Path, name: str) -> bool:
    """Whether there is a study of that name; a name that could lead elsewhere is none."""
    plain = bool(name) and not set(name) & set("/\\:\0") and name not in {".", ".."}
    return plain and any((runs / name / file).exists() for file in ("plan.toml", "study.db"))
