"""Optuna with the tutorial's loop, to a target accuracy on digits; run by an interpreter that has both.

    PYTHON benchmarks/training_parts/optuna_loop.py TRIALS_SECONDS TARGET SEED SPACE.json < rows.npz

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
from benchmarks.training_parts.rivals import Job, accuracy, perceptron, tutorial


def main() -> None:
    """One study."""
    limit, target, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    space: dict[str, Any] = json.loads(sys.argv[4])
    rows = np.load(io.BytesIO(sys.stdin.buffer.read()))
    X, y, Xw, yw, Xv, yv = (torch.from_numpy(rows[name]) for name in ("X", "y", "Xw", "yw", "Xv", "yv"))
    optuna: Any = importlib.import_module("optuna")  # of that interpreter, not of this project
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.manual_seed(seed)
    torch.set_num_threads(1)

    def objective(trial: Any) -> float:
        config = suggested(trial, space)
        sizes = [X.shape[1], *[config["width"]] * config["depth"], 10]
        job = Job(perceptron(sizes, config), config, X, y, 60, (Xw, yw), patience=15)
        return accuracy(tutorial(job), Xv, yv)

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    began = time.perf_counter()
    reached: list[float] = []

    def look(study: Any, trial: Any) -> None:
        if trial.value is not None and trial.value >= target:
            reached.append(time.perf_counter() - began)
            study.stop()

    study.optimize(objective, timeout=limit, callbacks=[look])
    print(
        json.dumps({"seconds": reached[0] if reached else None, "trials": len(study.trials), "best": study.best_value})
    )


main()
