"""The rows a network learns from: targets as matrices, and the inner split that decides when to stop. numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from holdfast.errors import DataError
from holdfast.train.task import Task

INNER_FRACTION = 0.1
"""The part of the training rows that early stopping watches."""

FEWEST_ROWS = 40
"""With fewer training rows than this, none are spared for early stopping."""


@dataclass(frozen=True, eq=False)
class Targets:
    """How targets become numbers and back: classes to one-hot rows, or a regression target to mean 0 and deviation 1.

    ``classes`` has shape (k,) and is None for regression.
    """

    classes: np.ndarray | None
    mean: float = 0.0
    deviation: float = 1.0

    @staticmethod
    def of(task: Task, y: np.ndarray) -> Targets:
        """The encoding that the training targets ``y`` (shape (n,)) imply.

        Raises:
            DataError: if a regression target is not finite, or fewer than two classes are there.
        """
        if task.is_classification:
            classes = np.unique(y)
            if len(classes) < 2:
                raise DataError(f"the training rows hold {len(classes)} class; a classification needs two or more")
            return Targets(classes)
        values = np.asarray(y, dtype=np.float64)
        if not np.isfinite(values).all():
            raise DataError("the regression target has missing or infinite values; drop those rows")
        return Targets(None, float(values.mean()), float(values.std()) or 1.0)

    @property
    def outputs(self) -> int:
        """Columns of the target matrix."""
        return 1 if self.classes is None else len(self.classes)

    def encode(self, y: np.ndarray, dtype: DTypeLike = np.float32) -> np.ndarray:
        """The target matrix, shape (n, outputs)."""
        if self.classes is None:
            scaled = (np.asarray(y, dtype=np.float64) - self.mean) / self.deviation
            return scaled.astype(dtype)[:, None]
        one_hot: np.ndarray = np.equal.outer(np.asarray(y), self.classes)
        return one_hot.astype(dtype)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values; `from_json` undoes it."""
        classes = None if self.classes is None else self.classes.tolist()
        return {"classes": classes, "mean": self.mean, "deviation": self.deviation}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Targets:
        """The encoding that `to_json` wrote."""
        classes = None if data["classes"] is None else np.array(data["classes"])
        return Targets(classes, data["mean"], data["deviation"])


def as_matrix(X: np.ndarray, dtype: DTypeLike = np.float32) -> np.ndarray:
    """``X`` as a matrix of floats, shape (n, d).

    Raises:
        DataError: if it is not a matrix of finite numbers.
    """
    matrix = np.ascontiguousarray(X, dtype=dtype)
    if matrix.ndim != 2:
        raise DataError(f"the features have {matrix.ndim} dimensions; a network needs a matrix of rows and columns")
    if not np.isfinite(matrix).all():
        column = int(np.flatnonzero(~np.isfinite(matrix).all(axis=0))[0])
        raise DataError(f"column {column} of the features has missing or infinite values; a network needs them filled")
    return matrix


def inner_split(y: np.ndarray, stratified: bool, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Row indices (to fit on, to watch): a tenth of the rows is watched, of each class where stratified.

    Every class keeps at least one row to fit on. With fewer than 40 rows nothing is watched.
    """
    n = len(y)
    order = generator.permutation(n)
    if n < FEWEST_ROWS:
        return np.sort(order), np.empty(0, dtype=np.intp)
    if stratified:
        # Sorted by class, every tenth row is watched: each class is cut in proportion, small ones by their turn.
        order = order[np.argsort(np.unique(y, return_inverse=True)[1][order], kind="stable")]
    step = round(1.0 / INNER_FRACTION)
    watched = np.zeros(n, dtype=bool)
    watched[order[step // 2 :: step]] = True
    if stratified:
        _, first = np.unique(np.asarray(y)[order], return_index=True)
        watched[order[first]] = False
    return np.flatnonzero(~watched), np.flatnonzero(watched)


def fingerprint(X: np.ndarray, targets: np.ndarray) -> str:
    """The sha256 of a feature matrix and a target matrix, in hex."""
    digest = hashlib.sha256(f"{X.shape}{targets.shape}".encode())
    digest.update(np.ascontiguousarray(X).data)
    digest.update(np.ascontiguousarray(targets).data)
    return digest.hexdigest()
