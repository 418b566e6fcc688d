"""Rules of recommendation on recorded grids, where every configuration was trained with several seeds.

A file of ``grids/*.npz`` holds ``values`` (choices of each hyperparameter..., seeds), ``choices`` as JSON from names
to lists, and a ``direction``. In a study the seeds are in a random order: the first run of any configuration sees the
first one, its second run the second one. The truth is the mean over all seeds that no run of the study saw, on the
scale on which the best mean of the grid is 0 and the median is 1. Replicates have the same budget: the search is
shorter by as many runs. There is no price of a run in these files; the number of weights between hidden units stands in
for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import holdfast
from holdfast.records import loss_sign
from holdfast.rng import Streams

TOP, RUNS = 5, 3
"""So many of the best are run again, until each has so many runs."""

RULES = ("luckiest", "posterior-mean", "one-standard-error", "replicated")


@dataclass(frozen=True, eq=False)
class Grid:
    """Losses of all configurations with all seeds, lower is better, scaled: the best mean is 0, the median is 1.

    Attributes:
        losses: shape (choices of each hyperparameter..., seeds).
        choices: by hyperparameter, in the order of the axes.
    """

    name: str
    losses: np.ndarray
    choices: dict[str, list[Any]]

    @classmethod
    def read(cls, path: Path) -> Grid:
        """A grid from its file."""
        stored = np.load(path, allow_pickle=False)
        losses = stored["values"].astype(float) * loss_sign(str(stored["direction"]))
        means = losses.mean(axis=-1)
        best, median = float(means.min()), float(np.median(means))
        return cls(path.stem, (losses - best) / (median - best), json.loads(str(stored["choices"])))

    @property
    def space(self) -> holdfast.Space:
        """Numbers are in order, words are not."""
        return holdfast.Space(
            {
                name: holdfast.Categorical(choices, ordered=not isinstance(choices[0], str))
                for name, choices in self.choices.items()
            }
        )

    def of(self, config: Mapping[str, Any]) -> np.ndarray:
        """(seeds,) the losses of a configuration."""
        return np.asarray(self.losses[tuple(c.index(config[name]) for name, c in self.choices.items())])

    def size(self, config: Mapping[str, Any]) -> float:
        """About how many weights there are between hidden units."""
        if "width" in config:
            return float(config["width"]) ** 2 * float(config["depth"])
        return float(config["n_units_1"]) * float(config["n_units_2"])


class _Runs:
    """An objective that trains a configuration with the next seed each time it is asked for it."""

    def __init__(self, grid: Grid, order: np.ndarray) -> None:
        self.grid, self.order = grid, order
        self.counts: dict[str, int] = {}

    def __call__(self, trial: Any) -> dict[str, float]:
        """The loss, and the size of the network as its cost."""
        key = json.dumps(trial.config, sort_keys=True)
        count = self.counts[key] = self.counts.get(key, 0) + 1
        loss = float(self.grid.of(trial.config)[self.order[count - 1]])
        return {"loss": loss, "size": self.grid.size(trial.config)}

    def truth(self, config: Mapping[str, Any]) -> float:
        """The mean over the seeds that no run saw."""
        return float(self.grid.of(config)[self.order[max(self.counts.values()) :]].mean())


def _study(grid: Grid, strategy: str, seed: int, n: int) -> tuple[holdfast.Study, _Runs]:
    order = Streams(0).generator(seed, f"seeds of {grid.name}").permutation(grid.losses.shape[-1])
    runs = _Runs(grid, order)
    study = holdfast.Study(grid.space, direction={"loss": "minimize"}, strategy=strategy, seed=seed)
    study.optimize(runs, n_trials=n)
    return study, runs


def once(grid: Grid, strategy: str, seed: int, n: int) -> dict[str, dict[str, float]]:
    """By rule the truth of the trial that is taken, what was said of it, and the size of its network.

    Of the luckiest its own score is said, else what the rule expects.
    """
    study, runs = _study(grid, strategy, seed, n)
    lucky = study.best_config
    found = {"luckiest": _taken(runs, lucky, study.best_value)}
    by_mean = study.recommended("posterior-mean")
    cheap = study.recommended("one-standard-error", cost="size")
    found["posterior-mean"] = _taken(runs, by_mean.config, by_mean.score.value)
    found["one-standard-error"] = _taken(runs, cheap.config, cheap.score.value)
    study, runs = _study(grid, strategy, seed, n - TOP * (RUNS - 1))
    study.optimize(runs, n_trials=len(study.replicate(top=TOP, runs=RUNS)))
    sure = study.recommended("replicated")
    found["replicated"] = _taken(runs, sure.config, sure.score.value)
    return found


def _taken(runs: _Runs, config: Mapping[str, Any], said: float) -> dict[str, float]:
    return {"truth": runs.truth(config), "said": said, "size": runs.grid.size(config)}


def read(path: Path) -> list[dict[str, Any]]:
    """What was run; a last line that was cut off is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def run(data: Path, out: Path, strategies: list[str], seeds: int, trials: int) -> None:
    """Add what the file does not have, seed by seed."""
    paths = sorted((data / "grids").glob("*.npz"))
    if not paths:
        raise SystemExit(f"there is no grids/*.npz in {data}")
    grids = [Grid.read(path) for path in paths]
    have = read(out)
    out.write_text("".join(json.dumps(row) + "\n" for row in have), encoding="utf-8")
    done = {(row["grid"], row["strategy"], row["seed"], row["trials"]) for row in have}
    with out.open("a", encoding="utf-8") as file:
        for seed in range(seeds):
            for grid in grids:
                for strategy in strategies:
                    if (grid.name, strategy, seed, trials) in done:
                        continue
                    row = {"grid": grid.name, "strategy": strategy, "seed": seed, "trials": trials}
                    file.write(json.dumps({**row, "rules": once(grid, strategy, seed, trials)}) + "\n")
                    file.flush()


