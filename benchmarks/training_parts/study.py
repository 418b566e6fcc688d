"""A whole study: seconds until a trial has 98% validation accuracy on digits, beside Optuna and PyTorch."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks.training_parts import rows
from benchmarks.training_parts.rounds import table

import holdfast
from holdfast.space import Categorical, Int, Space
from holdfast.train.mlp import mlp_space
from holdfast.train.task import Task

TARGET = 0.98
LIMIT = 60.0
"""Seconds that a study may take; one that does not get there counts as so many."""

LEFT_OUT = {"augmentation", "noise_scale", "mixup_alpha", "schedule", "warmup"}
"""Hyperparameters of the default space that the tutorial's loop does not have."""


class _Reached(Exception):  # noqa: N818 - no error
    pass


def ours(seed: int, space: Space, limit: float = LIMIT) -> tuple[float | None, int]:
    """Seconds and trials of holdfast's strategy ``auto``."""
    train, validation = rows.digits()
    study = holdfast.Study(space, direction="maximize", strategy="auto", seed=seed)
    job = holdfast.train_many("mlp", train, validation=validation)
    began = time.perf_counter()
    reached: list[float] = []

    def look(trials: list[Any]) -> Any:
        values = job(trials)
        if any(isinstance(value, float) and value >= TARGET for value in values):
            reached.append(time.perf_counter() - began)
        return values

    while not reached and time.perf_counter() - began < limit:
        study.optimize_batch(look, n_trials=1, batch=1)
    return (reached[0] if reached else None), len(study.trials)


def optuna(python: str, seed: int, space: Space) -> tuple[float | None, int]:
    """Seconds and trials of Optuna, in an interpreter that has it; the imports do not count."""
    (X, y), (Xv, yv) = rows.digits()
    watched = np.arange(len(X)) % 10 == 0
    data = io.BytesIO()
    np.savez(data, X=X[~watched], y=y[~watched], Xw=X[watched], yw=y[watched], Xv=Xv, yv=yv)
    script = Path(__file__).with_name("optuna_loop.py")
    command = [python, str(script), str(LIMIT), str(TARGET), str(seed), json.dumps(space_json(space))]
    done = subprocess.run(command, input=data.getvalue(), capture_output=True, check=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["trials"]


def space_json(space: Space) -> dict[str, Any]:
    """A space as JSON values, for an interpreter that has no holdfast."""
    found: dict[str, Any] = {}
    for name, domain in space.domains.items():
        if isinstance(domain, Categorical):
            found[name] = {"choices": list(domain.choices)}
        else:
            kind = "int" if isinstance(domain, Int) else "float"
            found[name] = {"type": kind, "low": domain.low, "high": domain.high, "log": domain.log}
    return found


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    if options.optuna is None:
        print("study: left out, because --optuna names no interpreter\n")
        return
    train, _ = rows.digits()
    whole = mlp_space(Task("multiclass", len(train[0]), train[0].shape[1], 10))
    space = Space({name: domain for name, domain in whole.domains.items() if name not in LEFT_OUT})
    lines: list[list[str]] = []
    times: dict[str, list[float]] = {"holdfast": [], "Optuna": []}
    ours(1_000, space, limit=1.0)  # imports
    for seed in range(2 if options.quick else options.seeds):
        one, other = ours(seed, space), optuna(options.optuna, seed, space)
        for name, (seconds, _) in (("holdfast", one), ("Optuna", other)):
            times[name].append(LIMIT if seconds is None else seconds)
        lines.append([str(seed), *(_words(*found) for found in (one, other))])
    lines.append(["median", *(f"{median(times[name]):.1f} s" for name in times)])
    print(f"Seconds until a trial has {TARGET:.0%} validation accuracy on digits, and trials\n")
    table(["seed", "holdfast, auto", "Optuna and PyTorch"], lines)
    print(f"Ratio of the medians: {median(times['Optuna']) / median(times['holdfast']):.1f}\n")


def _words(seconds: float | None, trials: int) -> str:
    return f"over {LIMIT:.0f} s, {trials}" if seconds is None else f"{seconds:.1f} s, {trials}"
