"""The tables of the benchmark of fidelities, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from benchmarks.fidelity_parts.curves import MISLEADING
from benchmarks.fidelity_parts.traces import Traces

TARGETS = 0.2, 0.05, 0.01
BASELINE, OURS = "random", "holdfast-"
CAP = 1.0
"""Regrets above the median configuration's count as that in means."""


def pages(
    tasks: Sequence[dict[str, Any]],
    found: dict[str, Traces],
    budget: float,
    measure: str,
    workers: Collection[int] = (),
) -> list[str]:
    """One page for each number of workers: epochs until regrets are reached, and mean regrets after some epochs.

    Args:
        tasks: what is known of them.
        found: the runs; those of fewer epochs than ``budget`` do not count, and longer ones up to there.
        budget: epochs.
        measure: "chosen" or "finished".
        workers: how many of them there are; all that some run had if empty.
    """
    found = within(found, budget)
    counts = sorted({count for traces in found.values() for _, _, count in traces.runs})
    return [_page(tasks, found, count, budget, measure) for count in counts if not workers or count in workers]


def within(found: dict[str, Traces], budget: float) -> dict[str, Traces]:
    """The runs of so many epochs up to there, and random search in full, to tell how many epochs it takes."""
    return {name: traces if name == BASELINE else traces.up_to(budget) for name, traces in found.items()}


def _page(tasks: Sequence[dict[str, Any]], found: dict[str, Traces], workers: int, budget: float, measure: str) -> str:
    names = [name for name in found if any(found[name].of(task["name"], workers) for task in tasks)]
    head = f"### {workers} worker{'s' if workers > 1 else ''}, regret of what is {measure}\n\n"
    return head + "\n\n".join(
        _part(title, part, {name: found[name] for name in names}, workers, budget, measure)
        for title, part in groups(tasks).items()
        if part
    )


def groups(tasks: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """All tasks, and those on which early epochs mislead apart from the others."""
    mislead = [task for task in tasks if task["agreement"] < MISLEADING]
    others = [task for task in tasks if task["agreement"] >= MISLEADING]
    return {"all tasks": list(tasks), "early epochs tell": others, "early epochs mislead": mislead}


def _part(
    title: str, tasks: list[dict[str, Any]], found: dict[str, Traces], workers: int, budget: float, measure: str
) -> str:
    """Medians over tasks of epochs, as times fewer than random and than the best rival; and mean regrets."""
    points = [budget / 16, budget / 4, budget]
    lines = [
        f"**{title}** ({len(tasks)})",
        "",
        "| tool | runs | "
        + " | ".join(f"epochs to {target:g} | fewer than random | tasks reached" for target in TARGETS)
        + " | "
        + " | ".join(f"regret after {point:,.0f}" for point in points)
        + " | CPU s a run |",
        "|" + " --- |" * (3 + 3 * len(TARGETS) + len(points)),
    ]
    for name, traces in sorted(found.items(), key=lambda item: _mean_regret(item[1], tasks, workers, budget, measure)):
        runs = [traces.of(task["name"], workers) for task in tasks]
        cells = [name, str(sum(map(len, runs)))]
        for target in TARGETS:
            cells += _reached(traces, found.get(BASELINE), tasks, workers, target, measure)
        cells += [f"{_mean_regret(traces, tasks, workers, point, measure):.3f}" for point in points]
        seconds = [second for key, second in traces.seconds.items() if key in traces.runs and key[2] == workers]
        cells.append(f"{np.mean(seconds):.1f}" if seconds else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(_against_rivals(found, tasks, workers, target, measure) for target in TARGETS)])


def median_epochs(traces: Traces, task: str, workers: int, target: float, measure: str) -> float:
    """The median over seeds of the epochs until a regret; infinite where most runs did not reach it."""
    runs = traces.of(task, workers)
    return float(np.median([run.until(target, measure) for run in runs])) if runs else math.nan


def _reached(
    traces: Traces, random: Traces | None, tasks: list[dict[str, Any]], workers: int, target: float, measure: str
) -> list[str]:
    epochs = np.array([median_epochs(traces, task["name"], workers, target, measure) for task in tasks])
    median = float(np.median(epochs)) if not np.isnan(epochs).any() else math.nan
    ratio = ""
    if random is not None:
        base = np.array([median_epochs(random, task["name"], workers, target, measure) for task in tasks])
        with np.errstate(invalid="ignore"):
            each = np.where(np.isinf(epochs), 0.0, base / epochs)
        ratio = f"{np.median(each):.1f}" if not np.isnan(each).any() else ""
    shown = "more" if math.isinf(median) else "" if math.isnan(median) else f"{median:,.0f}"
    return [shown, ratio, f"{int(np.isfinite(epochs).sum())}"]


def _mean_regret(traces: Traces, tasks: list[dict[str, Any]], workers: int, epochs: float, measure: str) -> float:
    """The mean over tasks and seeds; `CAP` at most for each run."""
    each = [
        np.mean([min(run.at(epochs, measure), CAP) for run in runs])
        for task in tasks
        if (runs := traces.of(task["name"], workers))
    ]
    return float(np.mean(each)) if each else math.inf


def _against_rivals(
    found: dict[str, Traces], tasks: list[dict[str, Any]], workers: int, target: float, measure: str
) -> str:
    """A sentence on each of our strategies against the best rival of each target: the one of the lowest median."""
    rivals = [name for name in found if not name.startswith(OURS) and name != BASELINE]
    table = {
        name: np.array([median_epochs(found[name], task["name"], workers, target, measure) for task in tasks])
        for name in found
    }
    complete = [name for name in rivals if not np.isnan(table[name]).any()]
    if not complete:
        return ""
    said = []
    for name in found:
        if name.startswith(OURS) and not np.isnan(table[name]).any():
            ratios = {rival: float(np.median(_ratio(table[rival], table[name]))) for rival in complete}
            worst = min(ratios, key=lambda rival: ratios[rival])
            fewer = f"{ratios[worst]:.2g} times fewer than {worst}"
            said.append(f"{name} {fewer if ratios[worst] < math.inf else 'gets there where no rival does'}")
    return f"To {target:g}, median over tasks, against the rival that comes closest: {'; '.join(said)}."


def _ratio(rival: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """(tasks,) how many times more epochs a rival took: infinite where only it failed, 0 where only we did, else 1."""
    both = np.isinf(rival) & np.isinf(ours)
    with np.errstate(invalid="ignore"):
        return np.where(both, 1.0, rival / ours)
