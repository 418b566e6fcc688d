"""Configurations as points of a Euclidean space, on which any stationary kernel is positive semi-definite.

A number is its place in the unit interval, perhaps warped. An unordered categorical is a one-hot vector divided by
sqrt(2), so that two different choices are 1 apart (a Hamming distance). A hyperparameter that is not active is put at
the middle, and each condition adds one column that says whether it holds: Hutter and Osborne, "A kernel for
hierarchical parameter spaces" (2013), on why the kernel must follow from an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.kumaraswamy import slope, warp
from holdfast.space import Categorical, Space

SMOOTH_CELLS = 16
"""An integer with more values than this is moved like a float in a local search."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Where the coordinates of a space with d hyperparameters go: D columns in g groups.

    Attributes:
        numeric: hyperparameters that vary and have an order; each gives one column.
        unordered: (hyperparameter, number of choices), one column a choice.
        conditions: for each distinct condition, one hyperparameter that is active when it holds; one column each.
        group: (D,) the group of each column; a group shares one length-scale.
        exponents: (2, k) how the k numeric columns are warped (see `kumaraswamy`); None for not at all.
    """

    numeric: np.ndarray
    unordered: tuple[tuple[int, int], ...]
    conditions: np.ndarray
    group: np.ndarray
    exponents: np.ndarray | None = None

    @property
    def groups(self) -> int:
        """The number of length-scales."""
        return len(self.numeric) + len(self.unordered) + len(self.conditions)

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """Points of shape (n, d), NaN where inactive, as an array of shape (n, D) without NaN."""
        numbers = self._numbers(units)
        parts = [numbers if self.exponents is None else warp(numbers, self.exponents)]
        for column, choices in self.unordered:
            parts.append(_one_hot(units[:, column], choices))
        parts.append(np.isfinite(units[:, self.conditions]).astype(float))
        return np.concatenate(parts, axis=1)

    def slope(self, units: np.ndarray) -> np.ndarray | float:
        """(n, k) by how much each numeric column moves when its hyperparameter does, at points (n, d)."""
        return 1.0 if self.exponents is None else slope(self._numbers(units), self.exponents)

    def _numbers(self, units: np.ndarray) -> np.ndarray:
        numbers = units[:, self.numeric]
        return np.where(np.isnan(numbers), 0.5, numbers)


def embedding(space: Space) -> Embedding:
    """The embedding of a space; hyperparameters with a single value take no part."""
    numeric: list[int] = []
    unordered: list[tuple[int, int]] = []
    conditions: dict[str, int] = {}
    for i, domain in enumerate(space.domains.values()):
        if domain.when:
            conditions.setdefault(repr(sorted(domain.when.items())), i)
        if domain.cells == 1:
            continue
        if isinstance(domain, Categorical) and not domain.ordered:
            unordered.append((i, domain.cells))
        else:
            numeric.append(i)
    widths = [1] * len(numeric) + [choices for _, choices in unordered] + [1] * len(conditions)
    return Embedding(
        numeric=np.array(numeric, dtype=np.int64),
        unordered=tuple(unordered),
        conditions=np.array(list(conditions.values()), dtype=np.int64),
        group=np.repeat(np.arange(len(widths)), widths),
    )


def smooth_columns(space: Space) -> np.ndarray:
    """The hyperparameters that a gradient can move: floats, and numbers of many values."""
    return np.array(
        [
            i
            for i, domain in enumerate(space.domains.values())
            if domain.cells is None or (not isinstance(domain, Categorical) and domain.cells > SMOOTH_CELLS)
        ],
        dtype=np.int64,
    )


def _one_hot(column: np.ndarray, choices: int) -> np.ndarray:
    """(n, choices): the choice of each unit over sqrt(2); evenly spread where the hyperparameter is inactive."""
    inactive = np.isnan(column)
    cells = np.minimum(np.where(inactive, 0.0, column) * choices, choices - 1).astype(np.int64)
    hot = np.zeros((len(column), choices))
    hot[np.arange(len(column)), cells] = np.sqrt(0.5)
    hot[inactive] = np.sqrt(0.5) / choices
    return hot
