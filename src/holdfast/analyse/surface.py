"""What is expected of configurations that were not tried: a Gaussian process of the losses, in the metric's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.analyse.measure import MOST_BINS, Measure
from holdfast.analyse.observed import Observed
from holdfast.records import Config, Value
from holdfast.rng import Streams
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.surrogate import Posterior, condition, fit
from holdfast.search.gp.targets import subset
from holdfast.search.gp.threads import one_thread
from holdfast.search.sobol import sobol_points
from holdfast.space import Categorical, Space

MOST_POINTS = 500
MOST_FITTED = 256
BACKGROUND = 48
"""Configurations over which a partial dependence is a mean."""

NORMAL = 1.959963984540054
CANDIDATES = 2048
STEPS = (0.2, 0.1, 0.05, 0.02, 0.01)
"""Widths of the steps, in parts of a range, by which the predicted optimum is approached."""

AROUND = 100
"""Steps of each width, from each of the best `CENTRES` so far."""

CENTRES = 5


@dataclass(frozen=True, eq=False)
class Surface:
    """The posterior of the losses over a space.

    Attributes:
        space: the search space.
        centre, scale: of the losses that the posterior was given.
        sign: what turns a loss into the metric.
    """

    space: Space
    embed: Embedding
    posterior: Posterior
    centre: float
    scale: float
    sign: float

    def means(self, units: np.ndarray) -> np.ndarray:
        """(p,) the expected losses at units (p, d), NaN where inactive."""
        return self.centre + self.scale * self.posterior.predict(self.embed(units))[0]

    def joint(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(p,) the expected losses at units (p, d), and (p, p) their covariance, without noise.

        The last block of the factor of a joint covariance is that of the posterior's.
        """
        features = self.embed(units)
        together = self.posterior.with_pending(features)
        block = together.factor[-len(features) :, -len(features) :]
        covariance = block @ block.T - together.noise * np.eye(len(features))
        return self.means(units), self.scale**2 * covariance


def surface(trials: Observed) -> Surface:
    """A Gaussian process of the losses as `holdfast.search.gp` has it, of a few hundred trials at most."""
    embed = embedding(trials.space)
    chosen = subset(trials.losses, MOST_POINTS)
    centre, scale = float(trials.losses[chosen].mean()), float(trials.losses[chosen].std())
    targets = (trials.losses - centre) / scale
    fitted = chosen[subset(trials.losses[chosen], MOST_FITTED)]
    with one_thread():
        kernel = fit(embed.group, embed(trials.units[fitted]), targets[fitted])
        posterior = condition(kernel, embed.group, embed(trials.units[chosen]), targets[chosen])
    return Surface(trials.space, embed, posterior, centre, scale, trials.sign)


@dataclass(frozen=True)
class Dependence:
    """The mean of the metric over all else that is active, given one hyperparameter.

    Attributes:
        name: of the hyperparameter.
        values: where.
        metric: what is expected there.
        low, high: its interval, at a level of 95%: how far the model is from sure.
        note: how many trials count with another score than their own; empty if none does.
    """

    name: str
    values: tuple[Value, ...]
    metric: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    note: str = ""


def partial_dependence(model: Surface, space: Measure, name: str, seed: int, note: str = "") -> Dependence:
    """The partial dependence of Friedman ("Greedy function approximation", 2001, eq. 47), over an even background.

    Only configurations in which the hyperparameter is active are in it; what it switches on goes with its value.
    """
    position = model.space.names.index(name)
    domain = model.space[name]
    edges = space.edges[position]
    middles = (edges[1:] + edges[:-1]) / 2
    many = domain.cells is None or domain.cells > MOST_BINS
    at = np.linspace(0.0, 1.0, 17) if many else middles
    background = _where_active(model.space, position, seed)
    grid = np.tile(background, (len(at), 1))
    grid[:, position] = np.repeat(at, len(background))
    with one_thread():
        mean, covariance = model.joint(model.space.snap(grid))
    n = len(background)
    metric = model.sign * mean.reshape(len(at), n).mean(axis=1)
    blocks = covariance.reshape(len(at), n, len(at), n)
    error = np.sqrt(np.maximum([blocks[k, :, k, :].mean() for k in range(len(at))], 0.0))
    return Dependence(
        name=name,
        values=tuple(domain.from_unit(float(unit)) for unit in at),
        metric=tuple(metric.tolist()),
        low=tuple((metric - NORMAL * error).tolist()),
        high=tuple((metric + NORMAL * error).tolist()),
        note=note,
    )


