"""What a study looks like to its strategy where timing must change nothing: results count in the order of decisions.

With W workers decision k (a new trial, or a promotion) knows what the decisions up to k - W came to, and of those after
it only that they run. So it can be made as soon as these have ended, in whatever order, wherever they ran and however
often they were interrupted. Where a strategy has nothing to give out before more is known, it learns of one leg after
the other, in their order. A verdict knows what its trial's decision knew, and the trial's own reports; nothing knows
how long anything took.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from holdfast.records import Entry, loss_sign, number_from_json
from holdfast.search.history import History
from holdfast.space.rules import Predicate
from holdfast.study.state import StudyState, fold

GIVEN = frozenset({"trial.asked", "trial.resumed"})
ENDS = frozenset({"trial.told", "trial.paused"})
ABOUT_A_TRIAL = ENDS | {"trial.reported", "trial.saved", "trial.drawn"}
OF_A_RUN = frozenset({"trial.restarted", "trial.interrupted", "trial.judged", "trial.late"})
"""What depends on when and where a trial ran, and so is nothing that a decision knows."""


@dataclass(eq=False)
class _Leg:
    """What one decision gave out: the events of its trial since, and whether it has ended."""

    trial: int
    events: list[Entry] = field(default_factory=list)
    ended: bool = False

    def add(self, item: Entry) -> None:
        """One more event; what was reported after the checkpoint of a restart will be reported again."""
        if item.kind == "trial.restarted":
            step = item.data["start_step"]
            self.events = [one for one in self.events if one.data.get("step", 0) <= step]
        elif item.kind in ABOUT_A_TRIAL:
            self.events.append(item)
            self.ended = self.ended or item.kind in ENDS


class Ordered:
    """A second fold of a log, in the order of decisions; its legs are what decisions gave out.

    Args:
        workers: W.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._state: StudyState | None = None
        self._legs: list[_Leg] = []
        self._of: dict[int, int] = {}
        self._views: dict[int, History] = {}
        self._known = 0

    @property
    def state(self) -> StudyState:
        """What is known of the study."""
        assert self._state is not None
        return self._state

    @property
    def known(self) -> int:
        """How many legs are known; those that were given out first."""
        return self._known

    def ready(self) -> bool:
        """Learn what the next decision has to know; whether that is there already."""
        while self._known <= len(self._legs) - self._workers:
            if not self.learn():
                return False
        return True

    def learn(self) -> bool:
        """Learn what one more leg came to, where the next decision has nothing to give out; False if it still runs."""
        if self._known == len(self._legs) or not self._legs[self._known].ended:
            return False
        for item in self._legs[self._known].events:
            self._fold(_without_clock(item))
        self._known += 1
        return True

    def supply(self, predicates: Sequence[Predicate]) -> None:
        """Give the space the functions that a log cannot hold."""
        self.state.supply(predicates)

    def take(self, item: Entry) -> None:
        """The next event of the log."""
        if item.kind in GIVEN:
            while self._known < item.data["seen"] and self.learn():
                pass
            self._fold(item)
            trial = item.data["trial"]
            self._of[trial] = len(self._legs)
            self._legs.append(_Leg(trial))
            self._views[trial] = self.state.history.snapshot(self.state.length)
        elif item.kind in ABOUT_A_TRIAL or item.kind in OF_A_RUN:
            trial = item.data["trial"]
            self._legs[self._of[trial]].add(item)
            if item.kind in ENDS:
                del self._views[trial]
        else:
            self._fold(item)

    def view(self, trial: int) -> History:
        """What a verdict on a running trial knows: what its decision knew, and what it has reported since."""
        known, said = self._views[trial], []
        signs = [loss_sign(direction) for direction in known.directions]
        for item in self._legs[self._of[trial]].events:
            if item.kind == "trial.reported":
                metrics = {name: number_from_json(value) for name, value in item.data["metrics"].items()}
                values = [sign * value for sign, value in zip(signs, self.state.objectives(metrics), strict=True)]
                said.append((item.data["step"], values))
        steps = np.array([step for step, _ in said], dtype=np.int64)
        losses = np.array([values for _, values in said], dtype=float).reshape(len(said), len(signs))
        return dataclasses.replace(
            known,
            report_trial=np.append(known.report_trial, np.full(len(said), trial, dtype=np.int64)),
            report_step=np.append(known.report_step, steps),
            report_losses=np.concatenate([known.report_losses, losses]),
            token=object(),
        )

    def _fold(self, item: Entry) -> None:
        self._state = fold(self._state, item, 0 if self._state is None else self._state.length)


def _without_clock(item: Entry) -> Entry:
    """What a trial came to, and not how long it took."""
    if item.kind not in ENDS:
        return item
    return dataclasses.replace(item, data={**item.data, "seconds": 0.0, "cpu_seconds": 0.0}, text=None)
