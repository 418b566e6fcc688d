"""Coin-flip labels: whatever is tuned, every model is right half of the time. All through the public API."""

from __future__ import annotations

import math

import numpy as np
from benchmarks.honesty_parts.methods import DEFAULT, Found, Repetition, Z, fresh_width

import holdfast
from holdfast.rng import Streams

ROWS, FEATURES = 200, 30
CELLS = {
    f"{strategy} {trials} trials": (strategy, trials) for trials in (200, 50, 20) for strategy in ("random", "auto")
}
CELLS |= {f"{strategy} 200 trials": (strategy, 200) for strategy in ("tpe", "evolution", "cma-es")}
SPACE = holdfast.Space(
    {
        "first": holdfast.Int(0, FEATURES - 1),
        "count": holdfast.Int(1, 10),
        "penalty": holdfast.Float(0.01, 100, log=True),
        "threshold": holdfast.Float(-0.3, 0.3),
    }
)


def repeat(name: str, number: int) -> Repetition:
    """One study: ridge regression on some of thirty features without meaning, 200 rows to fit and 200 to validate."""
    strategy, trials = CELLS[name]
    streams = Streams(0)
    rng = streams.generator(number, f"coin {name}")
    X, y = rng.standard_normal((2, ROWS, FEATURES)), rng.integers(2, size=(2, ROWS)) * 2.0 - 1
    study = holdfast.Study(SPACE, direction="maximize", strategy=strategy, seed=streams.integer(number, name))
    for _ in range(trials):
        trial = study.ask()
        kept = (trial["first"] + np.arange(trial["count"])) % FEATURES
        fitted, validated = X[:, :, kept]
        weights = np.linalg.solve(fitted.T @ fitted + trial["penalty"] * np.eye(len(kept)), fitted.T @ y[0])
        correct = (validated @ weights > trial["threshold"]) == (y[1] > 0)
        study.tell(trial, correct.mean(), rows=holdfast.RowScores(correct))
    naive, said = float(study.best_value), study.estimate()
    half = Z * math.sqrt(naive * (1 - naive) / ROWS)
    found = {
        "naive Wald": Found(naive, naive - half, naive + half),
        DEFAULT: Found(said.value, said.low, said.high),
    }
    return Repetition(0.5, fresh_width(0.5, ROWS), found)
