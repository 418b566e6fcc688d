"""What an estimate is asked for and what is found, on the scale on which higher is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.evaluate.metrics import Metric
from holdfast.evaluate.scale import Scale
from holdfast.evaluate.sheet import Sheet
from holdfast.evaluate.wording import Estimand
from holdfast.rng import Streams
from holdfast.stats.few_groups import Carried
from holdfast.stats.raced import Raced
from holdfast.stats.rmx import Settings

REFIT_VARIANCE = {"binary": 0.35, "other": 0.5}
"""omega2 of a refit, relative to the row variance: found in simulations, see `holdfast.stats.rmx`."""

TIE = 1e-12
"""Means nearer than this, relative to their size, are equal."""


@dataclass(frozen=True)
class Request:
    """Row scores side by side, the winner's place among them, and what is asked of it."""

    sheet: Sheet
    winner: int | None
    metric: Metric | None
    scale: Scale
    estimand: Estimand
    level: float
    streams: Streams
    adaptive: bool = False

    def omega2(self, kind: Literal["binary", "other"]) -> float:
        """The variance of the refit, relative to that of the rows; 0 where the very model that was scored ships."""
        return 0.0 if self.estimand == "scored" else REFIT_VARIANCE[kind]

    def settings(self, omega2: float, bootstraps: int, *, is_best: bool) -> Settings:
        """Of the interval: whether only the best could have been taken, and whether the search is repeated, too."""
        return Settings(omega2, self.level, bootstraps=bootstraps, any_rule=not is_best, searched=self.adaptive)


@dataclass(frozen=True)
class Found:
    """An estimate on the oriented scale."""

    point: float
    low: float
    high: float
    naive: float
    method: str
    effective: float | None
    bootstraps: int = 0
    undefined: int = 0
    sentences: tuple[str, ...] = ()
    carried: Carried | None = None
    unseen: bool = False


def chosen_among(observed: np.ndarray, winner: int | None) -> tuple[int, bool]:
    """The winner, and whether it is the best by these scores (or as good)."""
    if np.isnan(observed).all() or (winner is not None and np.isnan(observed[winner])):
        raise RequestError("the metric is undefined on the validation rows; rows of every class are needed")
    best = int(np.nanargmax(observed))
    if winner is None:
        return best, True
    margin = TIE * max(abs(float(observed[best])), 1.0)
    return winner, float(observed[winner]) >= float(observed[best]) - margin


def found_by_race(race: Raced, own: float, *, is_best: bool) -> Found:
    """The estimate where some configurations were not scored on all rows; ``own`` is the winner's score."""
    method = wording.RACED if is_best else wording.RACED_MAX_T
    return Found(race.point, race.low, race.high, own, method, None)
