"""Does it help to begin with a portfolio? Best validation scores with and without, on data that scikit-learn brings.

    python benchmarks/portfolio.py [--seeds 5] [--trials 20] [--strategy auto]

For each data set and family: the median over seeds (each with another split) of the best validation score after 5 and
after all trials, with the family's portfolio first and without it. Higher is better (the rmse is shown negative). The
portfolio takes a fifth of the trials at most, so that after 5 of 20 trials up to four are of it.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.protocol.starts import portfolio
from holdfast.study.study import Study
from holdfast.train.registry import family_named
from holdfast.train.task import Task, TaskKind

CASES: tuple[tuple[str, TaskKind, tuple[str, ...]], ...] = (
    ("digits", "multiclass", ("logistic", "svm", "knn", "tree", "random-forest")),
    ("breast_cancer", "binary", ("logistic", "svm", "knn", "tree", "random-forest", "gradient-boosting")),
    ("wine", "multiclass", ("logistic", "svm", "knn", "tree", "random-forest")),
    ("diabetes", "regression", ("ridge", "lasso", "svm", "knn", "tree", "random-forest", "gradient-boosting")),
)


@dataclass(frozen=True)
class Part:
    """Standardised rows to learn from and rows to judge on."""

    learn: tuple[np.ndarray, np.ndarray]
    judge: tuple[np.ndarray, np.ndarray]


def part(name: str, seed: int) -> Part:
    """Seven rows in ten to learn from, three to judge on; another split each seed."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X, X_judge, y, y_judge = train_test_split(X, y, test_size=0.3, random_state=seed)
    scaler = StandardScaler().fit(X)
    return Part((scaler.transform(X), y), (scaler.transform(X_judge), y_judge))


def best_scores(name: str, kind: TaskKind, family_name: str, seed: int, trials: int, strategy: str) -> list[np.ndarray]:
    """The best score after each trial, shape (trials,), without and with the portfolio."""
    family, rows = family_named(family_name), part(name, seed)
    X, y = rows.learn
    task = Task(kind, len(X), X.shape[1], 0 if kind == "regression" else len(np.unique(y)))
    space, found = family.space(task), []
    for first in (False, True):
        study = Study(space, direction="maximize", strategy=strategy, seed=seed)
        for config, why in portfolio(space, family.starts, trials)[0] if first else []:
            study.enqueue(config, why)
        for _ in range(trials):
            trial = study.ask()
            guess = family.build(trial.config, task, trial.number).fit(X, y).predict(rows.judge[0])
            miss = guess - rows.judge[1]
            study.tell(trial, -float(np.sqrt(np.mean(miss**2))) if kind == "regression" else float(np.mean(miss == 0)))
        values = [trial.metrics["value"] for trial in study.trials]
        found.append(np.maximum.accumulate(values))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all cases and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--strategy", default="auto")
    data, known = [name for name, _, _ in CASES], sorted({family for *_, families in CASES for family in families})
    parser.add_argument("--data", nargs="+", choices=data, help="only these data sets")
    parser.add_argument("--family", nargs="+", choices=known, help="only these families")
    asked = parser.parse_args(arguments)
    print("| data | family | 5 without | 5 with | all without | all with |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for name, kind, families in CASES:
        for family in families:
            if (asked.data and name not in asked.data) or (asked.family and family not in asked.family):
                continue
            runs = [best_scores(name, kind, family, seed, asked.trials, asked.strategy) for seed in range(asked.seeds)]
            cells = [
                f"{statistics.median(float(run[which][at]) for run in runs):.4f}"
                for at in (min(4, asked.trials - 1), -1)
                for which in (0, 1)
            ]
            print(f"| {name} | {family} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
