"""Trees of branches: how far a search comes in a space whose branches have branches, and in the same space made flat.

    python benchmarks/nested.py run --out found.jsonl --strategy auto,tpe,random --seeds 12 --trials 60
    python benchmarks/nested.py table found.jsonl

The flat space has one categorical with a choice for each leaf of the tree. Each seed draws which leaf is the best, how
good the others are, and where each one's optimum lies. The best leaf is no better than the others on average over its
hyperparameters. The regret is the true loss of the trial of lowest score, above the lowest loss there is. ``run`` goes
on where a file ends.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script, from anywhere

from benchmarks.search_parts.tables import markdown

from holdfast import Study
from holdfast.records import Config
from holdfast.space import Categorical, Domain, Float, Space

AT = (20, 40, 60)
FORMS = ("nested", "flat")
LEAST_FLOOR = 0.1
"""The lowest loss of any leaf but the best one, at the least."""
STEEP = 1.5
"""The height of the best leaf above its lowest loss, where it is highest."""


@dataclass(frozen=True)
class Tree:
    """What a tree is made of.

    Attributes:
        shape: for each choice of the top either a number, of a leaf's hyperparameters, or a tree below.
        within: hyperparameters of each inner categorical, active in all of its leaves.
        everywhere: hyperparameters that are always active.
        noise: the standard deviation of a score.
        ripple: the height of waves on the losses.
    """

    shape: Mapping[str, Any]
    within: int = 0
    everywhere: int = 0
    noise: float = 0.0
    ripple: float = 0.0


TREES: dict[str, Tree] = {
    "lopsided": Tree({"a": dict.fromkeys("pqrs", 2), "b": 2, "c": 2}),
    "deep": Tree({"a": {"p": dict.fromkeys("uvw", 2), "q": 2}, "b": {"p": 2, "q": 2}}, everywhere=1),
    "pipelines": Tree({"a": dict.fromkeys("pqr", 1), "b": dict.fromkeys("pq", 2), "c": 2}, within=1, noise=0.03),
    "wide": Tree({"a": dict.fromkeys("pqrst", 1), "b": dict.fromkeys("pqrst", 1)}, everywhere=1, ripple=0.05),
    "chain": Tree({"a": 3, "b": {"p": 3, "q": {"u": 3, "v": 3}}}, everywhere=1),
    "even": Tree({top: dict.fromkeys("pqr", 1) for top in "abc"}, within=1, ripple=0.05),
    "bushy": Tree({"a": dict.fromkeys("pqrstu", 2), "b": 3}, noise=0.03),
    "deeper": Tree({top: {"p": dict.fromkeys("uv", 2), "q": 1} for top in "abc"}, everywhere=2, noise=0.02),
}


@dataclass(frozen=True)
class Leaf:
    """The choices that lead to a leaf, top first, and the names of what is active there."""

    path: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def word(self) -> str:
        """Its name."""
        return "".join(self.path)


def leaves_of(tree: Tree) -> list[Leaf]:
    """Every leaf, as the tree lists them."""

    def below(shape: Mapping[str, Any], path: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Leaf]:
        for choice, part in shape.items():
            here = (*path, choice)
            word = "".join(here)
            if isinstance(part, int):
                yield Leaf(here, (*names, *(f"{word}_{i}" for i in range(part))))
            else:
                yield from below(part, here, (*names, *(f"{word}_w{i}" for i in range(tree.within))))

    return list(below(tree.shape, (), tuple(f"x{i}" for i in range(tree.everywhere))))


@dataclass(frozen=True, eq=False)
class Task:
    """The losses of one seed over the leaves of a tree, each of which has a bowl."""

    tree: Tree
    leaves: list[Leaf]
    floors: np.ndarray
    heights: np.ndarray
    optima: list[dict[str, float]]

    def space(self, form: str) -> Space:
        """Nested or flat."""
        active: dict[str, list[Leaf]] = {}
        for leaf in self.leaves:
            for name in leaf.names:
                active.setdefault(name, []).append(leaf)
        if form == "flat":
            domains: dict[str, Domain] = {"leaf": Categorical([leaf.word for leaf in self.leaves])}
            for name, at in active.items():
                everywhere = len(at) == len(self.leaves)
                domains[name] = Float(0, 1, when={} if everywhere else {"leaf": [leaf.word for leaf in at]})
            return Space(domains)
        domains = dict(self._categoricals(self.tree.shape, "", {}))
        for name in active:
            domains[name] = Float(0, 1, when=_condition(name.partition("_")[0]) if "_" in name else {})
        return Space(domains)

    def _categoricals(
        self, shape: Mapping[str, Any], word: str, when: Mapping[str, Any]
    ) -> Iterator[tuple[str, Domain]]:
        yield f"below_{word}", Categorical(list(shape), when=when)
        for choice, part in shape.items():
            if not isinstance(part, int):
                yield from self._categoricals(part, word + choice, {f"below_{word}": choice})

    def loss(self, config: Config) -> float:
        """Without noise."""
        k = [leaf.word for leaf in self.leaves].index(self.word(config))
        off = np.array([float(config[name] or 0.0) - optimum for name, optimum in self.optima[k].items()])
        own = np.array(["_" in name and "_w" not in name for name in self.optima[k]])
        bowl = np.minimum((off[own] / 0.6) ** 2, 1.0).mean() * self.heights[k] + 0.5 * (off[~own] ** 2).sum()
        waves = self.tree.ripple * (1 - np.cos(6 * np.pi * off)).sum()
        return float(self.floors[k] + bowl + waves)

    def word(self, config: Config) -> str:
        """The leaf of a configuration of either form."""
        if "leaf" in config:
            return str(config["leaf"])
        word = ""
        while f"below_{word}" in config:
            word += str(config[f"below_{word}"])
        return word


def _condition(word: str) -> dict[str, str]:
    return {f"below_{word[:-1]}": word[-1]}


def task_of(name: str, seed: int) -> Task:
    """The task of a tree and a seed."""
    tree, rng = TREES[name], np.random.default_rng([list(TREES).index(name), seed])
    leaves = leaves_of(tree)
    floors, heights = rng.uniform(LEAST_FLOOR, 0.4, len(leaves)), rng.uniform(0.2, 0.8, len(leaves))
    best = int(rng.integers(len(leaves)))
    floors[best], heights[best] = 0.0, STEEP
    common = {name: float(rng.uniform(0.2, 0.8)) for leaf in leaves for name in leaf.names}
    near = [{name: common[name] + float(rng.uniform(-0.1, 0.1)) for name in leaf.names} for leaf in leaves]
    return Task(tree, leaves, floors, heights, near)


def run(name: str, form: str, strategy: str, seed: int, trials: int) -> dict[str, Any]:
    """One study: the regret after each trial, and how many trials went to each leaf."""
    task, rng = task_of(name, seed), np.random.default_rng([seed, 7])
    study = Study(task.space(form), direction="minimize", strategy=strategy, seed=seed)
    truth: list[float] = []
    scores: list[float] = []
    visits: dict[str, int] = {}

    def objective(trial: Any) -> float:
        truth.append(task.loss(trial.config))
        word = task.word(trial.config)
        visits[word] = visits.get(word, 0) + 1
        scores.append(truth[-1] + task.tree.noise * float(rng.standard_normal()))
        return scores[-1]

    study.optimize(objective, n_trials=trials)
    chosen = [int(np.argmin(scores[: k + 1])) for k in range(trials)]
    best = task.leaves[int(np.argmin(task.floors))].word
    return {
        "task": name, "form": form, "strategy": strategy, "seed": seed,
        "regret": [round(truth[k], 5) for k in chosen], "visits": visits, "best": best,
    }  # fmt: skip


def _run(options: argparse.Namespace) -> None:
    keys = ("task", "form", "strategy", "seed")
    done = {tuple(line[key] for key in keys) for line in _read(options.out)}
    with options.out.open("a", encoding="utf-8") as file:
        for key in itertools.product(options.tasks, FORMS, options.strategy.split(","), range(options.seeds)):
            if key not in done:
                file.write(json.dumps(run(*key, options.trials)) + "\n")
                file.flush()


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def table(lines: list[dict[str, Any]]) -> str:
    """The mean regret over tasks and seeds with 95% intervals, and how often no leaf but the best one has the last."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for line in lines:
        found.setdefault((line["strategy"], line["form"]), []).append(line["regret"])
    head = ["strategy", "space", "studies", *(f"regret after {at}" for at in AT), "below other leaves"]
    rows = []
    for (strategy, form), regrets in sorted(found.items()):
        by_trial = np.array(regrets)
        at = [_interval(by_trial[:, k - 1]) for k in AT if k <= by_trial.shape[1]]
        share = float(np.mean(by_trial[:, -1] < LEAST_FLOOR))
        rows.append([strategy, form, str(len(regrets)), *at, *[""] * (len(AT) - len(at)), f"{share:.0%}"])
    return markdown(head, rows)


def _interval(values: np.ndarray) -> str:
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{values.mean():.3f} ± {half:.3f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="run what FILE lacks")
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--strategy", default="auto,tpe,random")
    runs.add_argument("--tasks", nargs="+", default=list(TREES), choices=list(TREES))
    runs.add_argument("--seeds", type=int, default=12)
    runs.add_argument("--trials", type=int, default=60)
    runs.set_defaults(do=_run)
    tables = commands.add_parser("table", help="what FILE shows")
    tables.add_argument("file", type=Path)
    tables.set_defaults(do=lambda options: print(table(_read(options.file))))
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
