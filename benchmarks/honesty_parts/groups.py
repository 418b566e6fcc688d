"""Few groups of rows of which some carry most of the loss: row scores whose truth, in infinitely many groups, is known.

Losses are squares of normal errors times a factor of the group, which is lognormal or, if ``rare``, ten in a tenth of
the groups and one in the others. Errors of 0/1 scores have a Beta distributed share in each group. Groups have 20 rows
each, or sizes of 1 + Poisson(exponential). Of a ``refit`` the truth is off by a normal deviate with a fifth of the
variance of the mean; a ``random`` configuration is one that was not selected by its score.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import DEFAULT, Found, Repetition, Z

from holdfast.evaluate.estimate import estimate
from holdfast.records import RowScores
from holdfast.rng import Streams

SPREADS = {"mild": 0.3, "strong": 0.7, "skewed": 1.0, "heavy": 1.5}
"""Standard deviations of the logarithm of a group's factor."""

SHARES = {"mild": (9.0, 51.0), "skewed": (0.3, 1.7)}
"""Parameters of the Beta distribution of a group's share of errors."""

RARE, TIMES = 0.1, 10.0
ALIKE, ROWS_ALIKE = 0.7, 0.8
"""Correlations between configurations, of what groups and what rows have."""

ROWS, REFIT = 20, 0.2
MASS = (np.arange(4000) + 0.5) / 4000


class Cell(NamedTuple):
    """What scores there are, how groups differ, whether their sizes do, how many there are, and whose score it is."""

    kind: str
    how: str
    sizes: str
    n_groups: int
    n_configurations: int
    whose: str = "best"

    def __str__(self) -> str:
        whose = "" if self.whose == "best" else f" {self.whose}"
        return f"{self.kind} {self.how} {self.sizes} G={self.n_groups} C={self.n_configurations}{whose}"


CELLS = {
    str(cell): cell
    for cell in (
        *(
            Cell("losses", how, sizes, groups, count)
            for count in (20, 1)
            for how in SPREADS
            for sizes in ("equal", "uneven")
            for groups in (6, 10, 20, 50)
        ),
        *(
            Cell("errors", how, sizes, groups, count)
            for count in (20, 1)
            for how in SHARES
            for sizes in ("equal", "uneven")
            for groups in (6, 10, 20)
        ),
        *(
            Cell("losses", "skewed", "uneven", groups, 20, whose)
            for whose in ("refit", "random")
            for groups in (10, 20)
        ),
        *(Cell("losses", "skewed", "uneven", groups, 3) for groups in (10, 20)),
        *(Cell("losses", "rare", "equal", groups, 20) for groups in (6, 10, 20)),
    )
}


class Drawn(NamedTuple):
    """Scores (N, C), higher is better, groups (N,), truths (C,), and the deviations of a mean of these rows (C,)."""

    scores: np.ndarray
    groups: np.ndarray
    truth: np.ndarray
    deviation: np.ndarray


def _common(rng: np.random.Generator, n: int, count: int, alike: float) -> np.ndarray:
    shared = math.sqrt(alike) * rng.standard_normal((n, 1))
    return np.asarray(shared + math.sqrt(1 - alike) * rng.standard_normal((n, count)))


@functools.cache
def _shares(how: str) -> np.ndarray:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(*SHARES[how], MASS))


def drawn(cell: Cell, rng: np.random.Generator) -> Drawn:
    """Scores of a cell."""
    from scipy.special import betaincinv, ndtr

    n, count = cell.n_groups, cell.n_configurations
    sizes = np.full(n, ROWS) if cell.sizes == "equal" else 1 + rng.poisson(rng.exponential(ROWS - 1, n))
    groups, by_group = np.repeat(np.arange(n), sizes), _common(rng, n, count, ALIKE)
    row = _common(rng, len(groups), count, ROWS_ALIKE)
    if cell.kind == "losses":
        level = np.exp(rng.normal(0, 0.05, count)) ** 2
        if cell.how == "rare":
            large = ndtr(by_group) > 1 - RARE
            factor, square = np.where(large, TIMES, 1.0), 1 + RARE * (TIMES**2 - 1)
            mean = 1 + RARE * (TIMES - 1)
        else:
            spread = SPREADS[cell.how]
            factor, mean, square = np.exp(spread * by_group - spread**2 / 2), 1.0, math.exp(spread**2)
        scores, truth = -level * factor[groups] * row**2, -level * mean
        between, within = level**2 * (square - mean**2), 2 * level**2 * square
    else:
        level = np.exp(rng.normal(0, 0.1, count))
        share = np.minimum(betaincinv(*SHARES[cell.how], ndtr(by_group)) * level, 1.0)
        every = np.minimum(_shares(cell.how)[:, None] * level, 1.0)
        scores, truth = (ndtr(row) >= share[groups]).astype(float), 1 - every.mean(axis=0)
        between, within = every.var(axis=0), (every * (1 - every)).mean(axis=0)
    variance = (between * (sizes**2).sum() + within * len(groups)) / len(groups) ** 2
    return Drawn(scores, groups, truth, np.sqrt(variance))


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell."""
    cell, streams = CELLS[name], Streams(0)
    rng, seed = streams.generator(number, name), streams.integer(number, f"{name}/seed")
    table = drawn(cell, rng)
    means = table.scores.mean(axis=0)
    winner = int(rng.integers(len(means))) if cell.whose == "random" else int(means.argmax())
    own, n_rows = float(means[winner]), len(table.scores)
    half = Z * float(table.scores[:, winner].std(ddof=1)) / math.sqrt(n_rows)
    truth, deviation = float(table.truth[winner]), float(table.deviation[winner])
    if cell.whose == "refit":
        truth += math.sqrt(REFIT) * deviation * rng.standard_normal()
    said = estimate(
        [RowScores(column) for column in table.scores.T],
        winner=winner,
        direction="maximize",
        estimand="refit" if cell.whose == "refit" else "scored",
        groups=table.groups,
        seed=seed,
    ).score
    found = {"naive Wald": Found(own, own - half, own + half), DEFAULT: Found(said.value, said.low, said.high)}
    return Repetition(truth, 2 * Z * deviation, found)
