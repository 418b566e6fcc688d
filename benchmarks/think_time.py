"""How long strategies think: CPU of one ask and one tell with 100, 1,000 and 10,000 trials behind them, beside rivals.

    python benchmarks/think_time.py --python PYTHON
    python benchmarks/think_time.py --memory 100000

PYTHON has Optuna; without it only holdfast runs. Every measurement is a process of its own with one thread; holdfast
and its rival take turns, so that both meet the same machine. The space has ten hyperparameters, mixed and conditional.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.search_parts.interpreter import ONE_THREAD, ROOT, command, environment

WINDOWS = ((90, 100), (900, 1000), (9900, 10000))
PAIRS = {"gp": "optuna-gp", "tpe": "optuna-tpe", "random": "optuna-random", "auto": "optuna-gp"}
"""A strategy of holdfast, and the rival of its kind; `auto` is a gp on this space, until there are many trials."""
RIVAL_GP = {90: 10, 900: 5}
"""So many trials of Optuna's GP are timed from each beginning; it takes seconds for each, and minutes past 1,000."""
TARGETS_MS = {
    ("gp", 90): 40.0,
    ("gp", 900): 150.0,
    ("tpe", 900): 2.0,
    ("tpe", 9900): 6.0,
    ("random", 90): 0.2,
    ("random", 900): 0.2,
    ("random", 9900): 0.2,
}


def measure(python: str, *arguments: str) -> dict[str, Any]:
    """What one process says."""
    words, alone = command(python, "search_parts.thinking", *arguments), {**environment(), **ONE_THREAD}
    done = subprocess.run(words, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(strategy: str, begin: int, end: int, python: str | None, repeats: int) -> str:
    """Milliseconds of CPU of a strategy and its rival, in turns: medians over repeats of mean and 99th percentile."""
    rival = "optuna-tpe" if strategy == "auto" and begin not in RIVAL_GP else PAIRS[strategy]
    rival_end = begin + RIVAL_GP[begin] if rival == "optuna-gp" and begin in RIVAL_GP else end
    skip = python is None or (rival == "optuna-gp" and begin not in RIVAL_GP)
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "rival": []}
    for _ in range(repeats):
        said = measure(sys.executable, "--tool", f"holdfast-{strategy}", "--begin", str(begin), "--end", str(end))
        found["ours"].append(_summary(said))
        if not skip:
            assert python is not None
            said = measure(python, "--tool", rival, "--begin", str(begin), "--end", str(rival_end))
            found["rival"].append(_summary(said))
    mean, p99 = np.median(found["ours"], axis=0)
    cells = [strategy, f"{begin:,} to {end:,}", f"{mean:.2f}", f"{p99:.2f}"]
    cells.append(f"{TARGETS_MS[strategy, begin]:g}" if (strategy, begin) in TARGETS_MS else "-")
    if found["rival"]:
        other, other_p99 = np.median(found["rival"], axis=0)
        cells += [rival, f"{other:.2f}", f"{other_p99:.2f}", f"{other / mean:.1f}"]
    else:
        cells += [rival, "-", "-", "-"]
    return "| " + " | ".join(cells) + " |"


def _summary(said: dict[str, Any]) -> tuple[float, float]:
    cpu = 1e3 * np.array(said["cpu"])
    return float(cpu.mean()), float(np.percentile(cpu, 99))


def main() -> None:
    """Print a table, a row for each strategy and window."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="an interpreter that has Optuna")
    parser.add_argument("--strategies", nargs="+", default=list(PAIRS), choices=list(PAIRS))
    begins = [begin for begin, _ in WINDOWS]
    parser.add_argument("--begin", nargs="+", type=int, default=begins, choices=begins)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", type=int, metavar="TRIALS", help="only: how much memory so many trials take")
    options = parser.parse_args()
    if options.memory:
        said = measure(sys.executable, "--memory", str(options.memory))
        print(f"{options.memory:,} trials in memory: {said['mb']:.0f} MB")
        return
    print("| strategy | trials | CPU mean (ms) | CPU p99 | target | rival | CPU mean (ms) | CPU p99 | times slower |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for strategy in options.strategies:
        for begin, end in WINDOWS:
            if begin in options.begin:
                print(row(strategy, begin, end, options.python, options.repeats), flush=True)


if __name__ == "__main__":
    main()
