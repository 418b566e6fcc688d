"""A search that went by its scores, repeated in simulation: what luck it would have found on other rows.

The error of a trial, given those of earlier ones, is a weighted sum of these plus something new. Whatever the search
does, the new part is independent of all that it knew when it chose the trial, since it could go by earlier scores only.
What a search does by its scores is to choose whose errors are handed on. So the trials are drawn one after the other,
each with the weights and the size of the new part that it had on these rows, but where the search built on what was
then its best, second best, ... score, the repeated one builds on whatever is best, second best, ... in the repetition.
This is exact for a search that goes by ranks, on a surface without differences (docs/rmx.md, section 6). Those
that a repetition builds on may be correlated otherwise among themselves than those of the search; what they hand on is
given the variance that it had, so that no error is larger than that of a mean of rows can be.

Errors are handed on by a few earlier trials, which are chosen one by one as in orthogonal matching pursuit (Pati,
Rezaiifar and Krishnaprasad, Asilomar conference 1993); that a few are enough is Vecchia's approximation of a Gaussian
field (JRSS B 50:297, 1988).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

NEIGHBOURS = 10
"""The most earlier trials that hand their errors on to another one."""

CLEAR = 3.0
"""A trial is built on another one where their correlation is over so many standard errors of a correlation of 0."""

LEAST = 0.0025
"""Of a trial whose errors are known but for this share of the variance by those chosen before, nothing is learned; and
where in a repetition no more than this share of the variance is handed on, it is not scaled to all of it."""

PAIRS = 80_000_000
"""So many pairs of trials are looked at in all repetitions together, where that leaves `FEWEST`."""

FEWEST = 250
"""Repetitions of the search."""

RANKS = 64
"""So many of the best trials of a repetition are known by rank. A trial that was built on one of lower rank, which luck
did not choose, is built on the same one again."""


COVARIANCES = 4_000_000
"""So many of the trials' covariances in repetitions are in memory together, or those of one repetition."""


class Step(NamedTuple):
    """A trial's standardised error: ``weights``, shape (k,), of ``earlier`` trials' errors, and ``new`` times noise.

    ``handed`` is the variance of what the earlier ones hand on.
    """

    earlier: np.ndarray
    weights: np.ndarray
    new: float
    handed: float


def steps(correlation: np.ndarray, n_rows: int) -> list[Step]:
    """One step for each of C trials, in the order in which they were proposed.

    Args:
        correlation: shape (C, C), of the trials' errors; less than 1 on the diagonal where a variance is an assumption.
        n_rows: of how many independent rows it is the correlation.
    """
    return [_step(correlation[: i + 1, : i + 1], n_rows) for i in range(len(correlation))]


def _step(correlation: np.ndarray, n_rows: int) -> Step:
    """The last trial's step."""
    among, own = correlation[:-1, :-1], correlation[:-1, -1].copy()
    chosen: list[int] = []
    known = np.zeros((0, len(own)))  # what each trial has of the orthonormal directions chosen so far
    variance, left = among.diagonal().copy(), 1.0
    for _ in range(min(NEIGHBOURS, len(own))):
        partial = np.where(variance > LEAST, own / np.sqrt(np.maximum(variance, LEAST)), 0.0)
        best = int(np.abs(partial).argmax())
        gain = float(partial[best])
        if gain**2 <= CLEAR**2 / n_rows * left or left < LEAST**2:
            break
        direction = (among[best] - known[:, best] @ known) / math.sqrt(variance[best])
        own, variance, left = own - gain * direction, variance - direction**2, max(left - gain**2, 0.0)
        known = np.vstack([known, direction])
        chosen.append(best)
    earlier = np.array(chosen, dtype=np.int64)
    weights = np.linalg.solve(among[np.ix_(earlier, earlier)], correlation[earlier, -1])
    new = left * (n_rows - 1) / max(n_rows - 1 - len(chosen), 1)
    return Step(earlier, weights, math.sqrt(min(new, 1.0)), 1.0 - left)


def replay(
    taken: list[Step], gap: np.ndarray, means: np.ndarray, scale: np.ndarray, rng: np.random.Generator, draws: int
) -> np.ndarray:
    """Standardised errors of the C trials in repetitions of the search, shape (draws, C); fewer draws of many trials.

    Args:
        taken: from `steps`.
        gap: shape (C,), how far each trial's score is behind the best: the lower, the better its rank.
        means: shape (C,), what the trials score in a repetition but for their errors.
        scale: shape (C,), what turns standardised errors into scores.
        rng: where the new parts of the errors are drawn from.
        draws: how many repetitions.
    """
    draws = min(draws, max(FEWEST, PAIRS // len(taken) ** 2))
    fresh = rng.standard_normal((draws, len(taken)))
    ranks = [(gap[:i] < gap[step.earlier, None]).sum(axis=1) for i, step in enumerate(taken)]
    noise = np.empty_like(fresh)
    together = max(COVARIANCES // len(taken) ** 2, 1)
    for begin in range(0, draws, together):
        _repeat(taken, ranks, means, scale, fresh[begin : begin + together], noise[begin : begin + together])
    return noise


def _repeat(
    taken: list[Step],
    ranks: list[np.ndarray],
    means: np.ndarray,
    scale: np.ndarray,
    fresh: np.ndarray,
    noise: np.ndarray,
) -> None:
    """Errors of some repetitions, written to ``noise``, shape (draws, C), from new parts ``fresh`` of that shape."""
    draws, trials = fresh.shape
    each, at = np.arange(draws), np.arange(draws)[:, None]
    covariance = np.zeros((draws, trials, trials))
    best, scores = np.empty((draws, 0), dtype=np.int64), np.empty((draws, 0))
    for i, step in enumerate(taken):
        new = step.new * fresh[:, i]
        if (ranks[i] < best.shape[1]).all():
            parents = best[:, ranks[i]]
        else:
            parents = np.broadcast_to(step.earlier, (draws, len(step.earlier)))
        with_others = np.zeros((draws, i))
        for column, weight in zip(parents.T, step.weights, strict=True):
            with_others += weight * covariance[each, column, :i]
        variance = (with_others[at, parents] * step.weights).sum(axis=1)
        size = np.sqrt(step.handed / np.maximum(variance, LEAST * step.handed)) if step.handed > 0 else np.ones(draws)
        covariance[:, i, :i] = covariance[:, :i, i] = size[:, None] * with_others
        covariance[:, i, i] = size**2 * variance + step.new**2
        noise[:, i] = size * (noise[at, parents] * step.weights).sum(axis=1) + new
        best, scores = _inserted(best, scores, i, means[i] + scale[i] * noise[:, i])


def _inserted(best: np.ndarray, scores: np.ndarray, trial: int, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Trials, shape (draws, k), best first, and their scores, with one more; at most `RANKS` are kept."""
    size = min(scores.shape[1] + 1, RANKS)
    place, column = (scores >= score[:, None]).sum(axis=1)[:, None], np.arange(size)
    before, after = column < place, column > place

    def put(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        padded = np.concatenate([new[:, None], old, new[:, None]], axis=1)
        return np.where(before, padded[:, 1 : size + 1], np.where(after, padded[:, :size], new[:, None]))

    return put(np.full(len(score), trial), best), put(score, scores)
