"""Expected hypervolume improvement, as a logarithm with gradients: by boxes, or along random directions.

A point with independent Gaussian losses improves the dominated volume by what it covers of the free region, which no
trial dominates. With the free region cut into boxes the expectation is a sum of products, exact for any number of
objectives: Emmerich, Deutz and Klinkenberg, "Hypervolume-based expected improvement: monotonicity properties and exact
computation" (CEC 2011); Yang, Emmerich, Deutz and Bäck, "Efficient computation of expected hypervolume improvement
using box decomposition algorithms", Journal of Global Optimization 75 (2019), eq. 19. Where boxes are too many, the
same expectation is an integral along random directions from the reference point: the hypervolume scalarisation of
Zhang and Golovin, "Random hypervolume scalarizations for provable multi-objective black box optimization" (ICML 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holdfast.search.gp.acquisition import log_h
from holdfast.search.pareto import free_boxes

MAX_BOXES = 2000
DIRECTIONS = 48
NODES = 8
_CLOSEST, _FURTHEST = 1e-3, 4.0

Expected = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(m,) the log of the expected improvement, and its derivatives by the means and by the variances, both (m, k)."""


class Region(Protocol):
    """What no trial dominates, in a form that gives expectations."""

    def log_improvement(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(m,) the log of the expected improvement at means and variances (m, k)."""
        ...

    def with_gradient(self, mean: np.ndarray, variance: np.ndarray) -> Expected:
        """`log_improvement` and its derivatives."""
        ...


def region(front: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Region:
    """The region that the rows of ``front`` (n, k) leave free within ``reference`` (k,)."""
    n, k = front.shape
    if k <= 3 or n ** (k - 2) <= MAX_BOXES:
        return boxes(front, reference)
    return rays(front, reference, rng)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The free region as b boxes.

    Attributes:
        edges: for each objective its (e,) different bounds, ascending; the first is -inf.
        low, high: (b, k) positions in ``edges``.
    """

    edges: tuple[np.ndarray, ...]
    low: np.ndarray
    high: np.ndarray

    def log_improvement(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(m,) the log of the expected improvement at means and variances (m, k)."""
        total = np.zeros((len(mean), len(self.low)))
        for j in range(mean.shape[1]):
            covered, _ = self._covered(j, mean[:, j], variance[:, j])
            total += _log_width(covered[:, self.low[:, j]], covered[:, self.high[:, j]])
        return _log_sum(total)[0]

    def with_gradient(self, mean: np.ndarray, variance: np.ndarray) -> Expected:
        """`log_improvement` and its derivatives."""
        m, k = mean.shape
        total = np.zeros((m, len(self.low)))
        parts = []
        for j in range(k):
            covered, z_slope = self._covered(j, mean[:, j], variance[:, j])
            low, high = covered[:, self.low[:, j]], covered[:, self.high[:, j]]
            width = _log_width(low, high)
            total += width
            parts.append((z_slope, np.exp(low - width), np.exp(high - width)))
        value, share = _log_sum(total)
        by_mean, by_variance = np.empty((m, k)), np.empty((m, k))
        for j, ((z, slope), low, high) in enumerate(parts):
            inner = np.where(np.isfinite(z), z, 0.0) * slope
            for target, derivative in ((by_mean, -slope), (by_variance, 1 - inner)):
                at_low, at_high = derivative[:, self.low[:, j]], derivative[:, self.high[:, j]]
                target[:, j] = (share * (high * at_high - low * at_low)).sum(axis=1)
        return value, by_mean / np.sqrt(variance), by_variance / (2 * variance)

    def _covered(
        self, j: int, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """(m, e) log E max(0, edge - Y) for each edge of objective j, and its z and d log h / dz there."""
        sd = np.sqrt(variance)[:, None]
        z = (self.edges[j][1:] - mean[:, None]) / sd
        value, slope = log_h(z)
        first = np.full((len(mean), 1), -np.inf)
        covered = np.concatenate([first, np.log(sd) + value], axis=1)
        return covered, (np.concatenate([first, z], axis=1), np.concatenate([np.zeros_like(first), slope], axis=1))


def boxes(front: np.ndarray, reference: np.ndarray) -> Boxes:
    """The region that the rows of ``front`` (n, k) leave free within ``reference`` (k,), in boxes."""
    lower, upper = free_boxes(front, reference)
    edges = tuple(np.unique(np.append(upper[:, j], [-np.inf, *lower[:, j]])) for j in range(len(reference)))
    low = np.stack([np.searchsorted(edge, lower[:, j]) for j, edge in enumerate(edges)], axis=1)
    high = np.stack([np.searchsorted(edge, upper[:, j]) for j, edge in enumerate(edges)], axis=1)
    return Boxes(edges, low, high)


@dataclass(frozen=True, eq=False)
class Rays:
    """The free region by s points on rays from the reference point: (s, k) points and the (s,) log weight of each."""

    points: np.ndarray
    log_weights: np.ndarray

    def log_improvement(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """(m,) the log of the expected improvement at means and variances (m, k)."""
        return _log_sum(self._parts(mean, variance)[0])[0]

    def with_gradient(self, mean: np.ndarray, variance: np.ndarray) -> Expected:
        """`log_improvement` and its derivatives."""
        from scipy.special import log_ndtr

        total, z = self._parts(mean, variance)
        value, share = _log_sum(total)
        hazard = np.exp(-0.5 * z * z - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
        by_mean = -np.einsum("ms,msk->mk", share, hazard) / np.sqrt(variance)
        by_variance = -np.einsum("ms,msk->mk", share, hazard * z) / (2 * variance)
        return value, by_mean, by_variance

    def _parts(self, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, s) the log of each weighted point's chance to be dominated, and its z (m, s, k)."""
        from scipy.special import log_ndtr

        z = (self.points - mean[:, None, :]) / np.sqrt(variance)[:, None, :]
        return self.log_weights + log_ndtr(z).sum(axis=2), z


def rays(front: np.ndarray, reference: np.ndarray, rng: np.random.Generator, directions: int = DIRECTIONS) -> Rays:
    """The region that the rows of ``front`` (n, k) leave free within ``reference`` (k,), by random directions.

    The volume is a mean over directions on the sphere of an integral of t^(k-1) along each, from where the ray leaves
    what the front dominates: Zhang and Golovin (2020), lemma 5. Its nodes lie closer together near the front.
    """
    from scipy.special import gammaln

    k = len(reference)
    direction = np.abs(rng.standard_normal((directions, k))) + 1e-12
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    inside = front[(front < reference).all(axis=1)]
    leaving = ((reference - inside)[:, None, :] / direction).min(axis=2).max(axis=0, initial=0.0)
    steps = np.append(0.0, np.geomspace(_CLOSEST, _FURTHEST, NODES))
    width, beyond = np.diff(steps), (steps[1:] + steps[:-1]) / 2
    t = leaving[:, None] + beyond
    # the sphere's part in the positive orthant has 2^-k of its surface 2 pi^(k/2) / gamma(k/2)
    surface = (1 - k) * np.log(2) + k / 2 * np.log(np.pi) - gammaln(k / 2)
    weights = surface - np.log(directions) + (k - 1) * np.log(t) + np.log(width)
    points = reference - t[:, :, None] * direction[:, None, :]
    return Rays(points.reshape(-1, k), weights.ravel())


def _log_width(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """log(exp(high) - exp(low)) for low < high up to rounding; -inf for ``low`` is a width without a lower end."""
    ratio = -np.expm1(np.minimum(low - high, 0.0))
    width: np.ndarray = high + np.log(np.maximum(ratio, 1e-300))
    return width


def _log_sum(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) the log of the sum of exp(terms) over (m, b), and the share of each term (m, b)."""
    top = terms.max(axis=1, keepdims=True)
    parts = np.exp(terms - top)
    total = parts.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], parts / total
