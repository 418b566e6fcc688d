"""Asynchronous successive halving: train many a little, the best third on to the next rung.

Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, algorithm 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.history import History
from holdfast.search.rungs.halving import fidelity_of, go_on_or_begin, pause_at_rung, promotions, stop_below

__all__ = ["Asha", "promotions"]


@dataclass(frozen=True)
class Asha:
    """A trial pauses at each rung and is resumed from its checkpoint when it is among the best ``1/eta`` of the rung.

    Rungs come from the study's fidelity. New configurations are random. When the budget allows no new trial, nothing
    is running and nothing may be promoted, the best of the highest rung is trained to the end, unless a trial that was
    is at least as good there, so that a study ends with its best configuration trained as it will be used. A trial's
    loss at a rung is what it reported at that step, or at the first one behind it. Several objectives are ranked by
    fronts.

    Args:
        type: "promotion" for pauses as above; "stopping" for trials that run on, and are stopped at a rung where they
            are not among the best ``1/eta`` of those that came before: for training that cannot be resumed.

    Raises:
        RequestError: for another type.
    """

    type: Literal["promotion", "stopping"] = "promotion"
    name: str = "asha"

    def __post_init__(self) -> None:
        if self.type not in ("promotion", "stopping"):
            raise RequestError(f"asha has type = {self.type!r}; it takes 'promotion' or 'stopping'")

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Promote what may be promoted, highest rung first; fill up with new configurations."""
        fidelity = fidelity_of(history, self.name)
        if self.type == "stopping":
            return go_on_or_begin(history, n, self.name, iter(()), partial(self._new, history, rng, fidelity.max))
        begin = partial(self._new, history, rng, fidelity.rungs()[0])
        return go_on_or_begin(history, n, self.name, promotions(history, fidelity), begin)

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the rung a trial was assigned to run to, or stop at one where it is too bad."""
        fidelity = fidelity_of(history, self.name)
        return (stop_below if self.type == "stopping" else pause_at_rung)(history, trial, fidelity)

    def _new(self, history: History, rng: Streams, until: int, n: int) -> list[Suggestion]:
        space = known_space(history, self.name)

        def propose(number: int, attempt: int) -> Config:
            return space.sample(rng.generator(number, "random" if attempt == 0 else f"random/{attempt}"))

        assert history.fidelity is not None
        reason = f"asha: new, to {history.fidelity.name} {until}"
        configs = new_configs(history, n, propose)
        return [Suggestion(config, reason, history.index, until_step=until) for config in configs]
