"""Quasi-random search: the points of one scrambled Sobol sequence, which fill the space more evenly than random ones.

Sobol (1967); Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences" (1995).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.history import History

MAX_DIMENSIONS = 21201
"""scipy's direction numbers end there."""


@dataclass(frozen=True)
class SobolSearch:
    """Point k of the sequence for trial k; a configuration that was tried already is replaced by a random one."""

    name: str = "sobol"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """The next points of the study's own scrambled sequence."""
        space = known_space(history, self.name)
        if len(space) > MAX_DIMENSIONS:
            raise RequestError(f"sobol takes {MAX_DIMENSIONS:,} hyperparameters, not {len(space):,}; use 'random'")
        points = sobol_points(len(history) + n, len(space), rng.integer(-1, "sobol"))

        def propose(number: int, attempt: int) -> Config:
            if attempt == 0:
                return space.decode(points[number])
            return space.sample(rng.generator(number, f"sobol/{attempt}"))

        return [Suggestion(config, "sobol", history.index) for config in new_configs(history, n, propose)]


def sobol_points(n: int, d: int, seed: int) -> np.ndarray:
    """The first points, at least ``n``, of a scrambled Sobol sequence in [0, 1)^d, shape (a power of two >= n, d)."""
    return _sobol_block(max(n - 1, 1).bit_length(), d, seed)


@functools.lru_cache(maxsize=16)
def _sobol_block(log2_n: int, d: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    points: np.ndarray = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed)).random_base2(log2_n)
    points.flags.writeable = False
    return points
