"""The acquisition over a space: what improvement is to be expected, and all that is weighed with it, in logarithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from holdfast.search.gp.acquisition import confidence_bound, log_average, log_expected_improvement
from holdfast.search.gp.embedding import Embedding
from holdfast.search.gp.preference import Preference
from holdfast.space import Space

Worth = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""What means and variances (m,) are worth, (m,), and its derivatives by them, (m,) each."""


class Belief(Protocol):
    """What is believed of the loss at features of shape (m, D): a posterior, or several that are weighed."""

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each; the mean (r, m) for r draws of what runs."""
        ...

    def predict_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, and their gradients by the features, (m, D) each."""
        ...


class Term(Protocol):
    """A part of the acquisition, the logarithm of something, by features of shape (m, D)."""

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) the term."""
        ...

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) the term and (m, D) its gradient by the features."""
        ...


@dataclass(frozen=True, eq=False)
class Landscape:
    """The acquisition over a space: a sum of logarithms.

    Attributes:
        space, embedding: where it is.
        terms: what is added: what the losses are worth, and the logarithm of each probability and cost.
        preference: the user's priors, as far as they still count.
    """

    space: Space
    embedding: Embedding
    terms: tuple[Term, ...]
    preference: Preference | None = None

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """(m,) at points of shape (m, d), moved to where their configurations lie; -inf at forbidden ones."""
        snapped = self.space.snap(units)
        features = self.embedding(snapped)
        value = np.zeros(len(units))
        for term in self.terms:
            value += term.value(features)
        if self.preference is not None:
            value += self.preference.value(snapped)
        return np.where(self.space.allowed(snapped), value, -np.inf)

    def with_gradient(self, units: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and its gradient by the ``smooth`` hyperparameters, shape (m, len(smooth)), which are not rounded."""
        snapped = self.space.snap(units)
        active = np.isfinite(snapped[:, smooth])
        snapped[:, smooth] = np.where(active, units[:, smooth], np.nan)
        features = self.embedding(snapped)
        value, by_feature = np.zeros(len(units)), np.zeros_like(features)
        for term in self.terms:
            added, slope = term.with_gradient(features)
            value, by_feature = value + added, by_feature + slope
        by_number = by_feature[:, : len(self.embedding.numeric)] * self.embedding.slope(snapped)
        gradient = by_number[:, np.searchsorted(self.embedding.numeric, smooth)]
        if self.preference is not None:
            added, slope = self.preference.with_gradient(snapped, smooth)
            value, gradient = value + added, gradient + slope
        return value, gradient * active


@dataclass(frozen=True, eq=False)
class Improvement:
    """The log of the improvement expected below ``bests``, averaged over as many beliefs of the loss.

    A belief with r draws of what runs (see `Posterior`) counts as r beliefs, and has as many bests, (r,).
    """

    beliefs: tuple[Belief, ...]
    bests: tuple[float | np.ndarray, ...]

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        pairs = zip(self.beliefs, self._columns(), strict=True)
        each = [log_expected_improvement(*belief.predict(features), best)[0] for belief, best in pairs]
        return log_average(_rows(each))[0]

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        values, gradients = _by_each(
            self.beliefs, features, [partial(log_expected_improvement, best=best) for best in self._columns()]
        )
        average, weights = log_average(values)
        return average, np.einsum("pm,pmd->md", weights, gradients)

    def _columns(self) -> list[np.ndarray]:
        """The bests beside means of shape (m,) or (r, m)."""
        return [np.asarray(best)[..., None] for best in self.bests]


@dataclass(frozen=True, eq=False)
class Bound:
    """The confidence bound of a ``width``, averaged over beliefs of the loss."""

    beliefs: tuple[Belief, ...]
    width: float

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        each = [confidence_bound(*belief.predict(features), self.width)[0] for belief in self.beliefs]
        average: np.ndarray = np.mean(_rows(each), axis=0)
        return average

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        bound = partial(confidence_bound, width=self.width)
        values, gradients = _by_each(self.beliefs, features, [bound] * len(self.beliefs))
        return values.mean(axis=0), np.einsum("pm,pmd->md", np.full(values.shape, 1 / len(values)), gradients)


def _by_each(beliefs: Sequence[Belief], features: np.ndarray, worths: Sequence[Worth]) -> tuple[np.ndarray, np.ndarray]:
    """(p, m) what p beliefs, or draws of theirs, make of features (m, D), and its gradients by them (p, m, D)."""
    values, gradients = [], []
    for belief, worth in zip(beliefs, worths, strict=True):
        mean, variance, by_mean, by_variance = belief.predict_with_gradient(features)
        value, slope_mean, slope_variance = worth(mean, variance)
        values.append(value)
        gradient = slope_mean[..., None] * by_mean + slope_variance[..., None] * by_variance
        gradients.append(gradient.reshape(-1, *features.shape))
    return _rows(values), np.concatenate(gradients)


def _rows(values: Sequence[np.ndarray]) -> np.ndarray:
    """(p, m) of arrays (m,), one for a belief, and (r, m), one for a belief with r draws."""
    return np.concatenate([np.atleast_2d(each) for each in values])
