"""Does an interval hold where studies look at the same select rows one after the other, and the best one is quoted?

    python benchmarks/looks.py --seeds 400

In each store so many studies compare finalists that are all right on 80% of the rows in truth, with errors that
correlate by a half; what is quoted is the estimate of the study whose winner scored best. `held` is how often its 95%
interval holds the truth, `width` its mean width and `bias` how far the estimate is above the truth, first by the
study's own finalists alone, then with all that had been compared by then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from holdfast.evaluate.estimate import estimate
from holdfast.meter.machine import machine_words
from holdfast.records import RowScores, Score
from holdfast.rng import Streams

TRUTH = 0.8
THRESHOLD = 0.8416212335729143
"""The quantile of a standard normal at 0.8."""

CASES = [(2, 5), (6, 3), (20, 3)]
"""Studies in a store, and finalists of each."""


def once(seed: int, studies: int, finalists: int, n_rows: int = 100) -> tuple[Score, Score]:
    """The estimate that is quoted: by the study alone, and with all that had been compared by then."""
    rng = Streams(seed).generator(0, "benchmark/looks")
    shared = rng.standard_normal((n_rows, 1))
    drawn = 0.5**0.5 * shared + 0.5**0.5 * rng.standard_normal((n_rows, studies * finalists))
    scores = (drawn < THRESHOLD).astype(float)
    best = int(scores.mean(axis=0).argmax()) // finalists
    own = [RowScores(column) for column in scores[:, best * finalists :][:, :finalists].T]
    earlier = [RowScores(np.full(n_rows, np.nan))] * (best * finalists)
    alone = estimate(own, direction="maximize", estimand="scored", seed=seed)
    paid = estimate([*own, *earlier], direction="maximize", estimand="scored", seed=seed, adaptive=best > 0)
    return alone.score, paid.score


def figures(scores: list[Score]) -> str:
    """Cells of the table."""
    bounds = np.array([(score.low, score.high, score.value) for score in scores], dtype=float)
    held = ((bounds[:, 0] <= TRUTH) & (bounds[:, 1] >= TRUTH)).mean()
    return f"{held:.3f} | {(bounds[:, 1] - bounds[:, 0]).mean():.3f} | {bounds[:, 2].mean() - TRUTH:+.4f}"


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=400)
    options = parser.parse_args(arguments)
    print(f"{machine_words()}; {options.seeds} seeds, 100 rows\n")
    print("| studies | finalists of each | held, alone | width | bias | held, all count | width | bias |")
    print("|---|---|---|---|---|---|---|---|")
    for studies, finalists in CASES:
        found = [once(seed, studies, finalists) for seed in range(options.seeds)]
        alone, paid = (figures([each[which] for each in found]) for which in (0, 1))
        print(f"| {studies} | {finalists} | {alone} | {paid} |")


if __name__ == "__main__":
    main()
