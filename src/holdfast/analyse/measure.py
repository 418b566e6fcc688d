"""The space as a distribution: each hyperparameter cut into bins, and the branches that conditions make of them.

A configuration drawn evenly from the space falls into one branch: a set of active hyperparameters. Within a branch they
are independent, so that a mean over a box is a sum over branches of products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.search.sobol import sobol_points
from holdfast.space import Domain, Int, Space
from holdfast.space.tree import wanted_cells

MOST_BINS = 24
MOST_BRANCHES = 64
"""Where conditions make more branches than this, as many are taken, evenly over their probabilities."""

ROUNDING = 1e-4
"""The part of a cell by which a threshold at a trial's place may be off: trees know places in single precision."""

INACTIVE = -1.0
"""The place of a hyperparameter that is not active, for trees."""

Wanted = Mapping[int, Mapping[int, np.ndarray]]
"""For each conditional hyperparameter and each of its parents, by position: the parent's cells that it is active in."""


@dataclass(frozen=True, eq=False)
class Measure:
    """The even distribution over a space of d hyperparameters, in K branches.

    Attributes:
        domains: of the hyperparameters.
        edges: for each hyperparameter, (B + 1,) where its bins end, from 0 to 1; each value of a small discrete one has
            a bin of its own.
        probability: (K,) of each branch.
        weights: for each hyperparameter, (K, B + 1) the probability of each bin in each branch; the last column is for
            not being active.
    """

    domains: tuple[Domain, ...]
    edges: tuple[np.ndarray, ...]
    probability: np.ndarray
    weights: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.edges)

    def mass(self, i: int) -> np.ndarray:
        """(B,) the probability that hyperparameter i is active, and in each of its bins."""
        joint: np.ndarray = self.probability @ self.weights[i][:, :-1]
        return joint

    def active(self, i: int) -> float:
        """The probability that hyperparameter i is active."""
        return float(self.mass(i).sum())

    def pair_mass(self, i: int, j: int) -> np.ndarray:
        """(B, C) the probability that i and j are both active, and in each pair of their bins."""
        joint: np.ndarray = (self.probability[:, None] * self.weights[i][:, :-1]).T @ self.weights[j][:, :-1]
        return joint

    def points(self, n: int, seed: int) -> np.ndarray:
        """(n, d) points spread evenly over the space, `INACTIVE` where a hyperparameter is not active.

        Those of a discrete one are in the middles of its cells, as the trials are.
        """
        uniform = sobol_points(n, len(self) + 1, seed)
        last = len(self.probability) - 1
        branch = np.minimum(np.searchsorted(np.cumsum(self.probability), uniform[:, -1], side="right"), last)
        return np.stack([self._place(i, branch, uniform[:, i]) for i in range(len(self))], axis=1)

    def _place(self, i: int, branch: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """(n,) where hyperparameter i is by the inverse of its distribution in each point's branch."""
        places = np.empty(len(uniform))
        for k, weights in enumerate(self.weights[i]):
            here = branch == k
            if weights[-1] > 0.5:
                places[here] = INACTIVE
            else:
                along = np.concatenate([[0.0], np.cumsum(weights[:-1])])
                places[here] = _middles(self.domains[i], np.interp(uniform[here], along, self.edges[i]))
        return places


def measure(space: Space) -> Measure:
    """The even distribution over a space."""
    wanted = _conditions(space)
    parents = {parent for by_parent in wanted.values() for parent in by_parent}
    domains = [space[name] for name in space.names]
    classes = {parent: _classes(parent, domains[parent], wanted) for parent in parents}
    edges = tuple(_edges(domain, classes.get(i)) for i, domain in enumerate(domains))
    branches = [(1.0, dict[int, np.ndarray]())]
    for i in _parents_first(len(domains), wanted):
        split = [each for branch in branches for each in _split(branch, i, edges, domains, wanted, classes.get(i))]
        branches = _thinned(split, i)
    weights = tuple(np.array([chosen[i] for _, chosen in branches]) for i in range(len(domains)))
    return Measure(tuple(domains), edges, np.array([probability for probability, _ in branches]), weights)


def places(units: np.ndarray) -> np.ndarray:
    """Units (m, d) with `INACTIVE` in place of NaN."""
    return np.where(np.isnan(units), INACTIVE, units)


def bin_of(edges: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(m,) the bin that each of the units (m,), none of them NaN, falls into."""
    found: np.ndarray = np.clip(np.searchsorted(edges, units, side="right") - 1, 0, len(edges) - 2)
    return found


def thresholds_between(domain: Domain, thresholds: np.ndarray) -> np.ndarray:
    """Thresholds (m,) between places of trials, each moved to where the cell of the lower value ends.

    A tree draws them anywhere between the middles of two cells; what is on one side of it are whole cells.
    """
    if domain.cells is None:
        return thresholds
    if isinstance(domain, Int) and domain.log:
        low, high = _log_ends(domain)
        values = np.floor(np.exp(low + thresholds * (high - low)) + ROUNDING)
        between: np.ndarray = (np.log(np.clip(values, domain.low - 1, domain.high) + 0.5) - low) / (high - low)
        return between
    cells = np.floor(thresholds * domain.cells - 0.5 + ROUNDING)
    return np.asarray(np.clip(cells + 1, 0, domain.cells) / domain.cells)


def _middles(domain: Domain, units: np.ndarray) -> np.ndarray:
    """Units (m,) moved to the middles of their cells, as `Space.snap` does."""
    if domain.cells is None:
        return units
    if isinstance(domain, Int) and domain.log:
        low, high = _log_ends(domain)
        values = np.clip(np.round(np.exp(low + units * (high - low))), domain.low, domain.high)
        middles: np.ndarray = (np.log(values) - low) / (high - low)
        return middles
    return np.asarray((np.minimum(np.floor(units * domain.cells), domain.cells - 1) + 0.5) / domain.cells)


def _log_ends(domain: Int) -> tuple[float, float]:
    return math.log(domain.low - 0.5), math.log(domain.high + 0.5)


def _conditions(space: Space) -> Wanted:
    names = list(space.names)
    return {
        names.index(name): {names.index(parent): cells for parent, cells in by_parent.items()}
        for name, by_parent in wanted_cells(space.domains).items()
        if by_parent
    }


def _classes(parent: int, domain: Domain, wanted: Wanted) -> list[tuple[float, float, tuple[bool, ...]]]:
    """Runs of a parent's values that switch the same hyperparameters on: (low, high) in [0, 1], and which ones."""
    assert domain.cells is not None
    asked = [cells[parent] for cells in wanted.values() if parent in cells]
    marks = sorted({0, domain.cells, *(int(c) + k for cells in asked for c in cells for k in (0, 1))})
    at = [_cell_edge(domain, mark) for mark in marks]
    return [
        (at[k], at[k + 1], tuple(bool(np.isin(mark, cells)) for cells in asked)) for k, mark in enumerate(marks[:-1])
    ]


def _edges(domain: Domain, classes: list[tuple[float, float, tuple[bool, ...]]] | None) -> np.ndarray:
    """Where the bins of a hyperparameter end; a bin of a parent is within one class."""
    if domain.cells is not None and domain.cells <= MOST_BINS:
        return _cell_edges(domain)
    even = np.linspace(0.0, 1.0, MOST_BINS + 1)
    return even if classes is None else np.unique(np.concatenate([even, [low for low, _, _ in classes]]))


def _cell_edges(domain: Domain) -> np.ndarray:
    assert domain.cells is not None
    return np.array([_cell_edge(domain, cell) for cell in range(domain.cells + 1)])


def _cell_edge(domain: Domain, cell: int) -> float:
    """Where the cell begins, in [0, 1]."""
    if isinstance(domain, Int) and domain.log:
        low, high = _log_ends(domain)
        return (math.log(domain.low + cell - 0.5) - low) / (high - low)
    assert domain.cells is not None
    return cell / domain.cells


def _parents_first(n: int, wanted: Wanted) -> list[int]:
    order: list[int] = []
    while len(order) < n:
        order += [i for i in range(n) if i not in order and all(parent in order for parent in wanted.get(i, {}))]
    return order


def _split(
    branch: tuple[float, dict[int, np.ndarray]],
    i: int,
    edges: tuple[np.ndarray, ...],
    domains: list[Domain],
    wanted: Wanted,
    classes: list[tuple[float, float, tuple[bool, ...]]] | None,
) -> list[tuple[float, dict[int, np.ndarray]]]:
    """The branches that a branch becomes by what hyperparameter i does to others; one, where it does nothing."""
    probability, chosen = branch
    widths = np.append(np.diff(edges[i]), 0.0)
    if not all(_holds(chosen[p], edges[p], cells, domains[p]) for p, cells in wanted.get(i, {}).items()):
        nothing = np.zeros(len(widths))
        nothing[-1] = 1.0
        return [(probability, {**chosen, i: nothing})]
    if classes is None:
        return [(probability, {**chosen, i: widths})]
    middles = (edges[i][1:] + edges[i][:-1]) / 2
    signature = [next(on for low, high, on in classes if low <= middle < high) for middle in middles]
    found = []
    for each in dict.fromkeys(signature):
        part = np.append(np.where([each == other for other in signature], widths[:-1], 0.0), 0.0)
        found.append((probability * part.sum(), {**chosen, i: part / part.sum()}))
    return found


def _holds(weights: np.ndarray, edges: np.ndarray, cells: np.ndarray, domain: Domain) -> bool:
    """Whether a condition holds in a branch where the parent has these weights, all in one class."""
    if weights[-1] > 0.5:
        return False
    first = int(np.argmax(weights[:-1] > 0))
    middle = (edges[first] + edges[first + 1]) / 2
    return any(_cell_edge(domain, int(cell)) <= middle < _cell_edge(domain, int(cell) + 1) for cell in cells)


def _thinned(branches: list[tuple[float, dict[int, np.ndarray]]], i: int) -> list[tuple[float, dict[int, np.ndarray]]]:
    """At most `MOST_BRANCHES` of them, each for an equal part of the probability; a Latin sample, other for each i."""
    if len(branches) <= MOST_BRANCHES:
        return branches
    ends = np.cumsum([probability for probability, _ in branches])
    within = (np.random.default_rng(i).permutation(MOST_BRANCHES) + 0.5) / MOST_BRANCHES
    at = np.searchsorted(ends, (np.arange(MOST_BRANCHES) + within) / MOST_BRANCHES * ends[-1])
    return [(1.0 / MOST_BRANCHES, branches[int(k)][1]) for k in at]
