"""Trivial trials by holdfast on a Ray cluster of this machine; a line of JSON with what they took.

    python -m benchmarks.throughput_parts.ray_ours --trials 200 --cpus 2

`throughput.py ray` calls it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib.metadata import version

import ray

import holdfast


def main() -> None:
    """Start Ray, then measure from the first call to the last result on disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--cpus", type=int, required=True)
    options = parser.parse_args()
    ray.init(num_cpus=options.cpus, include_dashboard=False, object_store_memory=100 * 2**20, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        space = {"x": holdfast.Float(-5, 5)}
        study = holdfast.Study(space, strategy="random", storage=f"sqlite:///{folder}/study.db")
        ends: list[float] = []
        begun = time.perf_counter()
        study.optimize(
            lambda trial: trial["x"] ** 2,
            n_trials=options.trials,
            executor="ray",
            on_finish=lambda _: ends.append(time.perf_counter()),
        )
        seconds = time.perf_counter() - begun
        assert sum(trial.state == "complete" for trial in study.trials) == options.trials
        study.close()
    half = len(ends) // 2
    warm = (ends[-1] - ends[half]) / (len(ends) - 1 - half)
    print(json.dumps({"seconds": seconds, "warm": warm, "version": f"ray {version('ray')}"}))


if __name__ == "__main__":
    main()
