"""Places where the loss is known to be flat: every trial around one had exactly the same result.

Such ties come from scores that count (accuracy on few rows), from hyperparameters without effect and from recorded
tables. A stationary surrogate goes on expecting something a little further on; another trial within such a place would
most likely be told the same once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.surrogate import Kernel, squared_distances

_LEAST_SQUARED_RADIUS = 1e-12
_LEAST_EXPONENT = 1e-9


@dataclass(frozen=True, eq=False)
class OutsideFlats:
    """The log of the share of an acquisition that is left in and around flat places: sum of log(1 - exp(-d^2 / 2 r^2)).

    Attributes:
        lengths: (D,) what distances are measured in.
        centres: (c, D) the middles of the flat places, in these units.
        squared_radii: (c,) their radii r, squared.
    """

    lengths: np.ndarray
    centres: np.ndarray
    squared_radii: np.ndarray

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        left: np.ndarray = np.log(-np.expm1(-self._exponents(features / self.lengths))).sum(axis=1)
        return left

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and its gradient by the features (m, D)."""
        scaled = features / self.lengths
        exponents = self._exponents(scaled)
        kept = np.exp(-exponents)
        slope = kept / (1 - kept) / self.squared_radii
        gradient = (scaled * slope.sum(axis=1, keepdims=True) - slope @ self.centres) / self.lengths
        return np.log(-np.expm1(-exponents)).sum(axis=1), gradient

    def _exponents(self, scaled: np.ndarray) -> np.ndarray:
        exponents = 0.5 * squared_distances(scaled, self.centres) / self.squared_radii
        positive: np.ndarray = np.maximum(exponents, _LEAST_EXPONENT)
        return positive


def outside_flats(
    kernels: Sequence[Kernel], group: np.ndarray, features: np.ndarray, losses: np.ndarray
) -> OutsideFlats | None:
    """What the trials tell of flat places; None if there are none.

    A place is as wide as the distance to the farthest trial with the same loss that is nearer than any with another.

    Args:
        kernels: draws of the surrogate's hyperparameters, whose mean log length-scales distances are measured in.
        group: (D,) which length-scale each column has.
        features: (n, D) of the trials.
        losses: (n,) as they were told, NaN for failures.
    """
    if len(np.unique(losses)) == len(losses):
        return None
    lengths = np.exp(np.mean([np.log(kernel.lengths) for kernel in kernels], axis=0))[group]
    points = features / lengths
    squared = squared_distances(points, points)
    same = losses[:, None] == losses[None, :]
    nearest_other = np.where(same, np.inf, squared).min(axis=1, initial=np.inf)
    inside = np.where(same & (squared < nearest_other[:, None]), squared, 0.0)
    np.fill_diagonal(inside, 0.0)
    squared_radii = inside.max(axis=1, initial=0.0)
    flat = squared_radii > _LEAST_SQUARED_RADIUS
    return OutsideFlats(lengths, points[flat], squared_radii[flat]) if flat.any() else None
