"""A Parzen estimator over a tree-structured space: a mixture with one kernel per trial, and one for the prior.

A kernel is a product over the hyperparameters that are active in both its trial and the point that is looked at, so
that hyperparameters which are active together are modelled jointly, and one that the trial did not have is spread
evenly. All densities are relative to the uniform one over the unit cube.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from holdfast.search.tpe.columns import Columns, cells_of

WIDTH = 0.15
"""The width of a kernel around one trial of a single hyperparameter, as a share of its range."""
MIN_WIDTH = 0.03
"""A kernel is no narrower than this share of the range."""
MIN_GRAIN = 0.4
"""A kernel is no narrower than this share of a discrete value's cell."""
SHRINK = 3.0
"""So many trials spread evenly are added before the spread of the trials is taken."""
REDRAW = 0.7
"""A kernel of n trials draws a choice anew with this probability over the square root of n."""
MAX_REDRAW = 0.8
LOWEST_LOG = -500.0
"""A kernel's logarithm is no lower than this, so that sums stay finite."""


@dataclass(frozen=True, eq=False)
class Parzen:
    """A mixture of m kernels and the prior.

    Attributes:
        columns: the space's columns.
        points: (m, d) the trials, NaN where inactive.
        log_weights: (m + 1,) of the kernels and, last, of the prior; their exponentials add up to 1.
        width: (s,) the kernel width (a standard deviation in the unit interval) of each numeric column.
        redraw: (u,) the probability with which a kernel draws each unordered column anew.
        coefficients: (f, m) what `Columns.features` are multiplied with.
    """

    columns: Columns
    points: np.ndarray
    log_weights: np.ndarray
    width: np.ndarray
    redraw: np.ndarray
    coefficients: np.ndarray

    def log_density(self, units: np.ndarray, features: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
        """(n,) the logarithm of the density at points of shape (n, d), given their features and the prior's there."""
        logs = np.empty((len(units), len(self.points) + 1))
        np.matmul(features, self.coefficients, out=logs[:, :-1])
        for (column, choices), redraw in zip(self.columns.unordered, self.redraw, strict=True):
            if (column, choices) in self.columns.many:
                logs[:, :-1] += _many_choices(units[:, column], self.points[:, column], choices, redraw)
        logs[:, -1] = log_prior
        logs += self.log_weights
        highest = logs.max(axis=1, keepdims=True)
        total: np.ndarray = np.log(np.exp(logs - highest).sum(axis=1)) + highest[:, 0]
        return total

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Points of shape (n, d) from the kernels alone, not yet on the grid of discrete values; no NaN.

        What the chosen kernel's trial did not have is drawn uniformly.
        """
        shares = np.cumsum(np.exp(self.log_weights[:-1]))
        chosen = np.minimum(np.searchsorted(shares, rng.random(n) * shares[-1], side="right"), len(shares) - 1)
        centres = self.points[chosen]
        uniform = rng.random(centres.shape)
        keep = rng.random((n, len(self.columns.unordered)))
        drawn: np.ndarray = uniform.copy()
        numeric = self.columns.numeric
        at = centres[:, numeric]
        low, high = ndtr(-at / self.width), ndtr((1 - at) / self.width)
        moved = at + self.width * ndtri(low + uniform[:, numeric] * (high - low))
        drawn[:, numeric] = np.where(np.isnan(at), uniform[:, numeric], np.clip(moved, 0.0, 1.0))
        for position, (column, _) in enumerate(self.columns.unordered):
            kept = (keep[:, position] >= self.redraw[position]) & ~np.isnan(centres[:, column])
            drawn[kept, column] = centres[kept, column]
        return drawn


def parzen(columns: Columns, points: np.ndarray, weights: np.ndarray, prior_weight: float) -> Parzen:
    """The estimator with a kernel at each of the points (m, d), weighted with weights (m,)."""
    counts = (~np.isnan(points)).sum(axis=0)
    width = widths(columns, points, weights)
    redraw = np.array([min(MAX_REDRAW, REDRAW / math.sqrt(max(counts[column], 1))) for column, _ in columns.unordered])
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.append(weights, prior_weight) / (weights.sum() + prior_weight))
    return Parzen(columns, points, log_weights, width, redraw, _coefficients(columns, points, width, redraw))


def widths(columns: Columns, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(s,) the kernel width of each numeric column: smaller with more trials, and where these are close together.

    Scott's rate n^(-1 / (4 + d)), with the d hyperparameters that a trial has on average, times the square root of the
    weighted spread (1 for trials that are spread evenly): half way between a width that follows the trials and one that
    follows the range.
    """
    numbers = points[:, columns.numeric]
    active = ~np.isnan(numbers)
    share = np.where(active, weights[:, None], 0.0)
    total = share.sum(axis=0)
    numbers = np.where(active, numbers, 0.0)
    mean = (share * numbers).sum(axis=0) / np.maximum(total, 1e-300)
    squares = (share * (numbers - mean) ** 2).sum(axis=0)
    spread = np.sqrt((12 * squares + SHRINK) / (total + SHRINK))
    dimensions = (~np.isnan(points[:, columns.varying])).sum() / max(len(points), 1)
    rate = np.maximum(active.sum(axis=0), 1) ** (-1 / (4 + dimensions))
    found: np.ndarray = np.maximum(WIDTH * np.sqrt(spread) * rate, np.maximum(MIN_WIDTH, MIN_GRAIN * columns.grain))
    return found


def _coefficients(columns: Columns, points: np.ndarray, width: np.ndarray, redraw: np.ndarray) -> np.ndarray:
    """(f, m): the logarithm of each kernel, as a linear function of `Columns.features`."""
    widths = dict(zip(columns.numeric.tolist(), width.tolist(), strict=True))
    choices = dict(columns.unordered)
    smooth = np.array([widths[column] for column in columns.smooth.tolist()])[:, None]
    at = points[:, columns.smooth].T
    active = ~np.isnan(at)
    at = np.where(active, at, 0.5) / smooth
    size = np.log(ndtr(1 / smooth - at) - ndtr(-at)) + np.log(smooth * math.sqrt(2 * math.pi))
    rows = [active * (-(at**2) / 2 - size), active * (at / smooth), active * (-0.5 / smooth**2)]
    unordered = {column: position for position, (column, _) in enumerate(columns.unordered)}
    for column, edges in columns.edges.items():
        if column in choices:
            table = choice_table(choices[column], redraw[unordered[column]])
        else:
            table = cell_table(edges, widths[column])
        known = ~np.isnan(points[:, column])
        rows.append(table[:, cells_of(points[:, column], edges)] * known)
    return np.concatenate(rows, axis=0)


def cell_table(edges: np.ndarray, width: float) -> np.ndarray:
    """(cells, cells): log of the mass that a kernel at the column's cell has in the row's, relative to its width."""
    middles = (edges[:-1] + edges[1:]) / 2
    below = ndtr((edges[:, None] - middles) / width)
    mass = np.diff(below, axis=0) / (below[-1] - below[0]) / np.diff(edges)[:, None]
    with np.errstate(divide="ignore"):
        table: np.ndarray = np.maximum(np.log(mass), LOWEST_LOG)
    return table


def choice_table(choices: int, redraw: float) -> np.ndarray:
    """(choices, choices): log of the probability to keep a choice, or to draw another one, relative to uniform.

    Aitchison and Aitken, "Multivariate binary discrimination by the kernel method", Biometrika 63 (1976).
    """
    table = np.full((choices, choices), math.log(redraw))
    np.fill_diagonal(table, math.log(redraw + (1 - redraw) * choices))
    return table


def _many_choices(units: np.ndarray, centres: np.ndarray, choices: int, redraw: float) -> np.ndarray:
    """(n, m): `choice_table` looked up for units (n,) and kernels at centres (m,), without the table."""
    same = np.abs(units[:, None] - centres) * choices < 0.5
    either = np.isnan(units)[:, None] | np.isnan(centres)
    logs = np.where(same, math.log(redraw + (1 - redraw) * choices), math.log(redraw))
    return np.where(either, 0.0, logs)
