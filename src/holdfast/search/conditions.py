"""Conditions that nobody declared: what the trials of a space that is found as it is used show of them.

An objective asks for a hyperparameter or does not, and which of the two follows from values that it asked for before.
So where no trial with certain values of one hyperparameter ever asked for a later one, the later one is taken to depend
on it. That is never more than what the trials show: a value that none of them had rules nothing out, and one trial that
asks where others did not takes the claim back at once. So a claim may be made early:

- A parent that explains every trial that did not ask is enough, once some value of it has come twice and has done the
  same both times. Of several such parents it is the one that would seem to explain as much by chance most seldom.
- One that explains a part of them has to do so better than chance (`CHANCE`); others may explain the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.search.memory import Memory
from holdfast.space import Domain, Space, domain_from_json
from holdfast.space.domains import Scalar

MOST_VALUES = 32
"""Nothing is taken to depend on a hyperparameter of more values: each of them is seen too rarely."""

CHANCE = 0.05
"""A parent that leaves trials unexplained explains others only if it would do so by chance less often than this."""

_memory: Memory[tuple[object, int, int], Space] = Memory(16)

Conditions = Mapping[str, Mapping[str, tuple[Scalar, ...]]]
"""For a hyperparameter its parents, and the values of each with which it may be asked for."""


@dataclass(frozen=True, eq=False)
class _Parent:
    """A hyperparameter that others may depend on.

    Attributes:
        column: its position in the space.
        domain: its own.
        cells: (n,) which of its values each trial has; -1 where it has none, or one outside of the domain.
    """

    column: int
    domain: Domain
    cells: np.ndarray

    def counts(self, trials: np.ndarray) -> np.ndarray:
        """(cells,) how many of the ``trials``, (n,) bool, have each value."""
        values = self.domain.cells or 0
        return np.bincount(self.cells + 1, weights=trials, minlength=values + 1)[1:]


@dataclass(frozen=True, eq=False)
class _Claim:
    """That a hyperparameter is never asked for with some values of a parent.

    Attributes:
        parent: the parent.
        closed: (cells,) whether a value of the parent is one of them.
        explained: how many of the scored trials that did not ask it explains, those without the parent among them.
        log_chance: the logarithm of the probability that chance explains as much.
    """

    parent: _Parent
    closed: np.ndarray
    explained: int
    log_chance: float


def with_conditions(space: Space, units: np.ndarray, asked: np.ndarray, scored: np.ndarray) -> Space:
    """The space with the conditions that the trials show, and no others; the same one where these are what it has.

    Args:
        space: as it was found.
        units: (n, d) encoded configurations.
        asked: (n, d) bool, whether each trial has asked for each hyperparameter.
        scored: (n,) bool, whether a trial has come as far as to a score, and so has asked for all that it needs.
    """
    found = shown_conditions(space, units, asked, scored)
    domains = {
        name: domain if dict(domain.when) == found.get(name, {}) else _under(domain, name, found.get(name, {}))
        for name, domain in space.domains.items()
    }
    return space if domains == space.domains else Space({**domains, **space.derived})


def remembered_conditions(
    token: object, space: Space, units: np.ndarray, asked: np.ndarray, scored: np.ndarray
) -> Space:
    """As `with_conditions`, found once for a ``token`` until ``asked`` or ``scored``, which only grow, have grown."""
    key = (token, int(np.count_nonzero(asked)), int(np.count_nonzero(scored)))
    return _memory.get(key, lambda: with_conditions(space, units, asked, scored))


def _under(domain: Domain, name: str, when: Mapping[str, tuple[Scalar, ...]]) -> Domain:
    return domain_from_json(name, {**domain.to_json(), "when": dict(when)})


def shown_conditions(space: Space, units: np.ndarray, asked: np.ndarray, scored: np.ndarray) -> Conditions:
    """What `with_conditions` puts into the space: for each hyperparameter one claim after the other."""
    scored = scored & asked.any(axis=1)  # of one without anything, what it asked for is lost
    partly = asked.any(axis=0) & ~asked[scored].all(axis=0)
    if not partly.any():
        return {}
    parents = [
        _Parent(i, domain, _cells(domain, units[:, i]))
        for i, domain in enumerate(space.domains.values())
        if domain.cells is not None and 1 < domain.cells <= MOST_VALUES
    ]
    found: dict[str, dict[str, tuple[Scalar, ...]]] = {}
    known: dict[tuple[bytes, int], list[tuple[_Parent, np.ndarray]]] = {}
    for i in np.flatnonzero(partly).tolist():
        able = [p for p in parents if p.column < i and asked[asked[:, i], p.column].all()]
        alike = (asked[:, i].tobytes(), len(able))  # what is asked for together depends on the same
        if alike not in known:
            known[alike] = _parents_of(asked[:, i], able, asked, scored)
        if known[alike]:
            found[space.names[i]] = {
                space.names[parent.column]: _open_values(parent.domain, closed) for parent, closed in known[alike]
            }
    return found


def _cells(domain: Domain, column: np.ndarray) -> np.ndarray:
    """(n,) which of a domain's values each of the encoded ones is, -1 for NaN."""
    places = np.array([domain.to_unit(value) for value in domain.grid(domain.cells or 0)])
    cells = np.searchsorted((places[:-1] + places[1:]) / 2, column)
    return np.where(np.isnan(column), -1, cells)


