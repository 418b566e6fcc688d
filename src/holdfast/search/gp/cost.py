"""What a trial costs: expected improvement a second, cooled down to expected improvement as the budget runs out.

Lee, Perrone, Archambeau and Seeger, "Cost-aware Bayesian optimization", 2020 (CArBO), eq. 5: EI over cost to the power
of the share of the budget that is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.search.gp.aspects import Aspect


@dataclass(frozen=True, eq=False)
class Cheap:
    """Minus the log of the expected seconds times a weight, by a surrogate of the log of the seconds."""

    log_seconds: Aspect
    weight: float

    def value(self, features: np.ndarray) -> np.ndarray:
        """(m,) at features of shape (m, D)."""
        mean, variance = self.log_seconds.posterior.predict(features)
        scale = self.log_seconds.scale
        saved: np.ndarray = -self.weight * (self.log_seconds.centre + scale * mean + 0.5 * scale**2 * variance)
        return saved

    def with_gradient(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m,) and the gradient by the features (m, D)."""
        mean, variance, by_mean, by_variance = self.log_seconds.posterior.predict_with_gradient(features)
        scale = self.log_seconds.scale
        saved = -self.weight * (self.log_seconds.centre + scale * mean + 0.5 * scale**2 * variance)
        return saved, -self.weight * (scale * by_mean + 0.5 * scale**2 * by_variance)
