"""What strategies that learn propose before there is something to learn from: the default, then even coverage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.search.base import known_space
from holdfast.search.history import History
from holdfast.search.sobol import MAX_DIMENSIONS, sobol_points
from holdfast.space import Categorical, Space
from holdfast.space.columns import has_prior


def start(
    history: History, number: int, before: Sequence[Config], rng: Streams, name: str, why: str, seed: int
) -> Iterator[tuple[Config, str]]:
    """Candidates for trial ``number``: the default; then even points, every second trial a draw from any priors.

    Args:
        history, number, before, rng, name: see `new_suggestions`.
        why: the reason for an even point.
        seed: of the even points.
    """
    space = known_space(history, name)
    yield from default_once(history, before, name)
    believed = space.has_prior and number % 2 == 1
    even = None if believed else even_config(space, number, seed)
    if even is not None:
        yield even, why
    else:
        drawn = space.sample(rng.generator(number, f"{name}/random/0"))
        yield drawn, f"{name}: a draw from the priors" if believed else why


def default_once(history: History, before: Sequence[Config], name: str) -> Iterator[tuple[Config, str]]:
    """The default configuration, unless a trial has had it or it is among those ``before``."""
    default = known_space(history, name).default_config()
    if not history.contains(default) and default not in before:
        yield default, f"{name}: the default configuration"


def beside_priors_once(
    history: History, before: Sequence[Config], rng: Streams, name: str
) -> Iterator[tuple[Config, str]]:
    """What shows whether the priors are right, unless a trial has had it or it is among those ``before``.

    That is the default that the space would have without them, after one draw from them where the default is given, so
    that it need not lie where they are.
    """
    space = known_space(history, name)
    shown = [(plain_default(space), f"{name}: the default as if there were no priors")]
    if any(has_prior(domain) and domain.default is not None for domain in space.domains.values()):
        shown.insert(0, (space.sample(rng.generator(0, f"{name}/prior")), f"{name}: a draw from the priors"))
    for config, why in shown:
        if space.allows(config) and not history.contains(config) and config not in before:
            yield config, why


def plain_default(space: Space) -> Config:
    """Every active hyperparameter at the default that it would have without its prior; perhaps a forbidden one."""
    unit = space.encode(space.default_config())
    for i, domain in enumerate(space.domains.values()):
        if domain.default is not None:
            unit[i] = domain.to_unit(domain.default) if np.isnan(unit[i]) else unit[i]
        elif np.isnan(unit[i]) or has_prior(domain):
            unit[i] = 0.0 if isinstance(domain, Categorical) else 0.5
    return space.decode(unit)


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
