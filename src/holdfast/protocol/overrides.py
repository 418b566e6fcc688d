"""A plan's [space] laid over the family's default space."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from holdfast.errors import SpaceError, nearest, shown
from holdfast.space import Categorical, Derived, Domain, Int, Space, declared_from_json, domain_from_json, tree
from holdfast.space.domains import LARGEST, Scalar

Place = Callable[[str], AbstractContextManager[Any]]
"""Adds the place of a hyperparameter's override to a refusal."""


def overridden(
    default: Space | None,
    wanted: Mapping[str, Any],
    place: Place = nullcontext,
    forbid: Sequence[str] = (),
    known: Collection[str] = (),
) -> Space:
    """The space to search, without the combinations that are forbidden.

    A table with a ``type`` replaces a hyperparameter or adds one; a table without one changes keys of the default; a
    plain value fixes it. Those that are ``known`` need not be searched by default, nor have that choice there. Where a
    parent is fixed such that a default hyperparameter can never be active, it goes.

    Raises:
        SpaceError: if an override does not fit, or nothing is left to search.
    """
    domains: dict[str, Domain | Derived] = {} if default is None else {**default.domains, **default.derived}
    for name, item in wanted.items():
        with place(name):
            default_of = domains.get(name)
            free = default_of is None or isinstance(default_of, Categorical)  # what else there is, the family knows
            if name in known and free and not isinstance(item, Mapping):
                domains[name] = _chosen(name, item, {} if isinstance(default_of, Derived | None) else default_of.when)
            else:
                domains[name] = _override(name, domains.get(name), item, (*domains, *known))
    for name in _never_active(domains, set(wanted)):
        del domains[name]
    searched = {name: domain for name, domain in domains.items() if isinstance(domain, Domain)}
    for name in searched:
        if not _has_own_conditions(wanted.get(name)):
            domains[name] = tree.with_possible_conditions(name, searched)
    if not domains:
        raise SpaceError("[space] is empty; a family of one's own needs the hyperparameters to search")
    return Space(domains, forbid)


def _override(name: str, default: Domain | Derived | None, item: Any, known: tuple[str, ...]) -> Domain | Derived:
    if isinstance(item, Mapping) and "type" in item:
        return declared_from_json(name, item)
    if isinstance(default, Derived):
        raise SpaceError(f"[space] has '{name}', which is computed; give it a type to replace it")
    if default is None:
        raise SpaceError(
            f"[space] has '{name}', which the family does not have{nearest(name, known)}; "
            "a hyperparameter of one's own needs a type: float, int, categorical or derived"
        )
    if isinstance(item, Mapping):
        return domain_from_json(name, {**_without_stale_default(default.to_json(), item), **item})
    values = item if isinstance(item, list) else [item]
    if not values:
        raise SpaceError(f"[space] has {name} = [], which leaves nothing to choose; name one value at least")
    choices = [_fixed(name, default, value) for value in values]
    return domain_from_json(name, {"type": "categorical", "choices": choices, "when": default.when})


def _chosen(name: str, item: Any, when: Mapping[str, Any]) -> Domain:
    """One or several plain values of a hyperparameter, which whoever knows the hyperparameter has to check."""
    values = item if isinstance(item, list) else [item]
    if not values:
        raise SpaceError(f"[space] has {name} = [], which leaves nothing to choose; name one value at least")
    return domain_from_json(name, {"type": "categorical", "choices": values, "when": when})


def _fixed(name: str, default: Domain, value: Any) -> Scalar:
    """A value that a person fixed: of the right type, though a number may lie outside of the default range."""
    if isinstance(default, Categorical):
        return default.check(value, name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if not is_number or (isinstance(default, Int) and value != int(value)):
        wanted = "a whole number" if isinstance(default, Int) else "a finite number"
        raise SpaceError(f"[space] has {name} = {shown(value)}; it should be {wanted}, or a table")
    return int(value) if isinstance(default, Int) else float(value)


def _without_stale_default(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The default's keys, less a default value that new bounds or choices may leave out."""
    if {"low", "high", "choices", "step"} & set(changes):
        for key in ("default", "prior", "weights"):
            data.pop(key, None)
    return data


def _never_active(domains: Mapping[str, Domain | Derived], wanted: set[str]) -> list[str]:
    """Default hyperparameters whose conditions no parent can meet any more, children of such included."""
    gone: list[str] = []
    for _ in domains:
        for name, domain in domains.items():
            if name in gone or name in wanted or isinstance(domain, Derived):
                continue
            if any(
                parent in gone or not _can_be(domains.get(parent), values) for parent, values in domain.when.items()
            ):
                gone.append(name)
    return gone


def _has_own_conditions(item: Any) -> bool:
    """Whether an override says itself when its hyperparameter is active, and does not leave that to the default."""
    return isinstance(item, Mapping) and ("type" in item or "when" in item)


def _can_be(parent: Domain | Derived | None, values: Collection[Scalar]) -> bool:
    """Whether a parent can take one of the values."""
    return isinstance(parent, Domain) and any(tree.can_be(parent, value) for value in values)
