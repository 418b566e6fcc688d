"""What any configuration may still gain over the best one: how far a search is from its end, whoever proposes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.records import Score
from holdfast.rng import Streams
from holdfast.search.conditions import with_conditions
from holdfast.search.gp.maximise import CENTRES, all_points, candidates
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, History
from holdfast.search.outlook import Outlook, outlook
from holdfast.space import Space

LOOKED_AT = 2000
"""So many configurations are looked at, unless a space has no more in all; a quarter lie near the best trials."""

JOINTLY = 256
"""So many of them, those that might be the best, are drawn together."""

AMONG = 500
"""So many trials, those with the least losses, may be the incumbent."""

TIMES = 16
"""Draws a draw of the hyperparameters."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to gain.

    Attributes:
        gain: how much less than the incumbent the best of all configurations scores on average, as drawn: never less
            than 0.
        incumbent: the complete trial that meets the constraints of which the least loss is expected, by number.
        noises: (draws,) the standard deviation of a trial's own luck, as a loss, as far as the scores leave it open.
        spread: the standard deviation of the losses, without how bad the bad ones are.
    """

    gain: Score
    incumbent: int
    noises: np.ndarray
    spread: float


def first_told(history: History, size: int) -> History:
    """The same trials when the first ``size`` of them had been told; what the others asked for is not known then."""
    space, token, asked, scored = history.space, history.token, history.asked, history.scored
    if space is not None and asked is not None and scored is not None:
        known = np.isin(np.arange(len(history)), history.told_trial[:size])
        asked, scored = asked & known[:, None], scored & known
        space = with_conditions(space, history.units, asked, scored)
        token = (token, space)
    return replace(
        history,
        space=space,
        token=token,
        asked=asked,
        scored=scored,
        told_trial=history.told_trial[:size],
        told_loss=history.told_loss[:size],
        told_state=history.told_state[:size],
        told_seconds=history.told_seconds[:size],
        told_violation=history.told_violation[:size],
    )


def gain_left(history: History, rng: Streams, level: float = 0.9) -> Left | None:
    """What any configuration may still gain over the best one; None where nobody can say, or no trial is the best.

    A bound on the regret in probability: functions are drawn from the Gaussian process of the scores, without noise,
    and in each the best of all configurations is compared with the incumbent (compare Wilson, "Stopping Bayesian
    optimization with probabilistic regret bounds", NeurIPS 2024, and for the noise to hold it against Makarova et al.,
    "Automatic termination for hyperparameter optimization", AutoML 2022).
    """
    view = outlook(history, rng)
    able = np.flatnonzero((history.told_state == COMPLETE) & np.isfinite(history.told_loss[:, 0]))
    able = able[np.all(history.told_violation[able] <= 0, axis=1)]
    if view is None or len(able) == 0:
        return None
    assert history.space is not None
    trials = history.told_trial[able[np.argsort(history.told_loss[able, 0], kind="stable")[:AMONG]]]
    with one_thread():
        expected, _ = view.expect(history.units[trials])
        order = np.argsort(expected, kind="stable")
        draw = rng.generator(len(history.told_trial), "outlook/left")
        best = history.units[trials[order]]
        points = _promising(view, _everywhere(history.space, best[:CENTRES], draw))
        losses = view.draw(np.concatenate([best[:1], points]), TIMES, draw, known=1)
    gains = losses[:, 0] - losses.min(axis=1)
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    method = f"draws of a Gaussian process of {view.told} trials, at {len(points)} configurations that may be the best"
    estimand = "by how much any configuration scores better on average than the best one so far"
    gain = Score(float(gains.mean()), float(low), float(high), level, method, estimand, view.told)
    return Left(gain, int(trials[order[0]]), view.noises, view.scale)


def _everywhere(space: Space, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(m, d) every configuration of a small space, or else many, also near the centres (c, d); NaN where inactive."""
    everything = all_points(space)
    units = space.snap(candidates(space, centres, LOOKED_AT, rng) if everything is None else everything)
    found: np.ndarray = units[space.allowed(units)]
    return found


def _promising(view: Outlook, units: np.ndarray) -> np.ndarray:
    """At most `JOINTLY` of the points (m, d): those that reach the furthest down by any draw of the hyperparameters."""
    means, variances = view.latent(units)
    order = np.argsort((means - 2 * np.sqrt(variances)).min(axis=0), kind="stable")
    return units[order[:JOINTLY]]
