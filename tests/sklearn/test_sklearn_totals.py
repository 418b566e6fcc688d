"""Scorers that are totals, such as a profit in all: the estimate is that of a fold's rows, as `best_score_` is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import make_scorer
from sklearn.tree import DecisionTreeClassifier

from holdfast.sklearn import HoldfastSearchCV

X, Y = (values[:200] for values in load_breast_cancer(return_X_y=True))


def profit(y: Any, said: Any) -> float:
    return float(np.where(y == (said > 0.3), 10, -25).sum())


def profit_a_row(y: Any, said: Any) -> float:
    return profit(y, said) / len(y)


@pytest.mark.parametrize("response", ["predict", "predict_proba"])
def test_the_estimate_of_a_total_is_that_of_a_folds_rows(response: str) -> None:
    found = []
    for function in (profit, profit_a_row):
        scorer = make_scorer(function, response_method=response)
        tree = DecisionTreeClassifier(random_state=0)
        search = HoldfastSearchCV(tree, {"max_depth": [1, 2, 3]}, strategy="grid", scoring=scorer, random_state=0)
        found.append(search.fit(X, Y))
    total, mean = (search.estimate_ for search in found)
    assert found[0].best_score_ == pytest.approx(40 * found[1].best_score_)
    assert total.low < total.value < found[0].best_score_ < total.high
    assert (total.value, total.low, total.high) == pytest.approx(
        (40 * mean.value, 40 * mean.low, 40 * mean.high), rel=1e-9 if response == "predict" else 0.1
    )
    assert "a total, of the 40 rows of a fold" in total.method
    assert "a total" not in mean.method
