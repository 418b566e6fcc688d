"""What trials score, by a Gaussian process that learns from the scores alone how much of them is noise.

The surrogates that propose trials expect little noise, so as to trust a good score and look around it; what they expect
of the best trial is nearly what it scored. Whoever recommends a trial, foretells a score or ends a search has to know
the noise. So here nothing is known of it beforehand, and all that the scores leave open, noise and length-scales alike,
is averaged over draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.aspects import Aspect, Told
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.feasibility import bilog
from holdfast.search.gp.fits import fit_size
from holdfast.search.gp.sampling import sample_noisy_kernels
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, kernel_at, prior_mode
from holdfast.search.gp.targets import known_losses, subset, succeeded
from holdfast.search.gp.threads import one_thread
from holdfast.search.history import COMPLETE, FAILED, History
from holdfast.search.memory import Memory

FEWEST_SCORES = 5
"""Complete trials from which on there is something to learn."""

FIT_POINTS, MOST_POINTS = 200, 400
"""At most so many trials decide the hyperparameters, and are in the surrogate: evenly from first to last, since more of
the best ones would let luck in."""

DRAWS = 32
"""Of the hyperparameters."""

BOUNDED = 2.0
"""Losses are cut off where they are worse than the median by so many times as the best one is better than it."""

FURTHEST = 1e100
"""The unit of losses is at most so many times the largest that is left when they are cut off: squares of what is
smaller would come to nothing."""

LARGEST = 1e300
"""A loss beyond this, of those that are not cut off, leaves no room for what may lie around it."""

_memory: Memory[tuple[object, int, int], tuple[Kernel, ...]] = Memory(16)


@dataclass(frozen=True, eq=False)
class Limit:
    """What a trial has to keep to: a surrogate of how far it is missed, or the share of trials that kept to it.

    It is met where the surrogate's number is at most ``bound``.
    """

    known: Aspect | float
    bound: float = 0.0

    def chance(self, features: np.ndarray) -> np.ndarray:
        """(m,) the probability that a trial at features (m, D) keeps to it."""
        from scipy.special import ndtr

        if not isinstance(self.known, Aspect):
            return np.full(len(features), self.known)
        posterior = self.known.posterior
        mean, variance = posterior.predict(features)
        found: np.ndarray = ndtr((self.known.target(self.bound) - mean) / np.sqrt(variance + posterior.noise))
        return found

    def draw(self, features: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, m) whether it is met at features (m, D), in draws of what is uncertain about the surrogate.

        Where there is none it is met wherever any trial has met it.
        """
        if not isinstance(self.known, Aspect):
            return np.full((count, len(features)), self.known > 0)
        found: np.ndarray = self.known.posterior.draw(features, count, rng) <= self.known.target(self.bound)
        return found


