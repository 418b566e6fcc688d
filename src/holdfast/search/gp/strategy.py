"""Bayesian optimisation: a Gaussian process of the loss, and the configuration of highest expected improvement.

The recipe: the default first, then a space-filling start, then log expected improvement under a Matérn-5/2 surrogate
whose hyperparameters are drawn from their posterior at fixed history sizes, from that prefix alone, so that a cache
never changes a result; the acquisition is averaged over the draws, so that few results never look like certainty.
While nothing gets better, or several trials run at once, every second one goes by the lower confidence bound, which
looks further afield.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.gp.branches import STAGNANT as BRANCH_STAGNANT
from holdfast.search.gp.branches import another_branch, branches_of, results_without_gain
from holdfast.search.gp.fits import MIN_TOLD
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.model import Model, model_of
from holdfast.search.gp.several import Budget, ask_several
from holdfast.search.gp.targets import succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.gp.transfer import best_of_earlier
from holdfast.search.history import History
from holdfast.search.sobol import sobol_points

FIRST_TRIALS = 5
WORK = 400_000
"""Candidates times trials times beliefs: how many candidates are affordable."""
FEWEST_CANDIDATES = 200
STAGNANT = 8
"""After so many results without a better one, every second trial goes by the confidence bound instead."""
BOUND_WIDTH = 2.0
SEVERAL_PENDING = 2
"""While so many others run, every second trial goes by the confidence bound as well, so that they spread out."""


@dataclass(frozen=True)
class GaussianProcess:
    """Log expected improvement under a Gaussian process, of the hypervolume for several objectives; any space.

    Args:
        n_initial: trials before the surrogate; None for 5, or two for each branch of a conditional
            space, but at most a fifth of the budget.
        candidates: points looked at for each proposal, before local searches; fewer when there are many trials.
        random_share: the share of later trials that is drawn at random, so that no wrong belief lasts.
        per: "trial" for the most improvement a trial; "second" for the most a second, which favours cheap
            configurations while much of the budget is left.

    Raises:
        RequestError: if a setting is out of range.
    """

    n_initial: int | None = None
    candidates: int = 2048
    random_share: float = 0.0
    per: Literal["trial", "second"] = "trial"
    name: str = "gp"

    def __post_init__(self) -> None:
        if self.n_initial is not None and self.n_initial < 1:
            raise RequestError(f"gp has n_initial = {self.n_initial}; it needs a whole number of at least 1")
        if self.candidates < 16:
            raise RequestError(f"gp has candidates = {self.candidates}; it needs a whole number of at least 16")
        if not 0 <= self.random_share <= 1:
            raise RequestError(f"gp has random_share = {self.random_share}; it needs a number from 0 to 1")
        if self.per not in {"trial", "second"}:
            raise RequestError(f"gp has per = {self.per!r}; it takes 'trial' or 'second'")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` configurations that no trial has had; each knows of the ones before it.

        Raises:
            RequestError: for a space without any hyperparameter.
        """
        if len(history.directions) > 1:
            budget = Budget(self.initial_trials(history), self.candidates, self.random_share)
            return ask_several(history, n, rng, budget)
        space = known_space(history, self.name)
        proposer = _Proposer(self, history, rng)
        with one_thread():
            configs = new_configs(history, n, proposer.propose)
        return [
            Suggestion(config, proposer.reasons.get(space.key(config), "gp: one of the last left"), history.index)
            for config in configs
        ]

    def initial_trials(self, history: History) -> int:
        """How many trials come before the surrogate."""
        if self.n_initial is not None:
            return self.n_initial
        branches = branches_of(known_space(history, self.name))
        wanted = FIRST_TRIALS if branches is None else max(FIRST_TRIALS, branches.starts)
        if history.trials_left is None:
            return wanted
        return min(wanted, max(2, (len(history) + history.trials_left) // 5))


class _Proposer:
    """The proposals of one ask, in order; each takes the ones before it as pending."""

    def __init__(self, settings: GaussianProcess, history: History, rng: Streams) -> None:
        self.settings = settings
        self.history = history
        self.space = known_space(history, settings.name)
        self.rng = rng
        self.reasons: dict[str, str] = {}
        self._before: list[Config] = []
        self._queue: Iterator[tuple[Config, str]] = iter(())
        self._last: Config | None = None
        self._model: Model | None = None
        self._known_before = 0
        self._branches = branches_of(self.space)

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
        initial = self.settings.initial_trials(self.history)
        if number < initial:
            yield from self._start(number, initial)
        elif not self._enough_told():
            yield self._space_filling(number), "gp: too few results to learn from, so the space is filled evenly"
        elif self.rng.generator(number, "gp/random").random() < self.settings.random_share:
            yield self._anywhere(number), "gp: a random draw, now and then"
        else:
            yield from self._by_acquisition(number)

    def _start(self, number: int, initial: int) -> Iterator[tuple[Config, str]]:
        default = self.space.default_config()
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
        if self._branches is not None:
            points = self._branches.moved(points, number % len(self._branches))
        allowed = np.flatnonzero(self.space.allowed(self.space.snap(points)))
        return self.space.decode(points[allowed[number]]) if number < len(allowed) else self._anywhere(number)

    def _anywhere(self, number: int) -> Config:
        """A draw from the whole space, whatever the priors say, so that no wrong belief lasts."""
        return self.space.decode(self.space.sample_units(self.rng.generator(number, "gp/random/0"), 1)[0])

    def _enough_told(self) -> bool:
        return int(succeeded(self.history.told_loss[:, 0], self.history.told_state).sum()) >= MIN_TOLD

    def _by_acquisition(self, number: int) -> Iterator[tuple[Config, str]]:
        if self._model is None:
            self._model = model_of(self.history, self.rng, per_second=self.settings.per == "second")
        new = [self.space.encode(config) for config in self._before[self._known_before :]]
        if new:
            self._model = self._model.with_pending(np.array(new))
            self._known_before = len(self._before)
        model = self._model
        yield from self._elsewhere(number, model)
        stuck = model.since_best >= STAGNANT
        pending = len(self._before) + len(self.history.pending)
        width = BOUND_WIDTH if model.bests and number % 2 == 0 and (stuck or pending >= SEVERAL_PENDING) else None
        units, values = ranked(
            model.landscape(self.space, width),
            model.centres,
            self._count(model),
            self.rng.generator(number, "gp/candidates"),
        )
        since = f"{model.since_best} results were no improvement" if stuck else f"{pending} others run"
        for unit in units[values > -np.inf]:
            config = self.space.decode(unit)
            if self.history.duplicates == "replicate" or not self.history.contains(config):
                yield config, model.reason(self.space, unit, None if width is None else since)

    def _elsewhere(self, number: int, model: Model) -> Iterator[tuple[Config, str]]:
        """In a conditional space whose search stands still, what would improve another branch; else nothing."""
        if self._branches is None or not model.bests or number % 4 == 3:
            return
        known = succeeded(self.history.told_loss[:, 0], self.history.told_state)
        waited = results_without_gain(np.where(known, self.history.told_loss[:, 0], np.inf))
        if waited < BRANCH_STAGNANT:
            return
        before = np.array([self.space.encode(config) for config in self._before]).reshape(-1, len(self.space))
        tried = np.concatenate([self.history.units, before])
        surface, centres, branch = another_branch(model, self.history, self._branches, tried)
        rng = self.rng.generator(number, "gp/branch")
        units, values = ranked(surface, centres, self._count(model), rng)
        for unit in self._branches.moved(units[values > -np.inf], branch):
            config = self.space.decode(unit)
            if self.history.duplicates == "replicate" or not self.history.contains(config):
                within = f"{self._branches.name} = {config[self._branches.name]!r}"
                yield config, f"gp: improvement within {within}, since {waited} results were no gain{model.note}"

    def _count(self, model: Model) -> int:
        """How many candidates are affordable."""
        work = len(model.beliefs) * len(model.beliefs[0].points)
        return min(self.settings.candidates, max(FEWEST_CANDIDATES, WORK // work))
