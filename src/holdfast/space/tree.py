"""The tree of conditions in a space: which hyperparameters are active, and how many configurations there are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from holdfast.errors import SpaceError, concerning, nearest
from holdfast.space.domains import Categorical, Domain, Float, Scalar, with_conditions

MOST = 10**15
"""The most configurations that are counted."""


def holds(domain: Domain, active: Mapping[str, Scalar]) -> bool:
    """Whether a hyperparameter's conditions hold, given the values of all active ones before it."""
    for parent, values in domain.when.items():
        if parent not in active or not is_among(active[parent], values):
            return False
    return True


def is_among(value: Scalar, values: tuple[Scalar, ...]) -> bool:
    """Whether ``value`` is among ``values``; True and 1 are different."""
    return any(value == v and isinstance(value, bool) == isinstance(v, bool) for v in values)


def check_conditions(domains: Mapping[str, Domain], derived: Collection[str] = ()) -> None:
    """Refuse a parent that is unknown, ``derived`` or a Float without a step, and a condition on an impossible value.

    Raises:
        SpaceError: naming the hyperparameter; its ``keys`` hold that name.
    """
    for name in domains:
        with concerning(name):
            _check_condition(domains, name, derived)


def _check_condition(domains: Mapping[str, Domain], name: str, derived: Collection[str]) -> None:
    for parent, values in domains[name].when.items():
        if parent in derived:
            raise SpaceError(
                f"hyperparameter '{name}' depends on '{parent}', which is computed; name what that is computed from"
            )
        if parent not in domains:
            hint = nearest(parent, domains)
            raise SpaceError(f"hyperparameter '{name}' depends on '{parent}', which is not in the space{hint}")
        if domains[parent].cells is None:
            raise SpaceError(
                f"hyperparameter '{name}' depends on '{parent}', a Float; it needs an Int, a Categorical, or a Float "
                "with a step"
            )
        if not values:
            raise SpaceError(f"hyperparameter '{name}' depends on '{parent}' without a value of it; name one at least")
        impossible = [value for value in values if not can_be(domains[parent], value)]
        if impossible:
            never, first = len(impossible) == len(values), impossible[0]
            what = "a condition that never holds" if never else "a condition on an impossible value"
            way_out = "" if _is_slip(domains[parent], first) else f"; leave '{name}' out if it is not to be searched"
            refusal = _refusal(domains[parent], first, parent)
            raise SpaceError(f"hyperparameter '{name}' has {what}: {refusal}{way_out if never else ''}")


def _is_slip(parent: Domain, value: Scalar) -> bool:
    """Whether there is a value of a parent that may be meant by one that is none."""
    return isinstance(parent, Categorical) and parent.meant_by(value) != ""


def _refusal(domain: Domain, value: Scalar, name: str) -> SpaceError | None:
    try:
        domain.check(value, name)
    except SpaceError as exc:
        return exc
    return None


def can_be(domain: Domain, value: Scalar) -> bool:
    """Whether a hyperparameter can have a value."""
    return _refusal(domain, value, "") is None


def can_be_active(domains: Mapping[str, Domain], name: str) -> bool:
    """Whether a hyperparameter's conditions can all hold at once, and those of its parents and theirs with them."""
    open_values: dict[str, list[Scalar]] = {}
    left = [name]
    while left:
        for parent, values in domains[left.pop()].when.items():
            if parent not in domains:
                return False
            wanted = tuple(domains[parent].check(value, parent) for value in values if can_be(domains[parent], value))
            if parent not in open_values:
                left.append(parent)
            known = open_values.get(parent, wanted)
            open_values[parent] = [value for value in known if is_among(value, wanted)]
            if not open_values[parent]:
                return False
    return True


def with_possible_conditions(name: str, domains: Mapping[str, Domain]) -> Domain:
    """A hyperparameter without conditions on values that its parents cannot have; those that can never hold stay."""
    domain = domains[name]
    when = {}
    for parent, values in domain.when.items():
        known = parent in domains and domains[parent].cells is not None
        when[parent] = [value for value in values if not known or can_be(domains[parent], value)] or list(values)
    if all(len(when[parent]) == len(values) for parent, values in domain.when.items()):
        return domain
    return with_conditions(name, domain, when)


def with_exact_conditions(domains: Mapping[str, Domain]) -> dict[str, Domain]:
    """The domains, whose conditions name the values of a Float with a step as configurations have them, unrounded."""
    exact = dict(domains)
    for name, domain in domains.items():
        when = {parent: _exact(domains[parent], values, parent) for parent, values in domain.when.items()}
        if when != dict(domain.when):
            exact[name] = with_conditions(name, domain, when)
    return exact


def _exact(parent: Domain, values: tuple[Scalar, ...], name: str) -> tuple[Scalar, ...]:
    return tuple(parent.check(value, name) for value in values) if isinstance(parent, Float) else values


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
    sizes = {name: domain.cells for name, domain in domains.items()}
    return _count(domains, order, sizes, _parents(domains), {}, MOST)


def count_combinations(
    domains: Mapping[str, Domain], order: tuple[str, ...], resolution: int, most: int = MOST
) -> int | None:
    """The number of `combinations`; None beyond ``most``. Coupled bounds that leave one value are not looked at."""
    sizes = {name: sum(1 for _ in domain.grid(resolution)) for name, domain in domains.items()}
    return _count(domains, order, sizes, _parents(domains, resolution), {}, most)


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


def _parents(domains: Mapping[str, Domain], resolution: int | None = None) -> dict[str, Callable[[], Iterator[Scalar]]]:
    """The hyperparameters that others depend on, each with its grid; all of its values without a resolution."""
    names = {parent for domain in domains.values() for parent in domain.when}
    return {
        name: functools.partial(domain.grid, resolution or domain.cells or 1)
        for name, domain in domains.items()
        if name in names
    }


def _count(
    domains: Mapping[str, Domain],
    order: tuple[str, ...],
    sizes: Mapping[str, int | None],
    parents: Mapping[str, Callable[[], Iterator[Scalar]]],
    chosen: Mapping[str, Scalar],
    most: int,
) -> int | None:
    """The number of ways to go on through ``order``, given the parents' values so far; None beyond ``most``."""
    if most < 1:
        return None
    total = 1
    for at, name in enumerate(order):
        if not holds(domains[name], chosen):
            continue
        size = sizes[name]
        if size is None or total * size > most:
            return None
        if name not in parents:
            total *= size
            continue
        found = 0
        for value in parents[name]():
            left = most // total - found
            branch = _count(domains, order[at + 1 :], sizes, parents, {**chosen, name: value}, left)
            if branch is None:
                return None
            found += branch
        return total * found
    return total


def _cells(parent: Domain, values: tuple[Scalar, ...]) -> np.ndarray:
    return np.array([parent.position(value) for value in values], dtype=float)
