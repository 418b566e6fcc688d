"""Bayesian optimisation: a Gaussian process of the loss, and the configuration of highest expected improvement.

The recipe: the default first, then a space-filling start, then log expected improvement under a Matérn-5/2 surrogate
whose hyperparameters are drawn from their posterior at fixed history sizes, from that prefix alone, so that a cache
never changes a result; the acquisition is averaged over the draws, so that few results never look like certainty.
While nothing gets better, every second one goes by the lower confidence bound, which looks further afield; in a
conditional space that stands still, most trials improve other branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space
from holdfast.search.gp.branches import STAGNANT as BRANCH_STAGNANT
from holdfast.search.gp.branches import another_branch, branches_of, results_without_gain
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.model import Model, model_of
from holdfast.search.gp.proposer import Asked, Budget, propose
from holdfast.search.gp.several import by_volume, several_of
from holdfast.search.gp.targets import succeeded
from holdfast.search.history import History

FIRST_TRIALS = 5
WORK = 400_000
"""Candidates times trials times beliefs: how many candidates are affordable."""
FEWEST_CANDIDATES = 200
STAGNANT = 8
"""After so many results without a better one, every second trial goes by the confidence bound instead."""
BOUND_WIDTH = 2.0


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
        if self.n_initial is not None:
            keep_whole(self, "n_initial", 1)
        keep_whole(self, "candidates", 16)
        share: object = self.random_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise RequestError(f"gp has random_share = {share!r}; it needs a number from 0 to 1")
        if self.per not in ("trial", "second"):
            raise RequestError(f"gp has per = {self.per!r}; it takes 'trial' or 'second'")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` configurations that no trial has had; each knows of the ones before it.

        Raises:
            RequestError: for a space without any hyperparameter.
        """
        budget = Budget(self.initial_trials(history), self.candidates, self.random_share)
        if len(history.directions) > 1:
            return propose(history, n, rng, budget, lambda: several_of(history, rng), by_volume)
        per_second = self.per == "second"
        return propose(history, n, rng, budget, lambda: model_of(history, rng, per_second=per_second), by_improvement)

    def initial_trials(self, history: History) -> int:
        """How many trials come before the surrogate."""
        if self.n_initial is not None:
            return self.n_initial
        branches = branches_of(known_space(history, self.name))
        wanted = FIRST_TRIALS if branches is None else max(FIRST_TRIALS, branches.starts)
        if history.trials_left is None:
            return wanted
        return min(wanted, max(2, (len(history) + history.trials_left) // 5))


def by_improvement(model: Model, asked: Asked) -> Iterator[tuple[np.ndarray, str]]:
    """Points (d,) for the trial that is asked for, the most promising first, each with its reason."""
    yield from _elsewhere(model, asked)
    bound = bool(model.bests) and asked.number % 2 == 0 and model.since_best >= STAGNANT
    units, values = ranked(
        model.landscape(asked.space, BOUND_WIDTH if bound else None),
        model.centres,
        _count(model, asked),
        asked.rng.generator(asked.number, "gp/candidates"),
    )
    for unit in units[values > -np.inf]:
        yield unit, model.reason(asked.space, unit, by_bound=bound)


def _elsewhere(model: Model, asked: Asked) -> Iterator[tuple[np.ndarray, str]]:
    """In a conditional space whose search stands still, what would improve another branch; else nothing."""
    branches, history = branches_of(asked.space), asked.history
    if branches is None or not model.bests or asked.number % 4 == 3:
        return
    known = succeeded(history.told_loss[:, 0], history.told_state)
    waited = results_without_gain(np.where(known, history.told_loss[:, 0], np.inf))
    if waited < BRANCH_STAGNANT:
        return
    tried = np.concatenate([history.units, asked.before])
    found = another_branch(model, history, branches, tried)
    if found is None:
        return
    surface, centres, branch = found
    units, values = ranked(surface, centres, _count(model, asked), asked.rng.generator(asked.number, "gp/branch"))
    for unit in branches.moved(units[values > -np.inf], branch):
        within = branches.words(asked.space.decode(unit), branch)
        yield unit, f"gp: improvement within {within}, since {waited} results were no gain{model.note}"


def _count(model: Model, asked: Asked) -> int:
    """How many candidates are affordable."""
    work = len(model.beliefs) * len(model.beliefs[0].points)
    return min(asked.candidates, max(FEWEST_CANDIDATES, WORK // work))
