"""The study behind a search: what its name depends on, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from holdfast.errors import RequestError
from holdfast.log.open import list_studies
from holdfast.records import Suggestion
from holdfast.rng import Streams
from holdfast.search.grid import GridSearch
from holdfast.search.history import History
from holdfast.sklearn import HoldfastSearchCV
from holdfast.sklearn.stored import StudySettings, stored_settings
from holdfast.space import Categorical, Float, Space

ROWS = np.arange(12.0).reshape(4, 3)


class Own:
    """A strategy of one's own by the name of a built-in one, and without settings as that."""

    name = "random"

    def ask(self, history: History, n: int, rng: Streams) -> list[Suggestion]:
        return []


def _settings(**ways: Any) -> StudySettings:
    plain: dict[str, Any] = {"space": Space({"C": Float(0.1, 1)}), "objectives": ("score",), "strategy": "random"}
    return StudySettings(**{**plain, "seed": 0, "storage": None, **ways})


def _forbidding(predicate: Any) -> Space:
    return Space({"C": Float(0.1, 1)}, [predicate])


def test_a_study_is_named_by_all_that_defines_it(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    base: dict[str, Any] = {"storage": storage}
    variants = [
        stored_settings(_settings(**base), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base), 1, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base), 0, {"X": ROWS + 1}, "SVC"),
        stored_settings(_settings(**base, space=Space({"C": Float(0.1, 2)})), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, space=_forbidding(lambda c: c["C"] > 0.5)), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, space=_forbidding(lambda c: c["C"] > 0.6)), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy="grid"), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy=GridSearch(3)), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, strategy=Own()), 0, {"X": ROWS}, "SVC"),
        stored_settings(_settings(**base, objectives=("a", "b")), 0, {"X": ROWS}, "SVC"),
    ]
    names = [item.name for item in variants]
    assert len(set(names)) == len(names)
    assert all(name.startswith("SVC-") for name in names)
    assert stored_settings(_settings(**base), 0, {"X": ROWS.copy()}, "SVC").name == names[0]
    assert not (tmp_path / "study.db").exists(), "naming creates nothing"
    assert stored_settings(_settings(), 0, {"X": ROWS}, "SVC").name == "study"


def test_without_a_seed_the_stored_one_goes_on(tmp_path: Path) -> None:
    base: dict[str, Any] = {"storage": f"sqlite:///{tmp_path / 'study.db'}"}
    first = stored_settings(_settings(**base, seed=11), None, {"X": ROWS}, "SVC")
    with pytest.raises(RequestError, match="not in storage"):
        first.reopen()
    first.open().close()
    again = stored_settings(_settings(**base, seed=12), None, {"X": ROWS}, "SVC")
    assert (again.seed, again.name) == (11, first.name)
    assert again.reopen().book.state.settings.seed == 11


class _Least(DummyClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """Scores the least of an array that is its parameter."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        self.values = values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return float(self.values.min())


def _with(value: float) -> np.ndarray:
    """Two thousand numbers of which numpy's repr leaves out the one that differs."""
    values = np.arange(2000.0)
    values[1000] = value
    return values


def _boosted(n_estimators: int) -> GradientBoostingClassifier:
    """Of many parameters, the last of which is left out of a label."""
    ways = {"learning_rate": 0.123, "max_depth": 1, "min_samples_leaf": 5, "random_state": 0, "subsample": 0.75}
    return GradientBoostingClassifier(**ways, tol=0.001, validation_fraction=0.2, n_estimators=n_estimators)


TREE = DecisionTreeClassifier(random_state=0)
DEPTHS = {"max_depth": [1, 2]}
CHANGES: dict[str, list[dict[str, Any]]] = {
    "the arguments of a distribution": [
        {"space": {"ccp_alpha": scipy.stats.expon(scale=scale)}, "strategy": "random"} for scale in (0.001, 5)
    ],
    "an estimator among choices": [
        {"estimator": Pipeline([("model", TREE)]), "space": {"model": [_boosted(n)]}} for n in (1, 20)
    ],
    "an array among choices": [{"estimator": _Least(), "space": {"values": [_with(low)]}} for low in (-1, -7)],
    "a scorer": [
        {"scoring": lambda model, X, y: model.score(X, y)},
        {"scoring": lambda model, X, y: -model.score(X, y)},
    ],
    "a function in a pipeline": [
        {"estimator": make_pipeline(FunctionTransformer(function), TREE), "space": {}}
        for function in (lambda X: X, lambda X: X * 0)
    ],
    "a predicate": [
        {"space": Space({"max_depth": Categorical([1, 4])}, [predicate])}
        for predicate in (lambda config: config["max_depth"] < 2, lambda config: config["max_depth"] > 2)
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_search_after_a_change_is_another_study_with_scores_of_its_own(change: str, tmp_path: Path) -> None:
    X, y = (part[::4] for part in load_breast_cancer(return_X_y=True))
    plain: dict[str, Any] = {"estimator": TREE, "space": DEPTHS, "strategy": "grid", "cv": 3, "random_state": 0}

    def found(storage: str | None, ways: dict[str, Any]) -> HoldfastSearchCV:
        search = HoldfastSearchCV(**{**plain, **ways}, n_trials=2, storage=storage)
        search.fit(X, y)
        return search

    storage = f"sqlite:///{tmp_path / 'study.db'}"
    first, second = (found(storage, ways) for ways in CHANGES[change])
    assert second.best_score_ == found(None, CHANGES[change][1]).best_score_ != first.best_score_
    assert len(list_studies(storage)) == 2
    again = found(storage, CHANGES[change][0])
    assert (again.best_score_, len(list_studies(storage))) == (first.best_score_, 2)