def _parents_of(
    asked: np.ndarray, able: list[_Parent], others: np.ndarray, scored: np.ndarray
) -> list[tuple[_Parent, np.ndarray]]:
    """The parents of a hyperparameter, each with which of its values are closed, (cells,) bool.

    Args:
        asked: (n,) bool, which trials have asked for it.
        able: what may be a parent: what all of these have asked for before it.
        others: (n, d) bool, what else each trial has asked for.
        scored: (n,) bool.
    """
    left, found = scored.copy(), list[tuple[_Parent, np.ndarray]]()
    while (left & ~asked).any():
        taken = {parent.column for parent, _ in found}
        claims = [_claim(p, asked, others[:, p.column], left) for p in able if p.column not in taken]
        known = [claim for claim in claims if claim is not None]
        best = max(known, key=lambda claim: (claim.explained, -claim.log_chance), default=None)
        if best is None:
            break
        found.append((best.parent, best.closed))
        cells = best.parent.cells
        left &= others[:, best.parent.column] & ~((cells >= 0) & best.closed[cells])
    return found


def _claim(parent: _Parent, asked: np.ndarray, there: np.ndarray, left: np.ndarray) -> _Claim | None:
    """What a parent explains; None if that is nothing, or too little to be claimed.

    Args:
        parent: the parent.
        asked: (n,) bool, whether a trial has asked for the hyperparameter.
        there: (n,) bool, whether it has asked for the parent.
        left: (n,) bool, which scored trials nothing explains yet, or there is nothing to explain.
    """
    ever, seen = parent.counts(asked), parent.counts(left)
    missing = parent.counts(left & ~asked)
    closed = (ever == 0) & (missing > 0)
    if not closed.any() or not ever.any():
        return None
    by_value, values = int(missing[closed].sum()), int((seen > 0).sum())
    explained = by_value + int((left & ~there).sum())
    log_chance = _log_chance(by_value, int(missing.sum()), int(seen.sum()))
    log_chance += _log_choices(values, int(closed.sum()))
    whole = explained == int((left & ~asked).sum()) and values < int(seen.sum())
    if not whole and log_chance > math.log(CHANCE):
        return None
    return _Claim(parent, closed, explained, log_chance)


def _log_chance(explained: int, missing: int, trials: int) -> float:
    """The logarithm of the probability that none of the ``explained`` trials asked, were it a matter of chance.

    Of the ``trials``, so many as are ``missing`` did not ask: C(trials - explained, asked) / C(trials, asked). Where
    the values that explain them are chosen for it, there are as many ways to do so as `_log_choices` says.
    """
    return _log_choices(trials - explained, trials - missing) - _log_choices(trials, trials - missing)


def _log_choices(n: int, k: int) -> float:
    """The logarithm of the number of ways to choose k out of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _open_values(domain: Domain, closed: np.ndarray) -> tuple[Scalar, ...]:
    return tuple(value for value, no in zip(domain.grid(len(closed)), closed.tolist(), strict=True) if not no)
