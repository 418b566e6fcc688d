"""The tree-structured Parzen estimator: look where good trials are dense and bad ones are not.

Bergstra, Bardenet, Bengio and Kégl, "Algorithms for hyper-parameter optimization" (2011), section 4. One density over
whole configurations, as in Falkner, Klein and Hutter, "BOHB" (2018). Watanabe, "Tree-structured Parzen estimator:
understanding its algorithm components and their roles for better empirical performance" (2023) names the components.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space, new_suggestions
from holdfast.search.history import History
from holdfast.search.memory import Memory
from holdfast.search.start import start
from holdfast.search.tpe.columns import Columns, columns
from holdfast.search.tpe.parzen import Parzen, parzen
from holdfast.search.tpe.split import MAX_PENDING, split

INITIAL = 6
"""So many results come before the estimator, unless the budget is small."""
ROUNDS = 2
"""So often candidates are drawn when all before have been tried."""
BAD_PRIOR_WEIGHT = 1.0
"""What the uniform density counts among the bad trials."""
_memory: Memory[object, Columns] = Memory(16)


@dataclass(frozen=True)
class TreeParzenEstimator:
    """The ratio of two densities, that of good trials and that of bad ones; one objective or several, any space.

    Args:
        n_initial: results before the estimator; None for 6, but at most a fifth of the budget.
        candidates: points drawn from the good trials for each proposal; the one of the highest ratio is proposed.
        prior_weight: what the prior (the user's, or the uniform one) counts among the good trials, in trials.

    Raises:
        RequestError: if a setting is out of range.
    """

    n_initial: int | None = None
    candidates: int = 24
    prior_weight: float = 1.0
    name: str = "tpe"

    def __post_init__(self) -> None:
        if self.n_initial is not None:
            keep_whole(self, "n_initial", 1)
        keep_whole(self, "candidates", 1)
        number: object = self.prior_weight
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < math.inf:
            raise RequestError(f"tpe has prior_weight = {number!r}; it needs a finite number above 0")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Up to ``n`` configurations that no trial has had; each takes the ones before it as bad."""
        return new_suggestions(history, n, rng, self.name, _Proposer(self, history, rng).ranking)

    def wanted_results(self, history: History, more: int = 0) -> int:
        """How many results come before the estimator: one more for each trial that runs, up to twice as many.

        Many trials at once would all crowd around the best of a few results. ``more`` run besides those of the history.
        """
        if self.n_initial is not None:
            initial = self.n_initial
        elif history.trials_left is None:
            initial = INITIAL
        else:
            initial = min(INITIAL, max(2, (len(history) + history.trials_left) // 5))
        return initial + min(len(history.pending) + more, initial)

    def explain(self, history: History) -> str:
        """What comes next, in words that change only when the strategy does: each change is logged."""
        if len(history.told_trial) < self.wanted_results(history):
            return "tpe: the start, which fills the space evenly"
        return "tpe: the ratio of the densities of good and bad trials"


class _Proposer:
    """The proposals of one ask, in order; each takes the ones before it as bad."""

    def __init__(self, settings: TreeParzenEstimator, history: History, rng: Streams) -> None:
        self.settings = settings
        self.history = history
        self.space = known_space(history, settings.name)
        self.rng = rng
        self._model: _Model | None = None
        self._units: list[np.ndarray] = []

    def ranking(self, number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        """Candidates for trial ``number``: see `new_suggestions`."""
        told, wanted = len(self.history.told_trial), self.settings.wanted_results(self.history, len(before))
        if told < wanted:
            why = f"tpe: space-filling start, {told} of {wanted} results are there"
            seed = self.rng.integer(0, "tpe/initial")
            yield from start(self.history, number, before, self.rng, "tpe", why, seed)
        else:
            self._units += [self.space.encode(config) for config in before[len(self._units) :]]
            yield from self._by_ratio(number)

    def _by_ratio(self, number: int) -> Iterator[tuple[Config, str]]:
        """Candidates by the ratio of their densities, best first."""
        if self._model is None:
            self._model = _Model(self.settings, self.history)
        model = self._model.with_bad(self._units[-MAX_PENDING:])
        again = self.history.duplicates == "replicate"
        for round_number in range(ROUNDS):
            units = model.candidates(self.rng.generator(number, f"tpe/candidates/{round_number}"))
            ratios = model.log_ratio(units)
            for i in np.argsort(-ratios, kind="stable"):
                config = self.space.decode(units[i])
                if again or not self.history.contains(config):
                    yield config, f"tpe: {math.exp(min(ratios[i], 99)):.3g} times as dense in {model.parts.words()}"


class _Model:
    """The two densities of a history and the trials that they are made of."""

    def __init__(self, settings: TreeParzenEstimator, history: History) -> None:
        self.settings = settings
        self.space = known_space(history, settings.name)
        self.columns = _columns(history)
        self.parts = split(history)
        self.good = parzen(self.columns, self.parts.good, self.parts.good_weights, settings.prior_weight)
        self._told = self.parts
        self._bad: Parzen | None = None

    def with_bad(self, units: list[np.ndarray]) -> _Model:
        """The same model, with these encoded configurations, and no others, among the bad trials of the history."""
        if units:
            self.parts = self._told.with_bad(np.array(units))
            self._bad = None
        return self

    def candidates(self, rng: np.random.Generator) -> np.ndarray:
        """(n, d) allowed points drawn from the density of the good trials, NaN where inactive."""
        n = self.settings.candidates
        from_prior = int(rng.binomial(n, math.exp(self.good.log_weights[-1])))
        drawn = [self.good.draw(n - from_prior, rng)] if n > from_prior else []
        if from_prior and self.space.has_prior:
            believed = np.array([self.space.encode(self.space.sample(rng)) for _ in range(from_prior)])
            drawn.append(np.where(np.isnan(believed), 0.5, believed))
        elif from_prior:
            drawn.append(rng.random((from_prior, len(self.space))))
        points = self.space.snap(np.concatenate(drawn))
        allowed: np.ndarray = points[self.space.allowed(points)]
        return allowed

    def log_ratio(self, units: np.ndarray) -> np.ndarray:
        """(n,) the logarithm of the density of the good trials over that of the bad ones, at points (n, d)."""
        if self._bad is None:
            self._bad = parzen(self.columns, self.parts.bad, self.parts.bad_weights, BAD_PRIOR_WEIGHT)
        features = self.columns.features(units)
        even = np.zeros(len(units))
        prior = self.space.log_prior(units) if self.space.has_prior else even
        good, bad = self.good.log_density(units, features, prior), self._bad.log_density(units, features, even)
        return np.asarray(good - bad)


def _columns(history: History) -> Columns:
    """The columns of a history's space, made once for all its views."""
    space = known_space(history, "tpe")
    return _memory.get(history.token, lambda: columns(space))
