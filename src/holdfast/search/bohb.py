"""Model-based sampling inside Hyperband's brackets: the trials of all rungs say where the next one begins.

Falkner, Klein and Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018, with a Gaussian
process of all rungs in the place of a density for each (compare Klein, Tiao, Lienart, Archambeau and Seeger,
"Model-based asynchronous hyperparameter and neural architecture search", 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import check_whole, known_space, new_suggestions
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import History
from holdfast.search.rungs.brackets import ask_in_brackets, brackets, check_synchronous
from holdfast.search.rungs.halving import fidelity_of, pause_at_rung
from holdfast.search.rungs.surrogate import RungModel, rung_model
from holdfast.search.start import start

INITIAL = 6
"""So many trials come before the model."""
MIXTURES = 8
"""In so many ways several objectives are made one, trial by trial."""
WORK = 200_000
"""Candidates times trials times draws: how many candidates are affordable."""
FEWEST_CANDIDATES = 200


@dataclass(frozen=True)
class Bohb:
    """Hyperband's brackets, whose configurations a model of the losses at all rungs proposes.

    Args:
        random_share: the share of trials that is drawn at random, so that no wrong belief lasts.
        candidates: points looked at for each proposal, before local searches; fewer when there are many trials.
        synchronous: whether a rung waits for all trials of its round, see `Hyperband`.

    Raises:
        RequestError: if a setting is out of range.
    """

    random_share: float = 0.1
    candidates: int = 1024
    synchronous: bool = False
    name: str = "bohb"

    def __post_init__(self) -> None:
        share: object = self.random_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise RequestError(f"bohb has random_share = {share!r}; it needs a number from 0 to 1")
        check_whole(self.name, "candidates", self.candidates, 16)
        check_synchronous(self.name, self.synchronous)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Go on with what may go on, then begin what the model proposes in the bracket that is next."""
        fidelity = fidelity_of(history, self.name)
        proposer = _Proposer(self, history, rng)

        def propose(n: int, _: list[int]) -> list[Suggestion]:
            with one_thread():
                return new_suggestions(history, n, rng, self.name, proposer.ranking)

        found = brackets(history, fidelity)
        return ask_in_brackets(history, n, found, self.name, propose, synchronous=self.synchronous)

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
