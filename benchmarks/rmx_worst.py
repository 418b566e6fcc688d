"""The RMX interval where it is the weakest: a search for means and scales that escape it.

    python benchmarks/rmx_worst.py

Means of C configurations are normal with a known covariance, so that only the selection is at work: no inversion, no
skewness, no estimated variance. `under` is how often the winner's error exceeds the quantile that `winner_errors`
gives, `over` how often the truth is over the upper bound, at most 0.025, and `both` their sum: 0.045 where the default
is exact. Cells are named families and random draws; the worst of each kind is run again with other random numbers, as
the worst of many is a selection.

The other variants keep the sides apart, with 0.02 for the lower one. `one selection` does nothing where standard errors
differ. `against the best` is the variant that docs/rmx.md proves: the largest error of all configurations that beat one
of those pulled level, instead of the winner's. `t(C)` pulls by as many standard deviations as the proof asks for.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from holdfast.meter.machine import machine_words
from holdfast.rng import Streams
from holdfast.stats.rmx import Competition, Settings, winner_errors

BETA = 0.005
DRAWS, POOL = 2000, 10
COUNTS = (2, 5, 20, 200)
RANDOM = 10
"""How many cells are drawn at random for each number of configurations and each kind."""
FINALISTS = 4

DEFAULT, APART, ONE = "default", "sides apart", "one selection"
PROVED, EVERY = "against the best", "every configuration"


class Cell(NamedTuple):
    """True scores, standard errors, and loadings on two common factors of the errors, shape (C,), (C,) and (C, 2)."""

    name: str
    truth: np.ndarray
    scale: np.ndarray
    loadings: np.ndarray

    @property
    def kind(self) -> str:
        """Whether all configurations vary alike."""
        return "equal scales" if np.ptp(self.scale) == 0 else "unequal scales"

    def correlation(self) -> np.ndarray:
        """Of the errors, shape (C, C)."""
        found = self.loadings @ self.loadings.T
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)

    def noise(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """Standardised errors, shape (draws, C)."""
        own = np.sqrt(1 - (self.loadings**2).sum(axis=1))
        c = len(self.truth)
        return np.asarray(rng.standard_normal((draws, 2)) @ self.loadings.T + own * rng.standard_normal((draws, c)))


class Found(NamedTuple):
    """Over repetitions: the share of truths under the lower bound, and over the upper one, and the mean quantile."""

    under: float
    over: float
    quantile: float

    @property
    def both(self) -> float:
        """The share of truths outside."""
        return self.under + self.over


def reach(count: int, beta: float = BETA) -> float:
    """t(C): by how many standard deviations to pull, so that all C (C - 1) differences are within with 1 - beta."""
    from scipy.special import ndtri

    return float(-ndtri(beta / (count * (count - 1))))


def one_selection(competition: Competition, settings: Settings) -> float:
    """The quantile of the winner's error in one selection among all."""
    noise = competition.noise
    selected = (competition.pulled(settings) + competition.scale * noise).argmax(axis=1)
    return float(np.quantile(noise[np.arange(len(noise)), selected], 1 - settings.alpha_low))


def _selected(competition: Competition, settings: Settings) -> float:
    from scipy.special import ndtri

    return -float(ndtri(winner_errors(competition, np.random.default_rng(0), settings).lower))


def variants(count: int) -> dict[str, Callable[[Competition], float]]:
    """Quantiles of the winner's error by name."""
    plain, far = Settings(), Settings(t_low=reach(count))
    return {
        DEFAULT: lambda given: _selected(given, plain),
        APART: lambda given: _selected(given, plain._replace(shared=False)),
        ONE: lambda given: one_selection(given, plain),
        PROVED: lambda given: _selected(given, plain._replace(proved=True)),
        f"{PROVED}, t(C)": lambda given: _selected(given, far._replace(proved=True)),
        EVERY: lambda given: _selected(given, plain._replace(any_rule=True)),
    }


def run(cell: Cell, repetitions: int, seed: int, names: list[str]) -> dict[str, Found]:
    """Repeat the selection of a cell."""
    streams = Streams(seed)
    rng = streams.generator(0, cell.name)
    pool = [cell.noise(streams.generator(1 + k, cell.name), DRAWS) for k in range(POOL)]
    correlation, chosen = cell.correlation(), variants(len(cell.truth))
    under, quantile = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
    over = 0
    for number, errors in enumerate(cell.noise(rng, repetitions)):
        means = cell.truth + cell.scale * errors
        s = int(means.argmax())
        squares = cell.scale**2 + cell.scale[s] ** 2 - 2 * correlation[s] * cell.scale * cell.scale[s]
        deviation = np.sqrt(np.maximum(squares, 0.0))
        deviation[s] = 0.0
        given = Competition(pool[number % POOL], cell.scale, means[s] - means, deviation)
        for name in names:
            q = chosen[name](given)
            under[name] += errors[s] > q
            quantile[name] += q
        over += errors[s] < -1.959964
    return {name: Found(under[name] / repetitions, over / repetitions, quantile[name] / repetitions) for name in names}


def _cell(
    name: str, gaps: np.ndarray, scale: np.ndarray | float = 1.0, rho: float = 0.0, second: np.ndarray | float = 0.0
) -> Cell:
    c = len(gaps)
    loadings = np.stack([np.full(c, math.sqrt(rho)), np.broadcast_to(second, c)], axis=1)
    return Cell(f"{name} of {c}", -np.asarray(gaps, dtype=float), np.broadcast_to(scale, c).astype(float), loadings)


