"""The curve model at one point of a history: fitted at fixed sizes, conditioned on all points and on what runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.search.curves.kernel import (
    Kernel,
    Layout,
    covariance,
    fit,
    kernel_at,
    layout,
    prior_moments,
)
from holdfast.search.curves.points import Points, points_of, thinned
from holdfast.search.curves.scale import Scale, scale_of
from holdfast.search.gp.embedding import Embedding, embedding
from holdfast.search.gp.surrogate import MEAN_VARIANCE, cholesky, solve_lower
from holdfast.search.history import History
from holdfast.search.memory import Memory

MOST_POINTS = 1500
"""With more curve points than this the curves are thinned."""
FIT_POINTS = 300
"""At most so many points decide the hyperparameters."""
LEAST_POINTS = 3
_LEAST_VARIANCE = 1e-12

_FITS: Memory[tuple[object, int, int, int], Kernel] = Memory(64)


@dataclass(frozen=True, eq=False)
class Ahead:
    """What is believed of targets at full training, without noise: three arrays of shape (k,).

    Attributes:
        mean, variance: of them.
        told: how much of the variance one more loss, at a step that is named, would take away. The mean will have moved
            by as much when that loss is there.
    """

    mean: np.ndarray
    variance: np.ndarray
    told: np.ndarray


@dataclass(frozen=True, eq=False)
class CurveModel:
    """A Gaussian process over configuration and step, given the curves of a study.

    Attributes:
        points: the n points that it knows.
        scale: losses to targets and back.
        end: the step that counts as full training.
        embed: the embedding of the space.
        kernel, where: hyperparameters and the layout of the points.
        factor: (n, n) lower Cholesky factor of the points' covariance with noise.
        weights: (n,) the covariance's inverse times the targets; zero for pending points.
        noise: the variance of a single point about its curve.
    """

    points: Points
    scale: Scale
    end: int
    embed: Embedding
    kernel: Kernel
    where: Layout
    factor: np.ndarray
    weights: np.ndarray
    noise: float

    def at_points(self) -> np.ndarray:
        """(n,) the mean target at the points themselves: where each curve is, without its noise."""
        return self.scale.targets(self.points.losses) - self.noise * self.weights[: len(self.points)]

    def places(self, trials: np.ndarray) -> np.ndarray:
        """(k,) where trials (k,) of these numbers are among the points' trials, which hold them all."""
        order = np.argsort(self.points.trials, kind="stable")
        found: np.ndarray = order[np.searchsorted(self.points.trials[order], trials)]
        return found

    def with_pending(self, trials: np.ndarray, units: np.ndarray, steps: np.ndarray) -> CurveModel:
        """The model that also knows that trials (p,) of configurations (p, d) will reach steps (p,), each at its mean.

        Such a fantasy leaves the mean where it is and takes away variance: Desautels, Krause and Burdick,
        "Parallelizing exploration-exploitation tradeoffs in Gaussian process bandit optimization", JMLR 15 (2014).
        """
        where, steps = self.where, np.maximum(steps.astype(float), 0.5)
        known = np.concatenate([self.points.trials, trials])
        owner = np.array([int(np.flatnonzero(known == trial)[0]) for trial in trials], dtype=np.int64)
        features = np.concatenate([where.features, self.embed(units)])
        below = solve_lower(self.factor, self._cross(features[owner], steps, owner).T).T
        shared, own, course = self.kernel.times(steps, steps)
        corner = self.kernel.configs(features[owner], features[owner], where.group) * shared + course
        corner += np.where(owner[:, None] == owner, own, 0.0)
        corner, _ = cholesky(corner - below @ below.T, self.noise)
        n, p = self.factor.shape[0], len(trials)
        factor = np.zeros((n + p, n + p), order="F")
        factor[:n, :n], factor[n:, :n], factor[n:, n:] = self.factor, below, corner
        every = np.concatenate([where.levels[where.level], steps])
        extended = layout(features, where.group, np.concatenate([where.owner, owner]), every)
        points = replace(self.points, trials=known)
        return replace(
            self, points=points, where=extended, factor=factor, weights=np.concatenate([self.weights, np.zeros(p)])
        )

    def of_trials(self, places: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, without noise, of the targets at steps (k,) of the trials at some ``places`` (k,)."""
        mean, variance, _ = self._predict(self.where.features[places], steps, places)
        return mean, variance

    def ahead_of_trials(self, places: np.ndarray, steps: np.ndarray) -> Ahead:
        """What trials at some ``places`` (k,) come to, and what losses at their next steps (k,) would tell of it."""
        return self._ahead(self.where.features[places], steps, places, luck=True)

    def ahead_of_new(self, units: np.ndarray, steps: np.ndarray) -> Ahead:
        """The same for configurations (k, d) that no trial has had, but for what would be such a trial's own luck."""
        return self._ahead(self.embed(units), steps, np.full(len(units), -1), luck=False)

    def _ahead(self, features: np.ndarray, steps: np.ndarray, places: np.ndarray, *, luck: bool) -> Ahead:
        mean, variance, at_end = self._predict(features, np.full(len(features), float(self.end)), places)
        _, seen, at_step = self._predict(features, steps, places)
        shared, own, course = self.kernel.times(np.maximum(steps, 0.5), np.array([float(self.end)]))
        between = shared + course + own if luck else shared + course
        covariance = between[:, 0] - np.einsum("nk,nk->k", at_end, at_step)
        if not luck:
            variance = np.maximum(variance - self.kernel.variance[1], _LEAST_VARIANCE)
        told = np.clip(covariance**2 / (seen + self.noise), _LEAST_VARIANCE, variance)
        return Ahead(mean, variance, told)

    def _predict(
        self, features: np.ndarray, steps: np.ndarray, places: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance (k,), and the factor's inverse times the covariance with the points, (n, k)."""
        cross = self._cross(features, np.maximum(steps.astype(float), 0.5), places)
        half = solve_lower(self.factor, cross.T)
        prior = MEAN_VARIANCE + sum(self.kernel.variance)
        return cross @ self.weights, np.maximum(prior - np.einsum("nk,nk->k", half, half), _LEAST_VARIANCE), half

    def _cross(self, features: np.ndarray, steps: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(k, n) prior covariance of configurations (k, D) at steps (k,) with the points."""
        where = self.where
        levels, level = np.unique(steps, return_inverse=True)
        shared, own, course = self.kernel.times(levels, where.levels)
        cross = self.kernel.configs(features, where.features, where.group)[:, where.owner]
        cross *= shared[np.ix_(level, where.level)]
        cross += course[np.ix_(level, where.level)]
        rows, columns = np.nonzero(places[:, None] == where.owner)
        cross[rows, columns] += own[level[rows], where.level[columns]]
        return cross


def curve_model(history: History, end: int, most: int = MOST_POINTS) -> CurveModel | None:
    """The model of a history's curves; None where no two points differ, or fewer than three are known.

    The hyperparameters are those of a prefix of fixed length, of the reports and of the results, so that they do not
    depend on who asks when.

    Args:
        history: the study; its space is known.
        end: the step that counts as full training.
        most: how many points are conditioned on.
    """
    assert history.space is not None
    reports, told = len(history.report_trial), len(history.told_trial)
    points = points_of(history, reports, told, end)
    scale = None if len(points) < LEAST_POINTS else scale_of(points.losses)
    if scale is None:
        return None
    points = thinned(points, most)
    embed = embedding(history.space)
    where = layout(embed(points.units), embed.group, points.owner, points.steps)
    kernel = _kernel(history, fit_size(reports), fit_size(told), end)
    factor, noise = cholesky(covariance(kernel, where), kernel.noise)
    targets = scale.targets(points.losses)
    weights = solve_lower(factor, solve_lower(factor, targets[:, None]), transposed=True)[:, 0]
    return CurveModel(points, scale, end, embed, kernel, where, factor, weights, noise)


def fit_size(count: int) -> int:
    """The largest fixed size up to ``count``: 0, 1, ..., 10, 12, 14, 16, 19, ... a fifth apart."""
    size = 0
    while True:
        following = size + max(1, size // 5)
        if following > count:
            return size
        size = following


def _kernel(history: History, reports: int, told: int, end: int) -> Kernel:
    return _FITS.get((history.token, reports, told, end), lambda: _fitted(history, reports, told, end))


def _fitted(history: History, reports: int, told: int, end: int) -> Kernel:
    assert history.space is not None
    points = points_of(history, reports, told, end)
    scale = None if len(points) < LEAST_POINTS else scale_of(points.losses)
    embed = embedding(history.space)
    if scale is None:
        return kernel_at(prior_moments(embed.groups)[0])
    points = thinned(points, FIT_POINTS)
    where = layout(embed(points.units), embed.group, points.owner, points.steps)
    return fit(where, scale.targets(points.losses))
