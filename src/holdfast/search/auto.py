"""auto: the strategy that suits the space, the budget and the fidelity, with the reason in words."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.records import Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search import base
from holdfast.search.asha import Asha
from holdfast.search.base import Strategy
from holdfast.search.gp import GaussianProcess
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.search.random import RandomSearch
from holdfast.search.sobol import SobolSearch

FEW_TRIALS = 5
"""Up to so many trials a model of the space has nothing to learn from."""


@dataclass(frozen=True)
class Auto:
    """Chooses among the others, as a pure function of what the history declares."""

    name: str = "auto"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """What the chosen strategy asks."""
        return choose(history)[0].ask(history, n, rng)

    def judge(self, history: History, trial: int) -> Verdict:
        """The chosen strategy's verdict."""
        return base.judge(choose(history)[0], history, trial)

    def explain(self, history: History) -> str:
        """Which strategy, and why."""
        strategy, why = choose(history)
        return f"{strategy.name}, because {why}"


def choose(history: History) -> tuple[Strategy, str]:
    """The strategy for this study, and the reason."""
    if history.space is None:
        return RandomSearch(), "no hyperparameter is known yet"
    budget = None if history.trials_left is None else history.trials_left + len(history)
    count = history.space.count()
    if len(history.directions) > 1:
        return SobolSearch(), f"there are {len(history.directions)} objectives, and even coverage serves them all"
    if history.fidelity is not None and history.fidelity.min < history.fidelity.max:
        name = history.fidelity.name
        return Asha(), f"trials can be paused and resumed by {name}, so that poor ones cost little"
    if budget is not None and count is not None and count <= budget:
        return GridSearch(resolution=budget), f"the budget of {budget} trials covers all {count} configurations"
    if budget is not None and budget <= FEW_TRIALS:
        return SobolSearch(), f"{budget} trials are too few to learn from, so they are spread evenly"
    return GaussianProcess(), "a model of the score over the space usually finds good configurations in few trials"
