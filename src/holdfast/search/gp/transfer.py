"""What earlier studies of the same kind say: a prior mean for the loss, as far as it ranks the trials of this study.

The weights are those of Feurer, Letham and Bakshy, "Scalable meta-learning for Bayesian optimization using
ranking-weighted Gaussian process ensembles" (2018), section 4: how often a model, drawn from its posterior, ranks the
trials better than all others do. An earlier study that misleads loses to the leave-one-out predictions of this study's
own surrogate and gets no weight; then the surrogate is exactly the one without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.aspects import Told
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.failures import failure, loss_targets
from holdfast.search.gp.feasibility import leave_one_out
from holdfast.search.gp.fits import FIT_POINTS, fit_size
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, fit
from holdfast.search.gp.targets import comparable, known_losses, standardise, subset
from holdfast.search.history import COMPLETE, Earlier, History
from holdfast.search.memory import Memory

DRAWS = 64
EARLIER_POINTS = 200
"""At most so many trials of an earlier study are in its surrogate."""
LEAST_TRIALS = 4
"""An earlier study of fewer trials says nothing."""
RANKED = 60
"""At most so many trials, the latest, decide on the weights."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """What earlier studies give to this one.

    Attributes:
        earlier: their posteriors.
        weights: (k,) of their means.
        kernels: draws for what is left of the loss.
    """

    earlier: tuple[Posterior, ...]
    weights: np.ndarray
    kernels: tuple[Kernel, ...]

    def shift(self, features: np.ndarray) -> np.ndarray:
        """(m,) the weighted mean of the earlier studies at features (m, D)."""
        mean = np.zeros(len(features))
        for posterior, weight in zip(self.earlier, self.weights, strict=True):
            if weight > 0:
                mean = mean + weight * posterior.predict(features)[0]
        return mean


@dataclass(frozen=True, eq=False)
class Shifted:
    """A posterior of what is left of the loss after the weighted means of earlier studies, plus these means."""

    rest: Posterior
    transfer: Transfer

    @property
    def kernel(self) -> Kernel:
        """The hyperparameters of the posterior of what is left."""
        return self.rest.kernel

    @property
    def points(self) -> np.ndarray:
        """(n, D) the points of the posterior."""
        return self.rest.points

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, at features (m, D)."""
        mean, variance = self.rest.predict(features)
        return mean + self.transfer.shift(features), variance

    def predict_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, and their gradients by the features, (m, D) each."""
        mean, variance, by_mean, by_variance = self.rest.predict_with_gradient(features)
        for posterior, weight in zip(self.transfer.earlier, self.transfer.weights, strict=True):
            if weight > 0:
                more, _, slope, _ = posterior.predict_with_gradient(features)
                mean, by_mean = mean + weight * more, by_mean + weight * slope
        return mean, variance, by_mean, by_variance

    def weighted_sum(self, features: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        """Mean and variance of the sum of the losses at features (m, D) times weights (m,)."""
        mean, variance = self.rest.weighted_sum(features, weights)
        return mean + float(weights @ self.transfer.shift(features)), variance

    def with_pending(self, features: np.ndarray, normals: np.ndarray | None = None) -> Shifted:
        """The same that also knows pending points (p, D): see `Posterior.with_pending`."""
        return replace(self, rest=self.rest.with_pending(features, normals))


_memory: Memory[tuple[object, int, int], Transfer | None] = Memory(64)


def best_of_earlier(history: History, count: int) -> Iterator[tuple[np.ndarray, str]]:
    """At most ``count`` points of shape (d,), each with its study: the best of each earlier one, then the next best."""
    tops = []
    for study in history.earlier:
        order = np.argsort(np.where(np.isfinite(study.losses), study.losses, np.inf), kind="stable")
        tops.append((study, order[: np.count_nonzero(np.isfinite(study.losses))]))
    for rank in range(max((len(order) for _, order in tops), default=0)):
        for study, order in tops:
            if rank < len(order) and count > 0:
                count -= 1
                yield study.units[order[rank]], study.name


def transferred(history: History, told: Told, rng: Streams) -> Transfer | None:
    """What earlier studies give, by the trials up to the last fixed history size; None if that is nothing."""
    size = fit_size(len(history.told_trial))
    if not history.earlier:
        return None
    return _memory.get((history.token, size, rng.seed), lambda: _by_prefix(history, told, size, rng))


def _by_prefix(history: History, told: Told, size: int, rng: Streams) -> Transfer | None:
    assert history.space is not None
    embed = embedding(history.space)
    earlier = tuple(found for study in history.earlier if (found := earlier_posterior(embed, study)) is not None)
    losses, states = history.told_loss[:size, 0], history.told_state[:size]
    done = comparable(losses, states)
    if not earlier or not done.any():
        return None
    first, chosen = told.first(size), subset(known_losses(losses, states), FIT_POINTS)
    chosen, targets = loss_targets(first, losses, states, chosen, failure(first, done, chosen))
    features = first.features[chosen]
    own = condition(fit(embed.group, features, targets), embed.group, features, targets)
    weights = ranking_weights(own, targets, earlier, features)
    if not weights.any():
        return None
    given = Transfer(earlier, weights, ())
    return replace(given, kernels=first.draws(chosen, targets - given.shift(features), rng))


def earlier_posterior(embed: Embedding, study: Earlier) -> Posterior | None:
    """The surrogate of an earlier study's standardised losses; None if there are too few."""
    known = comparable(study.losses, np.full(len(study.losses), COMPLETE))
    losses, units = study.losses[known], study.units[known]
    if len(losses) < LEAST_TRIALS or losses.max() == losses.min() or embed.groups == 0:
        return None
    chosen = subset(losses, EARLIER_POINTS)
    features, targets = embed(units[chosen]), standardise(losses)[chosen]
    return condition(fit(embed.group, features, targets), embed.group, features, targets)


