"""The experiments by name: what a repetition of a cell is, which cells there are, and how many repetitions of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.honesty_parts import (
    beta,
    coin,
    dropped,
    fixed,
    groups,
    metrics,
    points,
    pruned,
    refit,
    refit_proposed,
    separable,
    truth,
)
from benchmarks.honesty_parts.methods import Repetition

CHUNK = 50


class Experiment(NamedTuple):
    """One repetition by the name of its cell and its number, the names of the cells, the repetitions of each.

    So many of them as make a ``chunk`` are one line of the file; `fixed` has further cells, see `fixed.cells`.
    """

    repeat: Callable[[str, int], Repetition]
    cells: Iterable[str]
    repetitions: int
    chunk: int = CHUNK


EXPERIMENTS = {
    "fixed": Experiment(fixed.repeat, fixed.cells([*fixed.DRAWN]), 4000),
    "refit": Experiment(refit.repeat, refit.CELLS, 1000),
    "proposed": Experiment(refit_proposed.repeat, refit_proposed.CELLS, 1000),
    "beta": Experiment(beta.repeat, beta.CELLS, 500),
    "coin": Experiment(coin.repeat, coin.CELLS, 200, chunk=10),
    "truth": Experiment(truth.repeat, truth.CELLS, 50, chunk=2),
    "dropped": Experiment(dropped.repeat, dropped.CELLS, 1000),
    "metrics": Experiment(metrics.repeat, metrics.CELLS, 1000),
    "pruned": Experiment(pruned.repeat, pruned.CELLS, 200),
    "points": Experiment(points.repeat, points.CELLS, 1000),
    "groups": Experiment(groups.repeat, groups.CELLS, 400),
    "separable": Experiment(separable.repeat, separable.CELLS, 400),
}
