"""When a run is given up: a loss that is no number, or that has risen far above where it began and stays there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from holdfast.train.failures import Diverged

EXPLODED = 1e4
"""A loss this many times as high as at the start, or as one where the start was lower, counts as exploded."""

PATIENCE = 3
"""So many batches in a row have to have exploded: a single one may be an outlier that the next ones mend."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The loss of a run's first batch, and how many batches in a row have exploded."""

    first: float | None = None
    exploded: int = 0

    @property
    def limit(self) -> float:
        """A loss up to this, with a finite gradient, leaves the guard as it is; minus infinity where none does."""
        if self.first is None or self.exploded > 0:
            return -math.inf
        return EXPLODED * max(self.first, 1.0)

    def after(self, loss: float, norm: float, epoch: int, step: int) -> Guard:
        """The guard after one more batch.

        Args:
            loss: of the batch.
            norm: of its gradient, before clipping.
            epoch: counted from 1.
            step: updates since the start, including this one.

        Raises:
            Diverged: if the loss or the gradient is NaN or infinite, or this is the third exploded batch in a row.
        """
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise Diverged(epoch, step)
        if self.first is None:
            return Guard(loss)
        if loss <= EXPLODED * max(self.first, 1.0):
            return self if self.exploded == 0 else replace(self, exploded=0)
        if self.exploded + 1 >= PATIENCE:
            raise Diverged(epoch, step, f"the loss rose to {loss:.3g}, from {self.first:.3g} at the start,")
        return replace(self, exploded=self.exploded + 1)
