"""Several objectives: the hypervolume that strategies find, on known fronts and on models against their size.

    python benchmarks/objectives.py run --out found.jsonl --seeds 10 --trials 100 --optuna PYTHON
    python benchmarks/objectives.py table found.jsonl

``run`` goes on where a file ends. Optuna runs in the interpreter PYTHON, which has it installed; without one only
holdfast runs. Two runs at once into one file do the same work twice; of equal studies the first one counts. The regret
of a study is the hypervolume that it misses, on the scale on which the true front (or, where it is not known, the best
volume that anybody found) is 0 and the median of random search after all trials is 1. Means over seeds, with 95%
intervals by 10,000 bootstrap draws of the seeds.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.search_parts.interpreter import ROOT, command, environment
from benchmarks.search_parts.ours import spec_of
from benchmarks.search_parts.scores import BASELINE, mean_and_interval
from benchmarks.search_parts.tables import markdown

from holdfast import Study
from holdfast.records import Config
from holdfast.search.pareto import hypervolume
from holdfast.search.registry import NAMES
from holdfast.space import Categorical, Float, Int, Space

OURS = ("random", "evolution", "gp")
RIVALS = ("tpe", "nsga2", "gp")
"""Optuna's default for several objectives is its TPE sampler."""
DRAWS = 10_000
DIMENSIONS = 10
FRONT_POINTS = 2000


@dataclass(frozen=True, eq=False)
class Task:
    """Losses over a space, and the corner that hypervolumes are measured to.

    Attributes:
        losses: from a configuration to its k losses.
        reference: (k,) what is worse than this in any objective counts nothing.
        best: the hypervolume of the true front; None where it is not known.
    """

    name: str
    space: Space
    losses: Callable[[Config], tuple[float, ...]]
    reference: tuple[float, ...]
    best: float | None


def zdt(kind: int, config: Config) -> tuple[float, ...]:
    """Two objectives: Zitzler, Deb and Thiele (2000), functions 1 (convex), 2 (concave) and 3 (in five pieces)."""
    x = _numbers(config)
    g = 1 + 9 * float(x[1:].mean())
    ratio = float(x[0]) / g
    shape = {
        1: 1 - np.sqrt(ratio),
        2: 1 - ratio**2,
        3: 1 - np.sqrt(ratio) - ratio * np.sin(10 * np.pi * x[0]),
    }[kind]
    return float(x[0]), float(g * shape)


def dtlz2(config: Config) -> tuple[float, ...]:
    """Three objectives, whose front is an eighth of the unit sphere: Deb, Thiele, Laumanns and Zitzler (2002)."""
    x = _numbers(config)
    g = 1 + float(((x[2:] - 0.5) ** 2).sum())
    a, b = x[:2] * np.pi / 2
    return float(g * np.cos(a) * np.cos(b)), float(g * np.cos(a) * np.sin(b)), float(g * np.sin(a))


def dtlz7(config: Config) -> tuple[float, ...]:
    """Three objectives, whose front lies in four pieces: Deb, Thiele, Laumanns and Zitzler (2002)."""
    x = _numbers(config)
    g = 1 + 9 * float(x[2:].mean())
    first = x[:2]
    h = 3 - float((first / (1 + g) * (1 + np.sin(3 * np.pi * first))).sum())
    return float(first[0]), float(first[1]), (1 + g) * h


def forest(config: Config) -> tuple[float, ...]:
    """Validation error of a random forest on the digits, and the logarithm of its number of nodes."""
    from sklearn.ensemble import RandomForestClassifier

    X, y, X_validation, y_validation = _digits()
    model = RandomForestClassifier(
        n_estimators=config["trees"],
        max_depth=config["depth"],
        min_samples_leaf=config["leaf"],
        max_features=config["features"],
        criterion=config["criterion"],
        random_state=0,
    ).fit(X, y)
    nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    return float(np.mean(model.predict(X_validation) != y_validation)), float(np.log10(nodes))


