"""What more training promises, of trials that wait and of configurations that no trial has had."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.search.curves.model import CurveModel
from holdfast.search.gp.acquisition import log_expected_improvement
from holdfast.search.gp.flat import OutsideFlats, outside_flats
from holdfast.search.gp.maximise import candidates
from holdfast.search.gp.surrogate import Kernel
from holdfast.space import Space

CENTRES = 8
"""New configurations are also looked for near so many trials, those of the best predicted ends."""


@dataclass(frozen=True, eq=False)
class Prospects:
    """The log of the expected improvement at full training, per step that is left to get there.

    Attributes:
        model: of the curves, and of what runs.
        best: the lowest mean target that is predicted of any trial at full training.
        best_trial: whose.
        centres: (c, d) the configurations of the lowest ones.
        flats: where another configuration would do exactly what a known one does.
    """

    model: CurveModel
    best: float
    best_trial: int
    centres: np.ndarray
    flats: OutsideFlats | None

    def of_trials(self, trials: np.ndarray, reached: np.ndarray) -> np.ndarray:
        """(k,) of trials by number that have had ``reached`` (k,) steps of training."""
        mean, variance = self.model.of_trials(self.model.places(trials), self._end(len(trials)))
        worth = log_expected_improvement(mean, variance, self.best)[0]
        per_step: np.ndarray = worth - np.log(np.maximum(self.model.end - reached, 1.0))
        return per_step

    def of_new(self, units: np.ndarray) -> np.ndarray:
        """(k,) of configurations of shape (k, d)."""
        mean, variance = self.model.of_new(units, self._end(len(units)))
        worth: np.ndarray = log_expected_improvement(mean, variance, self.best)[0] - np.log(float(self.model.end))
        return worth if self.flats is None else worth + self.flats.value(self.model.embed(units))

    def best_new(self, space: Space, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """New configurations (k, d), the most promising first, and what they promise (k,); ``count`` are looked at."""
        units = candidates(space, self.centres, count, rng)
        worth = self.of_new(space.snap(units))
        order = np.argsort(-worth, kind="stable")
        return units[order], worth[order]

    def with_pending(self, trials: np.ndarray, units: np.ndarray, steps: np.ndarray) -> Prospects:
        """The same when trials (p,) of configurations (p, d) are on their way to steps (p,)."""
        return replace(self, model=self.model.with_pending(trials, units, steps))

    def chances(self, trials: np.ndarray, target: float) -> np.ndarray:
        """(k,) the probability that the loss of each trial, by number, will be below ``target`` at full training."""
        from scipy.special import ndtr

        mean, variance = self.model.of_trials(self.model.places(trials), self._end(len(trials)))
        found: np.ndarray = ndtr((target - mean) / np.sqrt(variance + self.model.noise))
        return found

    def _end(self, count: int) -> np.ndarray:
        return np.full(count, float(self.model.end))


def prospects_of(model: CurveModel) -> Prospects:
    """What a model of the curves promises, before it knows of what runs."""
    trials, units = model.points.trials, model.points.units
    ends, _ = model.of_trials(np.arange(len(trials)), np.full(len(trials), float(model.end)))
    order = np.argsort(ends, kind="stable")
    first = model.points.losses[model.where.starts]
    kernel = Kernel(model.kernel.lengths, model.kernel.noise, model.kernel.variance[0])
    return Prospects(
        model=model,
        best=float(ends[order[0]]),
        best_trial=int(trials[order[0]]),
        centres=units[order[:CENTRES]],
        flats=outside_flats(
            [kernel], model.where.group, model.where.features, np.where(np.isfinite(first), first, np.nan)
        ),
    )