@dataclass(frozen=True, eq=False)
class Outlook:
    """A Gaussian process of the losses in their own unit, under several draws of its hyperparameters.

    Attributes:
        embed: where configurations lie.
        posteriors: one a draw; their targets are (loss - shift) / scale.
        shift, scale: of the losses.
        best: the lowest loss of the complete trials that meet the constraints; infinite where none does.
        told: how many trials it knows.
        limits: what is known of each outcome constraint.
        success: what is known of failing; None where no trial has failed.
    """

    embed: Embedding
    posteriors: tuple[Posterior, ...]
    shift: float
    scale: float
    best: float
    told: int
    limits: tuple[Limit, ...] = ()
    success: Limit | None = None

    @property
    def noises(self) -> np.ndarray:
        """(draws,) the standard deviation of a trial's own luck, as a loss."""
        found: np.ndarray = self.scale * np.sqrt([posterior.noise for posterior in self.posteriors])
        return found

    def predict(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of what a trial would score at points (m, d): losses of shape (draws, m) each."""
        means, variances = self.latent(units)
        noises = np.array([[posterior.noise] for posterior in self.posteriors])
        return self.shift + self.scale * means, self.scale * np.sqrt(variances + noises)

    def expect(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of what trials at points (m, d) score on average: losses of shape (m,) each."""
        means, variances = self.latent(units)
        mean, variance = means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)
        return self.shift + self.scale * mean, self.scale * np.sqrt(variance)

    def feasibility(self, units: np.ndarray) -> np.ndarray:
        """(m,) the probability that a trial at points (m, d) meets all constraints, taken as independent."""
        features, found = self.embed(units), np.ones(len(units))
        for limit in self.limits:
            found = found * limit.chance(features)
        return found

    def counts(self, units: np.ndarray) -> np.ndarray:
        """(m,) the probability that a trial at points (m, d) does not fail and meets all constraints."""
        found = self.feasibility(units)
        return found if self.success is None else found * self.success.chance(self.embed(units))

    def draw(self, units: np.ndarray, count: int, rng: np.random.Generator, known: int = 0) -> np.ndarray:
        """(draws * count, m) what trials at points (m, d) score on average, as drawn.

        Losses; infinite where a trial would fail or miss a constraint, which the first ``known`` points do not.
        """
        features, found = self.embed(units), []
        limits = [*self.limits, *([] if self.success is None else [self.success])]
        for posterior in self.posteriors:
            losses = self.shift + self.scale * posterior.draw(features, count, rng)
            for limit in limits:
                losses[:, known:][~limit.draw(features[known:], count, rng)] = np.inf
            found.append(losses)
        return np.concatenate(found)

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances without noise, of targets: (draws, m) each."""
        features = self.embed(units)
        found = [posterior.predict(features) for posterior in self.posteriors]
        return np.array([mean for mean, _ in found]), np.array([variance for _, variance in found])


def outlook(history: History, rng: Streams) -> Outlook | None:
    """The model of what trials score; None where too few are complete, or the better half scored the same or too much.

    The prior of the noise's part of the variance is flat in its logarithm; draws of all hyperparameters are averaged
    (Rasmussen and Williams 2006, section 5.2). They are drawn at fixed history sizes, by that prefix alone.
    """
    assert history.space is not None
    embed = embedding(history.space)
    complete = _complete(history, len(history.told_trial))
    losses = history.told_loss[complete, 0]
    found = _targets(losses) if len(losses) >= FEWEST_SCORES and embed.groups > 0 else None
    if found is None:
        return None
    targets, shift, scale = found
    chosen = _evenly(len(losses), MOST_POINTS)
    features = embed(history.units[history.told_trial[complete[chosen]]])
    with one_thread():
        kernels = _kernels(history, embed, rng)
        posteriors = tuple(condition(kernel, embed.group, features, targets[chosen]) for kernel in kernels)
        limits, success = _limits(history, embed)
    return Outlook(embed, posteriors, shift, scale, _best(history), len(losses), limits, success)


def feasible_losses(history: History) -> np.ndarray:
    """(k,) the losses of the complete trials that are known to meet every constraint, in the order told."""
    losses = history.told_loss[:, 0]
    complete = (history.told_state == COMPLETE) & np.isfinite(losses)
    found: np.ndarray = losses[complete & np.all(history.told_violation <= 0, axis=1)]
    return found


def _best(history: History) -> float:
    return float(feasible_losses(history).min(initial=np.inf))


def _complete(history: History, size: int) -> np.ndarray:
    """(k,) the positions of the complete trials among the first ``size`` that were told."""
    return np.flatnonzero((history.told_state[:size] == COMPLETE) & np.isfinite(history.told_loss[:size, 0]))


def _limits(history: History, embed: Embedding) -> tuple[tuple[Limit, ...], Limit | None]:
    """What is known of each constraint, and of failing."""
    told = Told(history.token, embed.group, embed(history.units[history.told_trial]))
    done = succeeded(history.told_loss[:, 0], history.told_state)
    chosen = subset(known_losses(history.told_loss[:, 0], history.told_state), MOST_POINTS)
    failed = history.told_state == FAILED
    failing = told.aspect("failure", failed.astype(float), chosen) if failed.any() else None
    success = None if failing is None else Limit(failing, 0.5)
    return tuple(_constraints(history, told, done, chosen)), success


def _constraints(history: History, told: Told, done: np.ndarray, chosen: np.ndarray) -> Iterator[Limit]:
    for column, name in enumerate(history.constraints):
        violation = history.told_violation[:, column]
        found = told.aspect(f"constraint {name}", violation, chosen, bilog)
        yield Limit(float((violation[done] <= 0).mean()) if found is None else found)


def _kernels(history: History, embed: Embedding, rng: Streams) -> tuple[Kernel, ...]:
    """Draws of the hyperparameters by the first trials, up to the last fixed history size (see `fits`)."""
    size = fit_size(len(history.told_trial))
    return _memory.get((history.token, size, rng.seed), lambda: _draws(history, embed, size, rng))


def _draws(history: History, embed: Embedding, size: int, rng: Streams) -> tuple[Kernel, ...]:
    complete = _complete(history, size)
    found = _targets(history.told_loss[complete, 0])
    if found is None:
        return (kernel_at(prior_mode(embed.groups)),)
    chosen = _evenly(len(complete), FIT_POINTS)
    features = embed(history.units[history.told_trial[complete[chosen]]])
    drawn = rng.generator(size, "outlook/hyperparameters")
    return sample_noisy_kernels(embed.group, features, found[0][chosen], DRAWS, drawn)


def _evenly(m: int, most: int) -> np.ndarray:
    """At most so many of m positions, evenly from first to last."""
    found: np.ndarray = np.unique(np.linspace(0, m - 1, min(m, most)).round().astype(np.int64))
    return found


def _targets(losses: np.ndarray) -> tuple[np.ndarray, float, float] | None:
    """Losses (m,) as targets of mean 0 and variance 1, with shift and scale; None where the better half is all alike.

    Losses much worse than usual are cut off: how bad they are says nothing of how good others may be.
    """
    if len(losses) == 0:
        return None
    with np.errstate(over="ignore"):
        cut = _cut_off(losses)
        if np.abs(cut).max() > LARGEST:
            return None
        size = min(float(np.abs(losses).max()), FURTHEST * float(np.abs(cut).max())) or 1.0
        scaled = losses / size
        cut = _cut_off(scaled)
    if float(np.median(cut)) == float(cut.min()):
        return None
    shift, scale = float(cut.mean()), float(cut.std())
    if not (math.isfinite(shift) and 0 < scale < math.inf):
        return None
    return (cut - shift) / scale, size * shift, size * scale


def too_large(losses: np.ndarray) -> str:
    """A sentence without its stop where losses (m,) that count leave no room for better ones; empty otherwise."""
    known = losses[np.isfinite(losses)]
    with np.errstate(over="ignore"):
        largest = float(np.abs(_cut_off(known)).max()) if len(known) else 0.0
    return f"a score of {largest:.3g} leaves no room for a better one" if largest > LARGEST else ""


def _cut_off(losses: np.ndarray) -> np.ndarray:
    """The losses (m,), none further above the median than `BOUNDED` times as far as the best one is below it."""
    usual, best = float(np.median(losses)), float(losses.min())
    cut: np.ndarray = np.minimum(losses, usual + BOUNDED * (usual - best))
    return cut
