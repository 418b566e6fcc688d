"""How many trials a second there are where a trial itself takes no time.

    python benchmarks/throughput.py ray --tune-python venv-ray/bin/python
    python benchmarks/throughput.py ray --tune-python venv-ray/bin/python --trials 400 --cold 0 --repeats 5
    python benchmarks/throughput.py size --trials 100000 --reports 20
    python benchmarks/throughput.py storage --optuna venv-optuna/bin/python --folder /mnt/disk
    python benchmarks/throughput.py workers

`ray`: trials on a Ray cluster of this machine, by holdfast (each told result on disk) and by Ray Tune, which runs in an
interpreter of its own that has `ray[tune]`. Ray starts before the clock does. A run is timed from its first call to its
last result, and its second half alone, when all workers are up; the runs alternate.

`size`: a study of 100,000 trials with 20 reports each: bytes, opening it with and without a snapshot, asking, checking.

`storage`: trials on a real disk, by one process and by four on one study, against Optuna's SQLite storage and journal.

`workers`: two hundred workers on one study in PostgreSQL: trials a second, and what an ask and a tell take.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.search_parts.interpreter import ROOT, command, environment
from benchmarks.throughput_parts import size, storage, workers


@dataclass(frozen=True)
class Rival:
    """One way to run trials: its name, the command, and how many trials it runs."""

    name: str
    command: list[str]
    trials: int

    def run(self, cpus: int) -> dict[str, float | str]:
        """What a run took: ``seconds`` in all, and of one trial once it is ``warm``."""
        numbers = ["--trials", str(self.trials), "--cpus", str(cpus)]
        done = subprocess.run(
            [*self.command, *numbers], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{self.name} failed:\n{done.stderr[-3000:]}")
        found: dict[str, float | str] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def on_ray(options: argparse.Namespace) -> None:
    """Trivial trials on Ray."""
    tune = command(options.tune_python, "throughput_parts.ray_tune")
    rivals = [
        Rival("holdfast", command(sys.executable, "throughput_parts.ray_ours"), options.trials),
        Rival("Ray Tune, actors reused", [*tune, "--reuse"], options.trials),
        Rival("Ray Tune as it comes", tune, options.cold),
    ]
    rivals = [rival for rival in rivals if rival.trials > 1]
    found: dict[str, list[dict[str, float | str]]] = {rival.name: [] for rival in rivals}
    for _ in range(options.repeats):
        for rival in rivals:
            found[rival.name].append(rival.run(options.cpus))
    load = os.getloadavg()[2]
    print(f"{options.cpus} workers; medians of {options.repeats} runs; load of the last 15 minutes {load:.1f}\n")
    print("| | trials | seconds a trial, whole run | warm | version |\n|---|---|---|---|---|")
    for rival in rivals:
        runs = found[rival.name]
        whole = statistics.median(float(run["seconds"]) for run in runs) / rival.trials
        warm = statistics.median(float(run["warm"]) for run in runs)
        print(f"| {rival.name} | {rival.trials} | {whole:.4f} | {warm:.4f} | {runs[0]['version']} |")


def main() -> None:
    """Measure what the subcommand names, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True, metavar="WHAT")
    ray = parts.add_parser("ray", help="trials on a Ray cluster, against Ray Tune")
    ray.add_argument("--tune-python", required=True, metavar="PYTHON", help="an interpreter that has ray[tune]")
    ray.add_argument("--trials", type=int, default=200)
    ray.add_argument("--cold", type=int, default=10, help="trials of Ray Tune as it comes, an actor each; 0 for none")
    ray.add_argument("--cpus", type=int, default=2)
    ray.add_argument("--repeats", type=int, default=3)
    ray.set_defaults(measure=on_ray)
    size.add_to(parts)
    storage.add_to(parts)
    workers.add_to(parts)
    options = parser.parse_args()
    measure: Callable[[argparse.Namespace], None] = options.measure
    measure(options)


if __name__ == "__main__":
    main()
