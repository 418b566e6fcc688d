"""Losses with heavy tails: what the pooled standard error of the winner is worth, by its variance or its deviation.

    python benchmarks/heavy_tails.py --repetitions 500

All configurations have the mean loss 1, and errors that correlate by 0.6. The interval is that of `rmx` at 95%, with
the spread of a row pooled over the winners of bootstraps, each on the rows left out: as the root of the mean variance,
and as the mean standard deviation, which holdfast takes. Shown are the shares of truths under the lower bound and over
the upper one, with each number of configurations, and how many times as wide the second interval is as the first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from holdfast.meter.machine import machine_words
from holdfast.stats.bootstrap import draw_counts
from holdfast.stats.rmx import rmx

BOOTSTRAPS = 1000
TRUTH = -1.0
"""The mean score, higher is better, of every configuration."""

Losses = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""What correlated standard normal errors (N, C) are made to, (N, C), of mean 1."""


def squares(errors: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Of normal errors."""
    return np.asarray(errors**2)


def exponentials(errors: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Of normal errors."""
    return np.asarray(np.exp(errors - 0.5))


def half_with_rare(errors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every second configuration has large losses on 2% of the rows, and smaller ones on the others."""
    rare = (rng.random(errors.shape) < 0.02) * rng.exponential(10.0, errors.shape)
    odd = np.arange(errors.shape[1]) % 2 == 1
    return np.where(odd, 0.8 * errors**2 + rare, errors**2)


def squares_of_t(errors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of Student's t with 5 degrees of freedom, whose denominator a row has in common."""
    return np.asarray(errors**2 / (rng.chisquare(5, (len(errors), 1)) / 3))


KINDS: dict[str, Losses] = {
    "squares of normal errors": squares,
    "exponentials of normal errors": exponentials,
    "half of them with rare large losses": half_with_rare,
    "squares of Student's t, 5 degrees of freedom": squares_of_t,
}


def pooled(scores: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The spread of a row over the winners of bootstraps: the root of the mean variance, and the mean deviation."""
    drawn = np.concatenate(list(draw_counts(rng, len(scores), BOOTSTRAPS)))
    variances = [scores[counts == 0, int((counts @ scores).argmax())].var(ddof=1) for counts in drawn]
    return float(np.sqrt(np.mean(variances))), float(np.mean(np.sqrt(variances)))


def once(losses: Losses, n_rows: int, count: int, seed: int) -> np.ndarray:
    """(2, 3): under, over and width, with either of the two spreads."""
    rng = np.random.default_rng([n_rows, count, seed])
    errors = 0.6**0.5 * rng.standard_normal((n_rows, 1)) + 0.4**0.5 * rng.standard_normal((n_rows, count))
    scores, found = -losses(errors, rng), []
    for spread in pooled(scores, rng):
        interval = rmx(scores, np.random.default_rng(seed), row_deviation=spread)
        found.append((interval.low > TRUTH, interval.high < TRUTH, interval.high - interval.low))
    return np.array(found, dtype=float)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--rows", type=int, nargs="+", default=[50, 100, 400])
    parser.add_argument("--counts", type=int, nargs="+", default=[20, 100])
    options = parser.parse_args(arguments)
    print(f"{machine_words()}; {options.repetitions} repetitions of {' and '.join(map(str, options.counts))}\n")
    print("| losses, rows | variance: under | over | deviation: under | over | width, times |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, losses in KINDS.items():
        for n_rows in options.rows:
            cells = [
                [once(losses, n_rows, count, seed) for seed in range(options.repetitions)] for count in options.counts
            ]
            means = np.mean(cells, axis=1)
            shares = [", ".join(f"{share:.3f}" for share in means[:, kind, side]) for kind in (0, 1) for side in (0, 1)]
            times = np.mean(means[:, 1, 2] / means[:, 0, 2])
            print(f"| {name}, {n_rows} | {' | '.join(shares)} | {times:.2f} |", flush=True)


if __name__ == "__main__":
    main()
