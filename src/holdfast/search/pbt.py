"""Population-based training: a population learns side by side, and the worst go on from the weights of the best.

Jaderberg et al., "Population based training of neural networks", 2017: truncation selection, perturbation, resampling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holdfast.errors import RequestError, nearest
from holdfast.records import Config, Fidelity, Suggestion, Value, Verdict
from holdfast.rng import Streams
from holdfast.search.base import fidelity_needed, keep_whole, known_space, new_configs, one_objective
from holdfast.search.history import FAILED, PAUSED, RUNNING, STOPPED, TO_THE_END, History
from holdfast.space import Categorical, Domain, Int, Space

USUAL, FEWEST = 20, 4
"""Members of a population: without a budget, and at least (a quarter of four is one)."""

INTERVALS = 10
"""Into so many intervals training is cut, where nobody says how long one is."""

FACTORS = 0.8, 1.2
"""By one of these a number is perturbed (Jaderberg et al., section 4.1)."""

TRIES = 20
"""So many perturbed configurations are drawn before one that is allowed is given up, and the parent's is kept."""


@dataclass(frozen=True)
class PopulationBasedTraining:
    """Members pause after every interval of training; one of the worst is replaced by a clone of one of the best.

    The clone is a trial of its own: it goes on from its parent's last checkpoint with hyperparameters that are those of
    its parent, perturbed or drawn anew. So what is found is a schedule of hyperparameters, not one configuration. A
    member is compared at its step with those that have reported there by then, so nobody waits for anybody; who has
    trained least goes first. Members that diverge are replaced, too. The last step is that of the study's fidelity.

    Args:
        population: how many members train; None for as many as the budget of trials leaves room for clones of.
        interval: steps between two comparisons; None for a tenth of training, but at least the fidelity's ``min``.
        quantile: the share of the worst that are replaced, and of the best that are cloned.
        resample: the probability of each hyperparameter of a clone to be drawn anew, and not perturbed.
        keep: hyperparameters that a clone has from its parent unchanged, such as those of a network's shape.

    Raises:
        RequestError: for a setting that cannot be.
    """

    population: int | None = None
    interval: int | None = None
    quantile: float = 0.25
    resample: float = 0.25
    keep: tuple[str, ...] = ()
    name: str = "pbt"

    def __post_init__(self) -> None:
        given: object = self.keep
        names = None if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
        if names is None or not all(isinstance(name, str) for name in names):
            raise RequestError(f"pbt has keep = {given!r}; it takes a list of names, such as ['layers', 'width']")
        object.__setattr__(self, "keep", names)
        if self.population is not None:
            keep_whole(self, "population", 2)
        if self.interval is not None:
            keep_whole(self, "interval", 1)
        if not _is_number(self.quantile) or not 0.0 < self.quantile <= 0.5:
            raise RequestError(f"pbt has quantile = {self.quantile!r}; it is a share above 0, at most 0.5")
        if not _is_number(self.resample) or not 0.0 <= self.resample <= 1.0:
            raise RequestError(f"pbt has resample = {self.resample!r}; it is a probability from 0 to 1")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n``: new members until there are enough, then the paused ones that have trained least."""
        one_objective(history, self.name)
        population = Population.of(history, self._fidelity(history), self.interval)
        known_space(history, self.name)
        left = n if history.trials_left is None else history.trials_left
        failed = population.begun - len(population.members)
        cloned = failed if population.has_results else 0
        missing = self.size(history) - population.begun + failed - cloned
        found = self._new(history, min(n, left, missing), population, rng)
        number = len(history) + len(found)
        left -= len(found)
        for member in [*[None] * cloned, *population.waiting]:
            if len(found) >= n:
                break
            clone = self._clone(population, member, number, rng) if left > 0 else None
            if clone is not None:
                found.append(clone)
                number, left = number + 1, left - 1
            elif member is not None:
                found.append(self._resumed(population, member))
        return found

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause where an interval ends."""
        until = history.until[trial]
        if until == TO_THE_END or until >= self._fidelity(history).max:
            return Verdict.CONTINUE
        steps = history.report_step[history.report_trial == trial]
        return Verdict.PAUSE if steps.size and steps[-1] >= until else Verdict.CONTINUE

    def explain(self, history: History) -> str:
        """What the population is, in words."""
        fidelity = self._fidelity(history)
        interval = interval_of(fidelity, self.interval)
        return f"pbt: a population of {self.size(history)}, compared every {interval} {fidelity.name}"

    def size(self, history: History) -> int:
        """How many members train.

        Raises:
            RequestError: if the budget has not as many trials.
        """
        budget = None if history.trials_left is None else len(history) + history.trials_left
        if self.population is None:
            if budget is None:
                return USUAL
            fidelity = self._fidelity(history)
            comparisons = -(-fidelity.max // interval_of(fidelity, self.interval)) - 1
            return min(budget, max(FEWEST, int(budget / (1 + self.quantile * comparisons))))
        if budget:
            check_budget(self.population, budget)
        return self.population

    def _new(self, history: History, n: int, population: Population, rng: Streams) -> list[Suggestion]:
        space, first = known_space(history, self.name), population.after(0)

        def propose(number: int, attempt: int) -> Config:
            return space.sample(rng.generator(number, "random" if attempt == 0 else f"random/{attempt}"))

        reason = f"pbt: a new member, to {population.fidelity.name} {first}"
        configs = new_configs(history, max(n, 0), propose)
        return [Suggestion(config, reason, history.index, until_step=first) for config in configs]

    def _clone(self, population: Population, member: int | None, number: int, rng: Streams) -> Suggestion | None:
        """A clone in the place of a member, or of one that has failed (None); None where the member may go on."""
        draw = rng.generator(number, "pbt/parent")
        history, unit = population.history, population.fidelity.name
        if member is None:
            best = population.best(self.quantile)
            why = "in the place of one that failed"
        else:
            step = population.step(member)
            ranked = population.ranked(step)
            count = min(round(self.quantile * len(ranked)), len(ranked) // 2)
            everybody = population.begun >= self.size(history) and len(ranked) == len(population.members)
            if count == 0 and everybody and len(ranked) > 1:
                count = 1  # of a small population, too, one is replaced
            place = ranked.index(member) if member in ranked else -1
            if count == 0 or place < len(ranked) - count:
                return None
            best = ranked[:count]
            why = f"in the place of trial {member}, {place + 1} of {len(ranked)} at {unit} {step}"
        best = [trial for trial in best if trial != member and population.may_be_cloned(trial)]
        if not best:
            return None
        parent = int(draw.choice(best))
        until = population.after(population.saved_at(parent))
        config = self._perturbed(history, parent, rng, number)
        reason = f"pbt: from trial {parent}, {why}, to {unit} {until}"
        return Suggestion(config, reason, history.index, until_step=until, parent=parent, replaces=member)

    def _resumed(self, population: Population, member: int) -> Suggestion:
        history = population.history
        until = population.after(population.step(member))
        reason = f"pbt: trial {member} goes on to {population.fidelity.name} {until}"
        return Suggestion(history.config(member), reason, history.index, resume_from=member, until_step=until)

    def _perturbed(self, history: History, parent: int, rng: Streams, number: int) -> Config:
        """A parent's configuration with every hyperparameter but those to ``keep`` perturbed or drawn anew."""
        space = known_space(history, self.name)
        units, own = history.units[parent], history.config(parent)
        for attempt in range(TRIES):
            config = self._drawn(space, units, rng.generator(number, f"pbt/{attempt}"))
            config |= {name: own[name] for name in self.keep if name in own and name in config}  # to the bit
            if space.allows(config):
                return config
        return space.decode(np.where(np.isnan(units), 0.5, units))

    def _drawn(self, space: Space, units: np.ndarray, draw: np.random.Generator) -> Config:
        anew = space.sample(draw)
        fresh = np.where(np.isnan(space.encode(anew)), draw.random(len(space)), space.encode(anew))
        inside = space.decode(np.where(np.isnan(units), fresh, units))
        places = np.array(units)
        for column, name in enumerate(space.names):
            resampled, up = draw.random() < self.resample, draw.random() < 0.5
            if np.isnan(units[column]):
                places[column] = fresh[column]
            elif name not in self.keep and name in inside:
                domain = space.domain_in(name, inside)
                places[column] = fresh[column] if resampled else perturbed(domain, inside[name], up=up)
        return space.decode(places)

    def _fidelity(self, history: History) -> Fidelity:
        if history.fidelity is None:
            raise fidelity_needed(self.name)
        return history.fidelity


@dataclass(frozen=True, eq=False)
class Population:
    """The trials that train side by side in a history, and how long they do.

    Attributes:
        history: the study.
        fidelity: whose ``max`` is the last step.
        interval: steps between two comparisons.
    """

    history: History
    fidelity: Fidelity
    interval: int

    @staticmethod
    def of(history: History, fidelity: Fidelity, interval: int | None) -> Population:
        """The population of a study."""
        return Population(history, fidelity, interval_of(fidelity, interval))

    @cached_property
    def begun(self) -> int:
        """How many members have begun as new ones, less those whose places an amendment of the space has made free."""
        new = (self.history.origins[:, 0] < 0) & (self.history.until != TO_THE_END)
        return int(new.sum()) - (len(self._alive) - len(self.members))

    @cached_property
    def members(self) -> np.ndarray:
        """The numbers of the trials that train, wait or are done: neither failed, replaced nor hidden."""
        return self._alive[~np.isin(self._alive, self.history.hidden)]

    @cached_property
    def _alive(self) -> np.ndarray:
        history = self.history
        alive = (history.until != TO_THE_END) & (history.states != FAILED) & (history.states != STOPPED)
        alive[history.origins[history.origins[:, 2] >= 0, 2]] = False
        return np.flatnonzero(alive)

    @property
    def has_results(self) -> bool:
        """Whether a member has reported a loss."""
        return bool(np.isin(self.history.report_trial[~np.isnan(self.history.report_loss)], self.members).any())

    @property
    def waiting(self) -> list[int]:
        """Paused members, those that have trained least first."""
        paused = self.members[self.history.states[self.members] == PAUSED]
        order = np.argsort(self.history.until[paused], kind="stable")
        return [int(member) for member in paused[order]]

    def step(self, member: int) -> int:
        """The step at which a member paused, or to which it trains."""
        return min(int(self.history.until[member]), self.fidelity.max)

    def saved_at(self, member: int) -> int:
        """The step of a member's last checkpoint: where it is paused, or where it began this interval."""
        step = self.step(member)
        if self.history.states[member] == PAUSED:
            return step
        return -(-step // self.interval) * self.interval - self.interval

    def may_be_cloned(self, member: int) -> bool:
        """Whether a member has a checkpoint and is neither done nor about to save another one."""
        history = self.history
        if history.states[member] == PAUSED:
            return True
        reached = (history.report_trial == member) & (history.report_step >= self.step(member))
        return bool(history.states[member] == RUNNING and self.saved_at(member) > 0 and not reached.any())

    def after(self, step: int) -> int:
        """The step to which training goes on from ``step``."""
        return min((step // self.interval + 1) * self.interval, self.fidelity.max)

    def ranked(self, step: int) -> list[int]:
        """Members that reported a loss in the interval that begins at ``step``, the best first."""
        history, end = self.history, self.after(step)
        here = (history.report_step >= step) & (history.report_step < end) & ~np.isnan(history.report_loss)
        trials, steps, values = (
            column[here] for column in (history.report_trial, history.report_step, history.report_loss)
        )
        losses = np.full(len(history), np.nan)
        order = np.lexsort((np.arange(len(steps)), -steps))  # the last that is written is the latest at the first step
        losses[trials[order]] = values[order]
        found = self.members[~np.isnan(losses[self.members])]
        return [int(member) for member in found[np.argsort(losses[found], kind="stable")]]

    def best(self, quantile: float) -> list[int]:
        """The best members that may be cloned, at the last step that most of these have reached."""
        able = [int(member) for member in self.members if self.may_be_cloned(int(member))]
        for step in range(self.fidelity.max // self.interval * self.interval, 0, -self.interval):
            ranked = [member for member in self.ranked(step) if member in able]
            if len(ranked) * 2 > len(able):
                return ranked[: max(round(quantile * len(ranked)), 1)]
        return []


def check_kept(keep: Sequence[str], space: Space) -> None:
    """Refuse to keep a hyperparameter that a declared space does not have, in one sentence."""
    for name in keep:
        if name not in space:
            raise RequestError(
                f"pbt has keep = '{name}', which is no hyperparameter of the space{nearest(name, space.names)}; it has "
                f"{', '.join(space.names)}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_budget(population: int, budget: int) -> None:
    """Refuse a population that has more members than the budget has trials, in one sentence."""
    if budget < population:
        raise RequestError(
            f"strategy 'pbt' has a population of {population}, and the budget is {budget} "
            f"trial{'' if budget == 1 else 's'}; it needs {population} or more, some three times as many so that there "
            "can be clones"
        )


def interval_of(fidelity: Fidelity, interval: int | None) -> int:
    """Steps between two comparisons: a tenth of training where none are given, at least the fidelity's ``min``.

    Raises:
        RequestError: for an interval that is as long as training or longer.
    """
    if interval is not None and interval >= fidelity.max > 1:
        raise RequestError(
            f"pbt has interval = {interval}, and training ends at {fidelity.name} {fidelity.max}; take a shorter one, "
            "so that members are compared on their way"
        )
    return interval or max(fidelity.min, math.ceil(fidelity.max / INTERVALS))


def perturbed(domain: Domain, value: Value, *, up: bool) -> float:
    """Where a perturbed value lies in [0, 1].

    A number from 0 up is multiplied, a whole one changes by 1 at least; one that may be below 0 moves by a tenth of its
    range; one of steps goes to the nearest of its values, or the next one; a choice of an order moves to its
    neighbour, any other one stays.
    """
    if isinstance(domain, Categorical):
        if not domain.ordered:
            return domain.to_unit(value)
        place = domain.to_unit(value) + (1 if up else -1) / len(domain.choices)
        return min(max(place, 0.5 / len(domain.choices)), 1 - 0.5 / len(domain.choices))
    assert isinstance(value, int | float)
    low, high = domain.low, domain.high
    moved = value * FACTORS[up] if low >= 0 else value + (0.1 if up else -0.1) * (high - low)
    if domain.cells is not None and not (isinstance(domain, Int) and domain.step == 1):
        cell, before = domain.position(moved), domain.position(value)
        cell = cell if cell != before else cell + (1 if up else -1)
        return (min(max(cell, 0), domain.cells - 1) + 0.5) / domain.cells
    if isinstance(domain, Int):
        moved = round(moved)
        moved = moved if moved != value else value + (1 if up else -1)
    return domain.to_unit(min(max(moved, low), high))
