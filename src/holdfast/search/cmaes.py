"""CMA-ES on any space: the covariance matrix adaptation of the package `cmaes`, as a pure function of the history.

Its CatCMA with margin keeps a Gaussian over the numbers and a distribution over the choices of each categorical, and a
margin keeps every value of an integer and every choice possible: Hamano, Nomura, Saito, Uchida and Shirakawa, "CatCMA
with margin" (GECCO 2025); for numbers alone it is CMA-ES with margin (Hamano, Saito, Nomura and Shirakawa, GECCO 2022).
Generations are those in which results came, and ranks stand for losses, so that only their order matters.

Every hyperparameter has its place in these distributions, active or not: what is not active in a trial keeps the value
that was drawn for it, which does not affect its rank and so neither widens nor narrows the search. A trial that this
strategy did not propose takes part with its own values, shortened to a length that a draw may have: Hansen, "Injecting
external solutions into CMA-ES" (2011).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from holdfast.optional import need
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space, new_suggestions, one_objective
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, RUNNING, STOPPED, History
from holdfast.search.memory import Memory
from holdfast.search.pareto import total_violation
from holdfast.search.start import start
from holdfast.space import Categorical, Space

WIDTH = 0.15
"""The standard deviation that a run begins with, where a hyperparameter's range is 1."""
FEW_VALUES = 32
"""A number of more values than this is moved like a float."""
CONVERGED = 1e-5
"""A run whose standard deviations are all under this has converged."""
TRIES = 30
"""So many draws are looked at before a configuration that no trial has had is drawn at random."""
KNOWN_AGAIN = 3
"""One of so many first draws is recognised when its result comes; a later one counts as somebody else's."""
REMEMBERED = 8
"""So many generations back the draw of a trial is known when its result comes."""
_STATES = 8
_memory: Memory[tuple[object, Streams, int | None], list[_State]] = Memory(32)


