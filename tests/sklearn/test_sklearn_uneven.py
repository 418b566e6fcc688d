"""Rows whose weights differ much, at scikit-learn's door: an interval that is as wide as the heavy rows make it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold

from holdfast.evaluate.uneven import HEAVY, HEAVY_ALONE
from holdfast.records import Score
from holdfast.sklearn import HoldfastSearchCV


class Column(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts what a column of X says, whatever it was fitted to."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, X: Any, y: Any) -> Column:
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(X)[:, self.column].astype(int)


def found(right: np.ndarray, weights: np.ndarray | None, groups: np.ndarray | None = None, **ways: Any) -> Score:
    """The estimate where ``right``, shape (N, C), says which rows each of C configurations predicts."""
    y = np.arange(len(right)) % 2
    X = np.where(right, y[:, None], 1 - y[:, None])
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=weights is not None)
        columns: Sequence[int] = list(range(right.shape[1]))
        settled: dict[str, Any] = {"strategy": "grid", "cv": KFold(5), "scoring": scorer, "refit": False, **ways}
        search = HoldfastSearchCV(Column(), {"column": columns}, random_state=0, **settled)
        given = {"sample_weight": weights, "groups": groups}
        search.fit(X, y, **{name: each for name, each in given.items() if each is not None})
    score: Score = search.estimate_
    return score


@pytest.mark.parametrize("refit", [False, True])
def test_equal_weights_change_nothing(refit: bool) -> None:
    right = np.random.default_rng(0).random((60, 4)) < 0.8
    plain, weighed = found(right, None, refit=refit), found(right, np.full(60, 7.0), refit=refit)
    assert weighed == plain


@pytest.mark.parametrize("configurations", [1, 6])
def test_the_accuracy_of_rows_that_weigh_unevenly_is_covered(configurations: int) -> None:
    covered = []
    for seed in range(25 if configurations > 1 else 40):
        rng = np.random.default_rng([1, seed])
        weights = rng.lognormal(0, 1.5, size=60)
        score = found(rng.random((60, configurations)) < 0.95, weights)
        assert score.low is not None
        assert score.high is not None
        covered.append(score.low <= 0.95 <= score.high)
    assert np.mean(covered) >= 0.92


def test_rows_that_are_all_right_are_worth_what_their_weights_say() -> None:
    weights = np.where(np.arange(60) % 12 == 0, 30.0, 1.0)
    score = found(np.ones((60, 1), dtype=bool), weights)
    worth = weights.sum() ** 2 / (weights**2).sum()
    assert (score.low, score.high) == pytest.approx((0.025 ** (1 / worth), 1.0))
    assert score.method.startswith(HEAVY_ALONE)


def test_what_was_widened_is_said() -> None:
    rng = np.random.default_rng(3)
    right, weights = rng.random((60, 3)) < 0.9, rng.lognormal(0, 1.5, size=60)
    score = found(right, weights)
    assert HEAVY in score.method
    assert "60 rows are worth" in score.method
    even = found(right, rng.uniform(0.8, 1.2, size=60))
    assert HEAVY not in even.method


def test_groups_of_rows_that_weigh_unevenly_are_the_units() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(12), 5)
    right = (rng.random(12) < 0.8)[groups][:, None]
    weights = rng.lognormal(0, 1.5, size=60)
    apart, together = found(right, weights), found(right, weights, groups=groups, cv=GroupKFold(5))
    assert apart.low is not None
    assert together.low is not None
    assert together.low < apart.low


def test_a_choice_that_was_not_the_best_has_bounds_for_any() -> None:
    rng = np.random.default_rng(4)
    right, weights = rng.random((60, 3)) < 0.8, rng.lognormal(0, 1.5, size=60)

    def worst(results: dict[str, Any]) -> int:
        return int(np.argmin(results["mean_test_score"]))

    best, taken = found(right, weights), found(right, weights, refit=worst)
    assert best.high is not None
    assert taken.low is not None
    assert taken.high is not None
    assert taken.low < best.high
    assert "maxT interval over all" in taken.method
