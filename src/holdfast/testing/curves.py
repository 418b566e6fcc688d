"""Learning curves whose fault is known: of a small network in numpy at any learning rate.

The network has one hidden layer and is trained as anybody would: stochastic gradients, SGD with momentum or Adam, a
schedule, weight decay that does not depend on the learning rate. Its curves are those that holdfast keeps of its own:
the mean loss after each epoch on rows that were learned from and on rows that were not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Curve = dict[str, Any]
"""A learning curve as a trial keeps it."""

TableKind = Literal["blobs", "rings", "quadrants", "wave"]
TABLES: tuple[TableKind, ...] = ("blobs", "rings", "quadrants", "wave")

MOMENTUM, BETA1, BETA2 = 0.9, 0.9, 0.999
RISE, LOW_START = 0.3, 0.04
"""The part of a one-cycle schedule in which the learning rate rises, and where it starts."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from and rows to judge by; targets as indicators of k classes, or one standardised number.

    Args:
        X, T: (n, d) features and (n, k) targets of the training rows.
        X_judged, T_judged: those of the validation rows.
        classes: how many there are; 0 for a regression.
    """

    X: np.ndarray
    T: np.ndarray
    X_judged: np.ndarray
    T_judged: np.ndarray
    classes: int

    @property
    def chance(self) -> float:
        """The loss of a model that learned nothing."""
        return math.log(self.classes) if self.classes else 1.0


def toy_rows(table: TableKind, n: int, n_judged: int, seed: int, wrong: float = 0.0) -> Rows:
    """Rows of a small problem: clusters, a shell, the sign of a product with wrong labels, a bent and noisy plane.

    Args:
        table: which problem.
        n, n_judged: how many rows of each kind.
        seed: of every draw.
        wrong: the part of the labels of either kind that is drawn anew.
    """
    rng = np.random.default_rng(seed)
    d = {"blobs": 10, "rings": 6, "quadrants": 8, "wave": 5}[table]
    X = rng.normal(size=(n + n_judged, d))
    if table == "wave":
        way = rng.normal(size=d)
        y = np.sin(2.0 * X @ way / np.linalg.norm(way)) + 0.5 * X[:, 0] + 0.3 * rng.normal(size=len(X))
        T = ((y - y[:n].mean()) / y[:n].std())[:, None]
        return Rows(X[:n], T[:n], X[n:], T[n:], 0)
    if table == "blobs":
        labels = rng.integers(0, 5, len(X))
        X = 1.3 * X + rng.normal(0.0, 1.2, (5, d))[labels]
    elif table == "rings":
        labels = (np.sum(X[:, :3] ** 2, axis=1) > 2.4).astype(int)
    else:
        labels = ((X[:, 0] * X[:, 1] > 0) ^ (rng.random(len(X)) < 0.15)).astype(int)
    k = int(labels.max()) + 1
    labels = np.where(rng.random(len(X)) < wrong, rng.integers(0, k, len(X)), labels)
    T = np.eye(k)[labels]
    return Rows(X[:n], T[:n], X[n:], T[n:], k)


@dataclass(frozen=True)
class Config:
    """The hyperparameters of the small network."""

    learning_rate: float
    optimizer: str = "sgd"
    batch_size: int = 32
    width: int = 32
    epochs: int = 30
    schedule: str = "constant"
    weight_decay: float = 0.0
    clip: float = 1.0

    def rate_at(self, progress: float) -> float:
        """The learning rate at a part of the training."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        if self.schedule == "onecycle" and progress < RISE:
            down = 0.5 * (1.0 + math.cos(math.pi * progress / RISE))
            return self.learning_rate * (1.0 - (1.0 - LOW_START) * down)
        if self.schedule == "onecycle":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (progress - RISE) / (1.0 - RISE)))
        return self.learning_rate

    def learning_done(self, steps: np.ndarray) -> np.ndarray:
        """The sum of the learning rates up to some epochs, in parts of the highest one."""
        ends = np.arange(20 * self.epochs + 1) / 20.0
        rates = [self.rate_at((end - 0.025) / self.epochs) / self.learning_rate for end in ends[1:]]
        return np.asarray(np.interp(steps, ends, np.concatenate([[0.0], np.cumsum(rates) / 20.0])))


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training left: its curves, and the epoch in which the loss was no finite number; None if it always was.

    ``accuracy`` is None for a regression.
    """

    loss: Curve
    accuracy: Curve | None
    diverged: int | None

    @property
    def final(self) -> float:
        """The mean training loss of the last three epochs."""
        return float(np.mean(self.loss["train"][-3:])) if self.diverged is None else math.inf


def train_network(rows: Rows, config: Config, seed: int) -> Trained:
    """Train the small network, and take its losses after each epoch."""
    rng = np.random.default_rng(seed)
    weights = _start(rows, config.width, rng)
    moments = [np.zeros_like(part) for part in weights], [np.zeros_like(part) for part in weights]
    size = min(config.batch_size, len(rows.X))
    batches, count = len(rows.X) // size, 0
    points: list[tuple[int, tuple[float, float], tuple[float, float]]] = []
    gone: int | None = None
    with np.errstate(all="ignore"):
        for epoch in range(1, config.epochs + 1):
            order = rng.permutation(len(rows.X))
            for batch in range(batches):
                chosen = order[batch * size : (batch + 1) * size]
                gradients = _gradients(weights, rows.X[chosen], rows.T[chosen], rows.classes)
                norm = math.sqrt(sum(float((part * part).sum()) for part in gradients))
                count += 1
                if not math.isfinite(norm):
                    gone = epoch
                    break
                if config.clip and norm > config.clip:
                    gradients = [part * (config.clip / norm) for part in gradients]
                _step(weights, gradients, moments, config, count, count / (config.epochs * batches))
            ours = _judge(weights, rows.X, rows.T, rows.classes)
            theirs = _judge(weights, rows.X_judged, rows.T_judged, rows.classes)
            if gone is not None or not all(math.isfinite(loss) and loss < 1e6 for loss, _ in (ours, theirs)):
                gone = epoch
                break
            points.append((epoch, ours, theirs))
    steps = [epoch for epoch, _, _ in points]
    loss = curve("loss", steps, [pair[0] for _, pair, _ in points], [pair[0] for _, _, pair in points])
    right = curve("accuracy", steps, [pair[1] for _, pair, _ in points], [pair[1] for _, _, pair in points])
    return Trained(loss, {**right, "direction": "maximize"} if rows.classes else None, gone)


def curve(metric: str, steps: list[int], train: list[float], validation: list[float]) -> Curve:
    """A learning curve as a trial keeps it."""
    sides = {"train": [float(value) for value in train], "validation": [float(value) for value in validation]}
    return {"metric": metric, "step": "epoch", "steps": steps, **sides}


def with_noise(clean: Curve, noise: float, seed: int) -> Curve:
    """The curve with normal noise of that deviation on either side, each its own."""
    rng = np.random.default_rng(seed)
    sides = {side: (np.array(clean[side]) + rng.normal(0.0, noise, len(clean[side]))).tolist() for side in SIDES}
    return {**clean, **sides}


SIDES = ("train", "validation")


def _start(rows: Rows, width: int, rng: np.random.Generator) -> list[np.ndarray]:
    d, k = rows.X.shape[1], rows.T.shape[1]
    hidden, out = rng.normal(0.0, math.sqrt(2.0 / d), (d, width)), rng.normal(0.0, 0.5 / math.sqrt(width), (width, k))
    return [hidden, np.zeros(width), out, np.zeros(k)]


def _gradients(weights: list[np.ndarray], X: np.ndarray, T: np.ndarray, classes: int) -> list[np.ndarray]:
    """The gradients of the mean loss: cross-entropy, or squared errors."""
    inner = X @ weights[0] + weights[1]
    active = np.maximum(inner, 0.0)
    out = active @ weights[2] + weights[3]
    if classes:
        shares = np.exp(out - out.max(axis=1, keepdims=True))
        slope = (shares / shares.sum(axis=1, keepdims=True) - T) / len(X)
    else:
        slope = 2.0 * (out - T) / T.size
    back = (slope @ weights[2].T) * (inner > 0)
    return [X.T @ back, back.sum(axis=0), active.T @ slope, slope.sum(axis=0)]


def _step(
    weights: list[np.ndarray],
    gradients: list[np.ndarray],
    moments: tuple[list[np.ndarray], list[np.ndarray]],
    config: Config,
    count: int,
    progress: float,
) -> None:
    """One step in place; the decay takes the same part of the weights whatever the learning rate."""
    first, second = moments
    rate = config.rate_at(progress)
    for place, gradient in enumerate(gradients):
        if place % 2 == 0:
            weights[place] *= 1.0 - 0.01 * config.weight_decay * rate / config.learning_rate
        if config.optimizer == "sgd":
            first[place] = MOMENTUM * first[place] + gradient
            weights[place] -= rate * first[place]
        else:
            first[place] = BETA1 * first[place] + (1.0 - BETA1) * gradient
            second[place] = BETA2 * second[place] + (1.0 - BETA2) * gradient**2
            scale = np.sqrt(second[place] / (1.0 - BETA2**count)) + 1e-8
            weights[place] -= rate * (first[place] / (1.0 - BETA1**count)) / scale


def _judge(weights: list[np.ndarray], X: np.ndarray, T: np.ndarray, classes: int) -> tuple[float, float]:
    """The mean loss and the accuracy on some rows; of a regression the latter is NaN."""
    out = np.maximum(X @ weights[0] + weights[1], 0.0) @ weights[2] + weights[3]
    if not classes:
        return float(np.mean((out - T) ** 2)), math.nan
    out = out - out.max(axis=1, keepdims=True)
    loss = float(np.mean(np.log(np.exp(out).sum(axis=1)) - (out * T).sum(axis=1)))
    return loss, float(np.mean(out.argmax(axis=1) == T.argmax(axis=1)))
