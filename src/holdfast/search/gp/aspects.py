"""Surrogates of what else is known of a trial: whether it failed, how far it missed a constraint, its seconds.

Their hyperparameters are fitted like those of the loss: at fixed history sizes, to that prefix alone (see `fits`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from holdfast.rng import Streams
from holdfast.search.gp.bowl import Bowl
from holdfast.search.gp.fits import DRAWN_UP_TO, DRAWS, FIT_POINTS, fit_size
from holdfast.search.gp.sampling import sample_kernels
from holdfast.search.gp.surrogate import Kernel, Posterior, condition, fit, kernel_at, prior_mode
from holdfast.search.gp.targets import subset
from holdfast.search.memory import Memory

Warp = Callable[[np.ndarray], np.ndarray]

LEAST_KNOWN = 3
LEAST_SPREAD = 1e-12
_memory: Memory[tuple[object, str, int], tuple[Kernel, ...]] = Memory(128)


@dataclass(frozen=True, eq=False)
class Aspect:
    """A surrogate of one number a trial, warped: a warped value is ``centre + scale * target``."""

    posterior: Posterior
    targets: np.ndarray
    centre: float
    scale: float

    def target(self, value: float) -> float:
        """A warped value in units of the surrogate."""
        return (value - self.centre) / self.scale


@dataclass(frozen=True, eq=False)
class Told:
    """Told trials as the surrogates see them.

    Attributes:
        token: of their history.
        group: (D,) the group of each feature.
        features: (m, D) of each trial, in the order told.
    """

    token: object
    group: np.ndarray
    features: np.ndarray

    @property
    def groups(self) -> int:
        """The number of length-scales."""
        return int(self.group.max(initial=-1)) + 1

    def first(self, size: int) -> Told:
        """The first ``size`` of them."""
        return replace(self, features=self.features[:size])

    def kernels(self, name: str, fit_first: Callable[[int], tuple[Kernel, ...]]) -> tuple[Kernel, ...]:
        """What ``fit_first`` finds by the trials up to the last fixed history size; found once for each name."""
        size = fit_size(len(self.features))
        return _memory.get((self.token, name, size), lambda: fit_first(size))

    def draws(
        self, chosen: np.ndarray, targets: np.ndarray, rng: Streams, bowl: Bowl | None = None
    ) -> tuple[Kernel, ...]:
        """Draws of the hyperparameters by targets (k,) at the ``chosen`` positions; of many trials the best fit.

        With many trials there is no need of a ``bowl`` (see `Bowl`) either.
        """
        size = len(self.features)
        if self.groups == 0:
            return (kernel_at(prior_mode(0)),)
        if size > DRAWN_UP_TO:
            return (fit(self.group, self.features[chosen], targets),)
        drawn = rng.generator(size, "gp/hyperparameters")
        return sample_kernels(self.group, self.features[chosen], targets, DRAWS, drawn, bowl)

    def aspect(self, name: str, values: np.ndarray, chosen: np.ndarray, warp: Warp = np.asarray) -> Aspect | None:
        """The surrogate of one number a trial; None while too few are known, or all are the same.

        Args:
            name: of the number; one name stands for one function of the trials.
            values: (m,) in the order told, NaN where unknown.
            chosen: (k,) the positions of the trials that are in the surrogate, as far as their values are known.
            warp: of the known ones, (n,) to (n,).
        """
        known = chosen[np.isfinite(values[chosen])]
        if not _varied(values[known]):
            return None
        targets, centre, scale = _standardised(warp(values[known]))
        (kernel,) = self.kernels(name, lambda size: (self._fit(values[:size], warp),))
        return Aspect(condition(kernel, self.group, self.features[known], targets), targets, centre, scale)

    def _fit(self, values: np.ndarray, warp: Warp) -> Kernel:
        known = np.flatnonzero(np.isfinite(values))
        if self.groups == 0 or not _varied(values[known]):
            return kernel_at(prior_mode(self.groups))
        warped = warp(values[known])
        chosen = subset(warped, FIT_POINTS)
        return fit(self.group, self.features[known[chosen]], _standardised(warped[chosen])[0])


def _varied(values: np.ndarray) -> bool:
    return len(values) >= LEAST_KNOWN and bool(values.max() > values.min())


def _standardised(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Values (k,) with mean 0 and variance 1, and the mean and sd that they had."""
    centre, scale = float(values.mean()), max(float(values.std()), LEAST_SPREAD)
    return (values - centre) / scale, centre, scale
