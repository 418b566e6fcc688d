"""Estimates: of one configuration they are scikit-learn's own score, of noise they are no better than chance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_blobs
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    get_scorer,
    get_scorer_names,
    make_scorer,
    mean_pinball_loss,
)
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    check_cv,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.errors import RequestError
from holdfast.evaluate.estimate import estimate
from holdfast.evaluate.wording import RMX_METRIC
from holdfast.facts.log import three_scores
from holdfast.sklearn import HoldfastSearchCV
from holdfast.sklearn.estimate import FOLDS, ONE_FOLD, REFITTED
from holdfast.sklearn.scored import range_of_scorer
from holdfast.study.recommended import OBSERVED

IRIS = load_iris(return_X_y=True)
CANCER = tuple(part[::4] for part in load_breast_cancer(return_X_y=True))
DIABETES = tuple(part[::3] for part in load_diabetes(return_X_y=True))
NAMES = np.array(["setosa", "versicolor", "virginica"], dtype=object)
TREE = DecisionTreeClassifier(random_state=0)
PINBALL = make_scorer(mean_pinball_loss, alpha=0.2, greater_is_better=False)

CASES: dict[str, tuple[Any, Any, Any, Any, Any]] = {
    "accuracy by default": (TREE, IRIS, None, 5, None),
    "accuracy of a pipeline": (make_pipeline(StandardScaler(), KNeighborsClassifier()), IRIS, None, 5, None),
    "accuracy by a method of its own": (DummyClassifier(), IRIS, None, 5, None),
    "accuracy, repeated": (TREE, IRIS, None, RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), None),
    "accuracy, rows at random": (TREE, IRIS, None, ShuffleSplit(4, test_size=0.3, random_state=0), None),
    "accuracy, uneven folds": (TREE, CANCER, "accuracy", GroupKFold(4), "groups"),
    "accuracy, weights": (TREE, CANCER, None, 3, "weights"),
    "accuracy, in time": (TREE, CANCER, None, TimeSeriesSplit(4), None),
    "log loss": (KNeighborsClassifier(), IRIS, "neg_log_loss", StratifiedKFold(4), None),
    "brier": (TREE, CANCER, "neg_brier_score", 4, None),
    "auc": (TREE, CANCER, "roc_auc", 4, None),
    "auc, several classes": (TREE, IRIS, "roc_auc_ovr", StratifiedKFold(4), None),
    "auc, repeated": (TREE, CANCER, "roc_auc", RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), None),
    "f1, weights": (TREE, CANCER, "f1", 4, "weights"),
    "f1 of a class by name": (TREE, (IRIS[0][:100], NAMES[IRIS[1][:100]]), "setosa", 4, None),
    "f1, names of classes": (TREE, (IRIS[0], NAMES[IRIS[1]]), "f1_macro", 4, None),
    "correlation, weights": (TREE, IRIS, "matthews_corrcoef", 4, "weights"),
    "top k": (TREE, IRIS, "top_k_accuracy", 4, None),
    "r2 by default": (Ridge(), DIABETES, None, 4, None),
    "rmse": (Ridge(), DIABETES, "neg_root_mean_squared_error", 4, None),
    "mae": (Ridge(), DIABETES, "neg_mean_absolute_error", RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), None),
    "median": (Ridge(), DIABETES, "neg_median_absolute_error", 3, None),
    "one's own loss": (Ridge(), DIABETES, PINBALL, 3, "weights"),
}


TOGETHER = ("f1", "correlation", "r2", "rmse", "median", "one's own")
"""Scorers of classes or numbers that are no mean over rows: all folds together."""


def of_all_folds(estimator: Any, X: Any, y: Any, cv: Any, scorer: Any, weights: Any) -> float:
    """What a scorer gives to the predictions of all folds at once."""
    said, rows = [], []
    for train, test in check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y):
        own = {} if weights is None else {"sample_weight": weights[train]}
        said.append(clone(estimator).fit(X[train], y[train], **own).predict(X[test]))
        rows.append(test)
    place = np.concatenate(rows)
    own = {} if weights is None else {"sample_weight": weights[place]}
    return float(scorer._sign * scorer._score_func(y[place], np.concatenate(said), **own, **scorer._kwargs))


@pytest.mark.parametrize("case", CASES)
def test_of_one_configuration_the_estimate_is_scikit_learns_score(case: str) -> None:
    estimator, (X, y), scoring, cv, more = CASES[case]
    if scoring == "setosa":
        scoring = make_scorer(f1_score, pos_label="setosa")
    draw = np.random.default_rng(0)
    params: dict[Any, dict[str, Any]] = {
        "weights": {"sample_weight": draw.uniform(0.1, 2, len(y))},
        "groups": {"groups": np.arange(len(y)) // 5},
    }
    given = params.get(more, {})
    name = "random_state" if hasattr(estimator, "random_state") else next(iter(estimator.get_params(deep=True)))
    space = {name: [estimator.get_params()[name]]}
    search = HoldfastSearchCV(estimator, space, scoring=scoring, cv=cv, n_trials=1, strategy="random").fit(
        X, y, **given
    )
    score = search.estimate_
    expected = search.best_score_
    if case.startswith(TOGETHER):
        scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring or get_scorer("r2")
        expected = of_all_folds(estimator, X, y, cv, scorer, given.get("sample_weight"))
    assert score.value == pytest.approx(expected, rel=1e-3 if "accuracy" in case else 1e-9)
    assert score.low is not None
    assert score.high is not None
    assert score.low <= score.value <= score.high <= 1
    named = f"of all folds together, {expected:.4g} where their mean is {search.best_score_:.4g}"
    assert (named in score.method) == (abs(expected - search.best_score_) > 0.05 * (score.high - score.low))
    assert score.estimand == REFITTED
    assert score.n == len(y) or "time" in case or "at random" in case


@pytest.mark.filterwarnings("ignore:A column-vector y was passed:sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize(
    ("estimator", "data", "space", "scoring"),
    [
        (TREE, CANCER, {"max_depth": [1, 2]}, "accuracy"),
        (KNeighborsClassifier(), CANCER, {"n_neighbors": [3, 5]}, "f1"),
        (TREE, CANCER, {"max_depth": [1, 2]}, "neg_log_loss"),
        (Ridge(), DIABETES, {"alpha": [0.1, 1]}, "r2"),
        (Ridge(), DIABETES, {"alpha": [0.1, 1]}, "neg_mean_absolute_error"),
    ],
)
def test_a_column_of_targets_is_estimated_like_the_numbers_in_it(
    estimator: Any, data: Any, space: dict[str, list[Any]], scoring: str
) -> None:
    X, y = data
    plain, column = (
        HoldfastSearchCV(estimator, space, strategy="grid", cv=3, scoring=scoring, random_state=0).fit(X, target)
        for target in (y, y[:, None])
    )
    assert column.best_score_ == plain.best_score_
    assert column.estimate_ == plain.estimate_


def test_row_scores_of_the_study_have_the_mean_that_scikit_learn_says() -> None:
    search = HoldfastSearchCV(
        TREE, {"max_depth": [1, 2, 3]}, cv=ShuffleSplit(4, test_size=0.3, random_state=0), strategy="grid"
    ).fit(*IRIS)
    study = search.study_
    for trial in study.trials:
        rows = study.book.get_rows(trial.rows or {})
        assert rows.values.mean() == pytest.approx(trial.metrics["score"])
        assert rows.rows is not None
        assert len(rows.rows) < len(IRIS[1])
    assert search.estimate_.n == len(rows.rows)


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
def test_the_study_names_the_estimate_of_the_search_and_makes_no_other(scoring: str) -> None:
    """Its row scores say neither that folds share rows nor that another model is refitted."""
    search = HoldfastSearchCV(TREE, {"max_depth": [1, 2]}, strategy="grid", cv=3, scoring=scoring).fit(*CANCER)
    with pytest.raises(RequestError, match=r"the estimate is search\.estimate_"):
        search.study_.estimate()
    if scoring == "accuracy":
        score = search.study_.recommended("one-standard-error").score
        assert (score.method, score.estimand, score.low) == ("uncorrected", OBSERVED, None)
    assert "search.estimate_" in three_scores(search.study_.book.state).missing["estimate"]


def test_what_is_recommended_says_that_its_interval_is_of_the_same_rows_and_points_to_the_estimate() -> None:
    space = {"max_depth": holdfast.Int(1, 8), "min_samples_leaf": holdfast.Int(1, 30)}
    search = HoldfastSearchCV(TREE, space, strategy="random", cv=3, n_trials=8, random_state=0).fit(*CANCER)
    text = search.study_.recommended().text
    assert "of it on the rows that all trials were scored on, more than of any other" in text
    assert "on new rows, which vary besides, search.estimate_ says" in text


def test_a_slow_metric_is_called_a_bounded_number_of_times_and_a_long_wait_is_announced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def confident(y: np.ndarray, probability: np.ndarray) -> float:
        calls.append(len(y))
        return float(np.median(np.where(y == 1, probability, 1 - probability)))

    scorer = make_scorer(confident, response_method="predict_proba")
    space = {"max_depth": list(range(1, 10))}
    search = HoldfastSearchCV(TREE, space, strategy="grid", cv=5, scoring=scorer, random_state=0).fit(*CANCER)
    monkeypatch.setattr("holdfast.sklearn.estimate.LONG_SECONDS", 0)
    calls.clear()
    with pytest.warns(UserWarning, match=r"computes 'score', which is slow, 5,000 times, for 100 bootstraps of 9 conf"):
        method = search.estimate_.method
    assert 5000 <= len(calls) < 5200
    assert method.endswith(", from 100 bootstraps only, as 'score' is slow to compute")


def test_scores_of_0_and_1_stay_so_where_folds_are_nearly_even() -> None:
    search = HoldfastSearchCV(TREE, {"max_depth": [1, 2]}, strategy="grid", cv=4).fit(*CANCER)
    assert "RMX" in search.estimate_.method


def test_a_search_that_looked_at_its_scores_pays_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def spy(*rows: Any, **options: Any) -> Any:
        told.append(options["adaptive"])
        return estimate(*rows, **options)

    monkeypatch.setattr("holdfast.sklearn.estimate.estimate", spy)
    for strategy in ("tpe", "sobol"):
        search = HoldfastSearchCV(TREE, {"max_depth": range(1, 9)}, n_trials=3, strategy=strategy, cv=3).fit(*IRIS)
        assert search.estimate_.low is not None
    assert told == [True, False]


def test_rows_that_count_for_more_do_not_widen_the_interval_by_that() -> None:
    draw = np.random.default_rng(3)
    X, y = draw.normal(size=(240, 3)), draw.integers(0, 10, 240) < 9
    tests = [np.arange(0, 40), np.arange(40, 240)]
    cv = [(np.setdiff1d(np.arange(240), test), test) for test in tests]
    ways: dict[str, Any] = {"scoring": "accuracy", "n_trials": 1}
    uneven = HoldfastSearchCV(DummyClassifier(), {"random_state": [0]}, cv=cv, **ways).fit(X, y).estimate_
    even = HoldfastSearchCV(DummyClassifier(), {"random_state": [0]}, cv=KFold(2), **ways).fit(X, y).estimate_
    assert uneven.high - uneven.low < 2.5 * (even.high - even.low)


def test_r2_of_the_few_rows_of_a_fold_is_no_estimate_of_the_refitted_model() -> None:
    held, moved = 0, 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(2100, 10))
        y = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=2100)
        ways: dict[str, Any] = {"strategy": "grid", "cv": 10, "random_state": 0}
        search = HoldfastSearchCV(Ridge(), {"alpha": [1.0, 10.0]}, **ways).fit(X[:100], y[:100])
        score, truth = search.estimate_, search.score(X[100:], y[100:])
        held += score.low <= truth <= score.high
        moved += score.value - search.best_score_
    assert held >= 27
    assert moved / 30 > 0.05


def test_clusters_of_different_folds_are_not_put_together() -> None:
    X, y = make_blobs(150, centers=3, cluster_std=1.0, random_state=0)
    ways: dict[str, Any] = {"strategy": "grid", "scoring": "adjusted_rand_score", "cv": KFold(5, shuffle=True)}
    search = HoldfastSearchCV(KMeans(3, n_init=1, random_state=0), {"n_clusters": [3]}, **ways).fit(X, y)
    assert search.best_score_ > 0.5
    assert search.estimate_.low < search.best_score_ < search.estimate_.high


def test_rows_without_weight_are_no_rows() -> None:
    X, y = (part[:120] for part in CANCER)
    kept = np.arange(120) % 4 == 0
    ways: dict[str, Any] = {"strategy": "grid", "refit": False, "random_state": 0}
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        folds = list(KFold(3).split(X))
        tree = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        weighed = HoldfastSearchCV(tree, {"max_depth": [1, 2]}, cv=folds, scoring=scorer, **ways)
        found = weighed.fit(X, y, sample_weight=kept.astype(float)).estimate_
    tests = [(train[kept[train]], test[kept[test]]) for train, test in folds]
    bare = HoldfastSearchCV(TREE, {"max_depth": [1, 2]}, cv=tests, **ways).fit(X, y).estimate_
    assert found.n == bare.n == 30
    assert (found.value, found.low, found.high) == pytest.approx((bare.value, bare.low, bare.high), abs=0.01)


def test_what_rows_are_worth_that_count_unevenly_is_said() -> None:
    X, y = (part[:120] for part in CANCER)
    weights = np.random.default_rng(0).lognormal(0, 2, size=120)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        tree = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=False)
        search = HoldfastSearchCV(tree, {"max_depth": [2]}, strategy="grid", scoring=scorer, refit=False)
        found = search.fit(X, y, sample_weight=weights).estimate_
    assert re.search(r"; counting unevenly, 120 rows are worth \d{1,2}$", found.method)


def test_the_worst_error_of_rows_has_no_estimate() -> None:
    search = HoldfastSearchCV(Ridge(), {"alpha": [1.0]}, strategy="grid", scoring="neg_max_error").fit(*DIABETES)
    with pytest.raises(AttributeError, match="is the error of one row, the worst"):
        _ = search.estimate_


def test_small_folds_do_not_bend_a_metric_of_classes_or_numbers() -> None:
    X, y = (part[:80] for part in DIABETES)
    search = HoldfastSearchCV(Ridge(), {"alpha": [0.01, 0.1, 0.3, 1.0, 3.0]}, strategy="grid", cv=KFold(10)).fit(X, y)
    assert abs(search.estimate_.value - search.best_score_) < 0.25, "R² of three rows is far below 0"


class Fragile(DecisionTreeClassifier):  # type: ignore[misc]
    """A tree that fails on the fold whose training rows begin with the class 1, where its seed is above 0."""

    def fit(self, X: Any, y: Any, **more: Any) -> Any:
        if self.random_state > 0 and y[0] == 1:
            raise ValueError("a leaf that cannot be split")
        return super().fit(X, y, **more)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "f1"])
def test_what_failed_on_a_fold_counts_among_those_that_could_have_won(scoring: str) -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(90, 4)), np.arange(90) % 2
    y[30], y[0] = 1, 0
    cv = [(np.setdiff1d(np.arange(90), test), test) for test in np.arange(90).reshape(3, 30)]
    ways: dict[str, Any] = {"scoring": scoring, "cv": cv, "strategy": "grid", "random_state": 0}
    space = {"max_depth": [1, 2], "random_state": [0, 1, 2, 3]}
    few = HoldfastSearchCV(Fragile(), space, **ways).fit(X, y)
    states = [trial.state.value for trial in few.study_.trials]
    assert states.count("failed") == 6
    assert all(trial.rows is not None for trial in few.study_.trials)
    alone = HoldfastSearchCV(Fragile(), {"max_depth": [1, 2], "random_state": [0]}, **ways).fit(X, y)
    assert few.best_score_ == alone.best_score_
    assert "all that were begun" in few.estimate_.method
    assert few.estimate_.value < alone.estimate_.value


def test_the_estimand_says_which_model() -> None:
    space = {"max_depth": [1, 2]}
    assert HoldfastSearchCV(TREE, space, n_trials=2, refit=False).fit(*IRIS).estimate_.estimand == FOLDS
    one = HoldfastSearchCV(TREE, space, n_trials=2, refit=False, cv=ShuffleSplit(1, random_state=0)).fit(*IRIS)
    assert one.estimate_.estimand == ONE_FOLD


def test_a_choice_of_ones_own_is_corrected_for_any_rule() -> None:
    search = HoldfastSearchCV(TREE, {"max_depth": [1, 2, 3]}, strategy="grid", refit=lambda results: 0).fit(*IRIS)
    assert search.best_index_ == 0
    assert search.estimate_.value < search.cv_results_["mean_test_score"][0] < search.study_.best_value
    assert "maxT" in search.estimate_.method


class _Odd(DecisionTreeClassifier):  # type: ignore[misc]
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"scoring": lambda model, X, y: model.score(X, y)}, "a name such as scoring='accuracy'"),
        ({"scoring": ["accuracy", "f1_macro"], "refit": False}, "refit='NAME OF A METRIC' would say which"),
        ({"scoring": ["accuracy", "f1_macro"], "refit": lambda results: 0}, "no one of them selects"),
        ({"estimator": _Odd()}, "the scores by 'score' do not follow from the predictions alone"),
        ({"cv": [(np.arange(50, 150), np.array([0]))]}, "the folds score fewer than two rows"),
    ],
)
def test_without_an_estimate_a_sentence_says_what_is_missing(ways: dict[str, Any], said: str) -> None:
    model = ways.pop("estimator", TREE)
    search = HoldfastSearchCV(model, {"random_state": [1, 2]}, n_trials=2, **ways).fit(*IRIS)
    assert not hasattr(search, "estimate_")
    with pytest.raises(AttributeError, match=said):
        _ = search.estimate_


def test_several_targets_have_no_estimate() -> None:
    X, y = DIABETES
    search = HoldfastSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, n_trials=2).fit(X, np.stack([y, y], axis=1))
    with pytest.raises(AttributeError, match=r"y has shape \(148, 2\)"):
        _ = search.estimate_


@pytest.mark.long
def test_the_best_of_pure_noise_is_corrected_to_chance() -> None:
    naive, corrected, covered = [], [], []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        X, y = draw.normal(size=(100, 8)), draw.permutation(np.arange(100) % 2)
        cv = StratifiedKFold(5, shuffle=True, random_state=seed)
        space = {"max_depth": [1, 2, 3, None], "max_features": [1, 2, 4], "random_state": [0, 1]}
        search = HoldfastSearchCV(TREE, space, strategy="grid", cv=cv, random_state=seed).fit(X, y)
        score = search.estimate_
        naive.append(search.best_score_)
        corrected.append(score.value)
        covered.append(score.low <= 0.5 <= score.high)
    assert np.mean(naive) > 0.56
    assert abs(np.mean(corrected) - 0.5) < 0.4 * (np.mean(naive) - 0.5)
    assert np.mean(covered) >= 0.9


def test_a_score_that_is_the_error_score_by_chance_is_no_reason() -> None:
    X, y = np.zeros((40, 1)), np.tile([0, 0, 0, 1], 10)
    never = DummyClassifier(strategy="most_frequent")
    ways: dict[str, Any] = {"scoring": "f1", "cv": list(KFold(4).split(X)), "error_score": 0.0, "strategy": "grid"}
    search = HoldfastSearchCV(never, {"random_state": [0, 1]}, **ways).fit(X, y, groups=np.zeros(40))
    with pytest.raises(AttributeError, match=r"because all 40 rows belong to one group; resampling groups .* two$"):
        _ = search.estimate_


def test_a_function_that_raises_is_told_as_what_is_missing() -> None:
    def first_miss(y: np.ndarray, predicted: np.ndarray) -> float:
        return float(np.flatnonzero(y != predicted)[0])

    X, y = CANCER
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    failing = HoldfastSearchCV(
        tree, {"ccp_alpha": holdfast.Float(0, 0.1)}, n_trials=2, scoring=make_scorer(first_miss), cv=30, error_score=0.0
    )
    with pytest.warns(UserWarning, match="Scoring failed"):
        failing.fit(X, y)
    assert not hasattr(failing, "estimate_")
    filled = "scored 0 on split 0, which is the error_score that is filled in where a scorer fails, and of such"
    said = rf"'first_miss' cannot score \d rows; it ended in IndexError.*; trial 0 {filled}"
    with pytest.raises(AttributeError, match=said):
        _ = failing.estimate_


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ([0], r"undefined on split 0 of 5"),
        ([0, 1, 4], r"undefined on splits 0, 1, 4 of 5"),
        (range(5), r"on all 5 splits"),
    ],
)
def test_a_score_that_is_undefined_is_no_fit_that_failed(without: Sequence[int], said: str) -> None:
    def share(y: np.ndarray, predicted: np.ndarray) -> float:
        return np.nan if (y == 0).all() else float((y == predicted).mean())

    fold = np.arange(100) // 20
    y = np.where(np.isin(fold, without), 0, np.arange(100) % 2)
    splits = [(np.arange(100), np.flatnonzero(fold == k)) for k in range(5)]
    space = {"ccp_alpha": holdfast.Float(0, 0.1)}
    search = HoldfastSearchCV(TREE, space, n_trials=1, scoring=make_scorer(share), cv=splits)
    with pytest.warns(UserWarning, match="non-finite"):
        search.fit(IRIS[0][:100], y)
    with pytest.raises(AttributeError, match=said):
        _ = search.estimate_


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(("without", "said"), [([1], "not finite on split 1 of 5"), (range(5), "not finite on all 5")])
def test_a_score_that_is_infinite_is_not_called_undefined(without: Sequence[int], said: str) -> None:
    def far(y: np.ndarray, predicted: np.ndarray) -> float:
        return np.inf if (y == 0).all() else float((y == predicted).mean())

    fold = np.arange(100) // 20
    y = np.where(np.isin(fold, without), 0, np.arange(100) % 2)
    splits = [(np.arange(100), np.flatnonzero(fold == k)) for k in range(5)]
    search = HoldfastSearchCV(TREE, {"max_depth": [1]}, strategy="grid", scoring=make_scorer(far), cv=splits)
    with pytest.warns(UserWarning, match="non-finite"):
        search.fit(IRIS[0][:100], y)
    with pytest.raises(AttributeError, match=said):
        _ = search.estimate_


def test_the_range_of_a_scorer_is_that_of_its_metric_or_is_turned_round() -> None:
    """Those that scikit-learn registers, those with other settings, and no others."""
    for name in get_scorer_names():
        low, high = range_of_scorer(get_scorer(name))
        best = (
            np.inf if name in {"positive_likelihood_ratio", "mutual_info_score"} else float(not name.startswith("neg_"))
        )
        assert (name, high) == (name, best)
        assert low <= 0
    assert range_of_scorer(get_scorer("balanced_accuracy")) == (0, 1)
    assert range_of_scorer(get_scorer("neg_brier_score"), 2) == (-1, 0)
    assert range_of_scorer(get_scorer("neg_brier_score"), 3) == (-2, 0)
    assert range_of_scorer(make_scorer(accuracy_score)) == (0, 1)
    assert range_of_scorer(make_scorer(accuracy_score, normalize=False)) == (0, np.inf)
    assert range_of_scorer(make_scorer(mean_pinball_loss)) == (0, np.inf)
    assert range_of_scorer(make_scorer(lambda y, predicted: 2.0)) == (-np.inf, np.inf)


def test_a_proportion_with_settings_of_its_own_gets_the_interval_of_proportions() -> None:
    """F-beta with beta = 1 is F1, and v-measure of two classes lies between 0 and 1 as both do."""
    found = {}
    for name, scoring in (
        ("f1", "f1_macro"),
        ("own", make_scorer(fbeta_score, beta=1.0, average="macro")),
        ("v", "v_measure_score"),
    ):
        search = HoldfastSearchCV(TREE, {"ccp_alpha": holdfast.Float(0, 0.05)}, n_trials=4, random_state=0)
        found[name] = search.set_params(scoring=scoring).fit(*CANCER).estimate_
    assert {score.method.partition(", from ")[0] for score in found.values()} == {RMX_METRIC}
    assert found["own"].value == pytest.approx(found["f1"].value, abs=0.01)
    assert found["own"].low == pytest.approx(found["f1"].low, abs=0.02)
    assert found["own"].high == pytest.approx(found["f1"].high, abs=0.02)
    assert found["v"].low is not None
    assert found["v"].low >= 0


def test_a_metric_with_settings_of_its_own_stays_within_its_limits() -> None:
    kappa = make_scorer(cohen_kappa_score, weights="quadratic")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    space = {"logisticregression__C": holdfast.Float(1e-3, 1e2, log=True)}
    search = HoldfastSearchCV(model, space, n_trials=6, random_state=0, strategy="random", scoring=kappa)
    high = search.fit(*load_wine(return_X_y=True)).estimate_.high
    assert high is not None
    assert 0.99 < high <= 1
