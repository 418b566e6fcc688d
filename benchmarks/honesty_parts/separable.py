"""Log losses and Brier scores of cross-validated models of nearly separable classes, of which one may be rare.

Rows have six features, normal around the centre of their class. Linear discriminants are shrunken, logistic regressions
penalised, 20 or 4 of each, or one that is neither strong nor weak. The target is the winner refitted on all rows, or
the models of the folds, judged on `TEST_ROWS` fresh rows. There are five folds, and five rows of a class or more.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import DEFAULT, Found, Repetition, Z, fresh_width

from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.evaluate.wording import Estimand
from holdfast.rng import Streams

TEST_ROWS = 20_000
FEATURES, FOLDS = 6, 5
SEEN = "without rows not seen"
SHRINKAGES = {20: np.linspace(0.01, 0.95, 20), 4: np.array([0.1, 0.4, 0.65, 0.9]), 1: np.array([0.4])}
STRENGTHS = {20: np.geomspace(0.01, 300, 20), 4: np.array([0.1, 1, 10, 100]), 1: np.array([1.0])}
DIRECTION = np.array([1, 1, 0.5, 0, 0, 0])
CENTRES = {2: np.stack([-DIRECTION, DIRECTION]) / 2, 4: np.concatenate([np.eye(3, FEATURES), -np.eye(1, FEATURES)])}


class Cell(NamedTuple):
    """What is learned from how many rows, the shares of the classes, how far they are apart, and whose score it is."""

    learner: str
    n_rows: int
    shares: tuple[float, ...]
    apart: float
    n_configurations: int
    whose: str = "refit"
    loss: str = "log_loss"

    def __str__(self) -> str:
        rare = f"{min(self.shares):.0%}" + ("" if len(self.shares) == 2 else f" of {len(self.shares)}")
        loss = "" if self.loss == "log_loss" else f" {self.loss}"
        return (
            f"{self.learner} {rare} N={self.n_rows} apart={self.apart:g} C={self.n_configurations} {self.whose}{loss}"
        )


TENTH, HALF, FOUR = (0.9, 0.1), (0.5, 0.5), (0.85, 0.05, 0.05, 0.05)

CELLS = {
    str(cell): cell
    for whose in ("refit", "scored")
    for cell in (
        *(Cell("discriminants", n, TENTH, 4.0, 20, whose) for n in (60, 120, 240)),
        Cell("discriminants", 400, (0.95, 0.05), 4.0, 20, whose),
        Cell("discriminants", 60, TENTH, 4.0, 1, whose),
        Cell("discriminants", 40, HALF, 4.0, 20, whose),
        Cell("discriminants", 150, FOUR, 3.5, 20, whose),
        *(Cell("logistic", n, TENTH, 2.0, 4, whose) for n in (60, 120, 240)),
        *(Cell("logistic", n, TENTH, 3.0, 4, whose) for n in (60, 120)),
        Cell("logistic", 120, HALF, 3.0, 4, whose),
        Cell("logistic", 60, TENTH, 2.0, 20, whose),
        Cell("logistic", 120, TENTH, 2.0, 1, whose),
        Cell("discriminants", 60, TENTH, 4.0, 20, whose, "brier"),
        Cell("logistic", 120, TENTH, 2.0, 4, whose, "brier"),
        Cell("logistic", 60, HALF, 1.0, 4, whose),
        Cell("logistic", 240, HALF, 1.0, 4, whose),
        Cell("logistic", 400, TENTH, 1.0, 4, whose),
        Cell("discriminants", 120, TENTH, 1.0, 20, whose),
        Cell("discriminants", 60, (0.7, 0.3), 1.0, 20, whose),
    )
}
"""Both of what ships; the last five are far from separable."""


class Linear(NamedTuple):
    """A model whose log odds are linear: weights (K, FEATURES) and constants (K,)."""

    weights: np.ndarray
    constants: np.ndarray

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Of each class, shape (M, K)."""
        odds = X @ self.weights.T + self.constants
        shares = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def discriminants(X: np.ndarray, y: np.ndarray, count: int) -> list[Linear]:
    """Linear discriminants, of so many shrinkages of the covariance to a multiple of the identity."""
    K = int(y.max()) + 1
    centres = np.stack([X[y == k].mean(axis=0) for k in range(K)])
    within = np.cov((X - centres[y]).T)
    round_, found = np.eye(FEATURES) * np.trace(within) / FEATURES, []
    for shrinkage in SHRINKAGES[count]:
        weights = np.linalg.solve((1 - shrinkage) * within + shrinkage * round_, centres.T).T
        constants = -(weights * centres).sum(axis=1) / 2 + np.log(np.bincount(y) / len(y))
        found.append(Linear(weights, constants))
    return found


