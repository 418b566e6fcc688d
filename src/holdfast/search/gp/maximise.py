"""Where the acquisition is highest: many candidates, then local searches from the best of them.

Points are kept in full: a hyperparameter that is not active keeps a hidden value, which comes to light when a move of
its parent switches it on.
"""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np

from holdfast.search.gp.embedding import smooth_columns
from holdfast.space import Categorical, Space

ENUMERABLE = 2000
"""A space of at most so many configurations is searched in full."""
STARTS = 4
ROUNDS = 2
MAX_ITERATIONS = 15
MAX_MOVES = 128
CENTRES = 8


class Surface(Protocol):
    """What is to be maximised over a space."""

    @property
    def space(self) -> Space:
        """Where its points lie."""
        ...

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """(m,) its height at points (m, d), which are moved to where their configurations lie."""
        ...

    def with_gradient(self, units: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and its gradient by the ``smooth`` hyperparameters, shape (m, len(smooth)), which are not rounded."""
        ...


def ranked(
    landscape: Surface, centres: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points of shape (m, d), the most promising first, and their acquisition (m,).

    Args:
        landscape: what to maximise.
        centres: (c, d) the best points so far, NaN where inactive.
        count: how many points to look at before the local searches.
        rng: where random draws come from.
    """
    everything = all_points(landscape.space)
    if everything is not None:
        values = landscape(everything)
        order = np.argsort(-values, kind="stable")
        return everything[order], values[order]
    units = candidates(landscape.space, centres, count, rng)
    values = landscape(units)
    starts = np.argsort(-values, kind="stable")[:STARTS]
    climbed, heights = climb(landscape, units[starts], values[starts], rng)
    units, values = np.concatenate([climbed, units]), np.concatenate([heights, values])
    order = np.argsort(-values, kind="stable")
    return units[order], values[order]


@functools.lru_cache(maxsize=16)
def all_points(space: Space) -> np.ndarray | None:
    """Every configuration of a small finite space, shape (count, d); None for other spaces."""
    count = space.count()
    if count is None or count > ENUMERABLE:
        return None
    points = np.array([space.encode(config) for config in space.grid(ENUMERABLE)])
    points[np.isnan(points)] = 0.5
    points.flags.writeable = False
    return points


def candidates(space: Space, centres: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, d) points: three quarters uniform, one quarter near the centres (c, d), at distances of many scales."""
    d = len(space)
    units = rng.random((count, d))
    forbidden = np.flatnonzero(~space.allowed(space.snap(units)))
    if len(forbidden):
        drawn = space.sample_units(rng, len(forbidden))
        units[forbidden] = np.where(np.isnan(drawn), units[forbidden], drawn)
    near = count // 4 if len(centres) else 0
    around = centres[np.arange(near) % max(len(centres), 1)]
    around = np.where(np.isnan(around), units[:near], around)
    scale = 10 ** rng.uniform(-3.0, -0.5, size=(near, 1))
    moved = np.abs(around + scale * rng.standard_normal((near, d)))
    moved = np.clip(1 - np.abs(1 - moved), 0.0, 1.0)
    unordered = np.array([isinstance(x, Categorical) and not x.ordered for x in space.domains.values()])
    moved[:, unordered] = units[:near, unordered]
    touched = rng.random((near, d)) < max(0.3, min(1.0, 2 / d))
    touched[np.arange(near), rng.integers(d, size=near)] = True
    units[:near] = np.where(touched, moved, around)
    return units


def climb(
    landscape: Surface, units: np.ndarray, values: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Local searches from points (m, d) of the given values (m,): gradients for numbers, single moves for the rest."""
    smooth = smooth_columns(landscape.space)
    columns, settings = _moves(landscape.space, smooth, rng)
    for _ in range(ROUNDS):
        if len(smooth):
            units, values = _keep_better(units, values, *_ascend(landscape, units, smooth))
        if len(columns) == 0:
            break
        before = values
        units, values = _keep_better(units, values, *_best_moves(landscape, units, columns, settings))
        if np.array_equal(values, before):
            break
    return units, values


def _ascend(landscape: Surface, units: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L-BFGS from all points (m, d) at once, on the sum of their values, over the smooth hyperparameters."""
    from scipy.optimize import minimize

    def negative(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = units.copy()
        moved[:, smooth] = flat.reshape(len(units), len(smooth))
        value, gradient = landscape.with_gradient(moved, smooth)
        return -float(value.sum()), -gradient.ravel()

    start = units[:, smooth].ravel()
    found = minimize(
        negative,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(start),
        options={"maxiter": MAX_ITERATIONS, "maxfun": 2 * MAX_ITERATIONS},
    )
    moved = units.copy()
    moved[:, smooth] = found.x.reshape(len(units), len(smooth))
    return moved, landscape(moved)


def _keep_better(
    units: np.ndarray, values: np.ndarray, new_units: np.ndarray, new_values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    better = new_values > values
    return np.where(better[:, None], new_units, units), np.where(better, new_values, values)


def _moves(space: Space, smooth: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Every value of every hyperparameter with few of them: (k,) columns and (k,) units; at most `MAX_MOVES`, drawn."""
    moves = [
        (i, domain.to_unit(value))
        for i, domain in enumerate(space.domains.values())
        if i not in smooth and domain.cells is not None and domain.cells > 1
        for value in domain.grid(domain.cells)
    ]
    if len(moves) > MAX_MOVES:
        moves = [moves[k] for k in rng.choice(len(moves), MAX_MOVES, replace=False)]
    return np.array([i for i, _ in moves], dtype=np.int64), np.array([unit for _, unit in moves])


def _best_moves(
    landscape: Surface, units: np.ndarray, columns: np.ndarray, settings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each point (m, d) the best of the k moves, each of which sets one column: points (m, d) and values (m,)."""
    m, k = len(units), len(columns)
    moved = np.repeat(units[:, None, :], k, axis=1)
    moved[:, np.arange(k), columns] = settings
    values = landscape(moved.reshape(m * k, -1)).reshape(m, k)
    best = np.argmax(values, axis=1)
    return moved[np.arange(m), best], values[np.arange(m), best]
