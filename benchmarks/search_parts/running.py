"""Starting rivals in their own interpreters, and holdfast in several processes; both go on where a file ends."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.search_parts.adapters import RIVALS
from benchmarks.search_parts.interpreter import ONE_THREAD, ROOT, command, environment
from benchmarks.search_parts.rival import done
from benchmarks.search_parts.tasks import Task, load
from benchmarks.search_parts.traces import packed_runs

SLOW = ("hebo", "ax")
"""A minute or more for a run: on the tasks of `SUBSET` and with the first seeds only."""
SLOW_SEEDS = 3
RANDOM_SEEDS = 20
SUBSET = (
    "hartmann6",
    "levy10",
    "tree",
    "mixed",
    "lcbench_adult",
    "lcbench_segment",
    "taskset_imdb_patch32_GRU128_bs128",
    "hpolib_protein_structure_seed0",
    "hpobench_vehicle_seed0",
    "rbv2_rpart_14",
)
"""Ten tasks, of every family but one, chosen before any of them was run."""


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        out: the folder of the files, one for each tool; a suffix ``@8`` says that eight trials run at once.
        tasks: names; none for all.
        seeds: so many, from 0 on.
        at_once: trials that are asked before any of them is told.
        belief: "right" or "wrong" priors for holdfast's strategies, on the functions only; "" for none.
    """

    data: Path | None
    out: Path
    tasks: tuple[str, ...]
    seeds: int
    trials: int
    at_once: int
    processes: int
    belief: Literal["", "right", "wrong"] = ""

    def file(self, tool: str) -> Path:
        """Where a tool's runs go."""
        return self.out / f"{tool}{'' if self.at_once == 1 else f'@{self.at_once}'}.jsonl"

    def packed(self, tool: str) -> set[tuple[str, int]]:
        """The tasks and seeds that are packed already, in the folder above."""
        return packed_runs(self.packed_file(tool))

    def packed_file(self, tool: str) -> Path:
        """Where `pack` puts a tool's runs."""
        return self.out.parent / f"{self.file(tool).stem}.npz"


def run_rivals(plan: Plan, tools: list[str], pythons: dict[str, str]) -> None:
    """All tasks with the first seed for one tool after the other, then with the next seed."""
    plan.out.mkdir(parents=True, exist_ok=True)
    most = {tool: plan.seeds if tool not in SLOW else min(plan.seeds, SLOW_SEEDS) for tool in tools}
    most |= {tool: RANDOM_SEEDS for tool in tools if tool == "random" and plan.seeds >= RANDOM_SEEDS // 2}
    jobs = [(tool, seed) for seed in range(max(most.values())) for tool in tools if seed < most[tool]]
    with ThreadPoolExecutor(plan.processes) as pool:
        list(pool.map(lambda job: _run_rival(plan, job[0], job[1], pythons), jobs))


def _run_rival(plan: Plan, tool: str, seed: int, pythons: dict[str, str]) -> None:
    """One process for all tasks; one that dies is started again behind the task that killed it."""
    names = [task for task in (SUBSET if tool in SLOW else ()) if not plan.tasks or task in plan.tasks]
    names = names or list(plan.tasks) or [task.name for task in load(plan.data)]
    words = ["--tool", tool, "--seed", str(seed), "--out", str(plan.file(tool).resolve())]
    words += ["--trials", str(plan.trials), "--at-once", str(plan.at_once)]
    words += [] if plan.data is None else ["--data", str(plan.data)]
    python = pythons.get(RIVALS[tool][0], sys.executable)
    packed = plan.packed(tool)
    while left := [name for name in names if (name, seed) not in packed | done(plan.file(tool))]:
        print(f"{tool}, seed {seed}: {len(left)} tasks", flush=True)
        finished = subprocess.run(
            command(python, "search_parts.rival", *words, *left),
            cwd=ROOT,
            env={**environment(), **ONE_THREAD},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode == 0:
            continue
        begun = finished.stdout.rpartition("begun ")[2].split()
        if not begun or (begun[0], seed) in done(plan.file(tool)):
            raise SystemExit(f"{tool} could not be run: {finished.stderr[-1000:]}")
        killer = begun[0]
        print(f"{tool}, seed {seed}: ended at {killer}", flush=True)
        line = {"tool": tool, "task": killer, "seed": seed, "at_once": plan.at_once, "versions": {}}
        line["error"] = f"the process ended with {finished.returncode}: {finished.stderr[-300:]}"
        _append(plan.file(tool), line)


def run_ours(plan: Plan, strategies: list[str], label: str, commit: str, *, again: bool = False) -> None:
    """Strategies of holdfast by name, over processes; a file is named ``holdfast-STRATEGY`` and the label.

    What a file holds already is kept, from whichever commit it is, unless all is to run ``again``.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    tasks = load(plan.data, plan.tasks)
    if plan.belief:
        from benchmarks.search_parts.priors import BEST

        tasks = [task for task in tasks if task.name in BEST]
    jobs = []
    for strategy in strategies:
        tool = f"holdfast-{strategy}{label}{plan.belief and '+' + plan.belief}"
        if again:
            plan.file(tool).unlink(missing_ok=True)
            plan.packed_file(tool).unlink(missing_ok=True)
        have = plan.packed(tool) | done(plan.file(tool))
        keys = [(task.name, seed) for seed in range(plan.seeds) for task in tasks]
        jobs += [(plan, tool, strategy, *key) for key in keys if key not in have]
    with ProcessPoolExecutor(plan.processes) as pool:
        for plan_, line in pool.map(_run_ours, jobs):
            _append(plan_.file(line["tool"]), {**line, "versions": {"holdfast": commit}})


_loaded: dict[str, Task] = {}


def _run_ours(job: tuple[Plan, str, str, str, int]) -> tuple[Plan, dict[str, Any]]:
    from benchmarks.search_parts.ours import run
    from benchmarks.search_parts.priors import space_with

    plan, tool, strategy, name, seed = job
    if not _loaded:
        _loaded.update({task.name: task for task in load(plan.data, plan.tasks)})
    line: dict[str, Any] = {"tool": tool, "task": name, "seed": seed, "at_once": plan.at_once}
    try:
        space = space_with(_loaded[name], plan.belief) if plan.belief else None
        line |= run(strategy, _loaded[name], seed, plan.trials, plan.at_once, space)
    except Exception as exc:  # noqa: BLE001 (a failure is a result, shown with its task)
        line |= {"error": f"{type(exc).__name__}: {exc}"[:300]}
    print(f"{tool} {name} {seed}: {min(line['values']) if 'values' in line else line['error']}", flush=True)
    return plan, line


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
