"""Which trials are good and which are bad, and which of the bad ones stand for all of them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from holdfast.search.history import COMPLETE, History
from holdfast.search.pareto import crowding, non_dominated, total_violation

GOOD_SHARE = 0.1
"""Of the told trials, so many are good."""
MOST_GOOD = 50
"""At most so many trials are good."""
MOST_HEADS = 8
"""At most so many groups are represented among the good trials by the best trial of each."""
HEAD_SHARE = 0.2
"""What the best trial of a group counts, as a share of all good ones beyond the second; together at most as many."""
NEAREST = 96
"""So many of the bad trials, those that come next after the good ones, are all looked at."""
REST = 64
"""So many of the other bad ones, evenly spread over the study, stand for them all."""
MAX_PENDING = 256
"""At most so many running trials, the latest, are looked at."""


@dataclass(frozen=True, eq=False)
class Split:
    """The trials of a history in two sets.

    Attributes:
        good: (g, d) encoded configurations of the good trials, best first, then the best ones of other groups.
        good_weights: (g,) what they count; 1 on average, less for those that stand for their group.
        bad: (b, d) encoded configurations of the bad trials that are looked at.
        bad_weights: (b,) how many trials each of them stands for.
        bad_trials: how many bad trials there are.
    """

    good: np.ndarray
    good_weights: np.ndarray
    bad: np.ndarray
    bad_weights: np.ndarray
    bad_trials: int

    def with_bad(self, units: np.ndarray) -> Split:
        """The same with the points of shape (p, d) among the bad ones: what runs is taken to turn out badly."""
        return Split(
            self.good,
            self.good_weights,
            np.concatenate([self.bad, units]),
            np.concatenate([self.bad_weights, np.ones(len(units))]),
            self.bad_trials + len(units),
        )

    def words(self) -> str:
        """How many there are of both."""
        some = "" if len(self.bad) == self.bad_trials else f", of which {len(self.bad)} stand for all"
        return f"{len(self.good)} good and {self.bad_trials:,} bad trials{some}"


def split(history: History) -> Split:
    """The good trials are the best of those that are complete, finite and feasible; all others are bad.

    Failed and stopped ones are bad, and so are those that are running: with a constant liar, Ginsbourger, Le Riche and
    Carraro, "Kriging is well-suited to parallelize optimization" (2010), several asks at once go apart. While no
    complete trial is feasible, those that violate the outcome constraints least are good. In a tree, the best trial of
    each group of hyperparameters that are active together is among the good ones too, at a weight that grows with the
    study: so that a branch which started badly is looked at again, from where it was best.
    """
    losses, violation = history.told_loss, total_violation(history.told_violation)
    known = (history.told_state == COMPLETE) & _finite(losses) & np.isfinite(violation)
    allowed = known & (violation == 0)
    positions = np.flatnonzero(allowed if allowed.any() else known)
    goods = min(max(1, min(math.ceil(GOOD_SHARE * len(known)), MOST_GOOD)), len(positions))
    if losses.shape[1] > 1 and allowed.any():
        lowest, heads = positions[_by_front(losses[positions], goods)], positions[:0]
    else:
        key = losses[positions, 0] if allowed.any() else violation[positions]
        first = _lowest(key, goods + NEAREST)
        lowest = positions[first]
        heads = positions[_heads(_groups(history)[history.told_trial[positions]], key, first[:goods])]
    good = np.concatenate([lowest[:goods], heads])
    near = lowest[goods:][~np.isin(lowest[goods:], heads)]
    taken = np.sort(np.concatenate([good, near]))
    rest = len(known) - len(taken)
    ranks = np.arange(rest) if rest <= REST else np.linspace(0, rest - 1, REST).astype(np.int64)
    used = ranks + np.searchsorted(taken - np.arange(len(taken)), ranks, side="right")
    head_weight = max(goods - 2, 0) * min(HEAD_SHARE, 1 / max(len(heads), 1))
    found = Split(
        good=history.units[history.told_trial[good]],
        good_weights=np.concatenate([rank_weights(goods), np.full(len(heads), head_weight)]),
        bad=history.units[history.told_trial[np.concatenate([near, used])]],
        bad_weights=np.concatenate([np.ones(len(near)), np.full(len(used), rest / max(len(used), 1))]),
        bad_trials=len(known) - len(good),
    )
    pending = history.pending[-MAX_PENDING:]
    return found.with_bad(history.units[pending]) if len(pending) else found


def _groups(history: History) -> np.ndarray:
    """(n,) a number for each trial's group: equal for trials with the same hyperparameters active.

    A sum of large whole numbers, one of each hyperparameter that is inactive.
    """
    inactive = np.isnan(history.units)
    n, d = inactive.shape
    groups = np.zeros(n, dtype=np.int64)
    for column in np.flatnonzero(_any_row(inactive)).tolist():
        groups += inactive[:, column] * _marks(d)[column]
    return groups


def _any_row(table: np.ndarray) -> np.ndarray:
    """(d,) ``table.any(axis=0)`` of a table (n, d): with many rows side by side, since long ones are taken fast."""
    n, d = table.shape
    side = 64
    whole = n // side * side
    many = table[:whole].reshape(-1, side * d).any(axis=0).reshape(side, d)
    return np.asarray(many.any(axis=0) | table[whole:].any(axis=0))


def _finite(losses: np.ndarray) -> np.ndarray:
    """(m,) whether all objectives of each trial are finite."""
    found = np.isfinite(losses[:, 0])
    for objective in range(1, losses.shape[1]):
        found &= np.isfinite(losses[:, objective])
    return np.asarray(found)


@functools.lru_cache(maxsize=16)
def _marks(d: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1 << 62, size=d)


def _heads(group: np.ndarray, key: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Positions in (m,) trials: the best of each group without any of the ``good`` ones, best first."""
    if len(good) <= 2:
        return good[:0]
    unserved = np.ones(len(group), dtype=bool)
    for served in np.unique(group[good]):
        unserved &= group != served
    left = np.flatnonzero(unserved)
    heads: list[int] = []
    while len(left) and len(heads) < MOST_HEADS:
        heads.append(int(left[np.argmin(key[left])]))
        left = left[group[left] != group[heads[-1]]]
    return np.array(heads, dtype=np.int64)


