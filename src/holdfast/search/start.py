"""What strategies that learn propose before there is something to learn from: the default, then even coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search.base import known_space
from holdfast.search.history import History
from holdfast.search.sobol import MAX_DIMENSIONS, sobol_points
from holdfast.space import Space


def start(
    history: History, number: int, before: Sequence[Config], rng: Streams, name: str, why: str, seed: int
) -> Iterator[tuple[Config, str]]:
    """Candidates for trial ``number``: the default; then a draw from the priors if there are any, else an even point.

    Args:
        history, number, before, rng, name: see `new_suggestions`.
        why: the reason for an even point.
        seed: of the even points.
    """
    space = known_space(history, name)
    yield from default_once(history, before, name)
    even = None if space.has_prior else even_config(space, number, seed)
    if even is not None:
        yield even, why
    else:
        drawn = space.sample(rng.generator(number, f"{name}/random/0"))
        yield drawn, f"{name}: a draw from the priors" if space.has_prior else why


def default_once(history: History, before: Sequence[Config], name: str) -> Iterator[tuple[Config, str]]:
    """The default configuration, unless a trial has had it or it is among those ``before``."""
    default = known_space(history, name).default_config()
    if not history.contains(default) and default not in before:
        yield default, f"{name}: the default configuration"


def even_config(
    space: Space, number: int, seed: int, placed: Callable[[np.ndarray], np.ndarray] | None = None
) -> Config | None:
    """The allowed one of that number, from 0, of the points of a scrambled Sobol sequence.

    None if there are not so many among the first 2 * number + 8, or if Sobol's sequence has too few dimensions.
    ``placed`` moves points of shape (n, d) before it is asked whether they are allowed.
    """
    if len(space) > MAX_DIMENSIONS:
        return None
    points = sobol_points(2 * number + 8, len(space), seed)
    if placed is not None:
        points = placed(points)
    allowed = np.flatnonzero(space.allowed(space.snap(points)))
    return space.decode(points[allowed[number]]) if number < len(allowed) else None
