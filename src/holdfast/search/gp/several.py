"""Several objectives for `gp`: a surrogate each, and the configuration of highest expected hypervolume improvement.

The volume is measured in the surrogates' targets, from a little beyond the worst loss in each objective: from a nearer
corner the ends of the front would stay unseen. The start, the random draws now and then and the pending trials are
those of the search with one objective; what is pending is taken to have its posterior means, so that several
configurations asked for at once lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.acquisition import log_average
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.failures import failure
from holdfast.search.gp.feasibility import requirements
from holdfast.search.gp.fits import FIT_POINTS
from holdfast.search.gp.landscape import Landscape, Term
from holdfast.search.gp.maximise import ranked
from holdfast.search.gp.preference import Preference, preference, trust
from holdfast.search.gp.proposer import Asked
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, kernel_at, prior_mode
from holdfast.search.gp.targets import known_losses, standardise, subset, succeeded
from holdfast.search.gp.volume import Region, region
from holdfast.search.history import History
from holdfast.search.pareto import crowding, non_dominated
from holdfast.space import Space

MAX_POINTS = 600
"""At most so many trials are in each surrogate."""
WORK = 1_000_000
"""Candidates times trials times objectives times draws: how many candidates are affordable."""
FEWEST_CANDIDATES = 200
MAX_PENDING = 256
BEYOND = 0.1
"""How far the reference point lies beyond the worst losses, as a share of their range."""


def by_volume(model: Several, asked: Asked) -> Iterator[tuple[np.ndarray, str]]:
    """Points (d,) for the trial that is asked for, the most promising first, each with its reason."""
    draw = asked.rng.generator(asked.number, "gp/candidates")
    count = min(asked.candidates, max(FEWEST_CANDIDATES, WORK // model.size))
    units, values = ranked(model.landscape(asked.space, draw), model.centres, count, draw)
    front = f"a front of {model.front_size} trials{model.note}"
    for unit, value in zip(units[values > -np.inf], values[values > -np.inf], strict=True):
        yield unit, f"gp: expected hypervolume improvement {math.exp(value):.2g} over {front}"


@dataclass(frozen=True, eq=False)
class VolumeImprovement:
    """The log of expected hypervolume improvement, averaged over draws of the hyperparameters.

    Attributes:
        beliefs: for each draw, a posterior of each of the k objectives.
        free: for each draw, what no trial dominates.
    """

    beliefs: tuple[tuple[Posterior, ...], ...]
    free: tuple[Region, ...]

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        values = []
        for posteriors, free in zip(self.beliefs, self.free, strict=True):
            mean, variance = _stacked([posterior.predict(features) for posterior in posteriors])
            values.append(free.log_improvement(mean, variance))
        return log_average(np.array(values))[0]

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        values, gradients = [], []
        for posteriors, free in zip(self.beliefs, self.free, strict=True):
            predicted = [posterior.predict_with_gradient(features) for posterior in posteriors]
            mean, variance = _stacked([(each[0], each[1]) for each in predicted])
            value, by_mean, by_variance = free.with_gradient(mean, variance)
            values.append(value)
            slopes = [
                by_mean[:, j, None] * mean_slope + by_variance[:, j, None] * variance_slope
                for j, (_, _, mean_slope, variance_slope) in enumerate(predicted)
            ]
            gradients.append(np.sum(slopes, axis=0))
        value, weights = log_average(np.array(values))
        return value, np.einsum("sm,smd->md", weights, np.array(gradients))


@dataclass(frozen=True, eq=False)
class Several:
    """What the acquisition needs of a history.

    Attributes:
        embed: the embedding of the space.
        beliefs: for each draw of the hyperparameters, a posterior of each objective in standardised targets.
        means: (draws, n, k) posterior means at the feasible trials and at pending ones.
        reference: (k,) from where the volume is measured.
        centres: (c, d) encoded configurations on the front, the least crowded first.
        front_size: how many trials are on it.
        note: what the reader should know of the surrogates; may be empty.
        terms: what is added to the acquisition.
        preference: the user's priors, if there are any.
    """

    embed: Embedding
    beliefs: tuple[tuple[Posterior, ...], ...]
    means: np.ndarray
    reference: np.ndarray
    centres: np.ndarray
    front_size: int
    note: str
    terms: tuple[Term, ...]
    preference: Preference | None

    @property
    def size(self) -> int:
        """Trials times objectives times draws."""
        return len(self.beliefs) * len(self.beliefs[0]) * len(self.beliefs[0][0].points)

    def with_pending(self, units: np.ndarray) -> Several:
        """The same with the points of shape (p, d) as pending, each at its posterior means."""
        features = self.embed(units)
        beliefs = tuple(tuple(each.with_pending(features) for each in posteriors) for posteriors in self.beliefs)
        new = [_stacked([each.predict(features) for each in posteriors])[0] for posteriors in self.beliefs]
        return replace(self, beliefs=beliefs, means=np.concatenate([self.means, np.array(new)], axis=1))

    def landscape(self, space: Space, rng: np.random.Generator) -> Landscape:
        """The acquisition over the space."""
        free = tuple(region(means[non_dominated(means)], self.reference, rng) for means in self.means)
        return Landscape(space, self.embed, (VolumeImprovement(self.beliefs, free), *self.terms), self.preference)


def objective(history: History, k: int) -> History:
    """The history of objective k alone."""
    return replace(
        history,
        directions=(history.directions[k],),
        told_loss=history.told_loss[:, k : k + 1],
        token=(history.token, k),
    )


def several_of(history: History, rng: Streams) -> Several:
    """Condition on told and pending trials; the front is that of the posterior means where trials succeeded."""
    assert history.space is not None
    embed = embedding(history.space)
    views = [objective(history, k) for k in range(len(history.directions))]
    losses = np.stack([_known_losses(view, len(view.told_state)) for view in views], axis=1)
    chosen = _subset(losses)
    trials = history.told_trial[chosen]
    told = Told((history.token, "several"), embed.group, embed(history.units[history.told_trial]))
    features = told.features[chosen]
    targets = np.stack([standardise(column)[chosen] for column in losses.T], axis=1)
    kernels = [_kernels(view, told, rng) for view in views]
    beliefs = tuple(
        tuple(
            condition(drawn[draw % len(drawn)], embed.group, features, target)
            for drawn, target in zip(kernels, targets.T, strict=True)
        )
        for draw in range(max(map(len, kernels)))
    )
    means = np.array(
        [
            np.stack([p.means_at_points(target) for p, target in zip(each, targets.T, strict=True)], axis=1)
            for each in beliefs
        ]
    )
    done = _succeeded(history)
    feasible = done & np.all(history.told_violation <= 0, axis=1)
    middle = means.mean(axis=0)
    front = np.flatnonzero(feasible[chosen] if feasible[chosen].any() else done[chosen])
    front = front[non_dominated(middle[front])]
    known = middle[done[chosen]]
    model = Several(
        embed=embed,
        beliefs=beliefs,
        means=means[:, feasible[chosen]],
        reference=known.max(axis=0) + BEYOND * np.maximum(np.ptp(known, axis=0), 1e-6),
        centres=history.units[trials[front[np.argsort(-crowding(middle[front]), kind="stable")]]],
        front_size=len(front) if feasible[chosen].any() else 0,
        note="" if len(chosen) == len(losses) else f" (by {len(chosen)} of {len(losses)} trials)",
        terms=tuple(requirements(history, told, chosen, failure(told, done, chosen))),
        preference=preference(
            history.space, trust(history.space, embed, [each for drawn in beliefs for each in drawn]), len(losses)
        ),
    )
    pending = history.pending[-MAX_PENDING:]
    return model.with_pending(history.units[pending]) if len(pending) else model


def _kernels(view: History, told: Told, rng: Streams) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters of one objective's surrogate, by the trials up to the last fixed history size."""
    own = replace(told, token=view.token)

    def first(size: int) -> tuple[Kernel, ...]:
        losses = _known_losses(view, size)
        if np.isnan(losses).any():
            return (kernel_at(prior_mode(own.groups)),)
        chosen = subset(losses, FIT_POINTS)
        return own.first(size).draws(chosen, standardise(losses)[chosen], rng)

    return own.kernels(f"loss {rng.seed}", first)


def _known_losses(view: History, size: int) -> np.ndarray:
    """(size,) the losses of one objective; one that is set apart may be the price of another objective, and stays."""
    losses, states = view.told_loss[:size, 0], view.told_state[:size]
    return known_losses(losses, states, succeeded(losses, states))


def _subset(losses: np.ndarray) -> np.ndarray:
    """At most `MAX_POINTS` positions of losses (m, k), an equal share chosen by each objective (see `subset`)."""
    share = max(MAX_POINTS // losses.shape[1], 1)
    if len(losses) <= MAX_POINTS:
        return np.arange(len(losses))
    return np.unique(np.concatenate([subset(column, share) for column in losses.T]))


def _succeeded(history: History) -> np.ndarray:
    """(m,) which told trials have a loss to go by in every objective."""
    found = [succeeded(column, history.told_state) for column in history.told_loss.T]
    known: np.ndarray = np.all(found, axis=0)
    return known


def _stacked(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances (m, k) of k posteriors."""
    return np.stack([mean for mean, _ in parts], axis=1), np.stack([variance for _, variance in parts], axis=1)
