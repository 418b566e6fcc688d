"""A fold: the scores of scikit-learn's, the predictions beside them, one fit and one prediction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import check_scoring
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from holdfast.sklearn.folds import FoldResult, FoldWork, from_json, run_fold, to_json

X, Y = load_iris(return_X_y=True)
TEST = np.arange(0, 150, 3)
TRAIN = np.setdiff1d(np.arange(150), TEST)


class Counts(KNeighborsClassifier):  # type: ignore[misc]
    """Counts how often any of its clones was fitted and asked."""

    fits = 0
    asked = 0

    def fit(self, X: Any, y: Any) -> Any:
        Counts.fits += 1
        return super().fit(X, y)

    def predict(self, X: Any) -> Any:
        Counts.asked += 1
        return super().predict(X)


def _run(estimator: Any, scorer: Any, kept: str | None, asked: bool = False, train_score: bool = False) -> FoldResult:
    work = FoldWork(
        estimator=estimator,
        X=X,
        y=Y,
        scorer=scorer,
        kept=kept,
        asked=asked,
        fit_params={},
        score_params={},
        error_score=np.nan,
        return_train_score=train_score,
        verbose=0,
    )
    return run_fold(work, {}, (TRAIN, TEST), (0, 1), (0, 1))


def test_one_fit_and_one_prediction_give_the_score_and_the_predictions() -> None:
    Counts.fits = Counts.asked = 0
    result = _run(Counts(), check_scoring(Counts(), "accuracy"), "score", train_score=True)
    assert (Counts.fits, Counts.asked) == (1, 2), "the second prediction is for the training score"
    assert result.said is not None
    assert np.mean(result.said.response == Y[TEST]) == result.scores["test_scores"]
    assert result.said.classes is not None
    assert result.said.classes.tolist() == [0, 1, 2]


def test_of_several_metrics_the_one_that_is_kept_is_overheard_and_predictions_are_shared() -> None:
    Counts.fits = Counts.asked = 0
    several = _MultimetricScorer(
        scorers={name: check_scoring(Counts(), name) for name in ("accuracy", "f1_macro", "neg_log_loss")}
    )
    labels = _run(Counts(), several, "f1_macro")
    assert (Counts.fits, Counts.asked) == (1, 1)
    chances = _run(Counts(), several, "neg_log_loss")
    assert labels.said is not None
    assert chances.said is not None
    assert (labels.said.response.shape, chances.said.response.shape) == ((50,), (50, 3))
    assert labels.scores["test_scores"] == chances.scores["test_scores"]


def test_an_estimator_whose_scorer_cannot_be_overheard_is_asked() -> None:
    result = _run(Counts(), check_scoring(Counts(), None), "score", asked=True)
    assert result.said is not None
    assert np.mean(result.said.response == Y[TEST]) == result.scores["test_scores"]


def test_nothing_is_kept_of_a_fit_that_failed_or_where_nobody_wants_it() -> None:
    failed = _run(DecisionTreeClassifier(max_depth=-1), check_scoring(DecisionTreeClassifier(), "accuracy"), "score")
    assert failed.said is None
    assert "max_depth" in failed.scores["fit_error"]
    assert math.isnan(failed.scores["test_scores"])
    assert _run(Counts(), check_scoring(Counts(), "accuracy"), None).said is None


@pytest.mark.parametrize("score", [0.5, math.nan, {"a": 1.0, "b": math.inf}])
def test_results_are_json_and_back(score: Any) -> None:
    from holdfast.records import canonical_json

    results = [
        {"test_scores": score, "fit_error": None, "fit_time": 0.25, "score_time": np.float64(0.1), "n_test_samples": 5},
        {"test_scores": score, "fit_error": "nan", "fit_time": 1e-9, "score_time": 0, "n_test_samples": 5},
    ]
    data = to_json(results)
    assert canonical_json(data)
    assert str(from_json(data)) == str(results).replace("np.float64(0.1)", "0.1").replace(
        "'score_time': 0,", "'score_time': 0.0,"
    )
