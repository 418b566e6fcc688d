"""The branches of a conditional space, down to the leaves, and how a search that stands still looks at the others.

A surrogate that has seen one branch at its best and the others at a few random points takes the others for poor, and
goes on refining the one it knows. So the start shows every branch, and a search that stands still improves another
branch by that branch's own measure, the expected improvement over the best trial within it, until it is known what
the branch can do.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from holdfast.records import Config
from holdfast.search.gp.maximise import CENTRES, Surface
from holdfast.search.gp.model import Model
from holdfast.search.gp.targets import REFERENCE
from holdfast.search.history import History
from holdfast.space import Categorical, Space
from holdfast.space.tree import wanted_cells

Path = dict[str, int]
"""The cells of the categoricals that lead to a leaf."""

MOST_BRANCHES = 12
"""A parent of more values has no branch for each of them, and a tree has no more leaves."""
STARTS_EACH = 2
MOST_STARTS = 12
STAGNANT = 6
"""After so many results without a gain, three of four trials go to other branches."""
LOOKS = 64
"""Where none of so many points in a leaf is allowed and new, the leaf is left out."""
GAIN = 0.03
"""A gain is at least this share of the distance from the best result to the median of the first results."""


@dataclass(frozen=True, eq=False)
class Branches:
    """The leaves of a tree of categoricals: the values of the one that most others depend on, and of those below it.

    Attributes:
        names: the k categoricals of the tree, parents first.
        columns: (k,) their positions in the space.
        sizes: (k,) how many values each has.
        cells: (b, k) which value of each leads to a leaf; -1 where it is not active there.
    """

    names: tuple[str, ...]
    columns: np.ndarray
    sizes: np.ndarray
    cells: np.ndarray

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def starts(self) -> int:
        """How many trials show every branch."""
        return min(STARTS_EACH * len(self), MOST_STARTS)

    def of(self, units: np.ndarray) -> np.ndarray:
        """(n,) the branch of each of the points (n, d); -1 where a trial ended before it had one."""
        columns = units[:, self.columns]
        cells = np.minimum(np.where(np.isnan(columns), 0.0, columns) * self.sizes, self.sizes - 1).astype(np.int64)
        cells = np.where(np.isnan(columns), -1, cells)
        there = ((cells[:, None] == self.cells) | (self.cells < 0)).all(axis=2)
        return np.where(there.any(axis=1), there.argmax(axis=1), -1)

    def moved(self, units: np.ndarray, branch: int) -> np.ndarray:
        """Points of shape (..., d) moved into a branch."""
        moved, on = units.copy(), self.cells[branch] >= 0
        moved[..., self.columns[on]] = (self.cells[branch, on] + 0.5) / self.sizes[on]
        return moved

    def words(self, config: Config, branch: int) -> str:
        """The values that lead to a branch, as a configuration within it has them."""
        path = (name for name, cell in zip(self.names, self.cells[branch], strict=True) if cell >= 0)
        return ", ".join(f"{name} = {config[name]!r}" for name in path)


@functools.lru_cache(maxsize=16)
def branches_of(space: Space) -> Branches | None:
    """The branches by the categorical that is always active and has most dependants; None if there is none.

    Where a branch has a categorical with dependants of its own, its values are branches in turn, and so on, those of
    most dependants first, as long as there are no more than `MOST_BRANCHES` in all. The first branches differ at the
    top, so that a short start shows as much as it can.
    """
    dependants: dict[str, int] = {}
    for domain in space.domains.values():
        for parent in domain.when:
            dependants[parent] = dependants.get(parent, 0) + 1
    parents = [name for name in dependants if _splits(space, name)]
    if not parents:
        return None
    names = [max(parents, key=lambda parent: dependants[parent])]
    paths = [{names[0]: cell} for cell in range(space[names[0]].cells or 0)]
    left = sorted((name for name in dependants if _is_inner(space, name)), key=lambda name: -dependants[name])
    while (name := next((name for name in left if space[name].when.keys() <= set(names)), None)) is not None:
        left.remove(name)
        below = _split(space, paths, name)
        if len(below) <= MOST_BRANCHES:
            names, paths = [*names, name], below
    paths.sort(key=lambda path: max((cell for name, cell in path.items() if name != names[0]), default=0))
    return Branches(
        names=tuple(names),
        columns=np.array([space.names.index(name) for name in names]),
        sizes=np.array([space[name].cells for name in names]),
        cells=np.array([[path.get(name, -1) for name in names] for path in paths]),
    )


def _split(space: Space, paths: list[Path], name: str) -> list[Path]:
    """The paths to leaves, of which each that activates the categorical of that name becomes one for each value."""
    wanted = wanted_cells(space.domains)[name]
    split: list[Path] = []
    for cell in range(space[name].cells or 0):
        for path in paths:
            if all(path.get(parent, -1) in cells for parent, cells in wanted.items()):
                split.append({**path, name: cell})
            elif cell == 0:
                split.append(path)
    return split


def _splits(space: Space, name: str) -> bool:
    domain = space[name]
    return isinstance(domain, Categorical) and not domain.when and 1 < domain.cells <= MOST_BRANCHES


def _is_inner(space: Space, name: str) -> bool:
    domain = space[name]
    return isinstance(domain, Categorical) and bool(domain.when) and domain.cells > 1


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
) -> tuple[Within, np.ndarray, int] | None:
    """The branch least ``tried`` (units (n, d) of all trials) but for the incumbent's.

    Returns:
        the expected improvement over the best trial within it; (c, d) its best points so far; the branch. None where
        no leaf of a tree has anything new.
    """
    assert history.space is not None
    there = branches.of(np.concatenate([tried, model.centres[:1]]))
    visits = np.bincount(there[:-1][there[:-1] >= 0], minlength=len(branches)).astype(float)
    visits[there[-1:][there[-1:] >= 0]] = np.inf
    if len(branches.names) > 1:
        visits[[_is_empty(history, branches, branch) for branch in range(len(branches))]] = np.inf
    branch = int(np.argmin(visits))
    if np.isinf(visits[branch]):
        return None
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


def _is_empty(history: History, branches: Branches, branch: int) -> bool:
    """Whether none of a few points in a branch is allowed and new."""
    space = history.space
    assert space is not None
    points = branches.moved(np.random.default_rng(0).random((LOOKS, len(space))), branch)
    found = map(space.decode, points[space.allowed(points)])
    return all(history.duplicates == "avoid" and history.contains(config) for config in found)
