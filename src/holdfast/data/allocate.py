"""Dividing rows among parts by shares: at random within strata, whole groups, or in order. Plain array functions."""

from __future__ import annotations

import numpy as np


def allocate_counts(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Divide every stratum's rows among parts by largest remainders, carrying the rounding on.

    Stratum s has ``counts[s]`` rows, of which part p ought to get ``counts[s] * shares[p]``. It gets that rounded down
    or up; which parts are rounded up is decided by their remainder plus what rounding took from them in the strata
    before.

    Args:
        counts: shape (S,), integers.
        shares: shape (P,), positive; they are scaled to add up to 1.

    Returns:
        Shape (S, P), integers; row s adds up to ``counts[s]``.
    """
    shares = np.asarray(shares, dtype=np.float64) / np.sum(shares)
    exact = np.asarray(counts)[:, None] * shares
    allocated: np.ndarray = np.floor(exact + 1e-9).astype(np.int64)
    carry = np.zeros(len(shares))
    for s in range(len(exact)):
        remainder = exact[s] - allocated[s]
        left = int(counts[s] - allocated[s].sum())
        priority = np.where(remainder > 1e-9, remainder + carry, -np.inf)
        allocated[s, np.argsort(-priority, kind="stable")[:left]] += 1
        carry += exact[s] - allocated[s]
    return allocated


def allocate_rows(strata: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part for every row at random, the parts' shares kept within every stratum.

    Args:
        strata: shape (N,), integers from 0.
        shares: shape (P,), positive.
        rng: the random draws.

    Returns:
        Shape (N,), parts from 0 to P-1.
    """
    counts = np.bincount(strata)
    part = np.empty(len(strata), dtype=np.int64)
    for stratum, allocated in enumerate(allocate_counts(counts, shares)):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        part[rows] = np.repeat(np.arange(len(allocated)), allocated)
    return part


def allocate_groups(
    groups: np.ndarray,
    strata: np.ndarray,
    shares: np.ndarray,
    minimum: np.ndarray,
    rng: np.random.Generator,
    *,
    loose: bool = False,
) -> np.ndarray:
    """A part for every row such that a group is never divided.

    Groups are placed from the largest to the smallest (in random order among equals), each where its rows are wanted
    most: with T the rows of each stratum that a part ought to have, C those it has and n a stratum's size, where
    sum over strata of g (C - T) / n is least for the group's own counts g.

    Args:
        groups: shape (N,), integers from 0.
        strata: shape (N,), integers from 0.
        shares: shape (P,), positive.
        minimum: shape (P,), the fewest groups that a part must get; there are at least as many groups as that in all.
        rng: the random draws.
        loose: whether groups count as equals whose sizes round to the same power of two, so that draws differ.

    Returns:
        Shape (N,), parts from 0 to P-1.
    """
    counts = np.zeros((groups.max() + 1, strata.max() + 1))
    np.add.at(counts, (groups, strata), 1)
    size = np.maximum(counts.sum(axis=0), 1)
    lack = np.outer(np.asarray(shares) / np.sum(shares), size)
    need = np.array(minimum, dtype=np.int64)
    part = np.empty(len(counts), dtype=np.int64)
    shuffled = rng.permutation(len(counts))
    sizes = counts[shuffled].sum(axis=1)
    order = shuffled[np.argsort(-np.rint(np.log2(sizes)) if loose else -sizes, kind="stable")]
    for placed, group in enumerate(order):
        wanted = (counts[group] * lack / size).sum(axis=1)
        if len(order) - placed <= need.sum():
            wanted[need == 0] = -np.inf
        best = int(np.argmax(wanted))
        part[group] = best
        lack[best] -= counts[group]
        need[best] = max(need[best] - 1, 0)
    of_rows: np.ndarray = part[groups]
    return of_rows


def cut_in_order(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A part for every row by its value: the smallest values are part 0; equal values are never divided.

    A cut falls between two different values, where the rows before it come nearest to what the shares ask for and every
    part keeps at least one value.

    Args:
        values: shape (N,), finite; at least as many different ones as parts.
        shares: shape (P,), positive.

    Returns:
        Shape (N,), parts from 0 to P-1, not decreasing with the value.
    """
    different, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    wanted = np.cumsum(shares) / np.sum(shares) * len(values)
    cuts: list[int] = []
    for p in range(len(shares) - 1):
        low = cuts[-1] + 1 if cuts else 1
        high = len(different) - (len(shares) - 1 - p)
        cuts.append(low + int(np.argmin(np.abs(before[low : high + 1] - wanted[p]))))
    return np.searchsorted(np.array(cuts, dtype=np.int64), position, side="right").astype(np.int64)
