"""Real training: seconds until a network has 98% validation accuracy on digits, of 81 epochs at most.

Strategies that pause against random search that trains every configuration in full, all of them in stacks, and against
Optuna and PyTorch with the pruner of Hyperband.
"""

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
import torch
from benchmarks.training_parts import rows
from benchmarks.training_parts.rounds import table
from benchmarks.training_parts.study import LEFT_OUT, space_json

import holdfast
from holdfast.space import Categorical, Space
from holdfast.train.mlp import mlp_space
from holdfast.train.task import Task

TARGET, EPOCHS, LIMIT = 0.98, 81, 120.0
AT_ONCE = 16
"""Trials that one call trains."""

IN_FULL, ONE_BY_ONE = "random, in full", "random, in full, one by one"
WAYS = (IN_FULL, ONE_BY_ONE, "hyperband", "freeze-thaw", "auto")
FIDELITY = holdfast.Fidelity("epochs", 1, EPOCHS, 3)


def space() -> Space:
    """The default space of the family, less what the tutorial's loop does not have; every run has 81 epochs."""
    train, _ = rows.digits()
    whole = mlp_space(Task("multiclass", len(train[0]), train[0].shape[1], 10))
    domains = {name: domain for name, domain in whole.domains.items() if name not in LEFT_OUT}
    fixed = {name: Categorical([value]) for name, value in (("epochs", EPOCHS), ("patience", EPOCHS))}
    return Space({**domains, **fixed})


def ours(way: str, seed: int, limit: float = LIMIT) -> tuple[float | None, int]:
    """Seconds and trials of one way of holdfast's."""
    train, validation = rows.digits()
    full = way in {IN_FULL, ONE_BY_ONE}
    fidelity = None if full else FIDELITY
    strategy = "random" if full else way
    at_once = 1 if way == ONE_BY_ONE else AT_ONCE
    study = holdfast.Study(space(), direction="maximize", strategy=strategy, seed=seed, fidelity=fidelity)
    job = holdfast.train_many("mlp", train, validation=validation)
    began = time.perf_counter()
    reached: list[float] = []

    def look(trials: list[Any]) -> Any:
        values = job(trials)
        if any(isinstance(value, float) and value >= TARGET for value in values):
            reached.append(time.perf_counter() - began)
        return values

    while not reached and time.perf_counter() - began < limit:
        before = study.book.state.length
        study.optimize_batch(look, n_trials=at_once, batch=at_once, timeout=limit)
        if study.book.state.length == before:
            break
    return (reached[0] if reached else None), len(study.trials)


def optuna(python: str, seed: int) -> tuple[float | None, int]:
    """Seconds and trials of Optuna, in an interpreter that has it; the imports do not count."""
    (X, y), (Xv, yv) = rows.digits()
    data = io.BytesIO()
    np.savez(data, X=X, y=y, Xv=Xv, yv=yv)
    searched = Space({n: d for n, d in space().domains.items() if n not in {"epochs", "patience"}})
    script = Path(__file__).with_name("optuna_pruned.py")
    command = [python, str(script), str(LIMIT), str(TARGET), str(seed), str(EPOCHS), json.dumps(space_json(searched))]
    done = subprocess.run(command, input=data.getvalue(), capture_output=True, check=True)
    found = json.loads(done.stdout)
    return found["seconds"], found["trials"]


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    torch.set_num_threads(1)
    ours(IN_FULL, 1_000, limit=0.5)  # imports
    names = [*WAYS, *(["Optuna, hyperband"] if options.optuna else [])]
    times: dict[str, list[float]] = {name: [] for name in names}
    lines: list[list[str]] = []
    for seed in range(2 if options.quick else options.seeds):
        line = [str(seed)]
        for name in names[:: 1 if seed % 2 == 0 else -1]:
            seconds, trials = ours(name, seed) if name in WAYS else optuna(options.optuna, seed)
            times[name].append(LIMIT if seconds is None else seconds)
            words = f"over {LIMIT:.0f} s, {trials}" if seconds is None else f"{seconds:.1f} s, {trials}"
            line.insert(len(line) if seed % 2 == 0 else 1, words)
        lines.append(line)
    lines.append(["median", *(f"{median(times[name]):.1f} s" for name in names)])
    full = median(times[IN_FULL])
    lines.append(["sooner than in full", *(f"{full / median(times[name]):.1f}" for name in names)])
    one = median(times[ONE_BY_ONE])
    lines.append(["than one by one", *(f"{one / median(times[name]):.1f}" for name in names)])
    print(f"Seconds until a network has {TARGET:.0%} validation accuracy on digits, and trials begun\n")
    table(["seed", *names], lines)
