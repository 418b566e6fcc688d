"""Trivial trials by Ray Tune, in an interpreter that has it; a line of JSON with what they took.

    python -m benchmarks.throughput_parts.ray_tune --trials 200 --cpus 2

`throughput.py ray` calls it. By default Ray Tune starts an actor for every trial; with --reuse it keeps them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib.metadata import version
from typing import Any

import ray
from ray import tune


class Ends(tune.Callback):  # type: ignore[misc]
    """When each trial ended."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_trial_complete(self, **_: Any) -> None:
        """Note the time."""
        self.at.append(time.perf_counter())


def objective(config: dict[str, Any]) -> dict[str, float]:
    """The same function of one hyperparameter."""
    return {"value": config["x"] ** 2}


def main() -> None:
    """Start Ray, then measure from the first call to the last result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--cpus", type=int, required=True)
    parser.add_argument("--reuse", action="store_true", help="keep actors from trial to trial")
    options = parser.parse_args()
    ray.init(num_cpus=options.cpus, include_dashboard=False, object_store_memory=100 * 2**20, logging_level="ERROR")
    ends = Ends()
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            objective,
            param_space={"x": tune.uniform(-5, 5)},
            tune_config=tune.TuneConfig(
                num_samples=options.trials, metric="value", mode="min", reuse_actors=options.reuse
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[ends]),
        )
        begun = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - begun
    assert len(results) == options.trials
    assert not results.errors
    half = len(ends.at) // 2
    warm = (ends.at[-1] - ends.at[half]) / (len(ends.at) - 1 - half)
    print(json.dumps({"seconds": seconds, "warm": warm, "version": f"ray {version('ray')}"}))


if __name__ == "__main__":
    main()
