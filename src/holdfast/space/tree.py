"""The tree of conditions in a space: which hyperparameters are active, and how many configurations there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from holdfast.errors import SpaceError, concerning, nearest
from holdfast.space.domains import Categorical, Domain, Float, Scalar

MOST = 10**15
"""The most configurations that are counted."""


def holds(domain: Domain, active: Mapping[str, Scalar]) -> bool:
    """Whether a hyperparameter's conditions hold, given the values of all active ones before it."""
    for parent, values in domain.when.items():
        if parent not in active or not _member(active[parent], values):
            return False
    return True


def check_conditions(domains: Mapping[str, Domain]) -> None:
    """Refuse a parent that is unknown or a Float, and a condition on a value that it cannot have.

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
        refusals = [exc for value in values if (exc := _refusal(domains[parent], value, parent)) is not None]
        if refusals:
            what = (
                "a condition that never holds" if len(refusals) == len(values) else "a condition on an impossible value"
            )
            raise SpaceError(f"hyperparameter '{name}' has {what}: {refusals[0]}")


def _refusal(domain: Domain, value: Scalar, name: str) -> SpaceError | None:
    try:
        domain.check(value, name)
    except SpaceError as exc:
        return exc
    return None


def parents_first(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names in an order in which each one comes behind those that it ``needs``.

    Raises:
        SpaceError: if they go round in a circle.
    """
    order: dict[str, None] = {}
    left = list(needs)
    while left:
        ready = [name for name in left if all(other in order for other in needs[name])]
        if not ready:
            with concerning(left[0]):
                raise SpaceError(
                    f"the conditions and expressions of {', '.join(map(repr, left))} go round in a circle; "
                    "take one of them away"
                )
        order.update(dict.fromkeys(ready))
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
    domains: Mapping[str, Domain],
    order: tuple[str, ...],
    resolution: int,
    here: Callable[[str, Mapping[str, Scalar]], Domain],
    chosen: Mapping[str, Scalar] | None = None,
) -> Iterator[Mapping[str, Scalar]]:
    """Every combination of the domains' grids, as the values of the active hyperparameters.

    ``here(name, chosen)`` is the domain of ``name`` where these values are chosen.
    """
    chosen = chosen or {}
    if not order:
        yield chosen
        return
    name, rest = order[0], order[1:]
    if not holds(domains[name], chosen):
        yield from combinations(domains, rest, resolution, here, chosen)
        return
    for value in here(name, chosen).grid(resolution):
        yield from combinations(domains, rest, resolution, here, {**chosen, name: value})


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
