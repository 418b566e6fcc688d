from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from holdfast.train.task import Task, TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]


def build_table(kind: TaskKind, n: int = 120, seed: int = 0) -> Table:
    """Six features, the last of them a code from 0 to 3, and a target that follows from the first three."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, 6))
    X[:, 5] = draw.integers(0, 4, size=n)
    signal = X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * draw.normal(size=n)
    y = {
        "binary": (signal > 0).astype(np.int64),
        "multiclass": np.digitize(signal, [-0.5, 0.5]),
        "regression": 100.0 * signal + 5.0,
        "clustering": np.zeros(n, dtype=np.int64),
    }[kind]
    return X, y


def build_task(kind: TaskKind, n: int = 120, categorical: tuple[int, ...] = ()) -> Task:
    """The task of `build_table`."""
    return Task(kind, n, 6, {"binary": 2, "multiclass": 3}.get(kind, 0), categorical)


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    """`build_table`."""
    return build_table


@pytest.fixture(scope="session")
def make_task() -> MakeTask:
    """`build_task`."""
    return build_task


@pytest.fixture(scope="session")
def digits() -> Table:
    """The digits of scikit-learn, standardised."""
    from sklearn.datasets import load_digits
    from sklearn.preprocessing import StandardScaler

    X, y = load_digits(return_X_y=True)
    return StandardScaler().fit_transform(X), y
