"""How lucky the winner was where some configurations were not scored on all rows: what is missing is drawn.

A rule that stops a configuration by its scores so far says nothing of the others that these scores do not say (Rubin,
Biometrika 63:581, 1976). So missing scores can be drawn given those that there are, many times, and the selection is
repeated on each completed table (multiple imputation: Rubin, Multiple Imputation for Nonresponse in Surveys, 1987).

The mean differences to the winner come from a normal population, estimated from all configurations (Morris, JASA 78:47,
1983): whoever was stopped after few rows looks worse than it is, and is moved towards the others. Their errors are
those of one bootstrap of the rows for all (the Bayesian one: Rubin, Annals of Statistics 9:130, 1981), and the scatter
of rows is that of rows which all have been scored on, so that alike configurations stay alike. One whose differences to
the winner are not known, as it has no two rows, or none on which they differ, is taken to be as good, with luck of its
own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from holdfast.stats.bootstrap import bbc, group_codes, group_sums

IMPUTATIONS, BOOTSTRAPS = 40, 25
"""How many times the missing scores are drawn, and how many bootstraps each time has."""

STEPS = 40
"""Of the search for the variance of the population."""


class _Seen(NamedTuple):
    """What is known of C configurations on N rows, as differences to the winner.

    ``differences``, shape (N, C), are 0 where ``there`` is false; of each configuration, shape (C,), ``mean`` is over
    the rows seen, ``variance`` the square of its standard error (infinite where there are no two units), and ``units``
    says how many independent rows or groups were seen. Nothing says how those that are ``unknown``, booleans, differ.
    """

    differences: np.ndarray
    there: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    units: np.ndarray
    unknown: np.ndarray


class _Expected(NamedTuple):
    """The mean difference of each configuration on any row, (C,), and how much of what was seen is kept in it, (C,)."""

    mean: np.ndarray
    kept: np.ndarray


class _Block(NamedTuple):
    """Columns whose scatter is drawn together: residuals of M rows, shape (M, columns), which lie by groups."""

    columns: np.ndarray
    residuals: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray


def optimism(scores: np.ndarray, winner: int, rng: np.random.Generator, groups: np.ndarray | None = None) -> float:
    """By how much the best of C means exceeds what `bootstrap.bbc` says of it, on average of completed tables.

    It is not negative.

    Args:
        scores: shape (N, C), higher is better, NaN where a configuration was not scored.
        winner: the index of a configuration that has all.
        rng: where missing scores and bootstraps are drawn from.
        groups: shape (N,), names of groups of rows that are not independent.
    """
    codes = np.arange(len(scores)) if groups is None else group_codes(groups, len(scores))
    best = scores[:, [winner]]
    seen = _seen(scores - best, codes)
    expected, blocks, unknown = _expected(seen, winner), _blocks(seen, codes), np.flatnonzero(seen.unknown)
    error = math.sqrt(float(_seen(best, codes).variance[0]) * len(np.unique(codes)))
    found = []
    for _ in range(IMPUTATIONS):
        drawn = best + _means(seen, expected, codes, rng)
        for block in blocks:
            drawn[:, block.columns] += _scatter(block, codes, rng)
        completed = np.where(seen.there, scores, drawn)
        completed[:, unknown] = best.mean() + error * rng.standard_normal((int(codes.max()) + 1, len(unknown)))[codes]
        found.append(float(completed.mean(axis=0).max()) - bbc(completed, rng, BOOTSTRAPS, groups).point)
    return max(float(np.mean(found)), 0.0)


def _seen(apart: np.ndarray, codes: np.ndarray) -> _Seen:
    there = np.isfinite(apart)
    differences, count = np.where(there, apart, 0.0), np.maximum(there.sum(axis=0), 1)
    mean = differences.sum(axis=0) / count
    totals, rows = group_sums(np.where(there, differences - mean, 0.0), codes), group_sums(there, codes)
    units = (rows > 0).sum(axis=0)
    variance = (totals**2).sum(axis=0) * units / np.maximum(units - 1, 1) / count**2
    unknown = ~there.all(axis=0) & ((units < 2) | ~differences.any(axis=0))
    return _Seen(differences, there, mean, np.where(units > 1, variance, np.inf), units, unknown)


def _expected(seen: _Seen, winner: int) -> _Expected:
    """What each configuration is expected to be, given the population and what was seen of it.

    With a variance T of the population and v of the mean that was seen, the share T / (T + v) of its distance from the
    population's mean is kept; all of it where it is known exactly.
    """
    known = np.isfinite(seen.variance)
    known[winner] = False
    centre, between = _population(seen.mean[known], seen.variance[known]) if known.any() else (0.0, 0.0)
    kept = np.ones(len(seen.mean))
    doubtful = seen.variance > 0
    kept[doubtful] = between / (between + seen.variance[doubtful])
    return _Expected(centre + kept * (seen.mean - centre), kept)


def _population(mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """The most likely mean and variance of a normal population; ``mean``, (M,), is seen with errors of ``variance``."""
    spread = float(mean.var())
    if spread == 0:
        return float(mean[0]), 0.0
    variance = np.maximum(variance, 1e-9 * spread)
    found = []
    for between in (0.0, *(spread * np.geomspace(1e-4, 4.0, STEPS))):
        weight = 1 / (between + variance)
        centre = float(weight @ mean / weight.sum())
        found.append((float((np.log(weight) - weight * (mean - centre) ** 2).sum()), centre, float(between)))
    return max(found)[1:]


def _means(seen: _Seen, expected: _Expected, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean differences, shape (C,), with errors that one bootstrap of the rows has for all configurations.

    Of k units the Bayesian bootstrap gives their mean (k - 1) / (k + 1) of its variance, which is put right.
    """
    weights = rng.standard_exponential(int(codes.max()) + 1)[codes]
    share = weights @ seen.there
    error = (weights @ seen.differences) / np.where(share > 0, share, 1.0) - seen.mean
    error *= np.sqrt(expected.kept * (seen.units + 1) / np.maximum(seen.units - 1, 1))
    return np.asarray(expected.mean + error)


def _blocks(seen: _Seen, codes: np.ndarray) -> list[_Block]:
    """The unfinished configurations in one block, if there are two groups of rows that all have; else one for each."""
    unfinished = np.flatnonzero(~seen.there.all(axis=0) & ~seen.unknown)
    common = np.asarray(seen.there[:, unfinished].all(axis=1))
    if len(np.unique(codes[common])) > 1:
        return [_block(seen, codes, unfinished, common)] if len(unfinished) else []
    return [_block(seen, codes, np.array([c]), seen.there[:, c]) for c in unfinished]


def _block(seen: _Seen, codes: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> _Block:
    order = np.flatnonzero(rows)[np.argsort(codes[rows], kind="stable")]
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    values = seen.differences[np.ix_(order, columns)]
    residuals = (values - values.mean(axis=0)) * np.sqrt(len(starts) / (len(starts) - 1))
    return _Block(columns, residuals, starts, sizes)


def _scatter(block: _Block, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Residuals for all N rows, shape (N, columns): those of a group of rows come from one group."""
    group = rng.integers(len(block.starts), size=int(codes.max()) + 1)[codes]
    row = block.starts[group] + (rng.random(len(codes)) * block.sizes[group]).astype(int)
    return np.asarray(block.residuals[row])
