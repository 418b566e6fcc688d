"""Cross-validation and a refit of the winner on all rows; the target is the true score of the refitted model.

All learners have a closed form. Rows are independent, so that folds are blocks of rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import Repetition, Table, every_method, fresh_width

from holdfast.rng import Streams

TEST_ROWS = 20_000
FEATURES, PENALTIES, WIDTHS = 10, np.geomspace(0.03, 100, 6), (0.01, 0.03, 0.1, 0.3)
RIDGE_PENALTIES, NEIGHBOURS = np.geomspace(0.1, 300, 7), (1, 3, 5, 9, 15, 25)
DIMENSION, SCREENED, SHRINKAGES = 50, (2, 5, 10, 20, 50), np.array([0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0])


class Cell(NamedTuple):
    """What is learned, from how many rows in how many folds, and the row score."""

    task: str
    n_rows: int
    folds: int
    loss: str = "0/1"

    def __str__(self) -> str:
        return f"{self.task} N={self.n_rows} K={self.folds}" + (" squared" if self.loss == "squared" else "")


CELLS = {
    str(cell): cell
    for cell in (
        Cell("nonlinear", 100, 5),
        Cell("nonlinear", 400, 10),
        Cell("linear", 100, 10),
        Cell("noise", 200, 10),
        Cell("lda", 100, 10),
        Cell("lda", 400, 10),
        Cell("nonlinear", 100, 10, "squared"),
        Cell("nonlinear", 200, 10, "squared"),
    )
}
"""Six cells of 0/1 scores, and two of a squared loss."""


def label_probability(task: str, X: np.ndarray) -> np.ndarray:
    """How probable the label 1 is for each row of X, shape (M, FEATURES)."""
    from scipy.special import ndtr

    if task == "nonlinear":
        return np.asarray(ndtr(1.5 * np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]))
    if task == "linear":
        return np.asarray(ndtr(X @ np.geomspace(1, 0.05, FEATURES)))
    return np.full(len(X), 0.5)


class Smoother(NamedTuple):
    """Ridge regression in a kernel, decomposed once for all penalties."""

    width: float | None
    penalties: np.ndarray

    def kernel(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """A constant is added, which stands for the intercept."""
        inner = A @ B.T
        if self.width is None:
            return np.asarray(inner + 1)
        distance = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * inner
        return np.asarray(np.exp(-self.width * np.maximum(distance, 0)) + 1)

    def fits(self, X: np.ndarray, y: np.ndarray, folds: int) -> tuple[np.ndarray, np.ndarray]:
        """Out-of-fold predictions and coefficients of the refit, both of shape (penalties, N).

        With the hat matrix H of all rows, the residuals of a left-out block F are (I - H_FF)^-1 (y - H y)_F, exactly.
        """
        values, vectors = np.linalg.eigh(self.kernel(X, X))
        n, size = len(y), len(y) // folds
        values, rotated = np.maximum(values, 0), vectors.T @ y
        shrink = values / (values + self.penalties[:, None])
        residual = y - (shrink * rotated) @ vectors.T
        blocks = vectors.reshape(folds, size, n)
        hat = (blocks[None] * shrink[:, None, None]) @ blocks.transpose(0, 2, 1)
        left_out = np.linalg.solve(np.eye(size) - hat, residual.reshape(-1, folds, size, 1))
        coefficients = (rotated / (values + self.penalties[:, None])) @ vectors.T
        return y - left_out.reshape(-1, n), coefficients


def neighbours(distance: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean labels of the nearest rows for each number of neighbours, shape (numbers, M)."""
    nearest = np.argpartition(distance, NEIGHBOURS[-1], axis=1)[:, : NEIGHBOURS[-1]]
    order = np.take_along_axis(distance, nearest, axis=1).argsort(axis=1)
    labels = np.cumsum(y[np.take_along_axis(nearest, order, axis=1)], axis=1)
    return np.stack([labels[:, k - 1] / k for k in NEIGHBOURS])


def outside_neighbours(X: np.ndarray, y: np.ndarray, folds: int) -> np.ndarray:
    """`neighbours` of the N rows among those of other folds, shape (numbers, N)."""
    fold = np.arange(len(y)) // (len(y) // folds)
    return neighbours(np.where(fold[:, None] == fold, np.inf, distances(X, X)), y)


def distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Squared ones between the rows of A and of B."""
    return np.asarray((A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T)


def _smoothed(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """Kernel ridge, ridge and nearest neighbours, 37 configurations: scores (N, C), the winner's truth, deviation."""
    X, X_test, y = drawn_rows(cell, rng)
    smoothers = [Smoother(width, PENALTIES) for width in WIDTHS] + [Smoother(None, RIDGE_PENALTIES)]
    fits = [smoother.fits(X, y, cell.folds) for smoother in smoothers]
    outside = np.concatenate([fit[0] for fit in fits] + [outside_neighbours(X, y, cell.folds)]).T
    scores = row_scores(cell.loss, y[:, None], outside)
    place = int(scores.mean(axis=0).argmax())
    for smoother, (_, coefficients) in zip(smoothers, fits, strict=True):
        if place < len(coefficients):
            predicted = smoother.kernel(X_test, X) @ coefficients[place]
            break
        place -= len(coefficients)
    else:
        predicted = neighbours(distances(X_test, X), y)[place]
    return scores, *judged(cell, X_test, predicted)


