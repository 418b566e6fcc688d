"""The branches of a conditional space, and how a search that stands still looks at the others.

A surrogate that has seen one branch at its best and the others at a few random points takes the others for poor, and
goes on refining the one it knows. So the start shows every branch, and a search that stands still improves another
branch by that branch's own measure, the expected improvement over the best trial within it, until it is known what
the branch can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.search.gp.maximise import CENTRES, Surface
from holdfast.search.gp.model import Model
from holdfast.search.gp.targets import REFERENCE
from holdfast.search.history import History
from holdfast.space import Categorical, Space

MOST_BRANCHES = 12
"""A parent of more values has no branch for each of them."""
STARTS_EACH = 2
MOST_STARTS = 12
STAGNANT = 6
"""After so many results without a gain, three of four trials go to other branches."""
GAIN = 0.03
"""A gain is at least this share of the distance from the best result to the median of the first results."""


@dataclass(frozen=True, eq=False)
class Branches:
    """The values of the hyperparameter that most others depend on.

    Attributes:
        name: that hyperparameter.
        column: its position in the space.
        middles: (b,) the middles of its cells in the unit interval.
    """

    name: str
    column: int
    middles: np.ndarray

    def __len__(self) -> int:
        return len(self.middles)

    @property
    def starts(self) -> int:
        """How many trials show every branch."""
        return min(STARTS_EACH * len(self), MOST_STARTS)

    def of(self, units: np.ndarray) -> np.ndarray:
        """(n,) the branch of each of the points (n, d); -1 where a trial ended before it had one."""
        column = units[:, self.column]
        cells = np.minimum(np.where(np.isnan(column), 0.0, column) * len(self), len(self) - 1).astype(np.int64)
        return np.where(np.isnan(column), -1, cells)

    def moved(self, units: np.ndarray, branch: int) -> np.ndarray:
        """Points of shape (..., d) moved into a branch."""
        moved = units.copy()
        moved[..., self.column] = self.middles[branch]
        return moved


def branches_of(space: Space) -> Branches | None:
    """The branches by the categorical that is always active and has most dependants; None if there is none."""
    dependants: dict[str, int] = {}
    for domain in space.domains.values():
        for parent in domain.when:
            dependants[parent] = dependants.get(parent, 0) + 1
    parents = [name for name in dependants if _splits(space, name)]
    if not parents:
        return None
    name = max(parents, key=lambda parent: dependants[parent])
    cells = space[name].cells
    assert cells is not None
    return Branches(name, space.names.index(name), (np.arange(cells) + 0.5) / cells)


def _splits(space: Space, name: str) -> bool:
    domain = space[name]
    return isinstance(domain, Categorical) and not domain.when and 1 < domain.cells <= MOST_BRANCHES


def results_without_gain(losses: np.ndarray) -> int:
    """How many of the losses (m,), in the order told and infinite for failures, have come since the last gain."""
    best = np.minimum.accumulate(losses)
    finite = losses[np.isfinite(losses)]
    if len(finite) == 0:
        return 0
    enough = best[-1] + GAIN * (np.median(finite[:REFERENCE]) - best[-1])
    return len(losses) - 1 - int(np.flatnonzero(best <= enough)[0])


@dataclass(frozen=True, eq=False)
class Within:
    """A surface of which one branch is seen, from everywhere."""

    surface: Surface
    branches: Branches
    branch: int

    @property
    def space(self) -> Space:
        """Where its points lie."""
        return self.surface.space

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """(m,) the height at points (m, d), once they are moved into the branch."""
        return self.surface(self.branches.moved(units, self.branch))

    def with_gradient(self, units: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same with its gradient by the ``smooth`` hyperparameters, (m, len(smooth))."""
        return self.surface.with_gradient(self.branches.moved(units, self.branch), smooth)


def another_branch(
    model: Model, history: History, branches: Branches, tried: np.ndarray
) -> tuple[Within, np.ndarray, int]:
    """The branch least ``tried`` (units (n, d) of all trials) but for the incumbent's.

    Returns:
        the expected improvement over the best trial within it; (c, d) its best points so far; the branch.
    """
    assert history.space is not None
    there = branches.of(np.concatenate([tried, model.centres[:1]]))
    visits = np.bincount(there[:-1][there[:-1] >= 0], minlength=len(branches)).astype(float)
    visits[there[-1:][there[-1:] >= 0]] = np.inf
    branch = int(np.argmin(visits))
    known = np.isfinite(history.told_loss[:, 0])
    units, losses = history.units[history.told_trial[known]], history.told_loss[known, 0]
    here = branches.of(units) == branch
    bests = model.bests
    if here.any():
        features = model.embed(units[here])
        bests = tuple(belief.predict(features)[0].min(axis=-1) for belief in model.beliefs)
    landscape = replace(model, bests=bests).landscape(history.space, None)
    centres = units[here][np.argsort(losses[here], kind="stable")[:CENTRES]]
    return Within(landscape, branches, branch), centres, branch
