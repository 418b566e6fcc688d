"""Recorded learning curves as tasks: a space, and the loss of a configuration after each epoch.

Only numpy is imported, because rivals run the same tasks in interpreters of their own.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.search_parts.functions import Config, Spec

EARLY_SHARE, TOP_SHARE, MISLEADING = 0.1, 0.25, 0.5
"""Early epochs mislead where, among the best quarter of all configurations, the rank correlation of the loss after a
tenth of the epochs with the last one is below a half."""


@dataclass(eq=False)
class CurveTask:
    """Something to train.

    Attributes:
        space: a list of dicts, see `search_parts.functions`.
        epochs: how many there are; epoch 1 is the first that was recorded.
        best, median: the lowest and the median final loss of all recorded configurations.
        agreement: the rank correlation of early and last losses among the best configurations.
    """

    name: str
    space: Spec
    epochs: int
    best: float
    median: float
    agreement: float
    recorded: Any = field(repr=False)
    _known: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def curve(self, config: Config) -> np.ndarray:
        """(epochs,) the losses of a configuration; not finite where it diverged."""
        key = repr(sorted(config.items()))
        if key not in self._known:
            self._known[key] = np.asarray(self.recorded.curve(config), dtype=float)
        return self._known[key]

    def regret(self, config: Config) -> float:
        """How far the final loss is above the best recorded one, in units of that distance of the median."""
        return (float(self.recorded.loss(config)) - self.best) / (self.median - self.best)


def load(data: Path, names: Collection[str] = ()) -> list[CurveTask]:
    """The tasks of these names in the folder ``data``, or all of them."""
    spec = importlib.util.spec_from_file_location("recorded_tasks", data / "tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recorded_tasks"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    found = [_task(data, task) for task in module.load("curves") if not names or task.name in names]
    unknown = set(names) - {task.name for task in found}
    if unknown:
        raise SystemExit(f"no task is called {', '.join(sorted(unknown))}")
    return found


def _task(data: Path, task: Any) -> CurveTask:
    space = [{"name": name, "when": None, "log": False, **item} for name, item in task.space.items()]
    with np.load(data / "curves" / f"{task.name}.npz", allow_pickle=False) as stored:
        losses = stored["valid"].astype(float)
    return CurveTask(
        task.name, space, losses.shape[1], float(task.best), float(task.median), agreement(losses), recorded=task
    )


def agreement(losses: np.ndarray) -> float:
    """The rank correlation of early and last losses (n, epochs) among the best configurations."""
    losses = np.asarray(np.where(np.isfinite(losses), losses, np.inf))
    top = np.argsort(losses[:, -1], kind="stable")[: int(TOP_SHARE * len(losses))]
    early = losses[top, max(round(EARLY_SHARE * losses.shape[1]), 1) - 1]
    ranks = [np.argsort(np.argsort(column, kind="stable"), kind="stable") for column in (early, losses[top, -1])]
    return float(np.asarray(np.corrcoef(ranks))[0, 1])