def rank_weights(n: int) -> np.ndarray:
    """(n,) weights that fall with the logarithm of the rank, 1 on average, as in CMA-ES: Hansen (2016), eq. 49."""
    weights = math.log(n + 1) - np.log(np.arange(1, n + 1))
    return np.asarray(weights * (n / weights.sum())) if n else weights


def _lowest(key: np.ndarray, n: int) -> np.ndarray:
    """Positions of the ``n`` lowest entries of a key (m,), in ascending order; of equal ones the earlier is first."""
    if len(key) <= 2 * n:
        found: np.ndarray = np.argsort(key, kind="stable")[:n]
        return found
    bound = np.partition(key, n - 1)[n - 1]
    near = np.flatnonzero(key <= bound)
    return near[np.argsort(key[near], kind="stable")[:n]]


def _by_front(losses: np.ndarray, goods: int) -> np.ndarray:
    """Positions in losses (m, k): the good ones front by front, then those next to them by their mean rank.

    A front that is cut is cut by crowding distance, as in NSGA-II.
    """
    left = np.arange(len(losses))
    found: list[np.ndarray] = []
    while sum(map(len, found)) < goods:
        front = non_dominated(losses[left])
        members = left[front]
        found.append(members[np.argsort(-crowding(losses[members]), kind="stable")])
        left = left[~front]
    good = np.concatenate(found)[:goods]
    ranks = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable").sum(axis=1)
    ranks[good] = -1
    return np.concatenate([good, _lowest(ranks, goods + NEAREST)[goods:]])
