"""Real tables: a search sees some hundred rows, and the many others say what its winner is worth.

Each repetition draws the rows and five folds anew. scikit-learn's `RandomizedSearchCV`, Optuna's TPE (with the mean
over the folds as its objective) and `HoldfastSearchCV` as it comes search the same space on them; each refits its own
winner. Scores are accuracies, or minus the root mean squared error. The truth is of all rows that the table has left,
so that its own error is a small part of what is measured.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmarks.honesty_parts.methods import Found, Repetition, fresh_width
from benchmarks.objectives import Rival
from benchmarks.search_parts.ours import spec_of

from holdfast.rng import Streams
from holdfast.space import Float, Int, Space

TRIALS, FOLDS = 50, 5
SIZES = (300, 1000)
RANDOMIZED, OPTUNA, OURS = "RandomizedSearchCV", "Optuna", "holdfast"
SAYS = {RANDOMIZED: "best_score_", OPTUNA: "best_value", OURS: "best_score_"}
ESTIMATE = f"{OURS} estimate_"
TRUTH = "truth of "
"""Before the name of a tool, what its winner is worth; `holdfast - TOOL` is how much more ours is worth."""
LEAST_SHARE = 0.05
"""A category that fewer rows have gets no column of its own."""


class Table(NamedTuple):
    """A table by the name of its folder: its target, the class that is 1 (None for a regression), and a unit."""

    target: str
    positive: str | None = None
    unit: float = 1.0

    @property
    def scoring(self) -> str:
        """What the searches go by."""
        return "neg_root_mean_squared_error" if self.positive is None else "accuracy"


TABLES = {"adult": Table("income", ">50K"), "california_housing": Table("median_house_value", unit=1e5)}

SPACES = {
    "linear": Space({"select__percentile": Int(5, 100), "model__C": Float(1e-3, 100, log=True)}),
    "tree": Space(
        {
            "max_depth": Int(1, 12),
            "min_samples_leaf": Int(1, 40),
            "max_features": Float(0.2, 1),
            "ccp_alpha": Float(1e-5, 1e-1, log=True),
        }
    ),
    "boosting": Space(
        {
            "n_estimators": Int(2, 8),
            "learning_rate": Float(0.1, 1, log=True),
            "max_depth": Int(1, 3),
            "min_samples_leaf": Int(1, 30),
            "max_features": Float(0.2, 1),
        }
    ),
}
RIDGE = Space({"select__percentile": Int(5, 100), "model__alpha": Float(1e-2, 1e3, log=True)})
"""The space of `linear` for a regression."""

CELLS = {f"{table} {family} N={n}": (table, family, n) for table in TABLES for n in SIZES for family in SPACES}


class _Given:
    """What the process was begun with."""

    data: Path | None = None
    optuna: str | None = None


def begin(data: Path, optuna: str | None) -> None:
    """Say where the tables are, and which interpreter has Optuna; once in each process."""
    _Given.data, _Given.optuna = data, optuna


@functools.cache
def _rival(optuna: str) -> Rival:
    return Rival(optuna)


@functools.cache
def _read(name: str) -> tuple[np.ndarray, np.ndarray]:
    """X of shape (N, p), of mean 0 and deviation 1, and y: numbers, and categories that are not rare."""
    import polars as pl

    table = TABLES[name]
    path = None if _Given.data is None else _Given.data / name / "data.csv"
    if path is None or not path.exists():
        raise SystemExit(f"there is no table {name}/data.csv in the folder of --data")
    frame = pl.read_csv(path, infer_schema_length=None)
    target = frame[table.target]
    y = np.array(target == table.positive, dtype=float) if table.positive else target.to_numpy() / table.unit
    X = np.column_stack([column for item in frame.drop(table.target) for column in _columns(item)])
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def _columns(column: Any) -> Iterator[np.ndarray]:
    """A column of numbers with its median where there is none, or one column for each category."""
    if column.dtype.is_numeric():
        yield column.fill_null(column.median()).to_numpy().astype(float)
        return
    values = column.fill_null("").to_numpy().astype(str)
    for category in np.unique(values):
        if LEAST_SHARE <= (values == category).mean() <= 1 - LEAST_SHARE:
            yield (values == category).astype(float)


def _estimator(family: str, *, regression: bool) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.feature_selection import SelectPercentile, f_classif, f_regression
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if family == "tree":
        return (DecisionTreeRegressor if regression else DecisionTreeClassifier)(random_state=0)
    if family == "boosting":
        return (GradientBoostingRegressor if regression else GradientBoostingClassifier)(random_state=0)
    select = SelectPercentile(f_regression if regression else f_classif)
    return Pipeline([("select", select), ("model", Ridge() if regression else LogisticRegression(max_iter=1000))])


class _Task(NamedTuple):
    """What is searched: an estimator and its space on N rows in folds, and the rows that say the truth."""

    table: Table
    estimator: Any
    space: Space
    X: np.ndarray
    y: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray]]
    X_truth: np.ndarray
    y_truth: np.ndarray

    def truth(self, model: Any) -> tuple[float, float]:
        """The score of a fitted model on all other rows, and the width of an interval from N of them."""
        predicted = model.predict(self.X_truth)
        if self.table.positive is not None:
            share = float((predicted == self.y_truth).mean())
            return share, fresh_width(math.sqrt(share * (1 - share)), len(self.y))
        squares = (predicted - self.y_truth) ** 2
        root = math.sqrt(squares.mean())
        return -root, fresh_width(float(squares.std()) / (2 * root), len(self.y))


def _task(name: str, number: int) -> _Task:
    from sklearn.model_selection import KFold, StratifiedKFold

    table_name, family, n = CELLS[name]
    table, (X, y) = TABLES[table_name], _read(table_name)
    regression = table.positive is None
    order = Streams(0).generator(number, f"truth {name}").permutation(len(y))
    seen, others = order[:n], order[n:]
    folds = (KFold if regression else StratifiedKFold)(FOLDS)  # rows are in a random order already
    space = RIDGE if regression and family == "linear" else SPACES[family]
    splits = list(folds.split(X[seen], y[seen]))
    estimator = _estimator(family, regression=regression)
    return _Task(table, estimator, space, X[seen], y[seen], splits, X[others], y[others])


def _randomized(task: _Task, seed: int) -> Any:
    import scipy.stats
    from sklearn.model_selection import RandomizedSearchCV

    known = {
        item["name"]: scipy.stats.randint(item["low"], item["high"] + 1)
        if item["type"] == "int"
        else (scipy.stats.loguniform if item["log"] else _uniform)(item["low"], item["high"])
        for item in spec_of(task.space)
    }
    scoring = task.table.scoring
    search = RandomizedSearchCV(
        task.estimator, known, n_iter=TRIALS, scoring=scoring, cv=task.splits, random_state=seed
    )
    return search.fit(task.X, task.y)


def _uniform(low: float, high: float) -> Any:
    import scipy.stats

    return scipy.stats.uniform(low, high - low)


def _optuna(task: _Task, seed: int, rival: Rival) -> tuple[float, Any]:
    """The best mean over the folds, and its configuration fitted on all rows."""
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    settings = {"tool": "tpe", "space": spec_of(task.space), "objectives": 1, "seed": seed}
    message: dict[str, Any] = {"start": settings}
    best, winner = -math.inf, task.estimator
    for _ in range(TRIALS):
        model = clone(task.estimator).set_params(**rival.ask(message))
        value = float(cross_val_score(model, task.X, task.y, cv=task.splits, scoring=task.table.scoring).mean())
        if value > best:
            best, winner = value, model
        message = {"tell": [-value]}
    return best, winner.fit(task.X, task.y)


def repeat(name: str, number: int) -> Repetition:
    """One repetition of a cell: what is said is relative to the truth of its own winner, and truths stand beside it."""
    import sklearn

    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):  # saves a third of the time
        return _searched(_task(name, number), Streams(0).integer(number, f"truth {name}/seed") % 2**31)


def _searched(task: _Task, seed: int) -> Repetition:
    from holdfast.sklearn import HoldfastSearchCV

    scoring = task.table.scoring
    ours = HoldfastSearchCV(
        task.estimator, task.space, n_trials=TRIALS, scoring=scoring, cv=task.splits, random_state=seed
    ).fit(task.X, task.y)
    randomized = _randomized(task, seed)
    searched = {OURS: (float(ours.best_score_), ours), RANDOMIZED: (float(randomized.best_score_), randomized)}
    if _Given.optuna is not None:
        searched[OPTUNA] = _optuna(task, seed, _rival(_Given.optuna))
    found = {}
    truths = {tool: task.truth(model) for tool, (_, model) in searched.items()}
    for tool, (score, _) in searched.items():
        found[f"{tool} {SAYS[tool]}"] = Found(score - truths[tool][0])
        found[f"{TRUTH}{tool}"] = Found(truths[tool][0])
        found[f"{TRUTH}{OURS} - {tool}"] = Found(truths[OURS][0] - truths[tool][0])
    score, (own, fresh) = ours.estimate_, truths[OURS]
    found[ESTIMATE] = Found(score.value - own, score.low - own, score.high - own)
    return Repetition(0.0, fresh, found)