def page(path: Path, trials: int) -> Iterator[str]:
    """For each strategy the truth of the luckiest, and how much worse (or better, below 0) another rule's trial is."""
    rows = [row for row in read(path) if row["trials"] == trials]
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        chosen = [row for row in rows if row["strategy"] == strategy]
        grids = list(dict.fromkeys(row["grid"] for row in chosen))
        truths = {grid: _figures(chosen, grid, "truth") for grid in grids}
        yield f"\n{strategy}, {trials} runs, {truths[grids[0]].shape[1]} seeds; truths, 0 the best and 1 the median\n"
        yield f"| grid | luckiest | {' | '.join(f'{rule} - luckiest' for rule in RULES[1:])} | size by one error |"
        yield "|---" * (len(RULES) + 2) + "|"
        for grid, found in truths.items():
            sizes = np.log(_figures(chosen, grid, "size"))
            yield f"| {grid} | {_row(found)} | {math.exp((sizes[2] - sizes[0]).mean()):.2f} |"
        yield f"| mean over grids | {_row(np.array([found.mean(axis=1) for found in truths.values()]).T)} | |"
        errors = [(_figures(chosen, grid, "said") - truths[grid]).mean(axis=1) for grid in grids]
        said = [f"{rule} {_mean(column, '+')}" for rule, column in zip(RULES, np.array(errors).T, strict=True)]
        yield f"\nWhat is said less the truth, mean over grids: {', '.join(said)}."


def _row(truths: np.ndarray) -> str:
    """The first of the rules, and how the others differ from it in pairs; shape (rules, n)."""
    return " | ".join([_mean(truths[0]), *(_mean(other - truths[0], "+") for other in truths[1:])])


def _figures(rows: list[dict[str, Any]], grid: str, what: str) -> np.ndarray:
    """(rules, seeds) of a grid."""
    return np.array([[row["rules"][rule][what] for row in rows if row["grid"] == grid] for rule in RULES])


def _mean(values: np.ndarray, sign: str = "") -> str:
    error = f" ± {values.std(ddof=1) / math.sqrt(len(values)):.3f}" if len(values) > 1 else ""
    return f"{values.mean():{sign}.3f}{error}"
