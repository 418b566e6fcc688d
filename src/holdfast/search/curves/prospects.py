"""What more training promises, of trials that wait and of configurations that no trial has had."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.search.curves.model import Ahead, CurveModel
from holdfast.search.gp.acquisition import log_expected_improvement
from holdfast.search.gp.flat import OutsideFlats, outside_flats
from holdfast.search.gp.maximise import candidates
from holdfast.search.gp.surrogate import Kernel
from holdfast.space import Space

CENTRES = 8
"""New configurations are also looked for near so many trials, those of the best predicted ends."""


@dataclass(frozen=True, eq=False)
class Prospects:
    """The log of the improvement at full training that a step of training is expected to bring.

    A trial is trained on for what its next loss will tell, or for what it will have become when it is trained to the
    end, whichever is more for a step of what that costs. The first is the expected improvement of the mean at full
    training, once that loss is known: one step of a new trial tells little of its end, but costs little, too (compare
    the trace-aware knowledge gradient of Wu, Toscano-Palmerin, Frazier and Wilson, "Practical multi-fidelity Bayesian
    optimization for hyperparameter tuning", UAI 2019). A new trial's own luck is no improvement, since it can be had
    anywhere, and again and again where the best trial is.

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

    def of_trials(self, trials: np.ndarray, reached: np.ndarray, following: np.ndarray) -> np.ndarray:
        """(k,) of trials by number that have had ``reached`` (k,) steps and would go on to ``following`` (k,)."""
        return self._worth(self.model.ahead_of_trials(self.model.places(trials), following), reached, following)

    def of_new(self, units: np.ndarray, following: int) -> np.ndarray:
        """(k,) of configurations of shape (k, d) whose trials would begin with ``following`` steps."""
        reached, until = np.zeros(len(units)), np.full(len(units), following)
        worth = self._worth(self.model.ahead_of_new(units, until), reached, until)
        return worth if self.flats is None else worth + self.flats.value(self.model.embed(units))

    def best_new(
        self, space: Space, count: int, following: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """New configurations (k, d), the most promising first, and what they promise (k,); ``count`` are looked at."""
        units = candidates(space, self.centres, count, rng)
        worth = self.of_new(space.snap(units), following)
        order = np.argsort(-worth, kind="stable")
        return units[order], worth[order]

    def _worth(self, ahead: Ahead, reached: np.ndarray, following: np.ndarray) -> np.ndarray:
        told = log_expected_improvement(ahead.mean, ahead.told, self.best)[0]
        ended = log_expected_improvement(ahead.mean, ahead.variance, self.best)[0]
        worth: np.ndarray = np.maximum(
            told - np.log(np.maximum(following - reached, 1.0)),
            ended - np.log(np.maximum(self.model.end - reached, 1.0)),
        )
        return worth

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
