"""What holdfast itself costs: the time of one ask and one tell, with a long study behind them.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --strategies random gp --trials 1000 --last 100 --storage memory sqlite

A study of ten hyperparameters (five floats, two of them more on a logarithm, an integer, two categoricals, one of which
switches one float on) runs from its first trial; the last trials are measured. CPU time is that of all threads of the
process; the first ask of a process, which imports scipy, is not among the last.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from holdfast import Study
from holdfast.records import Config
from holdfast.space import Categorical, Float, Int, Space

SPACE = Space(
    {
        **{f"x{i}": Float(0, 1) for i in range(5)},
        "learning_rate": Float(1e-5, 1, log=True),
        "weight_decay": Float(1e-6, 1, log=True, when={"optimizer": ["adam", "lion"]}),
        "layers": Int(1, 8),
        "optimizer": Categorical(["sgd", "adam", "lion"]),
        "activation": Categorical(["relu", "gelu"]),
    }
)
TARGETS_MS = {"random": 1.0, "gp": 200.0}


@dataclass(frozen=True)
class Overhead:
    """(last,) milliseconds of ask and tell together, in CPU time and on the wall, and the reason of the last trial."""

    cpu: np.ndarray
    wall: np.ndarray
    reason: str


def loss(config: Config, noise: float) -> float:
    """A bowl with a preference among the choices, and some noise."""
    number = {name: float(value) for name, value in config.items() if isinstance(value, int | float)}
    bowl = sum((number[f"x{i}"] - 0.3) ** 2 for i in range(5)) + 0.02 * (number["layers"] - 4) ** 2
    rate = 0.1 * (np.log10(number["learning_rate"]) + 3) ** 2
    return float(bowl + rate + 0.1 * (config["optimizer"] == "sgd") + 0.05 * (config["activation"] == "relu") + noise)


def measure(strategy: str, storage: str | None, trials: int, last: int) -> Overhead:
    """Run a study of so many trials and time the last of them."""
    noise = 0.01 * np.random.default_rng(0).standard_normal(trials)
    study = Study(SPACE, strategy=strategy, seed=0, storage=storage)
    times = []
    for number in range(trials):
        wall, cpu = time.perf_counter(), time.process_time()
        trial = study.ask()
        asked = time.perf_counter() - wall, time.process_time() - cpu
        value = loss(trial.config, noise[number])
        wall, cpu = time.perf_counter(), time.process_time()
        study.tell(trial, value)
        told = time.perf_counter() - wall, time.process_time() - cpu
        times.append((asked[0] + told[0], asked[1] + told[1]))
    wall_ms, cpu_ms = 1e3 * np.array(times[-last:]).T
    return Overhead(cpu=cpu_ms, wall=wall_ms, reason=study.trials[-1].reason)


@contextmanager
def storage_url(kind: str) -> Iterator[str | None]:
    """A place for a log that is gone afterwards."""
    if kind == "memory":
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'study.db'}"


def main() -> None:
    """Measure and print one line a strategy and storage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", nargs="+", default=["random", "gp"])
    parser.add_argument("--storage", nargs="+", default=["memory", "sqlite"], choices=["memory", "sqlite"])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--last", type=int, default=100)
    options = parser.parse_args()
    threads = ", ".join(f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info())
    print(f"ask + tell over the last {options.last} of {options.trials} trials, milliseconds")
    print(f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}; threads by default: {threads}")
    print(
        f"{'strategy':10s} {'storage':8s} {'cpu mean':>9s} {'cpu p99':>9s} {'wall mean':>10s} {'wall p99':>9s}  target"
    )
    for strategy in options.strategies:
        for kind in options.storage:
            with storage_url(kind) as storage:
                found = measure(strategy, storage, options.trials, options.last)
            cpu, wall = found.cpu, found.wall
            print(
                f"{strategy:10s} {kind:8s} {cpu.mean():9.2f} {np.percentile(cpu, 99):9.2f} {wall.mean():10.2f} "
                f"{np.percentile(wall, 99):9.2f}  {TARGETS_MS.get(strategy, '-')}   ({found.reason})"
            )


if __name__ == "__main__":
    main()
