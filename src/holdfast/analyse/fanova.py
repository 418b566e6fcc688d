"""Functional analysis of variance: which part of the variance over the space is due to which hyperparameters.

Each hyperparameter has an even distribution over its range, on its own scale. One with a condition counts where it is
active: its share is the variance that it makes there, times how often that is. That is its main effect together with
its interaction with what switches it on, since without that there is nothing to speak of. A pair counts where both are
active.

The variance of an estimated effect holds the variance of its errors, so that no effect would ever look like none.
Forests of two halves of the trials have different errors; the products of their effects are free of them, so that the
share of a hyperparameter without any effect is about 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.analyse.forest import Forest, Marginals, grow, marginals
from holdfast.analyse.measure import Measure, measure, places
from holdfast.analyse.observed import Observed, halves, varying
from holdfast.errors import RequestError
from holdfast.rng import Streams

SPLITS = 10
"""So many times the trials are cut into halves."""

POINTS = 1024
"""Points over which the variance of the whole is taken."""

MOST_IN_PAIRS = 16
"""Pairs are looked for among so many hyperparameters, those that the forests split by most."""

NORMAL = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""

ROUNDING = 1e-9
"""Smaller parts than this are none."""

LEAST_EXPLAINED = 0.1
"""A forest has to explain this part of the variance of trials it has not seen, or nothing is said."""


@dataclass(frozen=True)
class Share:
    """A part of a whole with its interval, at a level of 95%; it is cut off at 0 and 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} [{self.low:.0%}, {self.high:.0%}]"

    @property
    def sure(self) -> bool:
        """Whether it is more than nothing."""
        return self.low > 0


@dataclass(frozen=True, eq=False)
class Variances:
    """The parts of the variance over the space.

    Attributes:
        space: the distribution over the space.
        single: (d,) a share for each hyperparameter.
        pairs: a share for each two hyperparameters that were looked at.
        explained: the part of the variance of trials that forests explain without having seen them.
        surface: for two hyperparameters, (B, C) the expected loss in each pair of their bins.
    """

    space: Measure
    single: list[Share]
    pairs: dict[tuple[int, int], Share]
    explained: float
    surface: dict[tuple[int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class _Half:
    forest: Forest
    means: Marginals
    at_points: np.ndarray


def fanova(trials: Observed) -> Variances:
    """The shares of single hyperparameters and pairs, with intervals by the half-sample bootstrap.

    Raises:
        RequestError: if the scores cannot be told from noise by the hyperparameters.
    """
    space = measure(trials.space)
    streams = Streams(trials.seed)
    cuts = halves(len(trials), SPLITS, streams, "analyse/fanova")
    at = places(trials.units)
    points = space.points(POINTS, streams.integer(0, "analyse/points"))
    forests = [grow(at[half], trials.losses[half], streams.integer(k, "analyse/forest")) for k, half in enumerate(cuts)]
    explained = _explained(forests, cuts, at, trials.losses)
    if explained < LEAST_EXPLAINED:
        raise RequestError(
            f"from {len(trials)} trials no hyperparameter has an effect that could be told from noise: what one half "
            f"of them teaches explains {explained:.0%} of the variance of the other"
        )
    pairs_of = _most_split_by(forests, varying(trials.space))
    found = [_Half(each, marginals(each, space, pairs_of), each.predict(points)) for each in forests]
    pairs = list(found[0].means.pair)
    shares = _shares(space, found, [*((i,) for i in range(len(space))), *pairs])
    surface = {pair: np.mean([half.means.together[pair] for half in found], axis=0) for pair in pairs}
    single = [shares[i,] for i in range(len(space))]
    return Variances(space, single, {pair: shares[pair] for pair in pairs}, explained, surface)


def _explained(forests: list[Forest], cuts: np.ndarray, at: np.ndarray, losses: np.ndarray) -> float:
    """The square of the mean correlation of what a half teaches with the losses of the other; 0 if it is negative."""
    found = []
    for forest, half in zip(forests, cuts, strict=True):
        said, told = forest.predict(at[~half]), losses[~half]
        spread = float(said.std() * told.std())
        found.append(float(np.mean((said - said.mean()) * (told - told.mean()))) / spread if spread > 0 else 0.0)
    return max(float(np.mean(found)), 0.0) ** 2


def _most_split_by(forests: list[Forest], among: list[int]) -> list[int]:
    gains = np.mean([forest.gains for forest in forests], axis=0)
    return sorted(sorted(among, key=lambda i: -gains[i])[:MOST_IN_PAIRS])


def _shares(space: Measure, found: list[_Half], terms: list[tuple[int, ...]]) -> dict[tuple[int, ...], Share]:
    """A share for each term: a hyperparameter (i,) or a pair (i, j).

    The parts are of different effects, so that the whole is at least their sum.
    """
    effects = {term: [_effect(half.means, term) for half in found] for term in terms}
    masses = {term: space.mass(*term) if len(term) == 1 else space.pair_mass(*term) for term in terms}
    whole = _products([half.at_points - half.at_points.mean() for half in found], np.full(POINTS, 1.0 / POINTS))
    parts = {term: _products(effects[term], masses[term]) for term in terms}
    total = max(float(whole.across.mean()), sum(max(float(part.across.mean()), 0.0) for part in parts.values()))
    if total <= 0:
        raise RequestError("the halves of the trials contradict each other, so that there is nothing to explain")
    shares = {}
    for term, part in parts.items():
        own = part.own / np.maximum(whole.own, 1e-300)
        error = float(np.sqrt(np.mean(((own[0::2] - own[1::2]) / 2) ** 2)))
        shares[term] = share(float(part.across.mean()) / total, error)
    return shares


def share(value: float, error: float) -> Share:
    """The share of an estimate with its standard error."""
    low, high = value - NORMAL * error, value + NORMAL * error
    return Share(*(0.0 if each < ROUNDING else min(float(each), 1.0) for each in (value, low, high)))


def _effect(means: Marginals, term: tuple[int, ...]) -> np.ndarray:
    return means.effect[term[0]] if len(term) == 1 else means.pair[term[0], term[1]]


@dataclass(frozen=True, eq=False)
class _Products:
    """Mean products of effects: of each half with itself (2s,), and with its counterpart (s,)."""

    own: np.ndarray
    across: np.ndarray


def _products(effects: list[np.ndarray], mass: np.ndarray) -> _Products:
    own = np.array([float((mass * each * each).sum()) for each in effects])
    pairs = zip(effects[0::2], effects[1::2], strict=True)
    return _Products(own, np.array([float((mass * one * other).sum()) for one, other in pairs]))
