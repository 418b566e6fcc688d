"""Run one rival on tasks with one seed, in an interpreter that has it; a line of JSON for each task.

    python -m benchmarks.search_parts.rival --tool optuna-tpe --seed 0 --out optuna-tpe.jsonl --data FOLDER branin tree

`search.py` calls it. Tasks that the file has a line for already are left out. A run that fails is a line as well, with
what went wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.search_parts.adapters import RIVALS, NothingLeftError, make
from benchmarks.search_parts.functions import Config
from benchmarks.search_parts.tasks import Task, active, load


def run(tool: str, task: Task, seed: int, trials: int, at_once: int) -> dict[str, Any]:
    """Ask ``at_once`` times, then tell all of these, until so many trials are told.

    Returns:
        ``values`` and, where recorded, ``test``: (trials,) losses in the order of asking; ``seconds``: (trials,) wall
        seconds of each ask with its tell. A rival that has nothing more to suggest keeps the best that it found: the
        rest is filled up with its highest loss.
    """
    rival = make(tool, task.space, seed, trials)
    values: list[float] = []
    test: list[float] = []
    seconds: list[float] = []
    while len(values) < trials:
        asked: list[tuple[Any, Config, float]] = []
        for _ in range(min(at_once, trials - len(values))):
            begun = time.perf_counter()
            try:
                token, config = rival.ask()
            except NothingLeftError:
                break
            asked.append((token, config, time.perf_counter() - begun))
        if not asked:
            break
        for token, config, waited in asked:
            counted = _active(task, config)
            loss = task.loss(counted)
            begun = time.perf_counter()
            rival.tell(token, loss)
            seconds.append(waited + time.perf_counter() - begun)
            values.append(loss)
            if task.test is not None:
                test.append(task.test(counted))
    rest = trials - len(values)
    values += rest * [max(values)]
    seconds += rest * [0.0]
    test += rest * test[-1:]
    return {"values": values, "test": test if task.test is not None else None, "seconds": seconds}


def _active(task: Task, config: Config) -> Config:
    """What counts of a flattened configuration, within the bounds in spite of rounding."""
    counted: Config = {}
    for item in task.space:
        if active(item, counted):
            value = config[item["name"]]
            counted[item["name"]] = value if item["type"] == "cat" else min(max(value, item["low"]), item["high"])
    return counted


def done(path: Path) -> set[tuple[str, int]]:
    """The tasks and seeds that a file has a line for."""
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {(line["task"], line["seed"]) for line in map(json.loads, lines)}


def main() -> None:
    """Run and append."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, choices=list(RIVALS))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("tasks", nargs="*")
    options = parser.parse_args()
    versions = {package: version(package) for package in RIVALS[options.tool][1]}
    have = done(options.out)
    tasks = [task for task in load(options.data, options.tasks) if (task.name, options.seed) not in have]
    for task in tasks:
        print(f"begun {task.name}", flush=True)
        line: dict[str, Any] = {"tool": options.tool, "task": task.name, "seed": options.seed}
        line |= {"at_once": options.at_once, "versions": versions}
        try:
            found = run(options.tool, task, options.seed, options.trials, options.at_once)
            line |= found if all(map(math.isfinite, found["values"])) else {"error": "a loss is not finite"}
        except Exception as exc:  # noqa: BLE001 (whatever a rival does wrong is its result)
            traceback.print_exc()
            line |= {"error": f"{type(exc).__name__}: {exc}"[:300]}
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
