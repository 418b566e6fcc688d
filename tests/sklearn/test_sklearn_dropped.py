"""Candidates that are dropped before all of their folds are scored: NaN, ranked last, counted in the estimate."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.errors import RequestError
from holdfast.evaluate import wording
from holdfast.records import Score, TrialState
from holdfast.sklearn import HoldfastSearchCV
from holdfast.sklearn.folds import filled_up

X, Y = (part[::4] for part in load_breast_cancer(return_X_y=True))
SPACE = {"max_depth": holdfast.Int(1, 6), "min_samples_leaf": holdfast.Int(1, 60)}
TREE = DecisionTreeClassifier(random_state=0)


def _search(rule: str = "aggressive", **more: Any) -> HoldfastSearchCV:
    settings: dict[str, Any] = {"strategy": "random", "n_trials": 8, "random_state": 0, "refit": False} | more
    search = HoldfastSearchCV(TREE, SPACE, drop_folds=rule, **settings)
    search.fit(X, Y)
    return search


def _width(score: Score) -> float:
    assert score.low is not None
    assert score.high is not None
    return score.high - score.low


def _by_fold(search: HoldfastSearchCV) -> np.ndarray:
    return np.stack([search.cv_results_[f"split{k}_test_score"] for k in range(search.n_splits_)], axis=1)


@pytest.fixture(scope="module")
def dropped() -> HoldfastSearchCV:
    return _search(return_train_score=True)


def test_folds_that_were_saved_are_nan_and_such_a_candidate_ranks_last(dropped: HoldfastSearchCV) -> None:
    scores, whole = _by_fold(dropped), _by_fold(_search("never"))
    seen = np.isfinite(scores)
    assert 8 < seen.sum() < scores.size
    assert np.array_equal(scores[seen], whole[seen]), "what was fitted scores as it does without a rule"
    assert (seen[:, :-1] >= seen[:, 1:]).all(), "the first folds are fitted"
    unfinished = ~seen.all(axis=1)
    results, stopped = dropped.cv_results_, [trial.state is TrialState.STOPPED for trial in dropped.study_.trials]
    assert stopped == list(unfinished)
    assert np.isnan(results["mean_test_score"][unfinished]).all()
    assert np.isnan(results["mean_train_score"][unfinished]).all()
    assert np.isfinite(results["mean_fit_time"]).all()
    assert results["rank_test_score"][unfinished].min() > results["rank_test_score"][~unfinished].max()
    assert dropped.best_index_ == int(np.nanargmax(results["mean_test_score"]))
    assert dropped.best_score_ == dropped.study_.best_value


def test_the_estimate_counts_them(dropped: HoldfastSearchCV) -> None:
    complete = [trial for trial in dropped.study_.trials if trial.state is TrialState.COMPLETE]
    partial = [trial for trial in dropped.study_.trials if trial.state is TrialState.STOPPED]
    assert dropped.estimate_.method == wording.RACED
    kept = [dropped.study_.book.get_rows(trial.rows).values for trial in partial if trial.rows is not None]
    assert len(kept) == len(partial) > len(complete)
    assert all(0 < np.isfinite(values).sum() < len(Y) for values in kept)
    alone = _search("never", n_trials=1).estimate_
    assert _width(dropped.estimate_) > _width(alone)


@pytest.mark.parametrize("scoring", ["roc_auc", "f1"])
def test_other_metrics_have_an_estimate_too(scoring: str) -> None:
    search = _search("aggressive", scoring=scoring, n_trials=4)
    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert search.estimate_.low is not None
    assert search.estimate_.value < search.best_score_


def test_repeats_that_were_begun_are_no_whole_score() -> None:
    search = _search("aggressive", cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0))
    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert search.estimate_.value <= search.best_score_


def test_it_is_cloned_pickled_and_gone_on_with(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    assert clone(HoldfastSearchCV(TREE, SPACE, drop_folds="curtailed")).drop_folds == "curtailed"
    first = _search(storage=storage, n_trials=5)
    again = pickle.loads(pickle.dumps(first))
    assert again.estimate_ == first.estimate_
    more = _search(storage=storage)
    assert len(more.study_.trials) == 8
    assert np.array_equal(_by_fold(more), _by_fold(_search()), equal_nan=True)
    other = _search("never", storage=storage, n_trials=1)
    assert other.study_.book.state.settings.name != first.study_.book.state.settings.name


def test_with_workers_trials_run_at_once() -> None:
    search = _search(n_jobs=2, n_trials=6)
    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert len(search.study_.trials) == 6


def test_several_metrics_are_dropped_by_the_one_that_refit_names() -> None:
    search = _search(scoring=["accuracy", "roc_auc"], refit="roc_auc")
    unfinished = np.isnan(search.cv_results_["mean_test_roc_auc"])
    assert unfinished.any()
    assert np.array_equal(unfinished, np.isnan(search.cv_results_["mean_test_accuracy"]))
    assert not unfinished[search.best_index_]
    with pytest.raises(
        RequestError, match=r"needs one objective, and of accuracy, roc_auc none .* give refit='accuracy'"
    ):
        _search(scoring=["accuracy", "roc_auc"])


def test_a_function_that_chooses_may_not_choose_one_that_was_dropped(dropped: HoldfastSearchCV) -> None:
    best = dropped.best_index_
    chosen = _search(refit=lambda results: int(np.nanargmax(results["mean_test_score"])))
    assert chosen.best_index_ == best
    assert chosen.best_estimator_.get_params()["max_depth"] == dropped.best_params_["max_depth"]
    worst = int(np.flatnonzero(np.isnan(dropped.cv_results_["mean_test_score"]))[0])
    with pytest.raises(RequestError, match=rf"refit chose candidate {worst}, which was dropped after \d of 5 folds"):
        _search(refit=lambda _: worst)


def test_a_fold_that_failed_is_no_score_of_the_rule() -> None:
    space = {"C": [1.0, -1.0, 1e-4]}
    search = HoldfastSearchCV(
        LogisticRegression(max_iter=5000), space, strategy="grid", drop_folds="aggressive", error_score=0.0, cv=3
    )
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 7"):
        search.fit(X, Y)
    assert [trial.state.value for trial in search.study_.trials] == ["complete", "failed", "stopped"]
    assert search.cv_results_["mean_test_score"][1] == 0
    assert search.best_index_ == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"drop_folds": "curtaild"}, "drop_folds = 'curtaild'; it can be .*did you mean 'curtailed'"),
        ({"drop_folds": "curtailed", "cv": ShuffleSplit(1, random_state=0)}, "cv gives one split"),
    ],
)
def test_bad_requests_get_a_sentence(more: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        HoldfastSearchCV(TREE, SPACE, n_trials=2, **more).fit(X, Y)


def test_filling_up_leaves_mean_times_and_makes_scores_undefined() -> None:
    one = {"fit_error": None, "fit_time": 1.0, "score_time": 0.5, "n_test_samples": 3, "test_scores": {"a": 1.0}}
    filled = filled_up([one, {**one, "fit_time": 3.0}], 4)
    assert len(filled) == 4
    assert np.mean([fold["fit_time"] for fold in filled]) == 2.0
    assert np.isnan(filled[3]["test_scores"]["a"])
    assert "train_scores" not in filled[3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert filled_up([one], 1) == [one]