@dataclass(frozen=True)
class CmaEs:
    """CMA-ES with margin and restarts; one objective, any space. Needs the extra ``cma``.

    A run that has converged or stands still is followed by one that begins elsewhere, with a larger population or a
    narrower start, whichever has had fewer results so far: BIPOP, Hansen, "Benchmarking a bi-population CMA-ES on the
    BBOB-2009 function testbed" (2009).

    Args:
        population: results in a generation of the first run; None for 4 + 3 log d.

    Raises:
        RequestError: if the population is smaller than 4.
    """

    population: int | None = None
    name: str = "cma-es"

    def __post_init__(self) -> None:
        if self.population is not None:
            keep_whole(self, "population", 4)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` configurations that no trial has had: the default, an even start, then draws of the generation.

        Raises:
            RequestError: for several objectives.
            MissingExtraError: if the package `cmaes` is not installed.
        """
        one_objective(history, self.name)
        need("cmaes", "cma", "strategy 'cma-es'")
        space = known_space(history, self.name)
        coding = _coding(space)
        with one_thread():
            state = self._state(history, coding, rng)

            def ranking(number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
                if state is None:
                    why = f"cma-es: the start, until there are {self.size(space)} results"
                    yield from start(history, number, before, rng, self.name, why, rng.integer(0, "cma-es/start"))
                    return
                for attempt in range(TRIES):
                    yield space.decode(coding.unit(_draw(state.optimiser, rng, number, attempt))), _reason(state)

            return new_suggestions(history, n, rng, self.name, ranking)

    def size(self, space: Space) -> int:
        """Results in a generation of the first run, and trials before it."""
        if self.population is not None:
            return self.population
        return 4 + int(3 * np.log(max(len(space), 1)))

    def _state(self, history: History, coding: _Coding, rng: Streams) -> _State | None:
        """Where the search is after the results so far; None before the start is over.

        It depends on the results alone, and the memory kept here only saves time.
        """
        size = self.size(coding.space)
        if len(history.told_trial) < size or coding.dimensions == 0:
            return None
        kept = _memory.get((history.token, rng, self.population), list)
        known = [state for state in kept if state.position <= len(history.told_trial)]
        state = known[-1] if known else _first(history, coding, size)
        if not kept:
            kept.append(state)
        asked = _told_when_asked(history)
        while state.position + state.size <= len(history.told_trial):
            state = _next(state, history, coding, asked, rng)
            if state.position > kept[-1].position:
                kept.append(state)
                del kept[:-_STATES]
        return state


@dataclass(frozen=True, eq=False)
class _State:
    """The search after a generation.

    Attributes:
        optimiser: the distribution to draw from; it is never told anything, a copy is.
        base, size: results in a generation of the first run, and of this one.
        position: how many results went into it.
        recent: the last `REMEMBERED` optimisers, with the position of each.
        run, generation: counted from 0; a restart begins a run.
        doublings: how often a restart has doubled the population.
        small: whether this run is one of the others.
        spent: results of runs with a doubled population, and of the others; those of the first run are in neither.
        bests: the lowest losses of this run's generations, inf for one without any.
    """

    optimiser: Any
    base: int
    size: int
    position: int
    recent: tuple[tuple[int, Any], ...]
    run: int = 0
    generation: int = 0
    doublings: int = 0
    small: bool = False
    spent: tuple[int, int] = (0, 0)
    bests: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class _Coding:
    """Which hyperparameters are continuous, integers of few values and categoricals, by their position in the space."""

    space: Space
    continuous: np.ndarray
    integers: np.ndarray
    categoricals: np.ndarray
    values: tuple[np.ndarray, ...]
    choices: np.ndarray

    @property
    def dimensions(self) -> int:
        """How many hyperparameters vary."""
        return len(self.continuous) + len(self.integers) + len(self.categoricals)

    @property
    def numbers(self) -> np.ndarray:
        """The hyperparameters of the Gaussian, in its order."""
        return np.concatenate([self.continuous, self.integers])

    def optimiser(self, size: int, mean: np.ndarray, width: float, likely: np.ndarray | None) -> Any:
        """A new distribution around ``mean`` (d,); of each categorical half the weight is on the choice ``likely``."""
        import cmaes

        k = len(self.numbers)
        weights = np.zeros((len(self.categoricals), int(self.choices.max(initial=0))))
        for row, choices in enumerate(self.choices):
            weights[row, :choices] = 1 / choices
            if likely is not None:
                weights[row] *= 0.5
                weights[row, int(likely[self.categoricals[row]] * choices)] += 0.5
        return cmaes.CatCMAwM(
            x_space=np.tile([0.0, 1.0], (len(self.continuous), 1)) if len(self.continuous) else None,
            z_space=[list(values) for values in self.values] or None,
            c_space=[int(choices) for choices in self.choices] or None,
            population_size=size,
            mean=mean[self.numbers] if k else None,
            sigma=width if k else None,
            cov=np.eye(k) if k else None,
            cat_param=weights if len(self.choices) else None,
        )

    def unit(self, solution: Any) -> np.ndarray:
        """(d,) where a solution lies in the unit cube."""
        unit = np.full(len(self.space), 0.5)
        if len(self.continuous):
            unit[self.continuous] = solution.x
        if len(self.integers):
            unit[self.integers] = solution.z
        if len(self.categoricals):
            unit[self.categoricals] = (solution.c.argmax(axis=1) + 0.5) / self.choices
        return unit

    def injected(self, drawn: Any, unit: np.ndarray, optimiser: Any) -> Any:
        """A drawn solution with the values of ``unit`` (d,) where they are not NaN, no further away than a draw is."""
        raw, c = drawn._v_raw, drawn.c
        numbers = self.numbers
        if len(numbers):
            spread = optimiser._sigma * optimiser._A * np.sqrt(np.diag(optimiser._C))
            there = np.where(np.isnan(unit[numbers]), raw, unit[numbers])
            step = (there - optimiser._mean) / spread
            n = len(numbers)
            length, most = float(np.linalg.norm(step)), np.sqrt(n) + 2 * n / (n + 2)
            raw = optimiser._mean + step * spread * min(1.0, most / max(length, 1e-300))
        if len(self.categoricals):
            c = c.copy()
            for row, (column, choices) in enumerate(zip(self.categoricals, self.choices, strict=True)):
                if np.isfinite(unit[column]):
                    c[row] = False
                    c[row, int(unit[column] * choices)] = True
        return replace(drawn, c=c, _v_raw=raw)


def _coding(space: Space) -> _Coding:
    continuous, integers, categoricals = [], [], []
    values = []
    for i, domain in enumerate(space.domains.values()):
        cells = domain.cells
        unordered = isinstance(domain, Categorical) and not domain.ordered
        if cells == 1:
            continue
        if cells is not None and (unordered or cells == 2):
            categoricals.append(i)
        elif cells is None or cells > FEW_VALUES:
            continuous.append(i)
        else:
            integers.append(i)
            values.append(np.array([domain.to_unit(value) for value in domain.grid(cells)]))
    return _Coding(
        space=space,
        continuous=np.array(continuous, dtype=np.int64),
        integers=np.array(integers, dtype=np.int64),
        categoricals=np.array(categoricals, dtype=np.int64),
        values=tuple(values),
        choices=np.array([list(space.domains.values())[i].cells for i in categoricals], dtype=np.int64),
    )


def _draw(optimiser: Any, rng: Streams, trial: int, attempt: int) -> Any:
    """The solution that an optimiser draws for a trial: always the same one."""
    optimiser.reseed_rng(rng.integer(trial, f"cma-es/{attempt}"))
    return optimiser.ask()


def _order(history: History, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """The results from ``start`` to ``stop`` in the order told, best first, and whether each is a success.

    Complete trials come before those that were stopped early, and these before failures; among either, what violates
    the constraints less comes first, then the lower loss: Deb's rules.
    """
    losses, states = history.told_loss[start:stop, 0], history.told_state[start:stop]
    known = np.isfinite(losses) & ((states == COMPLETE) | (states == STOPPED))
    tier = np.where(known, np.where(states == COMPLETE, 0, 1), 2)
    violation = total_violation(history.told_violation[start:stop])
    order = np.lexsort((np.where(known, losses, 0.0), violation, tier))
    return order, known


def _first(history: History, coding: _Coding, size: int) -> _State:
    """The first run begins at the best of the start; in the middle if all of it failed."""
    order, known = _order(history, 0, size)
    best = history.units[history.told_trial[order[0]]]
    mean = np.where(np.isnan(best) | (not known.any()), 0.5, best)
    optimiser = coding.optimiser(size, mean, WIDTH, mean if known.any() else None)
    return _State(optimiser, size, size, size, ((size, optimiser),))


def _next(state: _State, history: History, coding: _Coding, asked: np.ndarray, rng: Streams) -> _State:
    """The state after one more generation of results; a new run where this one has come to its end."""
    start, stop = state.position, state.position + state.size
    order, known = _order(history, start, stop)
    solutions = []
    for rank, at in enumerate(start + order):
        trial = int(history.told_trial[at])
        solutions.append((_solution(state, coding, history.units[trial], trial, int(asked[trial]), rng), float(rank)))
    optimiser = copy.deepcopy(state.optimiser)
    optimiser.tell(solutions)
    losses = history.told_loss[start:stop, 0][known]
    advanced = replace(
        state,
        optimiser=optimiser,
        position=stop,
        recent=(*state.recent, (stop, optimiser))[-REMEMBERED:],
        generation=state.generation + 1,
        spent=_spent(state),
        bests=(*state.bests, float(losses.min(initial=np.inf))),
    )
    return _restarted(advanced, coding, rng) if _ended(advanced, coding) else advanced


def _solution(state: _State, coding: _Coding, unit: np.ndarray, trial: int, asked: int, rng: Streams) -> Any:
    """What a trial at ``unit`` (d,) was drawn as, when so many results were there; else its own values, injected."""
    then = [optimiser for position, optimiser in state.recent if position <= asked]
    for attempt in range(KNOWN_AGAIN if then else 0):
        drawn = _draw(then[-1], rng, trial, attempt)
        if (np.abs(coding.unit(drawn) - unit)[np.isfinite(unit)] < 1e-9).all():
            return drawn
    return coding.injected(_draw(state.optimiser, rng, trial, 0), unit, state.optimiser)


def _told_when_asked(history: History) -> np.ndarray:
    """(n,) how many results there were when each trial was asked for."""
    ends = np.full(len(history), -1, dtype=np.int64)
    over = np.flatnonzero(history.move_state != RUNNING)
    ends[history.move_trial[over]] = over
    begins = np.full(len(history), len(history.move_trial), dtype=np.int64)
    np.minimum.at(begins, history.move_trial, np.arange(len(history.move_trial)))
    found: np.ndarray = np.searchsorted(np.maximum.accumulate(ends[history.told_trial]), begins)
    return found


def _ended(state: _State, coding: _Coding) -> bool:
    """Whether a run has converged, or the bests of its generations were all equal for as long as is usually waited."""
    patience = 10 + int(np.ceil(30 * coding.dimensions / state.size))
    recent = state.bests[-patience:]
    if len(recent) == patience and min(recent) == max(recent):
        return True
    if len(coding.numbers) == 0:
        return False
    spread = state.optimiser._sigma * np.sqrt(np.diag(state.optimiser._C))
    axes = np.linalg.eigvalsh(state.optimiser._C)
    converged = len(coding.continuous) > 0 and bool(spread[: len(coding.continuous)].max() < CONVERGED)
    return converged or bool(axes[-1] > 1e14 * axes[0]) or bool(spread.max() > 1e4)


def _spent(state: _State) -> tuple[int, int]:
    """What the runs have spent with one more generation of this one (see `_State`)."""
    large, small = state.spent
    if state.run == 0:
        return large, small
    return (large, small + state.size) if state.small else (large + state.size, small)


def _restarted(state: _State, coding: _Coding, rng: Streams) -> _State:
    """A new run at a random place: twice the population, or a smaller one and a narrower start (see `CmaEs`)."""
    draw = rng.generator(state.run, "cma-es/restart")
    mean, one, other = draw.random(len(coding.space)), float(draw.random()), float(draw.random())
    small = state.spent[1] < state.spent[0]
    doublings = state.doublings + (not small)
    size = int(state.base * (2 ** (doublings - 1)) ** (one**2)) if small else state.base * 2**doublings
    optimiser = coding.optimiser(size, mean, WIDTH * 10 ** (-2 * other) if small else WIDTH, None)
    return _State(
        optimiser=optimiser,
        base=state.base,
        size=size,
        position=state.position,
        recent=(*state.recent, (state.position, optimiser))[-REMEMBERED:],
        run=state.run + 1,
        doublings=doublings,
        small=small,
        spent=state.spent,
    )


def _reason(state: _State) -> str:
    run = f" of run {state.run + 1}" if state.run else ""
    return f"cma-es: a draw of generation {state.generation + 1}{run}, of {state.size} results each"
