"""The acquisition over a space: what improvement is to be expected, and all that is weighed with it, in logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holdfast.search.gp.acquisition import confidence_bound, log_expected_improvement
from holdfast.search.gp.embedding import Embedding
from holdfast.search.gp.preference import Preference
from holdfast.space import Space


class Belief(Protocol):
    """What is believed of the loss at features of shape (m, D): a posterior, or several that are weighed."""

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each."""
        ...

    def predict_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Mean and variance, (m,) each, and their gradients by the features, (m, D) each."""
        ...


class Term(Protocol):
    """What is added to the acquisition besides what the loss is worth, by features of shape (m, D)."""

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) the term."""
        ...

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) the term and (m, D) its gradient by the features."""
        ...


@dataclass(frozen=True, eq=False)
class Landscape:
    """The acquisition over a space: a sum of logarithms.

    The first is that of the expected improvement, averaged over several beliefs of the loss, or a confidence bound.

    Attributes:
        space, embedding: where it is.
        beliefs: of the loss.
        bests: the improvement is that below these losses, one a belief; empty while nothing feasible is known, and
            then only the other parts count.
        width: the confidence bound of this width in place of the improvement.
        terms: what is added, each the logarithm of a probability or of a cost.
        preference: the user's priors, as far as they still count.
    """

    space: Space
    embedding: Embedding
    beliefs: tuple[Belief, ...]
    bests: tuple[float, ...]
    width: float | None = None
    terms: tuple[Term, ...] = ()
    preference: Preference | None = None

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """(m,) at points of shape (m, d), moved to where their configurations lie; -inf at forbidden ones."""
        snapped = self.space.snap(units)
        features = self.embedding(snapped)
        value = np.zeros(len(units))
        if self.bests:
            pairs = zip(self.beliefs, self.bests, strict=True)
            each = [self._worth(*belief.predict(features), best)[0] for belief, best in pairs]
            value += self._average(np.array(each))[0]
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
        value, by_feature = self._worth_with_gradient(features)
        for term in self.terms:
            added, slope = term.with_gradient(features)
            value, by_feature = value + added, by_feature + slope
        gradient = by_feature[:, np.searchsorted(self.embedding.numeric, smooth)]
        if self.preference is not None:
            added, slope = self.preference.with_gradient(snapped, smooth)
            value, gradient = value + added, gradient + slope
        return value, gradient * active

    def _worth_with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) what the loss is worth at features (m, D), and its gradient by them (m, D)."""
        values, gradients = [np.zeros(len(features))], [np.zeros_like(features)]
        if self.bests:
            values, gradients = [], []
        for belief, best in zip(self.beliefs, self.bests, strict=bool(self.bests)):
            mean, variance, by_mean, by_variance = belief.predict_with_gradient(features)
            value, slope_mean, slope_variance = self._worth(mean, variance, best)
            values.append(value)
            gradients.append(slope_mean[:, None] * by_mean + slope_variance[:, None] * by_variance)
        average, weights = self._average(np.array(values))
        return average, np.einsum("pm,pmd->md", weights, np.array(gradients))

    def _worth(self, mean: np.ndarray, variance: np.ndarray, best: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.width is None:
            return log_expected_improvement(mean, variance, best)
        return confidence_bound(mean, variance, self.width)

    def _average(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The average (m,) of values (p, m) and its derivatives by them (p, m); of logs, the log of the average."""
        if self.width is not None:
            return values.mean(axis=0), np.full(values.shape, 1 / len(values))
        top = values.max(axis=0)
        relative = np.exp(values - top)
        total = relative.sum(axis=0)
        return top + np.log(total / len(values)), relative / total
