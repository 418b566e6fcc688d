"""Run one rival on recorded curves with one seed, in an interpreter that has it; a line of JSON for each run.

    python -m benchmarks.fidelity_parts.rival --tool dehb --seed 0 --workers 4 --budget 2080 --out FILE --data FOLDER

`fidelity.py` calls it. Runs that the file has a line for already are left out. A run that fails is a line as well, with
what went wrong.
"""

from __future__ import annotations

import argparse
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.fidelity_parts.curves import load
from benchmarks.fidelity_parts.lines import append, done, line_of
from benchmarks.fidelity_parts.rivals import RIVALS
from benchmarks.fidelity_parts.simulator import simulate


def main() -> None:
    """Run and append."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, choices=list(RIVALS))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--budget", type=float, required=True)
    parser.add_argument("--enough", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("tasks", nargs="*")
    options = parser.parse_args()
    _, package, make = RIVALS[options.tool]
    have = done(options.out, options.budget)
    for task in load(options.data, options.tasks):
        if (task.name, options.seed, options.workers) in have:
            continue
        line: dict[str, Any] = {"task": task.name, "seed": options.seed, "workers": options.workers}
        line["budget"] = options.budget
        line["versions"] = {package: version(package)}
        begun = time.process_time()
        try:
            searcher = make(task, options.seed)
            run = simulate(searcher, task, options.workers, options.budget, options.enough)
            line |= line_of(run, options.budget)
        except Exception as exc:  # noqa: BLE001 (whatever a rival does wrong is its result)
            traceback.print_exc()
            line["error"] = f"{type(exc).__name__}: {exc}"[:300]
        append(options.out, {**line, "seconds": round(time.process_time() - begun, 2)})


if __name__ == "__main__":
    main()
