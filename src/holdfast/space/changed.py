"""A space that is changed: what can never be active any more goes, and so does what is said of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.errors import SpaceError
from holdfast.space import tree
from holdfast.space.domains import LARGEST, Categorical, Domain, Float, Scalar
from holdfast.space.expression import parse
from holdfast.space.rules import Derived, Forbidden

if TYPE_CHECKING:
    from holdfast.space.space import Space

Declared = Domain | Derived


def changed(before: Space, given: Mapping[str, Declared | Scalar]) -> tuple[dict[str, Declared], tuple[Forbidden, ...]]:
    """The hyperparameters and rules of a space that becomes what is ``given``, which is the whole of it.

    Conditions of ``before`` lose the values that their parents have no more. What could be active and now cannot be is
    left out, with derived values and rules that name it. A plain value stands under the conditions of what it fixes.
    """
    domains = {name: _declared(name, item, before) for name, item in given.items()}
    searched = {name: domain for name, domain in domains.items() if isinstance(domain, Domain)}
    old = [name for name, domain in searched.items() if name in before and _could_hold(domain, before)]
    for name in old:
        searched[name] = domains[name] = tree.with_possible_conditions(name, searched)
    never = [name for name in old if not tree.can_be_active(searched, name)]
    gone = {name for name in never if tree.can_be_active(before.domains, name)}
    for _ in never:  # what could not be active before stays where that still can be written down
        gone |= {name for name in never if _names_what_is_gone(searched[name], searched, gone)}
    given_derived = {name: item for name, item in domains.items() if isinstance(item, Derived)}
    kept = {name: item for name, item in before.derived.items() if given_derived.get(name) == item}
    for _ in kept:  # one may be computed from another one
        gone |= {name for name, item in kept.items() if _names(item) & gone}
    rules = tuple(rule for rule in before.forbid if rule.expression is None or not set(rule.expression.names) & gone)
    return {name: item for name, item in domains.items() if name not in gone}, rules


def _declared(name: str, item: Any, before: Space) -> Declared:
    if isinstance(item, str | int | float | bool) and name in before:
        return Categorical([_as_before(name, item, before)], when=before[name].when)
    declared: Declared = item  # what it is the space checks
    return declared


def _as_before(name: str, value: Scalar, before: Space) -> Scalar:
    """A plain value as the configurations of a space have it: 2 is 2.0 where these are floats.

    Raises:
        SpaceError: if it is a choice that nobody knew, and others hang on the choices: it may be a slip.
    """
    domain = before[name]
    if isinstance(domain, Categorical):
        if domain.position(value) is None and tree.is_among(value, tuple(domain.choices)):
            return next(choice for choice in domain.choices if tree.is_among(choice, (value,)))
        if domain.position(value) is None and any(name in other.when for other in before.domains.values()):
            try:
                domain.check(value, name)
            except SpaceError as exc:
                raise SpaceError(f"{exc}; for another one give Categorical([{value!r}])") from None
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    if isinstance(domain, Float):
        return float(value) if abs(value) <= LARGEST else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _could_hold(domain: Domain, before: Space) -> bool:
    """Whether the space as it was knows all values of a hyperparameter's conditions: none of them is a slip."""
    return all(
        parent in before and tree.can_be(before[parent], value)
        for parent, values in domain.when.items()
        for value in values
    )


def _names_what_is_gone(domain: Domain, domains: Mapping[str, Domain], gone: Collection[str]) -> bool:
    """Whether a parent of a hyperparameter is gone, or all values of it that the conditions name."""
    return any(
        parent in gone or not any(tree.can_be(domains[parent], value) for value in values)
        for parent, values in domain.when.items()
        if parent in domains
    )


def _names(item: Derived) -> set[str]:
    return set(parse(item.expression).names)
