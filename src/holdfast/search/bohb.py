"""Model-based sampling inside Hyperband: the trials of all rungs say what the next one is, and at which rung it begins.

Falkner, Klein and Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018, with a Gaussian
process of all rungs in the place of a density for each (compare Klein, Tiao, Lienart, Archambeau and Seeger,
"Model-based asynchronous hyperparameter and neural architecture search", 2020), and with the bracket chosen by how well
its first rung foretells the last one (compare Li et al., "Hyper-Tune: towards efficient hyper-parameter tuning at
scale", 2022).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import keep_whole, known_space, new_suggestions
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import History
from holdfast.search.rungs.brackets import brackets as brackets_of
from holdfast.search.rungs.brackets import check_synchronous
from holdfast.search.rungs.halving import fidelity_of, go_on_or_begin, pause_at_rung, promotions
from holdfast.search.rungs.surrogate import RungModel, rung_model
from holdfast.search.start import start

INITIAL = 12
"""So many trials come before the model."""
TRUSTED = 0.5
"""How well a rung's losses are to agree with those of the last one for trials to begin there."""
MIXTURES = 8
"""In so many ways several objectives are made one, trial by trial."""
WORK = 200_000
"""Candidates times trials times draws: how many candidates are affordable."""
FEWEST_CANDIDATES = 200


@dataclass(frozen=True)
class Bohb:
    """A Gaussian process of the losses at all rungs proposes configurations, and says where they begin.

    A trial begins at the lowest rung whose losses are correlated with those of the last one by `TRUSTED` or more, as
    far as the model can tell from enough trials that went on, and goes on as in `Asha`. So a rung that says nothing is
    passed over, whether it is the first one or all but the last.

    Args:
        brackets: "learned" as above; "hyperband" for Hyperband's brackets, one after the other.
        synchronous: with "hyperband", whether a rung waits for all trials of its round, see `Hyperband`.
        random_share: the share of trials that is drawn at random, so that no wrong belief lasts.
        candidates: points looked at for each proposal, before local searches; fewer when there are many trials.

    Raises:
        RequestError: if a setting is out of range.
    """

    brackets: Literal["learned", "hyperband"] = "learned"
    synchronous: bool = False
    random_share: float = 0.1
    candidates: int = 1024
    name: str = "bohb"

    def __post_init__(self) -> None:
        share: object = self.random_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise RequestError(f"bohb has random_share = {share!r}; it needs a number from 0 to 1")
        if self.brackets not in ("learned", "hyperband"):
            raise RequestError(f"bohb has brackets = {self.brackets!r}; it takes 'learned' or 'hyperband'")
        keep_whole(self, "candidates", 16)
        check_synchronous(self.name, self.synchronous)
        if self.synchronous and self.brackets == "learned":
            raise RequestError("bohb has synchronous = True, which goes with brackets = 'hyperband'")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Go on with what may go on, then begin what the model proposes."""
        fidelity, proposer = fidelity_of(history, self.name), _Proposer(self, history, rng)
        found, learned = brackets_of(history, fidelity), self.brackets == "learned"

        def begin(n: int) -> list[Suggestion]:
            with one_thread():
                firsts = [proposer.first_rung()] * n if learned else found.following(n)
                return found.begin(new_suggestions(history, n, rng, self.name, proposer.ranking), firsts)

        if learned:
            promoted = promotions(history, fidelity, self.name)
        else:
            promoted = found.promoted(self.name, synchronous=self.synchronous)
        return go_on_or_begin(history, n, self.name, promoted, begin)

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the rung a trial was assigned to run to."""
        return pause_at_rung(history, trial, fidelity_of(history, self.name))


class _Proposer:
    """The proposals of one ask, in order; each takes the ones before it as running."""

    def __init__(self, settings: Bohb, history: History, rng: Streams) -> None:
        self.settings = settings
        self.history = history
        self.space = known_space(history, settings.name)
        self.rng = rng
        self._models: dict[int, tuple[RungModel | None, int]] = {}

    def ranking(self, number: int, before: list[Config]) -> Iterator[tuple[Config, str]]:
        """Configurations for trial ``number``: see `new_suggestions`."""
        name = self.settings.name
        model = self._model(number, before) if number >= INITIAL else None
        if model is None:
            why = f"{name}: a start that fills the space evenly"
            yield from start(self.history, number, before, self.rng, name, why, self.rng.integer(0, f"{name}/initial"))
        elif self.rng.generator(number, f"{name}/random").random() < self.settings.random_share:
            yield self.space.sample(self.rng.generator(number, f"{name}/random/0")), f"{name}: a random draw"
        else:
            yield from self._by_model(model, number)

    def first_rung(self) -> int:
        """The lowest rung that is to be trusted, from 0; the lowest of all while there is no model."""
        number, rungs = len(self.history), fidelity_of(self.history, self.settings.name).rungs()
        model = self._model(number, []) if number >= INITIAL else None
        if model is None:
            return 0
        return next(k for k in range(len(rungs)) if model.agreement(k) >= TRUSTED)

    def _model(self, number: int, before: list[Config]) -> RungModel | None:
        """The model for a trial; several objectives are mixed in another way for each of `MIXTURES` trials."""
        mixture = number % MIXTURES if len(self.history.directions) > 1 else 0
        if mixture not in self._models:
            fidelity = fidelity_of(self.history, self.settings.name)
            self._models[mixture] = rung_model(self.history, fidelity, self.rng, mixture), 0
        model, known = self._models[mixture]
        if model is not None and len(before) > known:
            model = model.with_pending(np.array([self.space.encode(config) for config in before[known:]]))
        self._models[mixture] = model, len(before)
        return model

    def _by_model(self, model: RungModel, number: int) -> Iterator[tuple[Config, str]]:
        count = min(self.settings.candidates, max(FEWEST_CANDIDATES, WORK // model.size))
        draw = self.rng.generator(number, f"{self.settings.name}/candidates")
        units, values = ranked(model.landscape(self.space), model.centres, count, draw)
        for unit in units[values > -np.inf]:
            config = self.space.decode(unit)
            if self.history.duplicates == "replicate" or not self.history.contains(config):
                yield config, f"{self.settings.name}: improvement expected over trial {model.best_trial}"
