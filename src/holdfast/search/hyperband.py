"""Hyperband: successive halving in several brackets, from many trials that begin small to a few that run to the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.records import Config, Suggestion, Verdict
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_suggestions
from holdfast.search.history import History
from holdfast.search.rungs.brackets import brackets, check_synchronous
from holdfast.search.rungs.halving import fidelity_of, go_on_or_begin, pause_at_rung


@dataclass(frozen=True)
class Hyperband:
    """Brackets of random configurations (Li et al., 2018, algorithm 1), one after the other, over and over.

    Within a bracket a trial pauses at each rung, and goes on from its checkpoint if it is among the best ``1/eta``. The
    rungs are those of the study's fidelity.

    Args:
        synchronous: whether a rung waits for all trials of its round, as in the paper; workers begin the next bracket
            meanwhile. By default a trial goes on as soon as it is among the best of its bracket's rung so far.

    Raises:
        RequestError: if a setting is out of range.
    """

    synchronous: bool = False
    name: str = "hyperband"

    def __post_init__(self) -> None:
        check_synchronous(self.name, self.synchronous)

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """Go on with what may go on, then begin random configurations in the bracket that is next."""
        space, found = known_space(history, self.name), brackets(history, fidelity_of(history, self.name))

        def drawn(number: int, _: list[Config]) -> Iterator[tuple[Config, str]]:
            yield space.sample(rng.generator(number, "random")), f"{self.name}: a random draw"

        def begin(n: int) -> list[Suggestion]:
            return found.begin(new_suggestions(history, n, rng, self.name, drawn), found.following(n))

        promoted = found.promoted(self.name, synchronous=self.synchronous)
        return go_on_or_begin(history, n, self.name, promoted, begin)

    def judge(self, history: History, trial: int) -> Verdict:
        """Pause at the rung a trial was assigned to run to."""
        return pause_at_rung(history, trial, fidelity_of(history, self.name))
