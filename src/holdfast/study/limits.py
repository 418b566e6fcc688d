"""Limits on the size of a model, which a log holds as what they are made of: made again when a space is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.errors import RequestError
from holdfast.space import Space
from holdfast.space.rules import Predicate

if TYPE_CHECKING:
    from holdfast.count.limits import Limit


def with_limits(space: Space) -> Space:
    """The same space, with every limit in it that was read from a log in force again."""
    lacking = [rule for rule in space.forbid if rule.predicate is None and rule.made_of is not None]
    if not lacking:
        return space
    made = [_made(rule.made_of) for rule in lacking if rule.made_of is not None]
    return space.with_predicates([limit for limit in made if limit is not None])


def limits_of(space: Space | None) -> list[Limit]:
    """The limits of a space."""
    from holdfast.count.limits import Limit

    rules = () if space is None else space.forbid
    return [rule.predicate for rule in rules if isinstance(rule.predicate, Limit)]


def _made(data: Mapping[str, Any]) -> Predicate | None:
    """A limit; None for one of a later version, which then forbids nothing and says so when it is asked."""
    from holdfast.count.limits import Limit

    try:
        of = data["of"]
        if isinstance(of, str):
            return Limit.from_json(data)
        from holdfast.train.sizes import FamilySize

        return Limit.from_json(data, FamilySize.from_json(of))
    except (RequestError, KeyError, TypeError):
        return None
