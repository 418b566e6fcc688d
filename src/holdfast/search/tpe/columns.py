"""How the hyperparameters of a space enter a Parzen estimator: by a density, or by the mass of each value's cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.space import Categorical, Int, Space

TABLE_CELLS = 32
"""Up to so many values, a kernel is the mass of each value's cell; beyond, its density at the middle of the cell."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The d hyperparameters of a space, by the kind of their kernels; those of a single value take no part.

    Attributes:
        numeric: (s,) the ordered ones: floats, integers and ordered categoricals.
        grain: (s,) the mean width of a cell of each of them in the unit interval; 0 for floats.
        unordered: (column, number of choices) of each unordered categorical.
        smooth: the numeric ones that are scored by a density.
        edges: column -> (cells + 1,) the borders of its cells in the unit interval, for those scored by a table.
        many: (column, number of choices) of the unordered ones that are too large for a table.
    """

    numeric: np.ndarray
    grain: np.ndarray
    unordered: tuple[tuple[int, int], ...]
    smooth: np.ndarray
    edges: dict[int, np.ndarray]
    many: tuple[tuple[int, int], ...]

    @property
    def varying(self) -> np.ndarray:
        """The columns that can differ between two trials."""
        return np.sort(np.concatenate([self.numeric, np.array([c for c, _ in self.unordered], dtype=np.int64)]))

    def features(self, units: np.ndarray) -> np.ndarray:
        """Points of shape (n, d), NaN where inactive, as an array of shape (n, f) that kernels are linear in.

        A density takes (active, x, x²), a table one column a cell; all are 0 where the hyperparameter is inactive.
        """
        numbers = units[:, self.smooth]
        active = ~np.isnan(numbers)
        numbers = np.where(active, numbers, 0.0)
        parts = [active.astype(float), numbers, numbers**2]
        parts += [one_hot(units[:, column], edges) for column, edges in self.edges.items()]
        return np.concatenate(parts, axis=1)


def columns(space: Space) -> Columns:
    """The columns of a space."""
    numeric, grain, unordered, smooth, edges, many = [], [], [], [], {}, []
    for i, domain in enumerate(space.domains.values()):
        cells = domain.cells
        if cells == 1:
            continue
        if isinstance(domain, Categorical) and not domain.ordered:
            unordered.append((i, domain.cells))
            if domain.cells > TABLE_CELLS:
                many.append((i, domain.cells))
        else:
            numeric.append(i)
            grain.append(0.0 if cells is None else 1 / cells)
        if cells is not None and cells <= TABLE_CELLS:
            edges[i] = _borders(domain) if isinstance(domain, Int) else np.linspace(0, 1, cells + 1)
        elif numeric and numeric[-1] == i:
            smooth.append(i)
    return Columns(
        numeric=np.array(numeric, dtype=np.int64),
        grain=np.array(grain),
        unordered=tuple(unordered),
        smooth=np.array(smooth, dtype=np.int64),
        edges=edges,
        many=tuple(many),
    )


def cells_of(column: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n,) the cell of each unit; that of NaN is the last one."""
    cells: np.ndarray = np.searchsorted(edges[1:-1], column, side="right")
    return cells


def one_hot(column: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n, cells): 1 in the cell of each unit, 0 throughout for NaN."""
    hot = np.zeros((len(column), len(edges) - 1))
    hot[np.arange(len(column)), cells_of(column, edges)] = ~np.isnan(column)
    return hot


def _borders(domain: Int) -> np.ndarray:
    """(cells + 1,) the borders between the values of an integer, in the unit interval."""
    if not domain.log:
        return np.linspace(0, 1, domain.cells + 1)
    low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
    return np.asarray((np.log(np.arange(domain.low, domain.high + 2) - 0.5) - low) / (high - low))
