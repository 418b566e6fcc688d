"""Where the curves of trials that run or wait are going: the value at full training and its interval."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from holdfast.records import Score, loss_sign
from holdfast.search.curves.model import CurveModel, curve_model
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, PAUSED, RUNNING, History

STEPS_AHEAD = 24
"""A fan of predictions has so many steps."""


@dataclass(frozen=True, slots=True)
class Final:
    """What a trial is expected to end at.

    Attributes:
        trial: its number.
        step: the last one that it reported.
        score: the value at full training, with an interval for what will be reported there.
    """

    trial: int
    step: int
    score: Score


@dataclass(frozen=True, eq=False)
class Fan:
    """Predictions along a curve, from the last reported step on; all (k,), in the metric's unit."""

    steps: np.ndarray
    values: np.ndarray
    lows: np.ndarray
    highs: np.ndarray


@dataclass(frozen=True, eq=False)
class Ahead:
    """The model of a study's curves, asked about trials that run or wait.

    Attributes:
        model: of all curves.
        sign: 1 where lower is better, else -1.
        open: (k,) the trials that run or wait and have reported something, by number.
        reached: (k,) the last step of each.
        step: what a step is called.
        bounds: the least and the greatest value that the metric can have.
    """

    model: CurveModel
    sign: float
    open: np.ndarray
    reached: np.ndarray
    step: str
    bounds: tuple[float, float] = (-np.inf, np.inf)

    def finals(self, level: float) -> tuple[Final, ...]:
        """What each open trial is expected to end at, the best first."""
        places = self.model.places(self.open)
        value, low, high = self._predict(places, np.full(len(places), float(self.model.end)), level)
        method = f"a Gaussian process of {len(self.model.points):,} points of {len(self.model.points.trials):,} curves"
        found = [
            Final(
                int(trial),
                int(reached),
                Score(
                    float(value[k]),
                    float(low[k]),
                    float(high[k]),
                    level,
                    method,
                    f"the value that trial {trial} reports at {self.step} {self.model.end}",
                    int(reached),
                ),
            )
            for k, (trial, reached) in enumerate(zip(self.open, self.reached, strict=True))
        ]
        return tuple(sorted(found, key=lambda final: (self.sign * final.score.value, final.trial)))

    def fan(self, trial: int, level: float) -> Fan:
        """Predictions for an open trial, from the step that it has reached to full training."""
        reached = int(self.reached[np.flatnonzero(self.open == trial)[0]])
        steps = np.unique(np.geomspace(max(reached, 1), max(self.model.end, reached, 1), STEPS_AHEAD).round())
        places = np.repeat(self.model.places(np.array([trial])), len(steps))
        return Fan(steps, *self._predict(places, steps, level))

    def _mostly_fall(self, step: float) -> bool:
        """Whether from a step on fewer than half of the curves that were trained in full came to a higher loss."""
        points = self.model.points
        ends = points.last()
        full = (points.steps[ends] >= self.model.end) & np.isfinite(points.losses[ends])
        ahead = np.flatnonzero((points.steps >= step) & full[points.owner])
        owner, first = np.unique(points.owner[ahead], return_index=True)
        risen = points.losses[ends[owner]] > points.losses[ahead[first]]
        return len(risen) > 0 and float(risen.mean()) < 0.5

    def _predict(
        self, places: np.ndarray, steps: np.ndarray, level: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, lower and upper bounds, all (k,), at steps (k,) from the last known one of each trial on.

        The model goes back to what is usual of such configurations. Where fewer than half of the curves that were
        trained in full ended worse than they stood at a trial's step, it is not expected to be worse than it stands.
        What the metric cannot be is cut off.
        """
        if len(places) == 0:
            return np.empty(0), np.empty(0), np.empty(0)
        mean, variance = self.model.of_trials(places, steps)
        reach = NormalDist().inv_cdf(0.5 + level / 2) * np.sqrt(variance + self.model.noise)
        value, better, worse = (
            self.sign * self.model.scale.losses(target) for target in (mean, mean - reach, mean + reach)
        )
        last = self.model.points.last()[places]
        reached = self.model.points.steps[last].tolist()
        fall = {step: self._mostly_fall(step) for step in set(reached)}
        now = np.where([fall[step] for step in reached], self.model.points.losses[last], np.inf)
        value = self.sign * np.minimum(self.sign * value, now)
        lows, highs = np.minimum(value, np.minimum(better, worse)), np.maximum(value, np.maximum(better, worse))
        value, lows, highs = (np.clip(each, *self.bounds) for each in (value, lows, highs))
        return value, lows, highs


def ahead_of(history: History) -> Ahead | None:
    """The model of a history's curves; None where they are too few or all the same, or no space is known yet.

    Full training is the fidelity's most; without a fidelity, the last step of any complete trial.
    """
    if history.space is None or len(history.report_trial) == 0:
        return None
    reached = np.zeros(len(history), dtype=np.int64)
    np.maximum.at(reached, history.report_trial, history.report_step)
    if history.fidelity is not None:
        end = history.fidelity.max
    else:
        end = int(reached[history.states == COMPLETE].max(initial=0))
        if end == 0:
            return None
    with one_thread():
        model = curve_model(history, end)
    if model is None:
        return None
    known = np.isin(np.arange(len(history)), model.points.trials)
    waits = (history.states == RUNNING) | (history.states == PAUSED)
    found = np.flatnonzero(known & waits & (reached > 0))
    sign = loss_sign(history.directions[0])
    return Ahead(model, sign, found, reached[found], "step" if history.fidelity is None else history.fidelity.name)
