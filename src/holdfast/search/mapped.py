"""Configurations of one space in another one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from holdfast.errors import SpaceError
from holdfast.records import Config, Value
from holdfast.space import Categorical, Domain, Space


def mapped(space: Space, config: Config, added: Mapping[str, Value]) -> Config | None:
    """A configuration of another space in this one; None if it does not fit.

    What it lacks stands at ``added`` or the default; what this space does not have is left out, and computed values are
    computed anew.
    """
    known = {name: value for name, value in config.items() if name in space or not name}
    try:
        for name in space.names:
            if name not in known and name in added and name in space.active({**added, **known}):
                known[name] = added[name]
        return space.validate(known, fill=True)
    except SpaceError:
        return None


def encoded_within(space: Space, config: Config) -> np.ndarray:
    """Encode what fits; a value outside of its domain, which may have changed since, is taken as unknown."""
    unit = np.full(len(space), np.nan)
    for i, name in enumerate(space.names):
        if name not in config:
            continue
        try:
            domain = space.domain_in(name, config)
        except SpaceError:  # this configuration gives it no bounds, so its place between them is unknown
            continue
        if _fits(domain, config[name]):
            unit[i] = domain.to_unit(config[name])
    return unit


def _fits(domain: Domain, value: Value) -> bool:
    if isinstance(domain, Categorical):
        return domain.position(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and domain.low <= value <= domain.high
