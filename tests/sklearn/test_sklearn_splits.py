"""Splits in all forms that scikit-learn takes: masks, indices from the end, rows that stand in a fold several times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from holdfast.sklearn import HoldfastSearchCV

X, Y = (values[:150] for values in load_breast_cancer(return_X_y=True))
GRID = {"max_depth": [1, 2, 3]}
TREE = DecisionTreeClassifier(random_state=0)
ALL = np.arange(150)


def _searched(cv: Any, **settings: Any) -> HoldfastSearchCV:
    search: HoldfastSearchCV = HoldfastSearchCV(TREE, GRID, strategy="grid", cv=cv, random_state=0, **settings)
    search.fit(X, Y)
    return search


def _folds() -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.setdiff1d(ALL, ALL[k::3]), ALL[k::3]) for k in range(3)]


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: np.isin(ALL, rows),
        lambda rows: np.isin(ALL, rows).tolist(),
        lambda rows: rows - 150,
        lambda rows: rows.tolist(),
    ],
)
def test_masks_and_indices_from_the_end_have_the_estimate_of_the_rows_that_they_mean(form: Any) -> None:
    plain = _searched(_folds())
    other = _searched([(form(train), form(test)) for train, test in _folds()])
    assert other.best_score_ == plain.best_score_
    assert other.estimate_ == plain.estimate_


def test_a_row_counts_as_often_as_it_stands_in_a_fold() -> None:
    test = np.concatenate([np.repeat(ALL[100:110], 4), ALL[110:]])
    search = HoldfastSearchCV(TREE, {"max_depth": [1]}, strategy="grid", cv=[(ALL[:100], test)]).fit(X, Y)
    assert search.estimate_.value == pytest.approx(search.best_score_), "one configuration has nothing to correct"
    assert "counting unevenly, 50 rows are worth 32" in search.estimate_.method

    rows, y = load_diabetes(return_X_y=True)
    rng = np.random.default_rng(0)
    drawn = [(rng.choice(442, 200), rng.choice(442, 100)) for _ in range(3)]
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    losses = HoldfastSearchCV(tree, {"max_depth": [3]}, cv=drawn, scoring="neg_mean_squared_error").fit(rows, y)
    assert losses.estimate_.value == pytest.approx(losses.best_score_)
    assert losses.estimate_.n == len(np.unique(np.concatenate([test for _, test in drawn])))


@pytest.mark.filterwarnings("ignore:Scoring failed:UserWarning", "ignore:One or more of the test scores:UserWarning")
def test_a_fold_without_rows_to_score_is_scored_as_by_scikit_learn_and_said() -> None:
    cv = [(ALL[:100], np.array([], dtype=int)), (ALL[:100], ALL[100:])]
    search = _searched(cv)
    theirs = GridSearchCV(TREE, GRID, cv=cv).fit(X, Y)
    for name in ("split0_test_score", "split1_test_score", "mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], theirs.cv_results_[name])
    with pytest.raises(AttributeError, match=r"because split 0 of 2 scores no rows \(the first is split 0\)"):
        _ = search.estimate_