def network(config: Config) -> tuple[float, ...]:
    """Validation error of a small network on the digits, and the logarithm of its number of parameters."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    X, y, X_validation, y_validation = _digits()
    widths = [config["width1"]] + ([config["width2"]] if config["layers"] == 2 else [])
    model = MLPClassifier(
        hidden_layer_sizes=widths,
        activation=config["activation"],
        learning_rate_init=config["learning_rate"],
        alpha=config["alpha"],
        batch_size=config["batch"],
        max_iter=8,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X / 16, y)
    size = sum(part.size for part in (*model.coefs_, *model.intercepts_))
    return float(np.mean(model.predict(X_validation / 16) != y_validation)), float(np.log10(size))


def tasks() -> tuple[Task, ...]:
    """All tasks; reference points of ZDT and DTLZ2 are those of Daulton, Balandat and Bakshy (NeurIPS 2020)."""
    flat = Space({f"x{i}": Float(0, 1) for i in range(DIMENSIONS)})
    trees = Space(
        {
            "trees": Int(1, 64, log=True),
            "depth": Int(2, 16),
            "leaf": Int(1, 32, log=True),
            "features": Float(0.05, 1.0),
            "criterion": Categorical(["gini", "entropy"]),
        }
    )
    layers = Space(
        {
            "layers": Int(1, 2),
            "width1": Int(2, 128, log=True),
            "width2": Int(2, 128, log=True, when={"layers": 2}),
            "activation": Categorical(["relu", "tanh", "logistic"]),
            "learning_rate": Float(1e-4, 1e-1, log=True),
            "alpha": Float(1e-6, 1e-1, log=True),
            "batch": Categorical([16, 32, 64, 128], ordered=True),
        }
    )
    two, three = (11.0, 11.0), (1.1, 1.1, 1.1)
    return (
        *(Task(f"zdt{i}", flat, functools.partial(zdt, i), two, _volume(_zdt_front(i), two)) for i in (1, 2, 3)),
        Task("dtlz2", flat, dtlz2, three, 1.1**3 - np.pi / 6),
        Task("dtlz7", flat, dtlz7, (1.1, 1.1, 25.0), None),
        Task("forest", trees, forest, (0.9, 4.5), None),
        Task("network", layers, network, (0.9, 4.5), None),
    )


def _zdt_front(kind: int) -> np.ndarray:
    first = np.linspace(0, 1, FRONT_POINTS)
    space = {f"x{i}": 0.0 for i in range(1, DIMENSIONS)}
    return np.array([zdt(kind, {"x0": float(x), **space}) for x in first])


def _volume(front: np.ndarray, reference: tuple[float, ...]) -> float:
    return hypervolume(front, np.array(reference))


def _numbers(config: Config) -> np.ndarray:
    return np.array([float(str(value)) for value in config.values()])


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Half of the digits to learn from, half to validate on."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    X, X_validation, y, y_validation = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
    return X, y, X_validation, y_validation


def ours(task: Task, strategy: str, seed: int, trials: int) -> dict[str, Any]:
    """A study of holdfast in memory; its losses (trials, k) and the CPU seconds of asking and telling."""
    names = [f"f{i}" for i in range(len(task.reference))]
    study = Study(task.space, direction=dict.fromkeys(names, "minimize"), strategy=strategy, seed=seed)
    losses, seconds = [], 0.0
    for _ in range(trials):
        start = time.process_time()
        trial = study.ask()
        seconds += time.process_time() - start
        losses.append(task.losses(trial.config))
        start = time.process_time()
        study.tell(trial, dict(zip(names, losses[-1], strict=True)))
        seconds += time.process_time() - start
    return {"losses": losses, "seconds": seconds}


class Rival:
    """Optuna in a process of its own (see `objectives_rival.py`)."""

    def __init__(self, python: str) -> None:
        words, pipe = command(python, "objectives_rival"), subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, text=True)
        self.version: str = self._answer()["version"]

    def run(self, task: Task, tool: str, seed: int, trials: int) -> dict[str, Any]:
        """A study of the rival; its losses (trials, k) and the seconds between question and answer."""
        settings = {"tool": tool, "space": spec_of(task.space), "objectives": len(task.reference), "seed": seed}
        message: dict[str, Any] = {"start": settings}
        losses, seconds = [], 0.0
        for _ in range(trials):
            start = time.perf_counter()
            config = self.ask(message)
            seconds += time.perf_counter() - start
            losses.append(task.losses(config))
            message = {"tell": losses[-1]}
        return {"losses": losses, "seconds": seconds}

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one message and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the rival's interpreter ended; does it have Optuna?")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def rival(python: str | None) -> Iterator[Rival | None]:
    """The rival, if there is an interpreter for it, until the block ends."""
    found = None if python is None else Rival(python)
    try:
        yield found
    finally:
        if found is not None:
            found.close()


def run(options: argparse.Namespace) -> None:
    """Add what is missing to the file, seed by seed."""
    done = {(item["task"], item["tool"], item["seed"]) for item in read(options.out)}
    chosen = [task for task in tasks() if options.tasks is None or task.name in options.tasks]
    with rival(options.optuna) as other, options.out.open("a", encoding="utf-8") as file:
        tools = [*options.strategies, *([] if other is None else [f"optuna-{name}" for name in options.rivals])]
        for seed in range(options.seeds):
            for task in chosen:
                for tool in tools:
                    if (task.name, tool, seed) in done:
                        continue
                    if other is not None and tool.startswith("optuna-"):
                        found = other.run(task, tool.removeprefix("optuna-"), seed, options.trials)
                        found["version"] = other.version
                    else:
                        found = ours(task, tool, seed, options.trials)
                    file.write(json.dumps({"task": task.name, "tool": tool, "seed": seed, **found}) + "\n")
                    file.flush()
                    print(f"{task.name} {tool} seed {seed}: {found['seconds']:.1f} s", file=sys.stderr)


def read(path: Path) -> list[dict[str, Any]]:
    """What was found so far, each study once."""
    if not path.exists():
        return []
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for item in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        found.setdefault((item["task"], item["tool"], item["seed"]), item)
    return list(found.values())


def regrets(found: list[dict[str, Any]], counts: list[int]) -> dict[tuple[str, str], np.ndarray]:
    """For each task and tool the regret (seeds, len(counts)) after so many trials.

    A task on which random search misses no more than its seeds differ tells nothing, and is left out.

    Raises:
        SystemExit: if random search is missing, or a study has fewer trials than the table.
    """
    known = {task.name: task for task in tasks()}
    volumes: dict[tuple[str, str], list[list[float]]] = {}
    for item in sorted(found, key=lambda item: item["seed"]):
        task = known[item["task"]]
        losses, reference = np.array(item["losses"]), np.array(task.reference)
        if len(losses) < max(counts):
            about = f"{item['tool']} has a study of {len(losses)} trials on {task.name}"
            raise SystemExit(f"{about}; the table is of {max(counts)}")
        row = [hypervolume(losses[:count], reference) for count in counts]
        volumes.setdefault((item["task"], item["tool"]), []).append(row)
    result = {}
    for (name, tool), rows in volumes.items():
        if (name, BASELINE) not in volumes:
            raise SystemExit(f"random search has not run on {name}, and regret is measured by it")
        best = known[name].best
        if best is None:
            best = max(max(row) for (other, _), all_rows in volumes.items() if other == name for row in all_rows)
        random = np.array([row[-1] for row in volumes[name, BASELINE]])
        scale = best - float(np.median(random))
        if scale > float(random.std()):
            result[name, tool] = (best - np.array(rows)) / scale
    return result


def table(found: list[dict[str, Any]], counts: list[int]) -> str:
    """The table in Markdown: one line a task and tool, one column a number of trials, and the mean over tasks last."""
    by_pair = regrets(found, counts)
    names = list(dict.fromkeys(name for name, _ in by_pair))
    tools = list(dict.fromkeys(tool for _, tool in by_pair))
    for tool in tools:
        parts = [by_pair[name, tool] for name in names if (name, tool) in by_pair]
        if len(parts) == len(names) and len({len(part) for part in parts}) == 1:
            by_pair["all", tool] = np.mean(parts, axis=0)
    rows = []
    for name, tool in ((name, tool) for name in (*names, "all") for tool in tools if (name, tool) in by_pair):
        values = by_pair[name, tool]
        cells = (mean_and_interval([column], DRAWS) for column in values.T)
        rows.append([name, tool, len(values), *(f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in cells)])
    text = markdown(["task", "tool", "seeds", *(f"{count} trials" for count in counts)], rows)
    left_out = sorted({item["task"] for item in found} - set(names))
    if left_out:
        text += f"\n\nLeft out, since random search misses no more than its seeds differ: {', '.join(left_out)}."
    return text


def main() -> None:
    """Run studies, or print the table of those that have run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--seeds", type=int, default=10)
    running.add_argument("--trials", type=int, default=100)
    running.add_argument("--tasks", nargs="+", choices=[task.name for task in tasks()])
    running.add_argument("--strategies", nargs="+", default=list(OURS), choices=NAMES)
    running.add_argument("--rivals", nargs="+", default=list(RIVALS), choices=RIVALS)
    running.add_argument("--optuna", metavar="PYTHON")
    printing = commands.add_parser("table")
    printing.add_argument("found", type=Path)
    printing.add_argument("--counts", nargs="+", type=int, default=[40, 100])
    options = parser.parse_args()
    if options.command == "run":
        run(options)
    else:
        print(table(read(options.found), options.counts))


if __name__ == "__main__":
    main()
