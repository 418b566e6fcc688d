"""What failures cost a search: regions that fail, accidents, and huge numbers returned where one fails.

    python benchmarks/failures.py [--seeds 10] [--trials 40] [--strategies auto tpe random]

A bowl over two reals and a whole number, whose lowest loss is 0; the default configuration has 1.67. Some trials fail:
all with x < 0, all of those and of y < 1 (two thirds of the space), or any one by accident. A failure is told as NaN or
as the number that an objective returned in its place. The table has the median over seeds of the true loss of the best
configuration, and the worst in brackets.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

from holdfast import Float, Int, Space, Study
from holdfast.records import Config
from holdfast.study.handle import LiveTrial

SPACE = Space({"x": Float(-5, 5), "y": Float(-3, 8), "k": Int(1, 64, log=True)})
Fails = Callable[[LiveTrial, np.random.Generator], bool]


def true_loss(config: LiveTrial | Config) -> float:
    """The bowl."""
    x, y, k = (float(str(config[name])) for name in ("x", "y", "k"))
    return (x - 1) ** 2 + (y - 2) ** 2 + abs(math.log2(k) - 3)


def left(trial: LiveTrial, _: np.random.Generator) -> bool:
    """A region."""
    return float(str(trial["x"])) < 0


def most(trial: LiveTrial, _: np.random.Generator) -> bool:
    """A region that is most of the space."""
    return float(str(trial["x"])) < 0 or float(str(trial["y"])) < 1


def tenth(_: LiveTrial, coins: np.random.Generator) -> bool:
    """One in ten, wherever it is."""
    return bool(coins.random() < 0.1)


def half(_: LiveTrial, coins: np.random.Generator) -> bool:
    """One in two."""
    return bool(coins.random() < 0.5)


CASES: dict[str, tuple[Fails | None, float]] = {
    "nothing fails": (None, math.nan),
    "x < 0 fails, NaN": (left, math.nan),
    "x < 0 fails, 1e3": (left, 1e3),
    "x < 0 fails, 1e30": (left, 1e30),
    "most fails, 1e10": (most, 1e10),
    "one in ten by accident, NaN": (tenth, math.nan),
    "one in ten by accident, 1e3": (tenth, 1e3),
    "one in two by accident, NaN": (half, math.nan),
}


def found(strategy: str, fails: Fails | None, told: float, seed: int, trials: int) -> float:
    """The true loss of the best configuration of one search."""
    coins = np.random.default_rng(seed)

    def objective(trial: LiveTrial) -> float:
        return told if fails is not None and fails(trial, coins) else true_loss(trial)

    study = Study(SPACE, strategy=strategy, seed=seed)
    study.optimize(objective, n_trials=trials, halt_after=trials)
    return true_loss(study.best_config)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--strategies", nargs="+", default=["auto", "tpe", "random"])
    options = parser.parse_args()
    print("| trials that fail | " + " | ".join(options.strategies) + " |")
    print("| --- |" + " ---: |" * len(options.strategies))
    for name, (fails, told) in CASES.items():
        cells = []
        for strategy in options.strategies:
            losses = [found(strategy, fails, told, seed, options.trials) for seed in range(options.seeds)]
            cells.append(f"{np.median(losses):.4f} ({max(losses):.2g})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
