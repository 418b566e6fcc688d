"""The portfolio of a study: its family's default configuration and complementary ones, as far as the space has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.errors import SpaceError
from holdfast.records import Config
from holdfast.space import Categorical, Domain, Space
from holdfast.space.domains import Scalar
from holdfast.train.starts import Start

SHARE = 5
"""One trial in so many is of the portfolio, at least one."""


def portfolio(space: Space, starts: Sequence[Start], trials: int) -> tuple[list[tuple[Config, str]], list[str]]:
    """The configurations to try first with their reasons, and a sentence for each start that the space leaves out.

    Numbers are moved to the nearest bound. Of ``trials`` a fifth is for the portfolio.
    """
    found: dict[str, tuple[Config, str]] = {}
    left_out: list[str] = []
    for start in (Start({}, "the default configuration"), *starts):
        try:
            config = _within(space, start.config)
        except SpaceError as exc:
            left_out.append(f"The start '{start.why}' was left out, because {exc}.")
        else:
            if not space.allows(config):
                left_out.append(f"The start '{start.why}' was left out, because the space forbids it.")
                continue
            found.setdefault(space.key(config), (config, f"portfolio: {start.why}"))
    return list(found.values())[: max(trials // SHARE, 1)], left_out


def _within(space: Space, values: Mapping[str, Scalar]) -> Config:
    """The values in the space, all others at their defaults; what is not active is dropped."""
    wanted = {name: _moved(space[name], value) for name, value in values.items() if name in space}
    full = {**space.default_config(), **wanted}
    active = {name for name in space.active(full) if name in wanted}
    return space.validate({name: wanted[name] for name in space.names if name in active}, fill=True)


def _moved(domain: Domain, value: Scalar) -> Scalar:
    """The value, at the nearest bound if it is a number beyond it; the only choice where a person fixed it."""
    if isinstance(domain, Categorical):
        return domain.choices[0] if domain.cells == 1 else value
    low, high = domain.low, domain.high
    if isinstance(value, int | float) and isinstance(low, int | float) and isinstance(high, int | float):
        return min(max(value, low), high)
    return value
