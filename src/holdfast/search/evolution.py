"""Evolution by NSGA-II: a population is selected by fronts and crowding, and its best members are crossed and mutated.

Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
Evolutionary Computation 6 (2002); in its steady-state form, in which each result counts at once: Durillo, Nebro, Luna
and Alba, "On the effect of the steady-state selection scheme in multi-objective genetic algorithms" (2009).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space, new_suggestions
from holdfast.search.history import COMPLETE, STOPPED, History
from holdfast.search.memory import Memory
from holdfast.search.pareto import crowding, ranks, total_violation
from holdfast.search.start import start
from holdfast.space import Categorical, Space

PARENTS = 20
CROSSED = 0.9
"""The share of children that have two parents."""
SWAPPED = 0.5
"""The share of hyperparameters that a cross touches."""
CROSS_INDEX = 15.0
MUTATION_INDEX = 20.0
MUTATIONS = 1.0
"""How many active hyperparameters of a child change by mutation, in the mean."""
FEW_VALUES = 16
"""A number with so many values at most moves from one to another, not by a distance."""
BRED = 50
"""So many children are bred before a configuration that no trial has had is drawn at random."""
_memory: Memory[tuple[object, int, int], np.ndarray] = Memory(64)


@dataclass(frozen=True)
class Evolution:
    """NSGA-II for one objective or several, any space, and outcome constraints by Deb's rules.

    Args:
        population: how many trials are parents; the start is as long. None for 20, but at most a quarter of the budget.

    Raises:
        RequestError: if the population is smaller than 4.
    """

    population: int | None = None
    name: str = "evolution"

    def __post_init__(self) -> None:
        if self.population is not None:
            keep_whole(self, "population", 4)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` configurations that no trial has had: the start, then children of the population.

        The trial that follows a result already knows it: the population is selected from all that was told.
        """
        space = known_space(history, self.name)
        size = self.size(history)
        population = _population(history, size) if len(history) + n > size else None
        told = int(_succeeded(history).sum())

        def ranking(number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
            if population is None or number < size:
                why = f"evolution: the start, trial {number + 1} of {size}"
                yield from start(history, number, before, rng, self.name, why, rng.integer(0, "evolution/start"))
            elif len(population) == 0:
                draw = rng.generator(number, "evolution/random/0")
                yield space.sample(draw), "evolution: a random draw, since there is no result to select from"
            else:
                for attempt in range(BRED):
                    child = space.decode(population.child(rng.generator(number, f"evolution/{attempt}")))
                    yield child, f"evolution: a child of the best {min(size, told)} of {told} results"

        return new_suggestions(history, n, rng, self.name, ranking)

    def size(self, history: History) -> int:
        """How many trials are parents."""
        if self.population is not None:
            return self.population
        if history.trials_left is None:
            return PARENTS
        return min(PARENTS, max(4, (len(history) + history.trials_left) // 4))

    def explain(self, history: History) -> str:
        """What comes next, in words that change only when the strategy does: each change is logged."""
        size = self.size(history)
        if len(history) < size:
            return f"evolution: a start of {size} trials"
        return f"evolution: children of the best {size}"


@dataclass(frozen=True, eq=False)
class Population:
    """Trials that may have children.

    Attributes:
        space: where they and their children live.
        units: (p, d) their encoded configurations, NaN where inactive.
        rank, crowd: (p,) the front of each and its crowding distance there; low and high ones win a tournament.
    """

    space: Space
    units: np.ndarray
    rank: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.units)

    def child(self, rng: np.random.Generator) -> np.ndarray:
        """(d,) the child of two winners of tournaments, crossed and mutated.

        A hyperparameter that is inactive in one parent is as in the other; in both, as in any member of the population
        in which it is active, or else drawn. So what lay hidden comes to light when a choice switches it on.
        """
        one, other = (self.units[self._winner(rng)] for _ in range(2))
        active = int(np.isfinite(one).sum())
        hidden = np.isnan(one) & np.isnan(other)
        one, other = np.where(np.isnan(one), other, one), np.where(np.isnan(other), one, other)
        for column in np.flatnonzero(hidden):
            found = self.units[np.isfinite(self.units[:, column]), column]
            one[column] = other[column] = rng.choice(found) if len(found) else rng.random()
        genes = _genes(self.space)
        born = crossed(one, other, genes, rng) if rng.random() < CROSSED else one
        return mutated(born, genes, MUTATIONS / max(active, 1), rng)

    def _winner(self, rng: np.random.Generator) -> int:
        """The better of two members drawn at random: by front, then by crowding."""
        a, b = rng.integers(len(self), size=2)
        return int(a if (self.rank[a], -self.crowd[a]) <= (self.rank[b], -self.crowd[b]) else b)


@dataclass(frozen=True, eq=False)
class Genes:
    """What kind each of d hyperparameters is: (d,) whether unordered, and its number of values, 0 for very many."""

    unordered: np.ndarray
    cells: np.ndarray


def crossed(one: np.ndarray, other: np.ndarray, genes: Genes, rng: np.random.Generator) -> np.ndarray:
    """(d,) between or beyond two parents (d,): simulated binary crossover within bounds, unordered choices from either.

    Deb and Agrawal, "Simulated binary crossover for continuous search space", Complex Systems 9 (1995).
    """
    low, high = np.minimum(one, other), np.maximum(one, other)
    gap = np.maximum(high - low, 1e-12)
    near_low = rng.random(len(one)) < 0.5
    alpha = 2 - (1 + 2 * np.where(near_low, low, 1 - high) / gap) ** -(CROSS_INDEX + 1)
    u = rng.random(len(one))
    base = np.where(u <= 1 / alpha, u * alpha, 1 / np.maximum(2 - u * alpha, 1e-12))
    spread = base ** (1 / (CROSS_INDEX + 1)) * gap / 2
    between = np.clip((low + high) / 2 + np.where(near_low, -spread, spread), 0.0, 1.0)
    touched = (rng.random(len(one)) < SWAPPED) & (high > low)
    return np.where(touched, np.where(genes.unordered, other, between), one)


def mutated(unit: np.ndarray, genes: Genes, share: float, rng: np.random.Generator) -> np.ndarray:
    """(d,) a point (d,) of which each hyperparameter is changed with probability ``share``.

    A number by polynomial mutation within bounds (Deb and Goyal, "A combined genetic adaptive search (GeneAS) for
    engineering design", 1996); one of few values by a step or more of them; an unordered choice to any other.
    """
    d = len(unit)
    touched, u, v = rng.random(d) < share, rng.random(d), rng.random(d)
    room = np.where(u < 0.5, unit, 1 - unit)
    small = np.where(u < 0.5, 2 * u, 2 * (1 - u))
    away = 1 - (small + (1 - small) * (1 - room) ** (MUTATION_INDEX + 1)) ** (1 / (MUTATION_INDEX + 1))
    moved = unit + np.where(u < 0.5, -away, away)

    cells = np.maximum(genes.cells, 1)
    cell = np.minimum(np.floor(unit * cells), cells - 1)
    steps = np.minimum(1 + np.floor(-np.log2(np.maximum(v, 1e-12))), np.maximum(cells - 1, 0))
    stepped = cell + np.where(u < 0.5, -steps, steps)
    stepped = np.where((stepped < 0) | (stepped >= cells), cell - (stepped - cell), stepped)
    other = np.floor(v * (cells - 1))
    other += other >= cell
    in_cell = np.clip(np.where(genes.unordered, other, stepped), 0, cells - 1)
    discrete = (genes.cells > 0) & ((genes.cells <= FEW_VALUES) | genes.unordered)
    moved = np.where(discrete, (in_cell + 0.5) / cells, moved)
    return np.where(touched, np.clip(moved, 0.0, 1.0), unit)


def _genes(space: Space) -> Genes:
    domains = space.domains.values()
    return Genes(
        unordered=np.array([isinstance(domain, Categorical) and not domain.ordered for domain in domains]),
        cells=np.array([domain.cells or 0 for domain in domains], dtype=float),
    )


def _succeeded(history: History) -> np.ndarray:
    """(m,) which told trials have all their losses: complete ones, and those that were stopped early."""
    known: np.ndarray = np.isfinite(history.told_loss).all(axis=1)
    known &= (history.told_state == COMPLETE) | (history.told_state == STOPPED)
    return known


def _population(history: History, size: int) -> Population:
    """The best ``size`` of the trials told."""
    whole = len(history.told_trial) // size
    told = np.append(_survivors(history, size, whole), np.arange(whole * size, len(history.told_trial)))
    chosen, rank, crowd = _selected(history, told, size)
    assert history.space is not None
    return Population(history.space, history.units[history.told_trial[chosen]], rank, crowd)


def _survivors(history: History, size: int, generations: int) -> np.ndarray:
    """The positions among the trials told of those that survive the first so many generations of ``size`` results.

    They depend on these results alone, and the memory kept here only saves time.
    """
    done, told = 0, np.zeros(0, dtype=np.int64)
    for known in range(generations, 0, -1):
        remembered = _memory.known((history.token, size, known))
        if remembered is not None:
            done, told = known, remembered
            break
    for generation in range(done, generations):
        block = np.arange(generation * size, (generation + 1) * size)
        told = _selected(history, np.append(told, block), size)[0]
        _memory.put((history.token, size, generation + 1), told)
    return told


def _selected(history: History, told: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best ``size`` of some positions among the trials told, with the front and the crowding distance of each.

    Failures are never among them; trials that were stopped early come after complete ones, whatever their losses.
    """
    told = told[_succeeded(history)[told]]
    losses = history.told_loss[told]
    violation = total_violation(history.told_violation[told])
    stopped = history.told_state[told] == STOPPED
    violation[stopped] += 1 + history.told_violation.shape[1]
    rank = ranks(losses, violation)
    crowd = np.full(len(told), np.inf)
    for front, count in enumerate(np.bincount(rank)):
        if count > 1:
            crowd[rank == front] = crowding(losses[rank == front])
    best = np.lexsort((-crowd, rank))[:size]
    return told[best], rank[best], crowd[best]