def logistic(X: np.ndarray, y: np.ndarray, count: int) -> list[Linear]:
    """Logistic regressions of two classes, of so many strengths C as scikit-learn counts them, by Newton's method."""
    table, found = np.column_stack([X, np.ones(len(X))]), []
    w = np.zeros(FEATURES + 1)
    for strength in STRENGTHS[count]:
        penalty = np.diag([1 / strength] * FEATURES + [0.0])
        for _ in range(60):
            p = 1 / (1 + np.exp(-table @ w))
            slope = table.T @ (p - y) + penalty @ w
            if np.abs(slope).max() < 1e-6:
                break
            curvature = (table * (p * (1 - p) + 1e-9)[:, None]).T @ table + penalty
            step = np.linalg.solve(curvature, slope)
            w = w - step * min(1.0, 4 / np.abs(step).max())
        found.append(Linear(np.stack([np.zeros(FEATURES), w[:-1]]), np.array([0.0, w[-1]])))
    return found


def drawn(cell: Cell, n_rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features (n_rows, FEATURES) and classes (n_rows,)."""
    y = rng.choice(len(cell.shares), n_rows, p=cell.shares)
    return cell.apart * CENTRES[len(cell.shares)][y] + rng.standard_normal((n_rows, FEATURES)), y


def folds_of(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The fold of each row, shape (N,), stratified."""
    folds = np.zeros(len(y), dtype=np.int64)
    for k in range(int(y.max()) + 1):
        mine = rng.permutation(np.flatnonzero(y == k))
        folds[mine] = (np.arange(len(mine)) + rng.integers(FOLDS)) % FOLDS
    return folds


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    cell, streams = CELLS[name], Streams(0)
    rng, seed = streams.generator(number, name), streams.integer(number, f"{name}/seed")
    X, y = drawn(cell, cell.n_rows, rng)
    while np.bincount(y, minlength=len(cell.shares)).min() < FOLDS:
        X, y = drawn(cell, cell.n_rows, rng)
    K, folds = len(cell.shares), folds_of(y, rng)
    metric = metric_named(cell.loss, "binary" if K == 2 else "multiclass", K)
    learn = discriminants if cell.learner == "discriminants" else logistic
    models = [learn(X[folds != fold], y[folds != fold], cell.n_configurations) for fold in range(FOLDS)]
    predicted = np.zeros((cell.n_configurations, len(y), K))
    for fold, place in np.ndindex(FOLDS, cell.n_configurations):
        predicted[place, folds == fold] = models[fold][place].probabilities(X[folds == fold])
    rows = [terms for one in predicted if (terms := metric.rows(y, one)) is not None]
    values = np.stack([one.values for one in rows], axis=1)
    winner = int(values.mean(axis=0).argmin())
    ships = [learn(X, y, cell.n_configurations)] if cell.whose == "refit" else models
    fresh = np.stack([judged(metric, one[winner], cell, rng) for one in ships])
    own, half = float(values[:, winner].mean()), Z * float(values[:, winner].std(ddof=1)) / math.sqrt(len(y))
    found = {"naive Wald": Found(-own, -own - half, -own + half)}
    estimand: Estimand = "refit" if cell.whose == "refit" else "scored"
    for method, known in ((SEEN, None), (DEFAULT, metric)):
        said = estimate(rows, direction="minimize", estimand=estimand, metric=known, seed=seed).score
        assert said.low is not None
        assert said.high is not None
        found[method] = Found(-said.value, -said.high, -said.low)
    return Repetition(-float(fresh.mean()), fresh_width(float(fresh.std()), len(y)), found)


def judged(metric: Metric, model: Linear, cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """The losses of a model on fresh rows, shape (TEST_ROWS,)."""
    X, y = drawn(cell, TEST_ROWS, rng)
    rows = metric.rows(y, model.probabilities(X))
    assert rows is not None
    return rows.values