def _where_active(space: Space, position: int, seed: int) -> np.ndarray:
    """(n, d) points of the whole cube, `BACKGROUND` at most, at which a hyperparameter is active."""
    points = sobol_points(CANDIDATES, len(space), seed)
    active = np.flatnonzero(~np.isnan(space.snap(points)[:, position]))
    return points[active[:BACKGROUND]] if len(active) else points[:BACKGROUND]


@dataclass(frozen=True)
class PredictedOptimum:
    """Where the model expects the best configuration, and how far that is from the best trial.

    Attributes:
        config: the configuration.
        metric, low, high: what is expected of it, with an interval at a level of 95%.
        trial: the number of the best trial.
        gain, gain_low, gain_high: by how much it is expected to be better than that trial, by the same model.
        moved: the hyperparameters in which both differ by more than a twentieth of the range, the largest first.
        distance: the root mean square of what they differ by, in parts of the ranges.
    """

    config: Config
    metric: float
    low: float
    high: float
    trial: int
    gain: float
    gain_low: float
    gain_high: float
    moved: tuple[str, ...]
    distance: float

    @property
    def sure(self) -> bool:
        """Whether it is expected to be better by more than the model is unsure of."""
        return self.gain_low > 0


def predicted_optimum(model: Surface, trials: Observed, best: int) -> PredictedOptimum:
    """The configuration with the lowest expected loss, by steps from many places; ``best`` is a trial's number."""
    with one_thread():
        unit = _lowest(model, trials)
        (row,) = np.flatnonzero(trials.trials == best)
        own = trials.units[row]
        mean, covariance = model.joint(np.stack([unit, own]))
    gain = float(mean[1] - mean[0])
    apart = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    error = float(np.sqrt(max(covariance[0, 0], 0.0)))
    metric = model.sign * float(mean[0])
    gaps = _gaps(model.space, unit, own)
    names = model.space.names
    return PredictedOptimum(
        config=model.space.decode(unit),
        metric=metric,
        low=metric - NORMAL * error,
        high=metric + NORMAL * error,
        trial=best,
        gain=gain,
        gain_low=gain - NORMAL * apart,
        gain_high=gain + NORMAL * apart,
        moved=tuple(names[i] for i in np.argsort(-gaps, kind="stable") if gaps[i] > 0.05),
        distance=float(np.sqrt(np.mean(gaps**2))),
    )


def _lowest(model: Surface, trials: Observed) -> np.ndarray:
    """(d,) where the expected loss is lowest among allowed configurations."""
    space, rng = model.space, Streams(trials.seed).generator(0, "analyse/optimum")
    even = space.sample_units(rng, CANDIDATES)
    tried = trials.units[np.argsort(trials.losses, kind="stable")[:CENTRES]]
    tried = space.snap(np.where(np.isnan(tried), 0.5, tried))
    units = np.concatenate([tried[space.allowed(tried)], even])
    losses = model.means(units)
    for width in STEPS:
        best = np.argsort(losses, kind="stable")[:CENTRES]
        steps = rng.normal(scale=width, size=(len(best), AROUND, len(space)))
        steps *= rng.random(steps.shape) < max(2.0 / len(space), 0.3)  # a few hyperparameters at a time
        near = np.where(np.isnan(units[best]), 0.5, units[best])[:, None, :] + steps
        near = space.snap(np.clip(near, 0.0, 1.0).reshape(-1, len(space)))
        near = near[space.allowed(near)]
        units, losses = np.concatenate([units[best], near]), np.concatenate([losses[best], model.means(near)])
    lowest: np.ndarray = units[int(np.argmin(losses))]
    return lowest


def _gaps(space: Space, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(d,) how far two configurations are apart, in parts of the ranges; 1 for another choice, or active in one."""
    choices = np.array([isinstance(domain, Categorical) for domain in space.domains.values()])
    gaps = np.nan_to_num(np.abs(one - other), nan=0.0)
    apart = (np.isnan(one) != np.isnan(other)) | (choices & (gaps > 0))
    return np.where(apart, 1.0, gaps)
