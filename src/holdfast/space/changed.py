"""A space that is changed: what can never be active any more goes, and so does what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.space import tree
from holdfast.space.domains import Categorical, Domain, Scalar
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
    gone = {name for name in old if not tree.can_be_active(searched, name) and tree.can_be_active(before.domains, name)}
    for _ in before.derived:  # one may be computed from another one
        gone |= {n for n, item in before.derived.items() if domains.get(n) == item and _names(item) & gone}
    rules = tuple(rule for rule in before.forbid if rule.expression is None or not set(rule.expression.names) & gone)
    return {name: item for name, item in domains.items() if name not in gone}, rules


def _declared(name: str, item: Any, before: Space) -> Declared:
    if isinstance(item, str | int | float | bool) and name in before:
        return Categorical([item], when=before[name].when)
    declared: Declared = item  # what it is the space checks
    return declared


def _could_hold(domain: Domain, before: Space) -> bool:
    """Whether the space as it was knows all values of a hyperparameter's conditions: none of them is a slip."""
    return all(
        parent in before and tree.can_be(before[parent], value)
        for parent, values in domain.when.items()
        for value in values
    )


def _names(item: Derived) -> set[str]:
    return set(parse(item.expression).names)
