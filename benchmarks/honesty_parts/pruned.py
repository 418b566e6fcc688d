"""Trials that are pruned by epochs: what it saves, what it costs, and whether the winner's estimate still holds.

Logistic regression on some of the features by gradient descent, one step an epoch; rows to learn from, as many to
validate, and the winner's true accuracy from how the labels are drawn. Every way to search has the same number of
trials on the same rows, through the public API; the one to which the others are compared trains all of them in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from benchmarks.honesty_parts.dropped import NAIVE
from benchmarks.honesty_parts.dropped import lines as dropped_lines
from benchmarks.honesty_parts.methods import Found, Own, Repetition, fresh_width
from benchmarks.honesty_parts.refit import FEATURES, label_probability

import holdfast
from holdfast.rng import Streams

if TYPE_CHECKING:
    from benchmarks.honesty_parts.ledger import Kept

FULL, NOISE_FEATURES, TEST_ROWS = 27, 20, 20_000
FIDELITY = holdfast.Fidelity("epochs", 1, FULL, 3)
IN_FULL = "random, in full"
HOW = ("asha", "hyperband", "bohb")
SPACE = holdfast.Space(
    {
        "learning_rate": holdfast.Float(0.01, 10, log=True),
        "penalty": holdfast.Float(1e-3, 1, log=True),
        "first": holdfast.Int(0, FEATURES + NOISE_FEATURES - 1),
        "count": holdfast.Int(1, FEATURES + NOISE_FEATURES),
    }
)


class Cell(NamedTuple):
    """How labels are drawn, the rows of each kind, and the trials."""

    task: str
    n_rows: int
    trials: int

    def __str__(self) -> str:
        return f"{self.task} N={self.n_rows} C={self.trials}"


CELLS = {
    str(cell): cell
    for cell in (Cell("coin", 200, 81), Cell("coin", 100, 27), Cell("linear", 100, 81), Cell("linear", 200, 27))
}


class _Rows(NamedTuple):
    """(2, N, d) rows to learn from and to validate on, (2, N) their labels, and (M, d) test rows with label chances."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    p_test: np.ndarray

    def weights(self, config: Mapping[str, object], epochs: int) -> np.ndarray:
        """Of a configuration after some epochs."""
        rate, penalty = float(str(config["learning_rate"])), float(str(config["penalty"]))
        first, count = int(str(config["first"])), int(str(config["count"]))
        kept = np.zeros(self.X.shape[2])
        kept[(first + np.arange(count)) % len(kept)] = 1.0
        X, y, w = self.X[0] * kept, self.y[0], np.zeros(len(kept))
        for _ in range(epochs):
            slope = -(y / (1.0 + np.exp(np.clip(y * (X @ w), -30, 30)))) @ X / len(y)
            w = w - rate * (slope + penalty * w)
        return w

    def correct(self, weights: np.ndarray) -> np.ndarray:
        """(N,) which validation rows are right; a tie is a -1."""
        return np.asarray((self.X[1] @ weights > 0) == (self.y[1] > 0))

    def truth(self, weights: np.ndarray) -> float:
        """The accuracy of these weights."""
        return float(np.where(self.X_test @ weights > 0, self.p_test, 1 - self.p_test).mean())


def _rows(cell: Cell, rng: np.random.Generator) -> _Rows:
    d = FEATURES + NOISE_FEATURES
    X, X_test = rng.standard_normal((2, cell.n_rows, d)), rng.standard_normal((TEST_ROWS, d))
    p, p_test = (label_probability(cell.task, rows[..., :FEATURES].reshape(-1, FEATURES)) for rows in (X, X_test))
    y = np.where(rng.random((2, cell.n_rows)) < p.reshape(2, -1), 1.0, -1.0)
    return _Rows(X, y, X_test, p_test)


def _study(rows: _Rows, cell: Cell, how: str, seed: int) -> tuple[holdfast.Study, int]:
    """A finished study, and the epochs that it took."""
    fidelity = None if how == IN_FULL else FIDELITY
    strategy = "random" if how == IN_FULL else how
    study = holdfast.Study(SPACE, direction="maximize", strategy=strategy, seed=seed, fidelity=fidelity)
    epochs = 0

    def objective(trial: holdfast.LiveTrial) -> float:
        nonlocal epochs
        until = trial.until_step or FULL
        epochs += until - trial.start_step
        correct = rows.correct(rows.weights(trial.config, until))
        trial.rows = holdfast.RowScores(correct)
        if fidelity is not None and trial.report(correct.mean(), step=until) == "pause":
            trial.save(b"weights", step=until)
        return float(correct.mean())

    study.optimize(objective, n_trials=cell.trials)
    return study, epochs


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell: every way to search."""
    cell, streams = CELLS[name], Streams(0)
    rows, seed = _rows(cell, streams.generator(number, name)), streams.integer(number, f"{name}/seed")
    found: dict[str, Found] = {}
    own: dict[str, Own] = {}
    reference = 0.0
    for how in (IN_FULL, *HOW):
        study, epochs = _study(rows, cell, how, seed)
        said, truth = study.estimate(), rows.truth(rows.weights(study.best_config, FULL))
        reference = truth if how == IN_FULL else reference
        width = fresh_width(float(np.sqrt(truth * (1 - truth))), cell.n_rows)
        share = epochs / (cell.trials * FULL)
        own[how] = own[how + NAIVE] = Own(truth, width, share, truth - reference)
        found[how] = Found(said.value, said.low, said.high)
        found[how + NAIVE] = Found(float(study.best_value))
    return Repetition(float("nan"), float("nan"), found, own)


def lines(cells: Mapping[str, Kept]) -> Iterator[str]:
    """One line per cell and way to search."""
    for line in dropped_lines(cells):
        yield line.replace("search, rule", "search").replace("| fits |", "| epochs |").replace("never", "in full")
