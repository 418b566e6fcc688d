"""Does the number hold? The whole way on scikit-learn's digits, over many splits.

    python benchmarks/digits.py [--seeds 20] [--processes 2] [--plan examples/digits.toml]

Every seed draws another split, searches, chooses, estimates and opens the test rows once, as `holdfast tune` does with
the example's plan. The table tells how far the naive score and the estimate are from the test score on average (a bias,
positive where they promise too much), and how often the estimate's interval holds the test score. The test score is
itself of some 360 rows, so single differences are noisy; their mean over seeds is what counts.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.execute.inline import Inline
from holdfast.protocol.read import read_plan
from holdfast.protocol.tune import tune

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """The three numbers of one seed."""

    seed: int
    naive: float
    estimate: float
    low: float
    high: float
    test: float


def run_seed(plan: dict[str, Any], seed: int) -> Row:
    """The whole way with one seed, in a store of its own."""
    with tempfile.TemporaryDirectory() as runs:
        result = tune({**plan, "study": {**plan["study"], "seed": seed}}, runs=runs, executor=Inline())
    assert result.estimate is not None
    assert result.test is not None
    low, high = result.estimate.low, result.estimate.high
    assert low is not None
    assert high is not None
    return Row(seed, result.naive.value, result.estimate.value, low, high, result.test.value)


def table(rows: list[Row]) -> str:
    """The rows and their means as Markdown."""
    lines = ["| seed | naive | estimate | interval | test |", "| ---: | ---: | ---: | --- | ---: |"]
    lines += [
        f"| {r.seed} | {r.naive:.4f} | {r.estimate:.4f} | {r.low:.4f} to {r.high:.4f} | {r.test:.4f} |" for r in rows
    ]
    return "\n".join([*lines, "", *summary(rows)])


def summary(rows: list[Row]) -> list[str]:
    """Means over seeds with their standard errors."""
    naive = [row.naive - row.test for row in rows]
    corrected = [row.estimate - row.test for row in rows]
    inside = sum(row.low <= row.test <= row.high for row in rows)
    ratio = abs(statistics.mean(corrected)) / abs(statistics.mean(naive))
    return [
        f"- mean test accuracy: {statistics.mean(row.test for row in rows):.4f}",
        f"- naive - test: mean {_mean(naive)}, root mean square {_rms(naive):.4f}",
        f"- estimate - test: mean {_mean(corrected)}, root mean square {_rms(corrected):.4f}",
        f"- the estimate's mean error is {ratio:.2f} of the naive score's",
        f"- the interval holds the test score in {inside} of {len(rows)} splits",
    ]


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):+.4f} (standard error {error:.4f})"


def _rms(values: list[float]) -> float:
    return math.sqrt(statistics.mean(value**2 for value in values))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--plan", type=Path, default=HERE.parent / "examples" / "digits.toml")
    options = parser.parse_args()
    plan = read_plan(options.plan).plan.to_json()
    with ProcessPoolExecutor(options.processes) as pool:
        rows = list(pool.map(run_seed, [plan] * options.seeds, range(options.seeds)))
    print(table(rows))


if __name__ == "__main__":
    main()
