"""What gp proposes for one trial after the other: the start, then what a model of the history ranks highest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.gp.branches import branches_of
from holdfast.search.gp.fits import MIN_TOLD
from holdfast.search.gp.targets import succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.gp.transfer import best_of_earlier
from holdfast.search.history import History
from holdfast.search.sobol import sobol_points
from holdfast.space import Space


@dataclass(frozen=True)
class Budget:
    """How trials and time are spent: see `GaussianProcess`."""

    initial: int
    candidates: int
    random_share: float


class Growing(Protocol):
    """A model that can be told of trials that run."""

    def with_pending(self, units: np.ndarray) -> Self:
        """The same with the points of shape (p, d) as pending."""
        ...


Model = TypeVar("Model", bound=Growing)


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of a model.

    Attributes:
        history: the study.
        space: its space.
        number: of the trial that is to be proposed.
        before: (b, d) what this ask has proposed already, encoded.
        candidates: how many points may be looked at, if there are few trials.
        rng: the study's streams.
    """

    history: History
    space: Space
    number: int
    before: np.ndarray
    candidates: int
    rng: Streams


def propose(
    history: History,
    n: int,
    rng: Streams,
    budget: Budget,
    model: Callable[[], Model],
    ranking: Callable[[Model, Asked], Iterator[tuple[np.ndarray, str]]],
) -> list[Suggestion]:
    """Up to ``n`` configurations that no trial has had; each knows of the ones before it.

    Args:
        history: the study.
        n: how many at most.
        rng: the study's streams.
        budget: of the strategy.
        model: makes the model of the told and pending trials, when it is first needed.
        ranking: points (d,) for one trial, the most promising first, each with its reason.
    """
    space = known_space(history, "gp")
    proposer = _Proposer(history, rng, budget, model, ranking)
    with one_thread():
        configs = new_configs(history, n, proposer.propose)
    return [
        Suggestion(config, proposer.reasons.get(space.key(config), "gp: one of the last left"), history.index)
        for config in configs
    ]


class _Proposer(Generic[Model]):
    """The proposals of one ask, in order; each takes the ones before it as pending."""

    def __init__(
        self,
        history: History,
        rng: Streams,
        budget: Budget,
        model: Callable[[], Model],
        ranking: Callable[[Model, Asked], Iterator[tuple[np.ndarray, str]]],
    ) -> None:
        self.history = history
        self.space = known_space(history, "gp")
        self.rng = rng
        self.budget = budget
        self.reasons: dict[str, str] = {}
        self._make = model
        self._by_model = ranking
        self._before: list[Config] = []
        self._queue: Iterator[tuple[Config, str]] = iter(())
        self._last: Config | None = None
        self._model: Model | None = None
        self._known_before = 0

    def propose(self, number: int, attempt: int) -> Config:
        """The configuration for trial ``number``; further attempts go down the ranking, then draw at random."""
        if attempt == 0:
            if self._last is not None:
                self._before.append(self._last)
            self._queue = self._ranking(number)
        config, reason = next(self._queue, (None, "gp: a random draw, since the best candidates were tried"))
        if config is None:
            config = self.space.sample(self.rng.generator(number, f"gp/random/{attempt}"))
        self.reasons.setdefault(self.space.key(config), reason)
        self._last = config
        return config

    def _ranking(self, number: int) -> Iterator[tuple[Config, str]]:
        if number < self.budget.initial:
            yield from self._start(number)
        elif not self._enough_told():
            yield self._space_filling(number), "gp: too few results to learn from, so the space is filled evenly"
        elif self.rng.generator(number, "gp/random").random() < self.budget.random_share:
            yield self._anywhere(number), "gp: a random draw, now and then"
        else:
            yield from self._ranked(number)

    def _start(self, number: int) -> Iterator[tuple[Config, str]]:
        default, initial = self.space.default_config(), self.budget.initial
        if not self.history.contains(default) and default not in self._before:
            yield default, "gp: the default configuration"
        for unit, study in best_of_earlier(self.history, initial // 2):
            config = self.space.decode(unit)
            if not self.history.contains(config) and config not in self._before:
                yield config, f"gp: among the best of the earlier study '{study}'"
        if self.space.has_prior and number % 2:
            yield self.space.sample(self.rng.generator(number, "gp/prior")), "gp: a draw from the priors"
        yield self._space_filling(number), f"gp: space-filling start, trial {number + 1} of {initial}"

    def _space_filling(self, number: int) -> Config:
        points = sobol_points(2 * number + 8, len(self.space), self.rng.integer(0, "gp/initial"))
        branches = branches_of(self.space)
        if branches is not None:
            points = branches.moved(points, number % len(branches))
        allowed = np.flatnonzero(self.space.allowed(self.space.snap(points)))
        return self.space.decode(points[allowed[number]]) if number < len(allowed) else self._anywhere(number)

    def _anywhere(self, number: int) -> Config:
        """A draw from the whole space, whatever the priors say, so that no wrong belief lasts."""
        return self.space.decode(self.space.sample_units(self.rng.generator(number, "gp/random/0"), 1)[0])

    def _enough_told(self) -> bool:
        known = [succeeded(column, self.history.told_state) for column in self.history.told_loss.T]
        return int(np.all(known, axis=0).sum()) >= MIN_TOLD

    def _ranked(self, number: int) -> Iterator[tuple[Config, str]]:
        before = np.array([self.space.encode(config) for config in self._before]).reshape(-1, len(self.space))
        if self._model is None:
            self._model = self._make()
        if len(before) > self._known_before:
            self._model = self._model.with_pending(before[self._known_before :])
            self._known_before = len(before)
        asked = Asked(self.history, self.space, number, before, self.budget.candidates, self.rng)
        for unit, reason in self._by_model(self._model, asked):
            config = self.space.decode(unit)
            if self.history.duplicates == "replicate" or not self.history.contains(config):
                yield config, reason
