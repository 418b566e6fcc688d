"""Random search: every configuration drawn on its own, uniformly on each hyperparameter's scale.

Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012).
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.history import History


@dataclass(frozen=True)
class RandomSearch:
    """Uniform draws; a configuration that was tried already is drawn again."""

    name: str = "random"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Draw trial k from the stream of trial k, so that nothing else in the history matters."""
        space = known_space(history, self.name)

        def propose(number: int, attempt: int) -> Config:
            purpose = "random" if attempt == 0 else f"random/{attempt}"
            return space.sample(rng.generator(number, purpose))

        return [Suggestion(config, "random", history.index) for config in new_configs(history, n, propose)]
