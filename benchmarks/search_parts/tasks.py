"""All tasks of the search benchmark behind one interface: functions of our own, and recorded tuning tasks of a folder.

Only numpy is imported (and onnxruntime where the folder's surrogates are read), because rivals run the same tasks in
interpreters of their own.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.search_parts.functions import FUNCTIONS, Config, Spec, choice, number, whole

from holdfast.records import loss_sign

TABLES = 5
"""So many of the AdaBoost tables are taken, at equal distances in the order of their task numbers."""
ADABOOST: Spec = [
    choice("algorithm", ["SAMME", "SAMME.R"]),
    number("learning_rate", 0.01, 2.0, log=True),
    whole("max_depth", 1, 10),
    whole("n_estimators", 50, 500),
    choice("imputer", ["mean", "median", "most_frequent"]),
]
GOOD_SHARE = 0.01
LAST_STEPS = 10


@dataclass(frozen=True, eq=False)
class Task:
    """Something to tune.

    Attributes:
        family: tasks of one kind, over which results are also shown apart.
        space: a list of dicts, see `functions`.
        loss: from a configuration's active hyperparameters to its loss, lower is better.
        test: the loss on what the search has not seen, or None where nothing is recorded.
        best: the lowest loss of all, NaN where it is not known.
        noise: by how much the loss of a good configuration varies from one training to the next, as a standard
            deviation; 0 for a function.
    """

    name: str
    family: str
    space: Spec
    loss: Callable[[Config], float]
    test: Callable[[Config], float] | None
    best: float
    noise: float


def load(data: Path | None, names: Collection[str] = ()) -> list[Task]:
    """The tasks of these names, in a fixed order; all for no name, and without a folder only the functions."""
    tasks = [Task(name, family, space, loss, None, 0.0, 0.0) for name, (family, space, loss) in FUNCTIONS.items()]
    if data is not None:
        tasks += _recorded(data) + _tables(data / "tables" / "adaboost.csv.gz")
    found = [task for task in tasks if not names or task.name in names]
    unknown = set(names) - {task.name for task in found}
    if unknown:
        raise SystemExit(
            f"no task is called {', '.join(sorted(unknown))}; there are {', '.join(t.name for t in tasks)}"
        )
    return found


def sample(space: Spec, rng: np.random.Generator) -> Config:
    """A uniform draw of the active hyperparameters."""
    config: Config = {}
    for item in space:
        if not active(item, config):
            continue
        if item["type"] == "cat":
            config[item["name"]] = item["choices"][int(rng.integers(len(item["choices"])))]
            continue
        half = 0.5 if item["type"] == "int" else 0.0
        low, high = item["low"] - half, item["high"] + half
        value = float(np.exp(rng.uniform(np.log(low), np.log(high))) if item["log"] else rng.uniform(low, high))
        value = min(max(value, item["low"]), item["high"])
        config[item["name"]] = round(value) if half else value
    return config


def active(item: dict[str, Any], config: Config) -> bool:
    """Whether a hyperparameter is active beside the values of those before it."""
    return all(config.get(name) in values for name, values in (item.get("when") or {}).items())


def _recorded(data: Path) -> list[Task]:
    """What the folder's own module ``tasks.py`` offers, with its tests and noise."""
    module_spec = importlib.util.spec_from_file_location("recorded_tasks", data / "tasks.py")
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules["recorded_tasks"] = module  # dataclasses look their module up
    module_spec.loader.exec_module(module)
    families = ["curves", "grids"]
    if importlib.util.find_spec("onnxruntime") is None:
        print("onnxruntime is not installed: the surrogate tasks are left out", file=sys.stderr)
    else:
        families.append("surrogate")
    return [_task(data, task) for family in families for task in module.load(family)]


def _task(data: Path, task: Any) -> Task:
    space = [{"name": name, "when": None, "log": False, **item} for name, item in task.space.items()]
    family, test, noise, best = task.family, None, 0.0, float(task.best)
    if family == "curves":
        family = task.name.partition("_")[0]
        stored = np.load(data / "curves" / f"{task.name}.npz", allow_pickle=False)
        noise = _wobble(stored["valid"].astype(float))
        if "test" in stored.files:
            ends = stored["test"].astype(float)[:, -1]
            worst = float(ends[np.isfinite(ends)].max())
            test = _finite(task.test, worst)
    elif family == "grids":
        family = task.name.partition("_")[0]
        test, noise = _other_seeds(data / "grids" / f"{task.name.rpartition('_seed')[0]}.npz", space)
    else:
        best = float("nan")
    return Task(task.name, family, space, task.loss, test, best, noise)


def _finite(loss: Callable[[Config], float], worst: float) -> Callable[[Config], float]:
    """A test loss that diverged counts as the worst one that did not."""

    def finite(config: Config) -> float:
        value = float(loss(config))
        return value if np.isfinite(value) else worst

    return finite


def _other_seeds(path: Path, space: Spec) -> tuple[Callable[[Config], float], float]:
    """The mean loss over the seeds that the search does not see, and the SD over seeds of the best hundredth."""
    stored = np.load(path, allow_pickle=False)
    values = stored["values"].astype(float) * loss_sign(str(stored["direction"]))
    unseen = values[..., 1:].mean(axis=-1)
    means = values.mean(axis=-1)
    good = means <= np.quantile(means, GOOD_SHARE)

    def test(config: Config) -> float:
        return float(unseen[tuple(item["choices"].index(config[item["name"]]) for item in space)])

    return test, float(np.median(values[good].std(axis=-1, ddof=1)))


def _wobble(curves: np.ndarray) -> float:
    """The SD of the loss from one of the last epochs to the next, over √2: the median of the best hundredth."""
    ends = np.where(np.isfinite(curves[:, -1]), curves[:, -1], np.inf)
    good = np.argsort(ends)[: max(int(GOOD_SHARE * len(ends)), 5)]
    steps = np.diff(curves[good, -LAST_STEPS:], axis=1)
    return float(np.median(steps.std(axis=1, ddof=1)) / np.sqrt(2))


def _tables(path: Path) -> list[Task]:
    """AdaBoost on a few data sets, looked up by the nearest row; a category that differs counts as the whole range."""
    rows: dict[int, list[list[str]]] = {}
    with gzip.open(path, "rt", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            rows.setdefault(int(row[6]), []).append(row)
    numbers = sorted(rows)
    taken = [numbers[i * len(numbers) // TABLES] for i in range(TABLES)]
    return [_table(f"adaboost_{number_}", rows[number_]) for number_ in taken]


def _table(name: str, rows: list[list[str]]) -> Task:
    losses = np.array([1 - float(row[5]) for row in rows])
    places = np.array([_place(row[0], float(row[1]), int(row[2]), int(row[3]), row[4]) for row in rows])

    def loss(config: Config) -> float:
        place = _place(*(config[item["name"]] for item in ADABOOST))
        return float(losses[((places - place) ** 2).sum(axis=1).argmin()])

    return Task(name, "adaboost", ADABOOST, loss, None, float(losses.min()), 0.0)


def _place(algorithm: str, rate: float, depth: int, size: int, imputer: str) -> np.ndarray:
    """(7,) a configuration in the unit cube, categories as corners at a distance of 1."""
    corners = np.array([imputer == item for item in ADABOOST[4]["choices"]]) / np.sqrt(2)
    share = [float(algorithm == "SAMME"), np.log(rate / 0.01) / np.log(200), (depth - 1) / 9, (size - 50) / 450]
    return np.concatenate([share, corners])
