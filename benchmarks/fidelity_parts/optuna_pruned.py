"""Optuna with its Hyperband pruner and the tutorial's loop, to a target accuracy on digits.

    PYTHON benchmarks/fidelity_parts/optuna_pruned.py SECONDS TARGET SEED EPOCHS SPACE.json < rows.npz

Prints the seconds until the target, and the trials, as JSON; null seconds where the limit came first.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.training_parts.optuna_space import suggested
from benchmarks.training_parts.rivals import Job, accuracy, make_optimizer, perceptron, tutorial


def main() -> None:
    """One study; it ends as soon as a report reaches the target."""
    limit, target, seed, epochs = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    space: dict[str, Any] = json.loads(sys.argv[5])
    rows = np.load(io.BytesIO(sys.stdin.buffer.read()))
    X, y, Xv, yv = (torch.from_numpy(rows[name]) for name in ("X", "y", "Xv", "yv"))
    optuna: Any = importlib.import_module("optuna")  # of that interpreter, not of this project
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    reached: list[float] = []

    def objective(trial: Any) -> float:
        config = suggested(trial, space)
        network = perceptron([X.shape[1], *[config["width"]] * config["depth"], 10], config)
        optimizer = make_optimizer(network, config, fused=False)
        value = 0.0
        for epoch in range(1, epochs + 1):
            tutorial(Job(network, config, X, y, 1, optimizer=optimizer))
            value = accuracy(network, Xv, yv)
            if value >= target:
                reached.append(time.perf_counter() - began)
                trial.study.stop()
                return value
            if time.perf_counter() - began > limit:
                break
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    began = time.perf_counter()
    study.optimize(objective, timeout=limit)
    print(json.dumps({"seconds": reached[0] if reached else None, "trials": len(study.trials)}))


main()
