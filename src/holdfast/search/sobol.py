"""Quasi-random search: the points of a scrambled Sobol sequence, which fill the space more evenly than random ones.

Sobol (1967); Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences" (1995).
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.errors import RequestError
from holdfast.records import Config, Suggestion
from holdfast.rng import Streams
from holdfast.search.base import known_space, new_configs
from holdfast.search.history import History

MAX_DIMENSIONS = 21201
"""scipy's direction numbers end there."""

SEGMENT = 2**22
"""After so many points the sequence goes on with a new scrambling, so that it never ends."""

BLOCK_NUMBERS = 2**16
"""A block of points holds about so many numbers."""


@dataclass(frozen=True)
class SobolSearch:
    """Point k of the sequence for trial k; a configuration that was tried already is replaced by a random one."""

    name: str = "sobol"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        """The next points of the study's own scrambled sequence.

        Raises:
            RequestError: for more than 21,201 hyperparameters.
        """
        space = known_space(history, self.name)
        if len(space) > MAX_DIMENSIONS:
            raise RequestError(f"sobol takes {MAX_DIMENSIONS:,} hyperparameters, not {len(space):,}; use 'random'")
        seed = rng.integer(-1, "sobol")

        def propose(number: int, attempt: int) -> Config:
            if attempt == 0:
                return space.decode(sobol_point(number, len(space), seed))
            return space.sample(rng.generator(number, f"sobol/{attempt}"))

        return [Suggestion(config, "sobol", history.index) for config in new_configs(history, n, propose)]


def sobol_point(index: int, d: int, seed: int) -> np.ndarray:
    """Point ``index``, however large, of a scrambled Sobol sequence in [0, 1)^d, shape (d,)."""
    size = _block_size(d)
    point: np.ndarray = _block(index // size, d, seed)[index % size]
    return point


def sobol_points(n: int, d: int, seed: int) -> np.ndarray:
    """The first points, at least ``n``, of the sequence of `sobol_point`, shape (a power of two >= n, d)."""
    wanted, size = 1 << max(n - 1, 1).bit_length(), _block_size(d)
    if wanted <= size:
        return _block(0, d, seed)[:wanted]
    return np.concatenate([_block(number, d, seed) for number in range(wanted // size)])


def _block_size(d: int) -> int:
    """How many points a block has: a power of two, fewer in many dimensions."""
    return 1 << max(BLOCK_NUMBERS // d, 4).bit_length() - 1


@functools.lru_cache(maxsize=16)
def _block(number: int, d: int, seed: int) -> np.ndarray:
    """Points number * size to (number + 1) * size of the sequence, shape (size, d)."""
    size = _block_size(d)
    segment, start = divmod(number * size, SEGMENT)
    engine = copy.deepcopy(_engine(segment, d, seed))
    if start:
        engine.fast_forward(start)
    points: np.ndarray = engine.random(size)
    points.flags.writeable = False
    return points


@functools.lru_cache(maxsize=4)
def _engine(segment: int, d: int, seed: int) -> Any:
    """A sequence at its beginning, which stays there: whoever draws takes a copy."""
    from scipy.stats import qmc

    return qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed if segment == 0 else (seed, segment)))