def named(c: int) -> Iterator[Cell]:
    """Families with one parameter or two; gaps are in standard errors."""
    first = np.arange(c) == 0
    for rho in (0.0, 0.5, 0.9):
        yield _cell(f"tied, correlation {rho}", np.zeros(c), rho=rho)
    for d in (1, 2, 3, 4, 5):
        yield _cell(f"one {d} above the rest", np.where(first, 0, d))
    if c < 5:
        return
    for few in sorted({max(c // 10, 2), c // 2}):
        for d in (1, 2, 3, 4, 5, 6):
            yield _cell(f"{few} that are {d} above the rest", np.where(np.arange(c) < few, 0, d))
    for d in (1, 2):
        yield _cell(f"five in steps of {d}", np.minimum(np.arange(c), 5) * d)
    for d in (1, 2, 3):
        yield _cell(f"evenly over {d}", np.linspace(0, d, c))
        yield _cell(f"half like the best, half {d} below", np.where(np.arange(c) < c // 2, 0, d), second=0.9 * first)
    many = np.arange(c)
    for few in sorted({1, 2, c // 10, c // 4} - {0}):
        for ratio in (3, 10):
            for x in (1, 2, 3):
                gaps, scale = np.where(many < few, x * ratio, 0), np.where(many < few, ratio, 1.0)
                yield _cell(f"{few} with errors {ratio} times as large, {x} of these below", gaps, scale)
    for step in (1.2, 2.0):
        for x in (1, 3):
            scale = step ** -np.minimum(many, 12.0)
            yield _cell(f"each error {step} times the next, {x} of its own below", x * scale * (many < c - 1), scale)


def drawn(c: int, rng: np.random.Generator, number: int, *, equal: bool) -> Cell:
    """Clusters of gaps, of loadings, and of scales."""
    clusters = rng.integers(1, 5)
    member = rng.choice(clusters, size=c, p=rng.dirichlet(np.ones(clusters)))
    gaps = rng.exponential(2.5, clusters)[member] + rng.choice([0.0, 0.5]) * rng.random(c)
    loadings = np.sqrt(rng.random((clusters, 2)) / 2.1)[member] * rng.choice([-1, 1], (clusters, 2))[member]
    scale = np.ones(c) if equal else np.exp(rng.normal(0, 1, clusters))[member]
    gaps = (gaps * scale) - (gaps * scale).min()
    return Cell(f"random {number} of {c}", -gaps, scale, loadings)


def cells(c: int, seed: int) -> list[Cell]:
    """All cells with C configurations."""
    found = list(named(c))
    for equal in (True, False):
        rng = Streams(seed).generator(c, f"worst {equal}")
        found += [drawn(c, rng, k + (0 if equal else RANDOM), equal=equal) for k in range(RANDOM)]
    return found


def worst_of(found: list[Cell], repetitions: int, seed: int) -> tuple[Cell, float]:
    """The cell whose truths are outside most often, and how often: the few worst are run five times as long."""

    def outside(cell: Cell, times: int, seed: int) -> float:
        return run(cell, times * repetitions, seed, [DEFAULT])[DEFAULT].both

    first = {cell.name: outside(cell, 1, seed) for cell in found}
    few = sorted(found, key=lambda cell: first[cell.name])[-FINALISTS:]
    second = {cell.name: outside(cell, 5, seed + 1) for cell in few}
    worst = max(few, key=lambda cell: second[cell.name])
    return worst, second[worst.name]


def search(counts: list[int], repetitions: int, again: int, seed: int) -> Iterator[str]:
    """A table in Markdown: of each number of configurations and kind the worst cell, run again in all variants."""
    yield "| C | kind | cells | worst cell of the default | found | variant | under | over | both | mean quantile |"
    yield "|---" * 10 + "|"
    for c in counts:
        for kind in ("equal scales", "unequal scales"):
            these = [cell for cell in cells(c, seed) if cell.kind == kind]
            worst, share = worst_of(these, repetitions, seed)
            confirmed = run(worst, again, seed + 2, list(variants(c)))
            for name, found in confirmed.items():
                shown = [str(c), kind, str(len(these)), worst.name, f"{share:.3f}"]
                words = shown if name == DEFAULT else [""] * 5
                error = math.sqrt(found.both * (1 - found.both) / again)
                words = [*words, name, f"{found.under:.4f}", f"{found.over:.4f}", f"{found.both:.4f} ± {error:.4f}"]
                yield f"| {' | '.join([*words, f'{found.quantile:.2f}'])} |"


def main(arguments: list[str] | None = None) -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), help="numbers of configurations")
    parser.add_argument("--repetitions", type=int, default=300, help="of each cell in the search")
    parser.add_argument("--again", type=int, default=2000, help="of the worst cells")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if min(options.counts) < 2:
        raise SystemExit("one configuration is no selection; --counts wants numbers from 2 on")
    begun = time.process_time()
    print(machine_words())
    for line in search(options.counts, options.repetitions, options.again, options.seed):
        print(line, flush=True)
    print(f"\n{(time.process_time() - begun) / 60:.1f} CPU minutes")


if __name__ == "__main__":
    main()
