"""Bayesian optimisation: a Gaussian process of the loss, and the configuration of highest expected improvement.

The recipe: the default first, then a space-filling start, then log expected improvement under a Matérn-5/2 surrogate
whose hyperparameters are drawn from their posterior at fixed history sizes, from that prefix alone, so that a cache
never changes a result; the acquisition is averaged over the draws, so that few results never look like certainty.
While nothing gets better, every second trial goes by the lower confidence bound, which looks further afield.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.fits import MIN_TOLD, drawn_kernels
from holdfast.search.gp.maximise import CENTRES, Landscape, ranked
from holdfast.search.gp.several import Budget, ask_several
from holdfast.search.gp.surrogate import Posterior, condition
from holdfast.search.gp.targets import known_losses, standardise, subset, succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import History
from holdfast.search.sobol import sobol_points

FIRST_TRIALS = 5
MAX_POINTS = 1200
"""At most so many trials are in the surrogate."""
WORK = 300_000
"""Candidates times trials in the surrogate: how many candidates are affordable."""
FEWEST_CANDIDATES = 200
STAGNANT = 8
"""After so many results without a better one, every second trial goes by the confidence bound instead."""
BOUND_WIDTH = 2.0
MAX_PENDING = 256
"""At most so many running trials, the latest, are in the surrogate."""


@dataclass(frozen=True)
class GaussianProcess:
    """Log expected improvement under a Gaussian process, of the hypervolume for several objectives; any space.

    Args:
        n_initial: trials before the surrogate; None for 5, but at most a fifth of the budget.
        candidates: points looked at for each proposal, before local searches; fewer when there are many trials.
        random_share: the share of later trials that is drawn at random, so that no wrong belief lasts.

    Raises:
        RequestError: if a setting is out of range.
    """

    n_initial: int | None = None
    candidates: int = 2048
    random_share: float = 0.0
    name: str = "gp"

    def __post_init__(self) -> None:
        if self.n_initial is not None and self.n_initial < 1:
            raise RequestError(f"gp has n_initial = {self.n_initial}; it needs a whole number of at least 1")
        if self.candidates < 16:
            raise RequestError(f"gp has candidates = {self.candidates}; it needs a whole number of at least 16")
        if not 0 <= self.random_share <= 1:
            raise RequestError(f"gp has random_share = {self.random_share}; it needs a number from 0 to 1")

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
        if history.trials_left is None:
            return FIRST_TRIALS
        return min(FIRST_TRIALS, max(2, (len(history) + history.trials_left) // 5))


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
        self._surrogate: _Surrogate | None = None
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
        default = self.space.default_config()
        initial = self.settings.initial_trials(self.history)
        if number < initial and not self.history.contains(default) and default not in self._before:
            yield default, "gp: the default configuration"
        elif number < initial:
            yield self._space_filling(number), f"gp: space-filling start, trial {number + 1} of {initial}"
        elif not self._enough_told():
            yield self._space_filling(number), "gp: too few results to learn from, so the space is filled evenly"
        elif self.rng.generator(number, "gp/random").random() < self.settings.random_share:
            yield self.space.sample(self.rng.generator(number, "gp/random/0")), "gp: a random draw, now and then"
        else:
            yield from self._by_improvement(number)

    def _space_filling(self, number: int) -> Config:
        points = sobol_points(number + 1, len(self.space), self.rng.integer(0, "gp/initial"))
        return self.space.decode(points[number])

    def _enough_told(self) -> bool:
        return int(succeeded(self.history.told_loss[:, 0], self.history.told_state).sum()) >= MIN_TOLD

    def _by_improvement(self, number: int) -> Iterator[tuple[Config, str]]:
        if self._surrogate is None:
            self._surrogate = _surrogate(self.history, self.rng)
        new = [self.space.encode(config) for config in self._before[self._known_before :]]
        if new:
            self._surrogate = self._surrogate.with_pending(np.array(new))
            self._known_before = len(self._before)
        surrogate = self._surrogate
        stuck = surrogate.since_best >= STAGNANT and number % 2 == 0
        units, values = ranked(
            Landscape(
                self.space, surrogate.embed, surrogate.posteriors, surrogate.bests, BOUND_WIDTH if stuck else None
            ),
            surrogate.centres,
            min(self.settings.candidates, max(FEWEST_CANDIDATES, WORK // len(surrogate.posteriors[0].points))),
            self.rng.generator(number, "gp/candidates"),
        )
        for unit, value in zip(units, values, strict=True):
            config = self.space.decode(unit)
            if not self.history.contains(config):
                over = f"over trial {surrogate.best_trial}{surrogate.note}"
                if stuck:
                    yield (
                        config,
                        f"gp: confidence bound, since {surrogate.since_best} results were no improvement {over}",
                    )
                else:
                    yield config, f"gp: expected improvement {math.exp(value):.2g} sd {over}"


@dataclass(frozen=True, eq=False)
class _Surrogate:
    """The posteriors of a history, one for each draw of the hyperparameters, and what the acquisition needs of them."""

    embed: Embedding
    posteriors: tuple[Posterior, ...]
    bests: tuple[float, ...]
    best_trial: int
    since_best: int
    centres: np.ndarray
    note: str

    def with_pending(self, units: np.ndarray) -> _Surrogate:
        """The same with the points of shape (p, d) as pending."""
        features = self.embed(units)
        return replace(self, posteriors=tuple(posterior.with_pending(features) for posterior in self.posteriors))


def _surrogate(history: History, rng: Streams) -> _Surrogate:
    """Condition on told and pending trials; the incumbent is the best posterior mean at a trial that succeeded."""
    assert history.space is not None
    embed = embedding(history.space)
    losses = known_losses(history.told_loss[:, 0], history.told_state)
    chosen = subset(losses, MAX_POINTS)
    trials = history.told_trial[chosen]
    targets = standardise(losses)[chosen]
    features = embed(history.units[trials])
    posteriors = tuple(condition(kernel, embed.group, features, targets) for kernel in drawn_kernels(history, rng))
    known = succeeded(history.told_loss[chosen, 0], history.told_state[chosen])
    means = np.array([np.where(known, posterior.means_at_points(targets), np.inf) for posterior in posteriors])
    order = np.argsort(means.mean(axis=0), kind="stable")
    note = "" if len(chosen) == len(losses) else f" (by {len(chosen)} of {len(losses)} trials)"
    surrogate = _Surrogate(
        embed=embed,
        posteriors=posteriors,
        bests=tuple(float(best) for best in means.min(axis=1)),
        best_trial=int(trials[order[0]]),
        since_best=len(losses) - 1 - int(np.argmin(losses)),
        centres=history.units[trials[order[:CENTRES]]],
        note=note,
    )
    pending = history.pending[-MAX_PENDING:]
    return surrogate.with_pending(history.units[pending]) if len(pending) else surrogate
