"""The rows that the benchmark trains on, and runs of holdfast on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from holdfast.train.kinds import NetworkKind
from holdfast.train.own import factory_network
from holdfast.train.registry import family_named
from holdfast.train.task import Task
from holdfast.train.training import Training

Table = tuple[np.ndarray, np.ndarray]


def digits() -> tuple[Table, Table]:
    """Standardised digits: 1,257 rows to train on and 540 to validate on."""
    X, y = load_digits(return_X_y=True)
    X, Xv, y, yv = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    mean, deviation = X.mean(0), X.std(0) + 1e-6
    return (((X - mean) / deviation).astype(np.float32), y), (((Xv - mean) / deviation).astype(np.float32), yv)


def images(n: int, side: int = 28) -> Table:
    """Images of ten classes: a smooth random template for each, and noise; shape (n, side²), standardised."""
    draw = np.random.default_rng(0)
    coarse = draw.normal(size=(10, 7, 7))
    templates = np.kron(coarse, np.ones((side // 7, side // 7))).reshape(10, -1)
    y = draw.integers(10, size=n)
    X = templates[y] + 2.0 * draw.normal(size=(n, side * side))
    return ((X - X.mean()) / X.std()).astype(np.float32), y


def kind_of(family: str) -> NetworkKind:
    """How a family of networks reads its configs, or a factory as ``module:function``."""
    if ":" in family:
        return factory_network(family, Path(), (), "scaled")
    kind = family_named(family).network
    assert kind is not None
    return kind


def start(
    family: str,
    config: Mapping[str, Any],
    rows: Table,
    seed: int,
    *,
    epochs: int | None = None,
    side: int | None = None,
) -> Training:
    """A run of holdfast's; ``side`` is that of images of one colour."""
    image = () if side is None else (1, side, side)
    task = Task("multiclass", len(rows[0]), rows[0].shape[1], 10, image=image)
    return Training.start(kind_of(family), dict(config), task, *rows, seed, epochs=epochs)