def drawn_rows(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows (N, FEATURES) of a repetition, those of the test (`TEST_ROWS`, FEATURES), and labels -1 or 1 (N,)."""
    X, X_test = rng.standard_normal((cell.n_rows, FEATURES)), rng.standard_normal((TEST_ROWS, FEATURES))
    return X, X_test, np.where(rng.random(cell.n_rows) < label_probability(cell.task, X), 1.0, -1.0)


def judged(cell: Cell, X_test: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The true score of predictions for `TEST_ROWS` rows, and its standard deviation from row to row."""
    p = label_probability(cell.task, X_test)
    good, bad = (
        row_scores(cell.loss, np.ones(TEST_ROWS), predicted),
        row_scores(cell.loss, -np.ones(TEST_ROWS), predicted),
    )
    truth = float((p * good + (1 - p) * bad).mean())
    square = float((p * good**2 + (1 - p) * bad**2).mean())
    return truth, math.sqrt(square - truth**2)


def row_scores(loss: str, y: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Higher is better: minus the squared error, or whether the sign is right."""
    if loss == "squared":
        return np.asarray(-((y - predicted) ** 2))
    return np.asarray(((predicted > 0) == (y > 0)).astype(float))


def _discriminant(cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
    """Shrunken linear discriminants on the features with the largest differences, chosen within each training set."""
    from scipy.special import ndtr

    n, K = cell.n_rows, cell.folds
    shift = np.where(np.arange(DIMENSION) < 10, 0.3, 0.0)
    covariance = 0.5 ** np.abs(np.arange(DIMENSION)[:, None] - np.arange(DIMENSION))
    y = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    X = y[:, None] * shift + rng.standard_normal((n, DIMENSION)) @ np.linalg.cholesky(covariance).T
    fold = np.arange(n) // (n // K)
    training = np.stack([fold != k for k in range(K)] + [np.ones(n, dtype=bool)])
    sides = np.stack([training & (y > 0), training & (y < 0)]).astype(float)
    sizes = sides.sum(axis=2, keepdims=True)
    up, down = sides @ X / sizes
    total = (X[None] * training[:, :, None]).transpose(0, 2, 1) @ X
    for mean, size in ((up, sizes[0]), (down, sizes[1])):
        total = total - size[:, :, None] * mean[:, :, None] * mean[:, None]
    within = total / (sizes.sum(axis=0)[:, :, None] - 2)
    spread = np.sqrt(np.diagonal(within, axis1=1, axis2=2))
    order = np.argsort(-np.abs(up - down) / spread, axis=1)
    columns, rules = [], []
    for m in SCREENED:
        kept = order[:, :m]
        block = within[np.arange(K + 1)[:, None, None], kept[:, :, None], kept[:, None]]
        scale = np.trace(block, axis1=1, axis2=2)[:, None, None] / m * np.eye(m)
        g = SHRINKAGES[:, None, None, None]
        difference = np.take_along_axis(up - down, kept, axis=1)
        w = np.linalg.solve((1 - g) * block + g * scale, np.broadcast_to(difference, (len(g), K + 1, m))[..., None])
        middle = np.take_along_axis((up + down) / 2, kept, axis=1)
        offset = -(w[..., 0] * middle).sum(axis=2)
        blocks = X.reshape(K, -1, DIMENSION)
        seen = np.take_along_axis(blocks, kept[:K, None].repeat(blocks.shape[1], axis=1), axis=2)
        outside = (seen[None] @ w[:, :K])[..., 0] + offset[:, :K, None]
        columns.append(row_scores("0/1", y, outside.reshape(len(g), n)))
        rules += [(kept[K], w[i, K, :, 0], float(offset[i, K])) for i in range(len(g))]
    scores = np.concatenate(columns).T
    kept_, weights, constant = rules[int(scores.mean(axis=0).argmax())]
    deviation = math.sqrt(float(weights @ covariance[np.ix_(kept_, kept_)] @ weights))
    centre = float(weights @ shift[kept_])
    truth = float(ndtr((centre + constant) / deviation) + ndtr((centre - constant) / deviation)) / 2
    return scores, truth, math.sqrt(truth * (1 - truth))


def table(name: str, number: int) -> Table:
    """What a repetition of a cell has to go by."""
    cell, streams = CELLS[name], Streams(0)
    rng, seed = streams.generator(number, name), streams.integer(number, f"{name}/seed")
    scores, truth, deviation = (_discriminant if cell.task == "lda" else _smoothed)(cell, rng)
    return Table(scores, truth, fresh_width(deviation, cell.n_rows), seed)


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    scores, truth, fresh, seed = table(name, number)
    return Repetition(truth, fresh, every_method(scores, seed, refit=True, number=number))
