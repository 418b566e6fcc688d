"""The yardstick of the search benchmark: regret between the best known loss and what random search finds.

The regret of a run after t trials is (best so far - best known) / (random's median best after 60 - best known), so that
the best known is 0 and random search 1; it is capped at 2, and one within 0.02 counts as 0, that is as reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.search_parts.traces import Known, Traces
from scipy import stats

CAP, REACHED = 2.0, 0.02
REFERENCE_TRIALS = 60
DRAWS = 2000
BASELINE = "random"


@dataclass(frozen=True, eq=False)
class Scale:
    """The two ends of a task's regret, and why the task is left out, if it is."""

    task: Known
    best: float
    random: float
    dropped: str


def best_so_far(values: np.ndarray) -> np.ndarray:
    """(trials,) the lowest of the values up to each trial."""
    return np.asarray(np.minimum.accumulate(values.astype(float)))


def chosen_test(values: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(trials,) the test loss of the configuration with the lowest value so far, the first of equals."""
    best = best_so_far(values)
    number = np.arange(len(values))
    first = np.maximum.accumulate(np.where(np.diff(best, prepend=np.inf) < 0, number, 0))
    return np.asarray(test.astype(float)[first])


def scales(tasks: Sequence[Known], tools: Mapping[str, Traces], *, of_test: bool = False) -> list[Scale]:
    """The ends of every task that random search has run; of the test losses if asked, where these are recorded.

    Raises:
        SystemExit: if random search has run none.
    """
    if BASELINE not in tools:
        raise SystemExit("random search has not run, and regret is measured by it")
    found = []
    for task in tasks:
        seen = [
            (traces.test if of_test else traces.values)[key]
            for traces in tools.values()
            for key in (traces.test if of_test else traces.values)
            if key[0] == task.name
        ]
        if not seen or not tools[BASELINE].seeds(task.name):
            continue
        best = min(float(values.min()) for values in seen)
        if not of_test and np.isfinite(task.best):
            best = min(best, task.best)
        curves = _curves(tools[BASELINE], task.name, of_test=of_test)
        random = float(np.median([curve[:REFERENCE_TRIALS][-1] for curve in curves]))
        gap = random - best
        dropped = "" if gap > max(task.noise, 1e-12) else f"random's gap {gap:.2g}, noise {task.noise:.2g}"
        found.append(Scale(task, best, random, dropped))
    return found


def regret(scale: Scale, curves: np.ndarray) -> np.ndarray:
    """The regret of losses, of any shape."""
    shares = np.minimum((curves - scale.best) / (scale.random - scale.best), CAP)
    return np.asarray(np.where(shares <= REACHED, 0.0, shares))


def regrets(
    scale: Scale, traces: Traces, trials: int, seeds: Sequence[int] | None = None, *, of_test: bool = False
) -> np.ndarray:
    """(seeds, trials) of one tool on one task, with what seeds there are; a run that failed has the cap."""
    failed = sum(name == scale.task.name and (seeds is None or s in seeds) for name, s in traces.errors)
    curves = _curves(traces, scale.task.name, seeds, of_test=of_test)
    short = min((len(curve) for curve in curves), default=trials)
    if short < trials:
        raise SystemExit(f"{traces.tool} has a run of {short} trials on {scale.task.name}; the table is of {trials}")
    ran = regret(scale, np.array([curve[:trials] for curve in curves])) if curves else np.empty((0, trials))
    return np.concatenate([ran, np.full((failed, trials), CAP)])


def _curves(
    traces: Traces, task: str, seeds: Sequence[int] | None = None, *, of_test: bool = False
) -> list[np.ndarray]:
    keys = [(task, seed) for seed in traces.seeds(task) if seeds is None or seed in seeds]
    if of_test:
        return [chosen_test(traces.values[key], traces.test[key]) for key in keys if key in traces.test]
    return [best_so_far(traces.values[key]) for key in keys]


def mean_and_interval(by_task: Sequence[np.ndarray], draws: int = DRAWS) -> tuple[float, float, float]:
    """The mean over tasks of the means over seeds, with a 95% interval by bootstrap of the seeds within tasks."""
    rng = np.random.default_rng(0)
    means = np.array([row.mean() for row in by_task])
    drawn = np.zeros(draws)
    for row in by_task:
        drawn += row[rng.integers(len(row), size=(draws, len(row)))].mean(axis=1)
    low, high = np.quantile(drawn / len(by_task), [0.025, 0.975])
    return float(means.mean()), float(low), float(high)


def mean_ranks(table: np.ndarray) -> np.ndarray:
    """(tools,) mean over tasks of the ranks of (tools, tasks) regrets, 1 the best, equals sharing theirs."""
    return np.asarray(stats.rankdata(table, axis=0).mean(axis=1))


def friedman(table: np.ndarray) -> float:
    """The p-value of Friedman's test that all tools are alike, for a (tools, tasks) table."""
    return float(stats.friedmanchisquare(*table).pvalue)


def nemenyi(tools: int, tasks: int, level: float = 0.05) -> float:
    """The least difference of two mean ranks that is significant: Demsar (2006), section 3.2.2."""
    q = float(stats.studentized_range.ppf(1 - level, tools, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(tools * (tools + 1) / (6 * tasks)))


def trials_until(curve: np.ndarray, target: float) -> float:
    """The first trial, from 1 on, at which a curve of regret is at or under a target; infinity if never."""
    under = np.flatnonzero(curve <= target + 1e-12)
    return float(under[0] + 1) if len(under) else float("inf")


@dataclass(frozen=True)
class Signs:
    """Pairs of runs on the same task and seed: how many the first tool won, lost, and the two-sided sign test."""

    won: int
    lost: int
    ties: int
    p: float


def sign_test(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Signs:
    """Compare regrets of equal tasks and seeds; equals say nothing."""
    gaps = np.concatenate([a - b for a, b in zip(first, second, strict=True)])
    won, lost = int((gaps < -1e-9).sum()), int((gaps > 1e-9).sum())
    p = float(stats.binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return Signs(won, lost, len(gaps) - won - lost, p)