def ranking_weights(
    own: Posterior, targets: np.ndarray, earlier: Sequence[Posterior], features: np.ndarray
) -> np.ndarray:
    """(k,) the weights of k earlier studies, which with that of the own surrogate (the rest) add up to one at most.

    A study has no say in a bootstrap sample of which it ranks half of the pairs wrongly, as chance would.

    Args:
        own: the surrogate of this study alone, at these very points.
        targets: (n,) its targets.
        earlier: the posteriors of the earlier studies.
        features: (n, D) of the points.
    """
    last = np.arange(len(targets))[-RANKED:]
    means = [leave_one_out(own, targets)[0][last], *(posterior.predict(features[last])[0] for posterior in earlier)]
    above = targets[last][:, None] < targets[last][None, :]
    wrong = [(means[0][:, None] < targets[last][None, :]) != above]
    wrong += [(mean[:, None] < mean[None, :]) != above for mean in means[1:]]
    drawn = (
        Streams(0)
        .generator(len(last), "gp/ranking")
        .multinomial(len(last), np.full(len(last), 1 / len(last)), size=DRAWS)
    )
    differ = _pairs(targets[last][:, None] != targets[last][None, :], drawn)
    lost = np.array([_pairs(matrix & (above | above.T), drawn) for matrix in wrong])
    lost[1:][lost[1:] >= 0.5 * differ] = np.inf
    lost[1:][np.median(lost[1:], axis=1) > np.quantile(lost[0], 0.95)] = np.inf
    best = (lost == lost.min(axis=0)) & np.isfinite(lost)
    shares: np.ndarray = (best / best.sum(axis=0)).mean(axis=1)
    return shares[1:]


def _pairs(matrix: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(s,) how many pairs of each bootstrap sample, of counts (s, n), are marked in a matrix (n, n)."""
    marked: np.ndarray = np.einsum("sa,ab,sb->s", drawn, matrix.astype(float), drawn, optimize=True)
    return marked
