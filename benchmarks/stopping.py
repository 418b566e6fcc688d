"""What `stop="auto"` saves, and what it costs: trials used of 100, the truth then and at 100, and luck after the stop.

    python benchmarks/stopping.py run --out FOLDER [--data FOLDER] [--seeds 20] [--strategy tpe]
    python benchmarks/stopping.py table --out FOLDER

Simulated: bowls in two or five hyperparameters, of which two matter least, with noise of each trial's own, without any,
and as an accuracy on 300 common rows. Recorded, where a folder has them: grids of networks trained with several seeds
(one seed is searched, the truth is the mean over the others), and curves of networks with validation and test losses
(the truth is the test loss). Recorded losses are scaled by what random configurations score: the best one is at 0 and
the median at 1. Each study searches until it ends itself, and is then led on to 100 trials. One that is in the folder
is not run again.

`used`: trials at the stop, on average, and how many studies ended themselves. `truth`: what the recommended trial
scores in truth, at the stop and at 100 trials; for a bowl that is its regret. `naive gain`: what the best score gained
after the stop, and how much of that was luck: no gain in truth of the trial with the best score. `too early`: studies
that lost more by the stop than the noise that they stopped by. Losses all, lower is better.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.recommended_grids import Grid
from benchmarks.search_parts.ours import space_of
from benchmarks.search_parts.tasks import Task, load

import holdfast
from holdfast.meter.machine import machine_words
from holdfast.rng import Streams

TRIALS = 100
ROWS, ACCURACY = 300, 0.9
RECORDED_SEEDS = 5


@dataclass(frozen=True)
class Case:
    """A search: its space, its objective for a seed, the truth of a configuration for that seed, and seeds at most."""

    name: str
    space: holdfast.Space
    objective: Callable[[int], Callable[[Any], float]]
    truth: Callable[[int, Any], float]
    seeds: int


def _bowl(seed: int, d: int) -> Callable[[Any], float]:
    draw = np.random.default_rng([seed, d])
    centre, weights = draw.uniform(0.2, 0.8, d), draw.uniform(0.3, 1.0, d)

    def truth(config: Any) -> float:
        return float(weights @ (np.array([config[f"x{i}"] for i in range(d)]) - centre) ** 2)

    return truth


def _simulated(seeds: int) -> Iterator[Case]:
    for d, noise in ((2, 0.0), (2, 0.02), (2, 0.05), (5, 0.02), (5, 0.05)):
        space = holdfast.Space({f"x{i}": holdfast.Float(0, 1) for i in range(d)})

        def objective(seed: int, d: int = d, noise: float = noise) -> Callable[[Any], float]:
            truth, draw = _bowl(seed, d), np.random.default_rng([seed, d, 1])
            return lambda trial: truth(trial.config) + noise * float(draw.normal())

        def true(seed: int, config: Any, d: int = d) -> float:
            return _bowl(seed, d)(config)

        yield Case(f"bowl, d = {d}, noise {noise:g}", space, objective, true, seeds)
    for d in (2, 5):
        space = holdfast.Space({f"x{i}": holdfast.Float(0, 1) for i in range(d)})
        yield Case(f"accuracy on {ROWS} rows, d = {d}", space, _rows(d), _error(d), seeds)


def _error(d: int) -> Callable[[int, Any], float]:
    """The probability of an error on any row."""
    return lambda seed, config: 1 - ACCURACY + min(0.5 * _bowl(seed, d)(config), 0.4)


def _rows(d: int) -> Callable[[int], Callable[[Any], float]]:
    """The share of errors on common rows: most are hard or easy for all configurations."""
    from statistics import NormalDist

    def objective(seed: int) -> Callable[[Any], float]:
        draw = np.random.default_rng([seed, d, 2])
        common = draw.normal(size=ROWS)

        def run(trial: Any) -> float:
            own = np.sqrt(0.8) * common + np.sqrt(0.2) * draw.normal(size=ROWS)
            wrong = own < NormalDist().inv_cdf(_error(d)(seed, trial.config))
            trial.rows = holdfast.RowScores(wrong.astype(float))
            return float(wrong.mean())

        return run

    return objective


def _recorded(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "grids").glob("*.npz"))[::2]:
        grid = Grid.read(path)

        def objective(seed: int, grid: Grid = grid) -> Callable[[Any], float]:
            seen = _order(grid, seed)[0]
            return lambda trial: float(grid.of(trial.config)[seen])

        def true(seed: int, config: Any, grid: Grid = grid) -> float:
            return float(grid.of(config)[_order(grid, seed)[1:]].mean())

        yield Case(grid.name, grid.space, objective, true, RECORDED_SEEDS)
    for task in [task for task in load(folder) if task.family == "taskset"][::2]:
        yield _curve(task)


def _order(grid: Grid, seed: int) -> np.ndarray:
    return Streams(0).generator(seed, f"seeds of {grid.name}").permutation(grid.losses.shape[-1])


def _curve(task: Task) -> Case:
    """Validation losses that are searched, test losses as the truth; both scaled by 500 random configurations."""
    space, judge = space_of(task.space), task.test
    assert judge is not None
    drawn = [space.sample(np.random.default_rng([0, i])) for i in range(500)]
    best, median = np.quantile([task.loss(config) for config in drawn], [0.0, 0.5])
    lowest, usual = np.quantile([judge(config) for config in drawn], [0.0, 0.5])
    return Case(
        task.name,
        space,
        lambda _: lambda trial: float((task.loss(trial.config) - best) / (median - best)),
        lambda _, config: float((judge(config) - lowest) / (usual - lowest)),
        RECORDED_SEEDS,
    )


def once(case: Case, seed: int, strategy: str) -> dict[str, Any]:
    """One study, until it ends itself and then on to 100 trials."""
    study, objective = holdfast.Study(case.space, strategy=strategy, seed=seed), case.objective(seed)
    study.optimize(objective, n_trials=TRIALS, stop="auto")
    used, ended = len(study.trials), study.should_stop()
    found: dict[str, Any] = {"case": case.name, "seed": seed, "used": used, "ended": ended is not None}
    found |= {"noise": None, "source": None} if ended is None else {"noise": ended.noise, "source": ended.source}
    for when in ("stop", "end"):
        if when == "end" and used < TRIALS:
            study.optimize(objective, n_trials=TRIALS - used)
        found |= {
            f"recommended_{when}": case.truth(seed, study.recommended().config),
            f"luckiest_{when}": case.truth(seed, study.best_config),
            f"naive_{when}": study.best_value,
        }
    return found


def _run(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    cases = [*_simulated(options.seeds), *([] if options.data is None else _recorded(options.data))]
    for case in cases:
        if not all(word in case.name for word in options.only):
            continue
        for seed in range(min(case.seeds, options.seeds)):
            path = options.out / f"{options.strategy}, {case.name}, {seed}.json"
            if not path.exists():
                path.write_text(json.dumps({"strategy": options.strategy, **once(case, seed, options.strategy)}))


def _table(options: argparse.Namespace) -> None:
    found = [json.loads(path.read_text()) for path in sorted(options.out.glob("*.json"))]
    print(f"{machine_words()}\n")
    print("| search | strategy | studies | used | truth at the stop | at 100 | naive gain | of it luck | too early |")
    print("|---|---|---|---|---|---|---|---|---|")
    for strategy, case in sorted({(each["strategy"], each["case"]) for each in found}):
        print(_line([each for each in found if (each["strategy"], each["case"]) == (strategy, case)]))


def _line(studies: list[dict[str, Any]]) -> str:
    n, ended = len(studies), [each for each in studies if each["ended"]]
    column = {key: np.array([each[key] for each in studies], dtype=float) for key in studies[0] if "_" in key}
    naive = np.maximum(column["naive_stop"] - column["naive_end"], 0.0)
    true = column["luckiest_stop"] - column["luckiest_end"]
    luck = "-" if naive.sum() <= 0 else f"{1 - true.sum() / naive.sum():.0%}"
    early = sum(each["recommended_stop"] - each["recommended_end"] > each["noise"] for each in ended)
    cells = [studies[0]["case"], studies[0]["strategy"], f"{n}"]
    cells.append(f"{np.mean([each['used'] for each in studies]):.0f} ({len(ended)} ended)")
    cells += [_with_error(column["recommended_stop"]), _with_error(column["recommended_end"])]
    cells += [f"{naive.mean():.4f}", luck, f"{early} of {len(ended)}"]
    return f"| {' | '.join(cells)} |"


def _with_error(values: np.ndarray) -> str:
    error = f" ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{error}"


def main() -> None:
    """Run studies, or print the table of those that were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run the studies that are not in the folder yet")
    run.add_argument("--data", type=Path)
    run.add_argument("--seeds", type=int, default=20)
    run.add_argument("--strategy", default="tpe")
    run.add_argument("--only", nargs="*", default=[], help="words that the name of a search has to have")
    run.set_defaults(run=_run)
    table = commands.add_parser("table", help="print the table")
    table.set_defaults(run=_table)
    for command in (run, table):
        command.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
