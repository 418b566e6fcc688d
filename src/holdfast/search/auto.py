"""auto: the strategy that suits the space, the objectives, the budget and what runs at once, with the reason in words.

It chooses anew from each history, so that it hands over as trials gather, and the log says when and why.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.records import Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search import base
from holdfast.search.asha import Asha
from holdfast.search.base import Strategy
from holdfast.search.bohb import Bohb
from holdfast.search.evolution import Evolution
from holdfast.search.gp import GaussianProcess
from holdfast.search.gp.embedding import embedding
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.search.random import RandomSearch
from holdfast.search.sobol import SobolSearch
from holdfast.search.tpe import TreeParzenEstimator

FEW_TRIALS = 5
"""Up to so many trials a model of the space has nothing to learn from."""
GP_TRIALS = 1000
"""From so many results on a Gaussian process takes longer to think than it is worth."""
GP_TRIALS_SEVERAL = 400
"""The same for several objectives, which have a surrogate each."""
GP_COLUMNS = 500
"""More coordinates than this, most of them choices of categoricals, are too many for a Gaussian process."""
GP_AT_ONCE = 100
"""More running trials than this leave a Gaussian process little to tell the next ones apart by."""


@dataclass(frozen=True)
class Auto:
    """Chooses among the others, as a pure function of the history."""

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
    """The strategy for this study at this point, and the reason."""
    if history.space is None:
        return RandomSearch(), "no hyperparameter is known yet"
    budget = None if history.trials_left is None else history.trials_left + len(history)
    count = history.space.count()
    if history.fidelity is not None and history.fidelity.min < history.fidelity.max:
        return _for_rungs(history, history.fidelity.name)
    if budget is not None and count is not None and count <= budget and history.duplicates == "avoid":
        return GridSearch(resolution=budget), f"the budget of {budget} trials covers all {count} configurations"
    if budget is not None and budget <= FEW_TRIALS:
        return SobolSearch(), f"{budget} trials are too few to learn from, so they are spread evenly"
    if len(history.directions) > 1:
        return _for_several(history)
    why = _too_much_for_gp(history, GP_TRIALS)
    if why is not None:
        return TreeParzenEstimator(), f"{why}, and densities of good and bad trials are quick at any number"
    return GaussianProcess(), "a model of the score over the space usually finds good configurations in few trials"


def _for_rungs(history: History, fidelity: str) -> tuple[Strategy, str]:
    pause = f"trials can be paused and resumed by {fidelity}, so that poor ones cost little"
    why = f"{len(history):,} trials slow a model down" if len(history) >= GP_TRIALS else None
    why = why or _too_much_for_gp(history, GP_TRIALS)
    if why is not None:
        return Asha(), f"{pause}, and {why}"
    return Bohb(), f"{pause}, and a model of the losses at all rungs learns which of them to trust"


def _for_several(history: History) -> tuple[Strategy, str]:
    objectives = len(history.directions)
    why = _too_much_for_gp(history, GP_TRIALS_SEVERAL)
    if why is not None:
        return Evolution(), f"{why}, and a population approaches the whole front of {objectives} objectives"
    return GaussianProcess(), f"a model of each of the {objectives} objectives finds their front in few trials"


def _too_much_for_gp(history: History, trials: int) -> str | None:
    """What speaks against a Gaussian process here, in words; None if nothing does."""
    assert history.space is not None
    columns, at_once = len(embedding(history.space).group), len(history.pending)
    if columns > GP_COLUMNS:
        return f"the space has {columns:,} coordinates"
    if len(history.told_trial) >= trials:
        return f"{trials:,} results or more slow a model of the score down"
    if at_once > GP_AT_ONCE:
        return f"more than {GP_AT_ONCE} trials run at once"
    return None
