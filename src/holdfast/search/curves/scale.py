"""Losses as the curve model sees them: the poor half drawn in, mean 0 and variance 1; and back again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FURTHEST = 600.0


@dataclass(frozen=True, slots=True)
class Scale:
    """An increasing map from losses to targets: straight up to the median, logarithmic above it.

    A search has to be exact about good losses only, and the first steps of a poor configuration must not hide what
    tells good ones apart (compare the warps of Song et al., "The Vizier Gaussian process bandit algorithm", 2024).

    Attributes:
        median: of the losses.
        width: the root mean square distance to it of those below, in the losses' unit.
        mean, sd: of the losses after the map, before they are standardised.
        worst: the target of what came to no number: that of the highest loss.
    """

    median: float
    width: float
    mean: float
    sd: float
    worst: float

    def targets(self, losses: np.ndarray) -> np.ndarray:
        """Targets of losses of any shape; that of the worst where a loss is infinite."""
        finite = np.isfinite(losses)
        found: np.ndarray = np.where(finite, (self.drawn(np.where(finite, losses, 0.0)) - self.mean) / self.sd, np.inf)
        lowered: np.ndarray = np.minimum(found, self.worst)
        return lowered

    def losses(self, targets: np.ndarray) -> np.ndarray:
        """The losses of targets of any shape."""
        drawn = np.clip(targets * self.sd + self.mean, -_FURTHEST, _FURTHEST)
        found: np.ndarray = np.where(drawn > 0, np.expm1(np.maximum(drawn, 0)), drawn) * self.width + self.median
        return found

    def drawn(self, losses: np.ndarray) -> np.ndarray:
        """Finite losses before they are standardised."""
        distance = (losses - self.median) / self.width
        return np.where(distance > 0, np.log1p(np.maximum(distance, 0)), distance)


def scale_of(losses: np.ndarray) -> Scale | None:
    """The scale of losses (n,), of which some may be infinite; None if no two of the others differ."""
    finite = losses[np.isfinite(losses)]
    if len(finite) == 0 or finite.min() == finite.max():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        size = float(np.abs(finite).max())
        scaled = finite / size
        median = float(np.median(scaled))
        width = float(np.sqrt(np.mean((scaled[scaled <= median] - median) ** 2)))
        width = width or float(np.sqrt(np.mean((scaled - median) ** 2)))
    plain = Scale(median * size, width * size, 0.0, 1.0, np.inf)
    drawn = plain.drawn(finite)
    mean, sd = float(drawn.mean()), float(drawn.std())
    return Scale(plain.median, plain.width, mean, sd, (float(drawn.max()) - mean) / sd)
