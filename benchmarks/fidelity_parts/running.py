"""Starting rivals in their own interpreters, and holdfast in several processes; both go on where a file ends."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.fidelity_parts.curves import CurveTask, load
from benchmarks.fidelity_parts.lines import append, done, line_of
from benchmarks.fidelity_parts.rivals import RIVALS
from benchmarks.fidelity_parts.simulator import at_random
from benchmarks.fidelity_parts.traces import packed_runs
from benchmarks.search_parts.interpreter import ONE_THREAD, ROOT, command, environment
from benchmarks.search_parts.tasks import sample

ENOUGH = 0.01
"""A run ends when both of its regrets are at most this."""
RANDOM_TRIALS = 4000
"""So many configurations random search trains in full, unless it has found the best one before."""


@dataclass(frozen=True)
class Plan:
    """What to run: the folder of recorded curves, that of the lines, tasks by name (none for all), and how much."""

    data: Path
    out: Path
    tasks: tuple[str, ...]
    seeds: int
    workers: tuple[int, ...]
    budget: float
    processes: int

    def file(self, tool: str) -> Path:
        """Where a tool's runs go."""
        return self.out / f"{tool}.jsonl"

    def have(self, tool: str) -> set[tuple[str, int, int]]:
        """What has been run for as long, packed or not."""
        packed = self.out.parent / f"{tool}.npz"
        return done(self.file(tool), self.budget) | packed_runs(packed, self.budget)


def run_rivals(plan: Plan, tools: list[str], pythons: dict[str, str]) -> None:
    """All tasks with the first seed for one tool after the other, then with the next seed; one process at a time."""
    plan.out.mkdir(parents=True, exist_ok=True)
    names = plan.tasks or tuple(task.name for task in load(plan.data))
    for seed in range(plan.seeds):
        for workers in plan.workers:
            for tool in tools:
                left = [name for name in names if (name, seed, workers) not in plan.have(tool)]
                if not left:
                    continue
                print(f"{tool}, seed {seed}, {workers} workers: {len(left)} tasks", flush=True)
                words = ["--tool", tool, "--seed", str(seed), "--workers", str(workers), "--budget", str(plan.budget)]
                words += ["--enough", str(ENOUGH), "--out", str(plan.file(tool).resolve()), "--data", str(plan.data)]
                python = pythons.get(RIVALS[tool][0], sys.executable)
                subprocess.run(
                    command(python, "fidelity_parts.rival", *words, *left),
                    cwd=ROOT,
                    env={**environment(), **ONE_THREAD},
                    check=True,
                )


def run_random(plan: Plan) -> None:
    """Random configurations trained in full: what all are compared with; as long as it takes."""
    plan.out.mkdir(parents=True, exist_ok=True)
    have = plan.have("random")
    for task in load(plan.data, plan.tasks):
        for seed in range(plan.seeds):
            for workers in plan.workers:
                if (task.name, seed, workers) not in have:
                    found = at_random(task, partial(sample, task.space), seed, workers, RANDOM_TRIALS)
                    line = {"task": task.name, "seed": seed, "workers": workers, "versions": {"numpy": np.__version__}}
                    append(plan.file("random"), {**line, **line_of(found, math.inf), "seconds": 0.0})


def run_ours(plan: Plan, strategies: list[str], commit: str, *, again: bool = False) -> None:
    """Strategies of holdfast by name, perhaps with settings, over processes; files are named ``holdfast-STRATEGY``.

    ``bohb:{"random_share": 0}`` is a strategy with settings, as JSON; they are part of the name. What a file holds
    already is kept, from whichever commit it is, unless all is to run ``again``.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    names = plan.tasks or tuple(task.name for task in load(plan.data))
    jobs = []
    for strategy in strategies:
        tool = tool_of(strategy)
        if again:
            plan.file(tool).unlink(missing_ok=True)
            (plan.out.parent / f"{tool}.npz").unlink(missing_ok=True)
        have = plan.have(tool)
        keys = [(name, seed, w) for seed in range(plan.seeds) for w in plan.workers for name in names]
        jobs += [(plan, strategy, key) for key in keys if key not in have]
    with ProcessPoolExecutor(plan.processes) as pool:
        for strategy, line in pool.map(_run_ours, jobs):
            append(plan.file(tool_of(strategy)), {**line, "versions": {"holdfast": commit}})


def tool_of(strategy: str) -> str:
    """What a strategy with its settings is called."""
    name, _, settings = strategy.partition(":")
    pairs = json.loads(settings).items() if settings else ()
    return "-".join(["holdfast", name, *(f"{key}={value}" for key, value in pairs)])


_loaded: dict[str, CurveTask] = {}


def _run_ours(job: tuple[Plan, str, tuple[str, int, int]]) -> tuple[str, dict[str, Any]]:
    from benchmarks.fidelity_parts.ours import run

    from holdfast.search.registry import make_strategy

    plan, strategy, (name, seed, workers) = job
    if not _loaded:
        _loaded.update({task.name: task for task in load(plan.data, plan.tasks)})
    line: dict[str, Any] = {"task": name, "seed": seed, "workers": workers, "budget": plan.budget}
    kind, _, settings = strategy.partition(":")
    begun = time.process_time()
    try:
        made = make_strategy(kind, json.loads(settings) if settings else {})
        line |= line_of(run(made, _loaded[name], seed, workers, plan.budget, ENOUGH), plan.budget)
    except Exception as exc:  # noqa: BLE001 (a failure is a result, shown with its task)
        line |= {"error": f"{type(exc).__name__}: {exc}"[:300]}
    return strategy, {**line, "seconds": round(time.process_time() - begun, 2)}
