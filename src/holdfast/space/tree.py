"""The tree of conditions in a space: which hyperparameters are active, and how many configurations there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from holdfast.errors import SpaceError, concerning, nearest
from holdfast.space.domains import Categorical, Domain, Float, Scalar

MOST = 10**15
"""The most configurations that are counted."""


def holds(domain: Domain, active: Mapping[str, Scalar]) -> bool:
    """Whether a hyperparameter's conditions hold, given the values of all active ones before it."""
    return all(parent in active and _member(active[parent], values) for parent, values in domain.when.items())


def check_conditions(domains: Mapping[str, Domain]) -> None:
    """Refuse a parent that is unknown or a Float, and a condition that never holds.

    Raises:
        SpaceError: naming the hyperparameter; its ``keys`` hold that name.
    """
    for name in domains:
        with concerning(name):
            _check_condition(domains, name)


def _check_condition(domains: Mapping[str, Domain], name: str) -> None:
    for parent, values in domains[name].when.items():
        if parent not in domains:
            hint = nearest(parent, domains)
            raise SpaceError(f"hyperparameter '{name}' depends on '{parent}', which is not in the space{hint}")
        if isinstance(domains[parent], Float):
            raise SpaceError(
                f"hyperparameter '{name}' depends on '{parent}', a Float; it needs an Int or a Categorical"
            )
        if not values:
            raise SpaceError(f"hyperparameter '{name}' depends on '{parent}' without a value of it; name one at least")
        for value in values:
            try:
                domains[parent].check(value, parent)
            except SpaceError as exc:
                raise SpaceError(f"hyperparameter '{name}' has a condition that never holds: {exc}") from None


def parents_first(domains: Mapping[str, Domain]) -> tuple[str, ...]:
    """The names in an order in which parents come before their children.

    Raises:
        SpaceError: if the conditions go round in a circle.
    """
    order: list[str] = []
    left = list(domains)
    while left:
        ready = [name for name in left if all(parent in order for parent in domains[name].when)]
        if not ready:
            with concerning(left[0]):
                raise SpaceError(
                    f"the conditions of {', '.join(map(repr, left))} go round in a circle; take one of them away"
                )
        order += ready
        left = [name for name in left if name not in order]
    return tuple(order)


def wanted_cells(domains: Mapping[str, Domain]) -> dict[str, dict[str, np.ndarray]]:
    """For each hyperparameter and each of its parents, the parent's cells in which it is active."""
    return {
        name: {parent: _cells(domains[parent], values) for parent, values in domain.when.items()}
        for name, domain in domains.items()
    }


def count(domains: Mapping[str, Domain], order: tuple[str, ...]) -> int | None:
    """The number of different configurations; None if infinite or beyond `MOST`."""
    parents = {parent for domain in domains.values() for parent in domain.when}
    return _count(domains, order, parents, {})


def combinations(
    domains: Mapping[str, Domain], order: tuple[str, ...], resolution: int, chosen: Mapping[str, Scalar] | None = None
) -> Iterator[Mapping[str, Scalar]]:
    """Every combination of the domains' grids, as the values of the active hyperparameters."""
    chosen = chosen or {}
    if not order:
        yield chosen
        return
    name, rest = order[0], order[1:]
    if not holds(domains[name], chosen):
        yield from combinations(domains, rest, resolution, chosen)
        return
    for value in domains[name].grid(resolution):
        yield from combinations(domains, rest, resolution, {**chosen, name: value})


def _count(
    domains: Mapping[str, Domain], order: tuple[str, ...], parents: set[str], chosen: Mapping[str, Scalar]
) -> int | None:
    """The number of ways to go on through ``order``, given the parents' values so far."""
    total = 1
    for at, name in enumerate(order):
        domain = domains[name]
        if not holds(domain, chosen):
            continue
        if domain.cells is None or total * domain.cells > MOST:
            return None
        if name in parents:
            values = domain.grid(domain.cells)
            branches = [_count(domains, order[at + 1 :], parents, {**chosen, name: value}) for value in values]
            counted = [branch for branch in branches if branch is not None]
            return total * sum(counted) if len(counted) == len(branches) else None
        total *= domain.cells
    return total


def _cells(parent: Domain, values: tuple[Scalar, ...]) -> np.ndarray:
    if isinstance(parent, Categorical):
        return np.array([parent.position(value) for value in values], dtype=float)
    assert not isinstance(parent, Float)
    return np.array([(int(value) - parent.low) // parent.step for value in values], dtype=float)  # type: ignore[arg-type]


def _member(value: Scalar, values: tuple[Scalar, ...]) -> bool:
    """Whether ``value`` is among ``values``; True and 1 are different."""
    return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in values)
