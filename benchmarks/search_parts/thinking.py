"""How long one tool thinks about a few trials with a long study behind them; one process, one line of JSON.

    python -m benchmarks.search_parts.thinking --tool holdfast-gp --begin 900 --end 1000

`think_time.py` calls it, in holdfast's interpreter or a rival's. Trials before ``begin`` are random ones that the study
is told of; a few more are asked before the clock starts, so that nothing is measured that happens once a process.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.search_parts.functions import Config, Spec, choice, number, whole
from benchmarks.search_parts.tasks import sample

SPACE: Spec = [
    *(number(f"x{i}", 0, 1) for i in range(4)),
    number("learning_rate", 1e-5, 1, log=True),
    whole("layers", 1, 8),
    whole("width", 16, 1024, log=True),
    choice("optimizer", ["sgd", "adam", "lion"]),
    choice("activation", ["relu", "gelu"]),
    number("weight_decay", 1e-6, 1, log=True, when={"optimizer": ["adam", "lion"]}),
]
"""Ten hyperparameters: reals, whole numbers, categoricals, and one that is active with some optimizers only."""
WARM = 2
MEGABYTE = 1_000_000


def loss(config: Config, noise: float) -> float:
    """A bowl with preferences among the choices, and some noise."""
    bowl = sum((config[f"x{i}"] - 0.3) ** 2 for i in range(4)) + 0.02 * (config["layers"] - 4) ** 2
    shape = 0.1 * (np.log10(config["learning_rate"]) + 3) ** 2 + 0.02 * np.log2(config["width"] / 200) ** 2
    decay = 0.01 * (np.log10(config.get("weight_decay", 1e-3)) + 3) ** 2
    choices = 0.1 * (config["optimizer"] == "sgd") + 0.05 * (config["activation"] == "relu")
    return float(bowl + shape + decay + choices + 0.05 * noise)


def before(count: int) -> Iterator[tuple[Config, float]]:
    """So many random trials, the same for every tool."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        config = sample(SPACE, rng)
        yield config, loss(config, float(rng.standard_normal()))


def ours(strategy: str, count: int) -> Callable[[float], tuple[float, float]]:
    """A study with so many trials behind it; what comes back asks and tells one more and says how long that took."""
    from benchmarks.search_parts.ours import space_of

    from holdfast import Study

    study = Study(space_of(SPACE), strategy=strategy, seed=0)
    for config, value in before(count):
        study.enqueue(config)
        study.tell(study.ask(), value)

    def step(noise: float) -> tuple[float, float]:
        return _timed(study.ask, lambda trial: trial.config, study.tell, noise)

    return step


def rival(tool: str, count: int) -> Callable[[float], tuple[float, float]]:
    """The same of a rival."""
    from benchmarks.search_parts.adapters import make

    other: Any = make(tool, SPACE, 0, count + 200)
    other.prefill(list(before(count)))

    def step(noise: float) -> tuple[float, float]:
        return _timed(other.ask, lambda asked: asked[1], lambda asked, value: other.tell(asked[0], value), noise)

    return step


def _timed(
    ask: Callable[[], Any], config: Callable[[Any], Config], tell: Callable[[Any, float], Any], noise: float
) -> tuple[float, float]:
    """CPU seconds of all threads, and wall seconds, of one ask with its tell."""
    cpu, wall = time.process_time(), time.perf_counter()
    asked = ask()
    cpu_spent, wall_spent = time.process_time() - cpu, time.perf_counter() - wall
    value = loss(config(asked), noise)
    cpu, wall = time.process_time(), time.perf_counter()
    tell(asked, value)
    return cpu_spent + time.process_time() - cpu, wall_spent + time.perf_counter() - wall


def memory(trials: int) -> float:
    """By how many MB this process grows while a study in memory asks and tells so many random trials."""
    step = ours("random", 10)
    step(0.0)
    begun = _resident()
    for _ in range(trials):
        step(0.0)
    return (_resident() - begun) / MEGABYTE


def _resident() -> float:
    """Bytes of memory that this process holds, as Linux counts them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="holdfast-random")
    parser.add_argument("--begin", type=int, default=90)
    parser.add_argument("--end", type=int, default=100)
    parser.add_argument("--memory", type=int, metavar="TRIALS")
    options = parser.parse_args()
    if options.memory:
        print(json.dumps({"mb": memory(options.memory)}))
        return
    kind, _, name = options.tool.partition("-")
    make = ours if kind == "holdfast" else rival
    step = make(name if kind == "holdfast" else options.tool, options.begin - WARM)
    noise = np.random.default_rng(1).standard_normal(options.end - options.begin + WARM)
    times = np.array([step(float(item)) for item in noise])[WARM:]
    print(json.dumps({"cpu": times[:, 0].tolist(), "wall": times[:, 1].tolist()}))


if __name__ == "__main__":
    main()
