from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.train.registry import family_named
from holdfast.train.task import Task, TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[[TaskKind], Table]
Fit = Callable[..., Any]


def build_table(kind: TaskKind, n: int = 120) -> Table:
    """Six features, the last of them a code from 0 to 3, and a target that follows from the first three."""
    draw = np.random.default_rng(0)
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


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    """`build_table`."""
    return build_table


@pytest.fixture
def fit() -> Fit:
    """A family's model, fitted on `build_table`."""

    def fitted(name: str, kind: TaskKind, **config: Any) -> Any:
        task = Task(kind, 120, 6, {"binary": 2, "multiclass": 3}.get(kind, 0))
        return family_named(name).build(config, task, seed=0).fit(*build_table(kind))

    return fitted
