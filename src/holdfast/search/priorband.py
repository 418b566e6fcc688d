"""PriorBand: Hyperband whose configurations come from the user's priors, from around the best one, and at random.

Mallik, Bergman, Hvarfner, Stoll, Janowski, Lindauer, Nardi and Hutter, "PriorBand: practical hyperparameter
optimization in the age of deep learning", NeurIPS 2023: algorithms 1 and 2, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.records import Config, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_suggestions
from holdfast.search.history import History
from holdfast.search.rungs.brackets import Brackets, brackets, check_synchronous
from holdfast.search.rungs.halving import fidelity_of, go_on_or_begin, ordered_at, pause_at_rung
from holdfast.search.start import default_once
from holdfast.space import Categorical, Space

MUTATED = 0.5
"""The probability of each hyperparameter to be drawn anew around the incumbent."""
SD = 0.25
"""The standard deviation of such a draw, in the unit interval."""
DRAWN = 20
"""So many draws from one source are looked at before a configuration that no trial has had is drawn at random."""


@dataclass(frozen=True)
class PriorBand:
    """Hyperband's brackets, filled from the priors, from around the incumbent, and at random.

    Of the trials that begin at rung r, ``1 / (1 + eta^r)`` are random, so that a wrong prior costs little where
    training is cheap. The others come from the priors; once the first bracket is paid and a trial has been trained to
    the end, also from around the incumbent, by how well either density fits the best ``1/eta`` of the highest rung.
    Without priors it is the incumbent and chance.

    Args:
        synchronous: whether a rung waits for all trials of its round, see `Hyperband`.

    Raises:
        RequestError: if a setting is out of range.
    """

    synchronous: bool = False
    name: str = "priorband"

    def __post_init__(self) -> None:
        check_synchronous(self.name, self.synchronous)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Go on with what may go on, then begin new configurations in the bracket that is next."""
        space, found = known_space(history, self.name), brackets(history, fidelity_of(history, self.name))
        around = incumbent(found)

        def begin(n: int) -> list[Suggestion]:
            firsts = found.following(n)

            def drawn(number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
                yield from default_once(history, before, self.name)
                draw = rng.generator(number, self.name)
                which, why = self._source(draw, found.fidelity.eta ** firsts[number - len(history)], around)
                for _ in range(DRAWN):
                    yield self._from(which, space, around, draw), f"{self.name}: {why}"

            return found.begin(new_suggestions(history, n, rng, self.name, drawn), firsts)

        promoted = found.promoted(self.name, synchronous=self.synchronous)
        return go_on_or_begin(history, n, self.name, promoted, begin)

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the rung a trial was assigned to run to."""
        return pause_at_rung(history, trial, fidelity_of(history, self.name))

    @staticmethod
    def _source(draw: np.random.Generator, trust: int, around: Incumbent | None) -> tuple[str, str]:
        """Where a configuration comes from, and why: "random", "prior" or "incumbent"."""
        if draw.random() < 1 / (1 + trust):
            return "random", "a random draw"
        if around is not None and draw.random() < around.share:
            return "incumbent", f"around trial {around.trial}, which fits the best by {around.share:.0%}"
        return "prior", "a draw from the priors"

    @staticmethod
    def _from(which: str, space: Space, around: Incumbent | None, draw: np.random.Generator) -> Config:
        if which == "incumbent":
            assert around is not None
            return space.decode(mutated(space, around.unit, draw))
        return space.sample(draw) if which == "prior" else space.decode(space.sample_units(draw, 1)[0])


@dataclass(frozen=True, eq=False)
class Incumbent:
    """The best trial at the highest rung: its number, its point (d,), and its share of what is not drawn at random."""

    trial: int
    unit: np.ndarray
    share: float


def incumbent(found: Brackets) -> Incumbent | None:
    """The incumbent; None before a bracket's worth of training, or before any trial was trained to the end."""
    history, rungs = found.history, found.fidelity.rungs()
    last, known = ordered_at(history, rungs[-1])
    if not known.any() or _paid(history) < _cost(found):
        return None
    assert history.space is not None
    for level in reversed(rungs):
        best, known = ordered_at(history, level)
        if len(best) >= found.fidelity.eta:
            break
    best = best[known][: max(len(best) // found.fidelity.eta, 1)]
    units, unit = history.units[best], history.units[last[0]]
    weights = np.arange(len(best), 0, -1)
    by_prior = float(weights @ np.exp(history.space.log_prior(units)))
    by_incumbent = float(weights @ np.exp(log_density_around(history.space, unit, units)))
    return Incumbent(int(last[0]), unit, by_incumbent / (by_prior + by_incumbent))


def _paid(history: History) -> int:
    """How many units of the fidelity all trials have had together."""
    reached = np.zeros(len(history), dtype=np.int64)
    np.maximum.at(reached, history.report_trial, history.report_step)
    return int(reached.sum())


def _cost(found: Brackets) -> int:
    """What the first bracket costs, as trials go on from where they paused."""
    rungs = found.fidelity.rungs()
    steps = np.diff(rungs, prepend=0)
    return int(sum(found.sizes[0] // found.fidelity.eta**k * step for k, step in enumerate(steps)))


def mutated(space: Space, unit: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A point (d,) near another: each hyperparameter with probability `MUTATED` normal around it, or another choice.

    One that is not active there is drawn evenly.
    """
    moved = np.abs(unit + SD * draw.standard_normal(len(unit)))
    moved = np.clip(1 - np.abs(1 - moved), 0.0, 1.0)
    even = draw.random(len(unit))
    unordered = [isinstance(domain, Categorical) and not domain.ordered for domain in space.domains.values()]
    moved = np.where(np.isnan(unit) | np.array(unordered, dtype=bool), even, moved)
    touched = draw.random(len(unit)) < MUTATED
    touched |= np.arange(len(unit)) == draw.integers(max(len(unit), 1))
    return np.where(touched | np.isnan(unit), moved, unit)


def log_density_around(space: Space, unit: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(n,) the log density of points (n, d) around another one, relative to even draws; normal or a choice kept."""
    from holdfast.space.priors import log_density

    total = np.zeros(len(units))
    for i, domain in enumerate(space.domains.values()):
        both = np.isfinite(units[:, i]) & np.isfinite(unit[i])
        if not both.any() or domain.cells == 1:
            continue
        if isinstance(domain, Categorical) and not domain.ordered:
            same = np.floor(units[both, i] * domain.cells) == np.floor(unit[i] * domain.cells)
            total[both] += np.log(np.where(same, domain.cells * (1 - MUTATED), 0.0) + MUTATED)
        else:
            total[both] += log_density(units[both, i], unit[i], SD)
    return total
