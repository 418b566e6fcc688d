"""The simulation of the BBC paper (Tsamardinos, Greasidou, Borboudakis, Machine Learning 107:1895, 2018).

True accuracies are Beta(9, 6), rows are independent, K = 10 folds; only points are compared.
"""

from __future__ import annotations

import numpy as np
from benchmarks.honesty_parts.methods import Found, Repetition, fresh_width

from holdfast.rng import Streams
from holdfast.stats.bootstrap import bbc

FOLDS, BOOTSTRAPS = 10, 1000
ROWS, COUNTS = (20, 40, 60, 80, 100, 500, 1000), (50, 100, 200, 300, 500, 1000, 2000)
CELLS = {f"N={n} C={c}": (n, c) for n in ROWS for c in COUNTS}


def corrected_by_folds(performance: np.ndarray) -> float:
    """Tibshirani and Tibshirani (Annals of Applied Statistics 3:822, 2009): performance has shape (K, C)."""
    chosen = int(performance.mean(axis=0).argmax())
    return float(performance[:, chosen].mean() - (performance.max(axis=1) - performance[:, chosen]).mean())


def nested(performance: np.ndarray) -> float:
    """In each fold the score of the configuration that is the best in all others; shape (K, C)."""
    others = performance.sum(axis=0) - performance
    return float(performance[np.arange(len(performance)), others.argmax(axis=1)].mean())


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    n, c = CELLS[name]
    rng = Streams(0).generator(number, f"beta {name}")
    truth = rng.beta(9, 6, c)
    scores = (rng.random((n, c)) < truth).astype(float)
    winner = int(scores.mean(axis=0).argmax())
    performance = scores.reshape(FOLDS, n // FOLDS, c).mean(axis=1)
    found = {
        "naive (CVT)": Found(float(scores[:, winner].mean())),
        "TT": Found(corrected_by_folds(performance)),
        "nested": Found(nested(performance)),
        "BBC": Found(bbc(scores, rng, BOOTSTRAPS).point),
    }
    best = float(truth[winner])
    return Repetition(best, fresh_width(float(np.sqrt(best * (1 - best))), n), found)
