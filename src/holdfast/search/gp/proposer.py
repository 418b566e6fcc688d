"""What gp proposes for one trial after the other: the start, then what a model of the history ranks highest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_suggestions
from holdfast.search.gp.branches import branches_of
from holdfast.search.gp.fits import MIN_TOLD
from holdfast.search.gp.targets import known_losses, succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.gp.transfer import best_of_earlier
from holdfast.search.history import History
from holdfast.search.start import beside_priors_once, default_once, even_config
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
    proposer = _Proposer(history, rng, budget, model, ranking)
    with one_thread():
        return new_suggestions(history, n, rng, "gp", proposer.ranking)


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
        self._make = model
        self._by_model = ranking
        self._model: Model | None = None
        self._known_before = 0

    def ranking(self, number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        """Configurations for trial ``number``, the most promising first, after those ``before`` it in this ask."""
        if number < self.budget.initial:
            yield from self._start(number, before)
        elif not self._enough_told():
            yield self._even(number), "gp: too few results to learn from, so the space is filled evenly"
        elif self.rng.generator(number, "gp/random").random() < self.budget.random_share:
            yield self._anywhere(number), "gp: a random draw, now and then"
        else:
            yield from self._ranked(number, before)

    def _start(self, number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        initial = self.budget.initial
        yield from default_once(self.history, before, "gp")
        for unit, study in best_of_earlier(self.history, initial // 2):
            config = self.space.decode(unit)
            if not self.history.contains(config) and config not in before:
                yield config, f"gp: among the best of the earlier study '{study}'"
        if self.space.has_prior:
            yield from beside_priors_once(self.history, before, self.rng, "gp")
            if self._priors_lead(number):
                yield self.space.sample(self.rng.generator(number, "gp/prior/0")), "gp: a draw from the priors"
        yield self._even(number), f"gp: space-filling start, trial {number + 1} of {initial}"

    def _priors_lead(self, number: int) -> bool:
        """Whether the best result so far lies where the priors say; every second time while nothing is known."""
        losses = known_losses(self.history.told_loss[:, 0], self.history.told_state)
        if len(self.history.directions) > 1 or not np.isfinite(losses).any():
            return number % 2 == 1
        best = self.history.units[self.history.told_trial[np.argmin(losses)]]
        return bool(self.space.log_prior(best[None])[0] > 0)

    def _even(self, number: int) -> Config:
        branches = branches_of(self.space)
        placed = None if branches is None else partial(branches.moved, branch=number % len(branches))
        seed = self.rng.integer(0, "gp/initial")
        return even_config(self.space, number, seed, placed) or self._anywhere(number)

    def _anywhere(self, number: int) -> Config:
        """A draw from the whole space, whatever the priors say, so that no wrong belief lasts."""
        return self.space.decode(self.space.sample_units(self.rng.generator(number, "gp/random/0"), 1)[0])

    def _enough_told(self) -> bool:
        known = [succeeded(column, self.history.told_state) for column in self.history.told_loss.T]
        return int(np.all(known, axis=0).sum()) >= MIN_TOLD

    def _ranked(self, number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        encoded = np.array([self.space.encode(config) for config in before]).reshape(-1, len(self.space))
        if self._model is None:
            self._model = self._make()
        if len(before) > self._known_before:
            self._model = self._model.with_pending(encoded[self._known_before :])
            self._known_before = len(before)
        asked = Asked(self.history, self.space, number, encoded, self.budget.candidates, self.rng)
        for unit, reason in self._by_model(self._model, asked):
            config = self.space.decode(unit)
            if self.history.duplicates == "replicate" or not self.history.contains(config):
                yield config, reason
