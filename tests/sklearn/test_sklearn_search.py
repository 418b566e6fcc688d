"""The search where scikit-learn's stand: the same results on the same grid, and the same manners."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RandomizedSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import holdfast
from holdfast.errors import RequestError, SpaceError
from holdfast.records import Score, TrialState
from holdfast.sklearn import HoldfastSearchCV
from holdfast.study import stopping
from holdfast.study.noise import FOLD_SCORES, noise_of
from holdfast.study.stopping import Reading

X, Y = load_iris(return_X_y=True)
CANCER, MALIGNANT = (part[::4] for part in load_breast_cancer(return_X_y=True))
TREE = DecisionTreeClassifier(random_state=0)
DEPTHS = {"max_depth": [1, 2, 3]}


class Fails(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that cannot be fitted with some values of its hyperparameter."""

    def __init__(self, value: int = 0, raises: bool = True) -> None:
        self.value = value
        self.raises = raises

    def fit(self, X: Any, y: Any) -> Fails:
        if self.value == 13 and self.raises:
            raise ValueError("thirteen is no good")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[self.value % len(self.classes_)])


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


GRIDS: list[tuple[Any, Any, dict[str, Any]]] = [
    (SVC(), {"kernel": ["rbf", "linear"], "C": [0.1, 1, 10], "gamma": np.logspace(-3, 0, 4)}, {}),
    (
        Pipeline([("scale", StandardScaler()), ("model", SVC())]),
        [
            {"scale": [StandardScaler(), MinMaxScaler(), "passthrough"], "model__C": [1, 10]},
            {"model": [LogisticRegression(max_iter=500)], "model__C": [1, 10]},
        ],
        {"cv": 3, "return_train_score": True},
    ),
    (TREE, DEPTHS, {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"}),
    (TREE, DEPTHS, {"scoring": ["accuracy", "f1_macro"], "refit": False}),
    (TREE, DEPTHS, {"scoring": {"a": "accuracy"}, "refit": lambda results: int(np.argmin(results["mean_test_a"]))}),
    (TREE, DEPTHS, {"scoring": lambda model, X, y: {"a": model.score(X, y), "b": 1.0}, "refit": "b"}),
    (TREE, DEPTHS, {"scoring": "neg_log_loss", "cv": KFold(4, shuffle=True, random_state=1)}),
]


@pytest.mark.parametrize("place", range(len(GRIDS)))
def test_on_the_same_grid_it_finds_what_scikit_learns_does(place: int) -> None:
    estimator, grid, ways = GRIDS[place]
    theirs = GridSearchCV(estimator, grid, **ways).fit(X, Y)
    ours = HoldfastSearchCV(estimator, grid, strategy="grid", **ways).fit(X, Y)
    assert set(ours.cv_results_) == {*theirs.cv_results_, "trial"}
    for key, expected in theirs.cv_results_.items():
        if key == "params":
            assert list(map(str, ours.cv_results_[key])) == list(map(str, expected))
        elif "_time" not in key:
            found = ours.cv_results_[key]
            assert found.dtype == expected.dtype
            assert list(map(str, found.tolist())) == list(map(str, expected.tolist()))
    for name in ("best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(ours, name, None) == getattr(theirs, name, None)
    assert str(getattr(ours, "best_params_", None)) == str(getattr(theirs, "best_params_", None))
    if ways.get("refit") is not False:
        assert np.array_equal(ours.predict(X), theirs.predict(X))
    if ways.get("refit") is not False and not callable(ways.get("refit")):
        assert ours.score(X, Y) == theirs.score(X, Y)


def test_one_split_serves_all_trials() -> None:
    cv = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    space = {"max_depth": [2], "max_leaf_nodes": holdfast.Int(100, 102)}  # three times the same tree
    search = HoldfastSearchCV(TREE, space, cv=cv, n_trials=3).fit(X, Y)
    for fold in range(3):
        assert len(set(search.cv_results_[f"split{fold}_test_score"])) == 1


def test_a_model_of_the_score_beats_chance_at_the_same_number_of_trials() -> None:
    space = {"alpha": holdfast.Float(1e-6, 1e6, log=True)}
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(80, 30))
    target = rows[:, 0] + draw.normal(size=80)
    found = HoldfastSearchCV(Ridge(), space, n_trials=12, random_state=0).fit(rows, target)
    theirs = RandomizedSearchCV(Ridge(), {"alpha": scipy.stats.loguniform(1e-6, 1e6)}, n_iter=12, random_state=0)
    assert found.best_score_ > theirs.fit(rows, target).best_score_ - 0.005
    assert len(found.study_.trials) == 12


def test_the_same_seed_gives_the_same_search_whatever_runs_at_once() -> None:
    space = {"C": holdfast.Float(0.01, 10, log=True), "gamma": scipy.stats.gamma(2)}
    ways: dict[str, Any] = {"n_trials": 5, "cv": 3}
    one = HoldfastSearchCV(SVC(), space, random_state=3, **ways).fit(X, Y)
    two = HoldfastSearchCV(SVC(), space, random_state=3, n_jobs=2, **ways).fit(X, Y)
    assert one.cv_results_["params"] == two.cv_results_["params"]
    assert one.estimate_ == two.estimate_
    other = HoldfastSearchCV(SVC(), space, random_state=4, **ways).fit(X, Y)
    assert other.cv_results_["params"] != one.cv_results_["params"]
    state = np.random.RandomState(0)
    first, second = (HoldfastSearchCV(SVC(), space, random_state=state, **ways).fit(X, Y) for _ in range(2))
    assert first.cv_results_["params"] != second.cv_results_["params"]
    np.random.seed(5)  # noqa: NPY002 - what random_state=None draws from, as everywhere in scikit-learn
    third = HoldfastSearchCV(SVC(), space, **ways).fit(X, Y)
    np.random.seed(5)  # noqa: NPY002
    assert third.cv_results_["params"] == HoldfastSearchCV(SVC(), space, **ways).fit(X, Y).cv_results_["params"]


def test_more_workers_than_folds_run_several_trials_at_once() -> None:
    with pytest.importorskip("joblib").parallel_config(backend="threading"):
        search = HoldfastSearchCV(TREE, DEPTHS, strategy="grid", cv=2, n_jobs=4).fit(X, Y)
    asked = [event.kind for event in search.study_.book.log.read() if event.kind in {"trial.asked", "trial.told"}]
    assert asked[:3] == ["trial.asked", "trial.asked", "trial.told"]
    assert len(search.cv_results_["params"]) == 3


def test_pandas_sparse_and_lists_of_text_are_taken_as_the_estimator_takes_them() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    search = HoldfastSearchCV(TREE, DEPTHS, n_trials=3).fit(frame, pd.Series(Y))
    assert list(search.feature_names_in_) == list("abcd")
    assert search.n_features_in_ == 4
    assert list(search.classes_) == [0, 1, 2]
    sparse = HoldfastSearchCV(TREE, DEPTHS, n_trials=3).fit(scipy.sparse.csr_array(X), Y)
    assert sparse.best_score_ == search.best_score_
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ["red apple", "green pear", "red cherry", "green lime"] * 5
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    colours = np.array(["red", "green"] * 10)
    read = HoldfastSearchCV(model, {"countvectorizer__binary": [True, False]}, n_trials=2, cv=2).fit(texts, colours)
    assert read.predict(["red lime"]) == ["red"]
    assert read.estimate_.n == 20


def test_without_targets_it_tunes_a_clustering() -> None:
    search = HoldfastSearchCV(KMeans(n_init=1, random_state=0), {"n_clusters": holdfast.Int(2, 4)}, n_trials=3).fit(X)
    assert search.best_params_ == {"n_clusters": 4}
    assert search.transform(X).shape == (150, 4)
    with pytest.raises(AttributeError, match="there is no y"):
        _ = search.estimate_


def test_what_the_best_estimator_can_the_search_can() -> None:
    search = HoldfastSearchCV(make_pipeline(PCA(), LogisticRegression(max_iter=500)), {"pca__n_components": [1, 2, 3]})
    assert hasattr(search, "predict_proba")
    assert not hasattr(search, "transform")
    with pytest.raises(NotFittedError):
        search.predict(X)
    with pytest.raises(NotFittedError):
        _ = search.study_
    search.fit(X, Y)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert np.array_equal(getattr(search, method)(X), getattr(search.best_estimator_, method)(X))
    assert search.refit_time_ > 0
    bare = HoldfastSearchCV(TREE, DEPTHS, refit=False, n_trials=3).fit(X, Y)
    assert not hasattr(bare, "predict")
    assert not hasattr(bare, "best_estimator_")


def test_it_stands_in_a_pipeline_in_a_search_and_in_cross_validation() -> None:
    inner = HoldfastSearchCV(TREE, DEPTHS, n_trials=3, cv=2)
    assert make_pipeline(StandardScaler(), inner).fit(X, Y).score(X, Y) > 0.9
    assert cross_val_score(inner, X, Y, cv=2).shape == (2,)
    outer = GridSearchCV(inner, {"estimator__min_samples_leaf": [1, 5], "strategy": ["random", "grid"]}, cv=2)
    assert outer.fit(X, Y).best_score_ > 0.9
    nested = HoldfastSearchCV(inner, {"estimator__min_samples_leaf": [1, 5]}, n_trials=2, cv=2).fit(X, Y)
    assert nested.estimate_.n == 150
    kept = cross_validate(inner, X, Y, cv=2, return_estimator=True, n_jobs=2)["estimator"]
    assert [search.estimate_.n for search in kept] == [75, 75]


def test_a_clone_has_the_parameters_and_nothing_else() -> None:
    search = HoldfastSearchCV(TREE, {"max_depth": holdfast.Int(1, 3)}, n_trials=2, storage=None).fit(X, Y)
    cloned = clone(search)
    assert cloned.get_params()["n_trials"] == 2
    assert cloned.space == search.space
    assert not hasattr(cloned, "cv_results_")
    assert {name for name in vars(cloned) if name.endswith("_")} == set()
    assert "HoldfastSearchCV" in search._repr_html_()
    assert "DecisionTreeClassifier" in search._repr_html_()


def test_a_notebook_that_shows_a_search_does_not_wait_for_a_slow_estimate() -> None:
    slow = make_scorer(lambda y, predicted: float(np.mean(y == predicted)))
    search = HoldfastSearchCV(TREE, DEPTHS, n_trials=2, scoring=slow).fit(X, Y)
    assert "HoldfastSearchCV" in search._repr_html_()
    assert "estimate_" not in dir(search)
    assert search._estimate is None
    assert search.estimate_.n == 150
    assert "estimate_" in dir(search)
    assert "estimate_" in dir(HoldfastSearchCV(TREE, DEPTHS, n_trials=2).fit(X, Y))


def test_a_trial_that_was_lost_twice_counts_as_fits_that_failed(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    search = HoldfastSearchCV(TREE, DEPTHS, n_trials=1, strategy="grid", storage=storage, random_state=0).fit(X, Y)
    trial = search.study_.ask()
    search.study_.tell(trial, state="failed", error="the process that ran it is gone")
    search.set_params(n_trials=None)
    with (
        pytest.warns(UserWarning, match="scores are non-finite"),
        pytest.warns(FitFailedWarning, match="5 fits failed"),
    ):
        search.fit(X, Y)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 1
    assert len(search.study_.trials) == 3, "a grid is searched to its end, whatever earlier runs were allowed"


@pytest.mark.parametrize("stored", [False, True])
def test_a_pickled_search_has_its_study_and_its_estimate(stored: bool, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}" if stored else None
    search = HoldfastSearchCV(TREE, DEPTHS, n_trials=3, storage=storage, scoring="roc_auc_ovr").fit(X, Y)
    for same in (pickle.loads(pickle.dumps(search)), copy.deepcopy(search)):
        assert same.study_.book.head == search.study_.book.head
        assert same.estimate_ == search.estimate_
        assert np.array_equal(same.predict(X), search.predict(X))
    same.study_.enqueue({"max_depth": 3})  # it can be gone on with
    lonely = pickle.dumps(search)
    if stored:
        (tmp_path / "study.db").rename(tmp_path / "elsewhere.db")
        with pytest.raises(AttributeError, match="put the file back where it was"):
            _ = pickle.loads(lonely).study_
        assert "HoldfastSearchCV" in pickle.loads(lonely)._repr_html_()


def test_fits_that_fail_count_as_in_scikit_learn_and_the_study_says_so() -> None:
    grid = {"value": [0, 13]}
    search = HoldfastSearchCV(Fails(), grid, strategy="grid")
    with pytest.warns(UserWarning, match="test scores are non-finite"), pytest.warns(FitFailedWarning, match="5 fits"):
        search.fit(X, Y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    failed = search.study_.trials[int(search.cv_results_["trial"][1])]
    assert failed.state is TrialState.FAILED
    assert "thirteen is no good" in (failed.error or "")
    assert search.estimate_.value == pytest.approx(1 / 3)
    with pytest.warns(FitFailedWarning):
        zero = HoldfastSearchCV(Fails(), grid, strategy="grid", error_score=0.9, refit=False).fit(X, Y)
    assert zero.best_params_ == {"value": 13}
    with pytest.raises(AttributeError, match="fits of the chosen configuration failed"):
        _ = zero.estimate_


def test_an_error_that_is_to_be_raised_is_raised_and_on_record(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    search = HoldfastSearchCV(Fails(), {"value": [13, 0]}, strategy="grid", error_score="raise", storage=storage)
    with pytest.raises(ValueError, match="thirteen is no good"):
        search.fit(X, Y)
    from holdfast.log.open import list_studies

    (name,) = list_studies(storage)
    trials = holdfast.load_study(name, storage).trials
    assert [trial.state for trial in trials] == [TrialState.FAILED]
    assert "thirteen is no good" in (trials[0].error or "")
    with pytest.raises(ValueError, match="All the 10 fits failed"):
        HoldfastSearchCV(Fails(), {"value": [13], "raises": [True, 1]}, strategy="grid").fit(X, Y)


def test_a_scorer_that_fails_gives_the_error_score() -> None:
    def odd(y: Any, predicted: Any) -> float:
        if predicted[0] == 1:
            raise ValueError("no ones")
        return float(np.mean(y == predicted))

    grid = {"value": [0, 1]}
    for scoring in (make_scorer(odd), {"odd": make_scorer(odd)}):
        refit = "odd" if isinstance(scoring, dict) else True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            search = HoldfastSearchCV(Fails(), grid, scoring=scoring, refit=refit, strategy="grid").fit(X, Y)
        assert search.best_params_ == {"value": 0}
        assert [trial.state.value for trial in search.study_.trials] == ["complete", "failed"]


def test_a_parameter_that_the_estimator_does_not_have_ends_the_search() -> None:
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        HoldfastSearchCV(TREE, {"depth": [1, 2]}, n_trials=2).fit(X, Y)


def test_weights_and_groups_are_routed(routing: None) -> None:
    weights, groups = np.random.default_rng(0).uniform(size=150), np.arange(150) // 5
    model = SVC().set_fit_request(sample_weight=True)
    scorer = make_scorer(f1_score, average="macro").set_score_request(sample_weight=True)
    ways: dict[str, Any] = {"scoring": scorer, "cv": GroupKFold(3)}
    ours = HoldfastSearchCV(model, {"C": [0.1, 1, 10]}, strategy="grid", **ways)
    theirs = GridSearchCV(model, {"C": [0.1, 1, 10]}, **ways)
    for search in (ours, theirs):
        search.fit(X, Y, sample_weight=weights, groups=groups)
    assert np.array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.estimate_.value < ours.best_score_
    params = {"sample_weight": weights, "groups": groups}
    scores = cross_val_score(ours, X, Y, cv=GroupKFold(2), params=params)
    assert np.array_equal(scores, cross_val_score(theirs, X, Y, cv=GroupKFold(2), params=params))
    only_one = {"f1": scorer, "accuracy": get_scorer("accuracy").set_score_request(sample_weight=False)}
    several = HoldfastSearchCV(model, {"C": [0.1, 1]}, scoring=only_one, refit="accuracy", n_trials=1, cv=3)
    several.fit(X, Y, sample_weight=weights)
    assert several.estimate_.value == pytest.approx(several.best_score_)


def test_a_search_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    class Interrupted(DecisionTreeClassifier):  # type: ignore[misc]
        left = 8

        def fit(self, X: Any, y: Any) -> Any:
            Interrupted.left -= 1
            if Interrupted.left == 0:
                raise KeyboardInterrupt
            return super().fit(X, y)

    space = {"max_depth": holdfast.Int(1, 9), "ccp_alpha": holdfast.Float(0, 0.1)}
    ways: dict[str, Any] = {"n_trials": 5, "cv": 3, "scoring": "roc_auc"}
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    search = HoldfastSearchCV(Interrupted(random_state=0), space, storage=storage, **ways)
    with pytest.raises(KeyboardInterrupt):
        search.fit(CANCER, MALIGNANT)
    search.fit(CANCER, MALIGNANT)
    assert [trial.restarts for trial in search.study_.trials] == [0, 0, 1, 0, 0]
    seed = search.study_.book.state.settings.seed
    whole = HoldfastSearchCV(Interrupted(random_state=0), space, random_state=seed, **ways).fit(CANCER, MALIGNANT)
    assert whole.cv_results_["params"] == search.cv_results_["params"]
    assert np.array_equal(whole.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
    assert whole.estimate_ == search.estimate_
    fits = Interrupted.left
    search.fit(CANCER, MALIGNANT)
    assert Interrupted.left == fits - 1, "a search that is done is fitted on all rows, and no more"
    search.set_params(n_trials=6).fit(CANCER, MALIGNANT)
    assert len(search.study_.trials) == 6
    assert len(clone(search).fit(CANCER[:100], MALIGNANT[:100]).study_.trials) == 6, "other rows have their own study"


KILLED = """
import os, sys
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from holdfast import Float
from holdfast.sklearn import HoldfastSearchCV

class Dies(DecisionTreeClassifier):
    left = 10
    def fit(self, X, y):
        Dies.left -= 1
        if Dies.left == 0 and sys.argv[2] == "dies":
            os._exit(9)
        return super().fit(X, y)

search = HoldfastSearchCV(Dies(random_state=0), {"ccp_alpha": Float(0, 0.1)}, n_trials=4, storage=sys.argv[1])
search.fit(*load_iris(return_X_y=True))
print([trial.restarts for trial in search.study_.trials], Dies.left)
"""


def test_a_search_that_was_killed_goes_on_in_another_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, f"sqlite:///{tmp_path / 'study.db'}"]
    dead = subprocess.run([*command, "dies"], capture_output=True, text=True, check=False)
    assert dead.returncode == 9, dead.stderr
    done = subprocess.run([*command, "lives"], capture_output=True, text=True, check=True)
    assert done.stdout == f"[0, 1, 0, 0] {10 - 3 * 5 - 1}\n", "one trial was told, three were fitted, and all rows"


@pytest.mark.parametrize(
    ("ways", "error", "said"),
    [
        ({"space": 3}, SpaceError, "space = 3; it must be a holdfast.Space"),
        ({"n_trials": 0}, RequestError, "n_trials = 0; it must be a whole number from 1 up, or None"),
        ({"n_trials": 2.5}, RequestError, "n_trials = 2.5"),
        ({"strategy": "bayes"}, RequestError, "strategy 'bayes' does not exist"),
        ({"strategy": 3}, RequestError, "strategy = 3; it takes a name, or an object"),
        ({"storage": Path("study.db")}, RequestError, "it must be a text such as 'sqlite:///study.db', or None"),
        ({"storage": "study.db"}, RequestError, "write sqlite:///study.db"),
        ({"strategy": "manual"}, ValueError, "strategy 'manual' proposed no configuration"),
        ({"strategy": "asha"}, RequestError, "'asha' pauses .* HoldfastSearchCV trains each in full; take one of grid"),
        ({"cv": 1}, ValueError, "The 'cv' parameter of HoldfastSearchCV"),
        ({"cv": []}, ValueError, "cv gives 0 splits"),
        ({"scoring": ["accuracy", "f1_macro"]}, ValueError, "refit must be set to a scorer key"),
        ({"random_state": "x"}, ValueError, "random_state"),
        ({"error_score": "rise"}, ValueError, "error_score"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_sentence(ways: dict[str, Any], error: type[Exception], said: str) -> None:
    given: dict[str, Any] = {"space": DEPTHS, "n_trials": 2, **ways}
    with pytest.raises(error, match=said) as caught:
        HoldfastSearchCV(TREE, **given).fit(X, Y)
    assert "\n\n" not in str(caught.value)


def test_a_search_may_end_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to gain is next to nothing, as the test has it; the noise is the search's own."""

    def read(book: Any, size: int) -> Reading:
        left: Any = SimpleNamespace(incumbent=0, noises=np.zeros(1), spread=1.0)
        return Reading(size, 0, Score(0, 0, 1e-9, 0.9, "", "", size), noise_of(book, left))

    monkeypatch.setattr(stopping, "_read", read)
    space = {"max_depth": holdfast.Int(1, 100)}
    for scoring, source in ((None, "rows"), ("roc_auc", "folds")):
        search = HoldfastSearchCV(
            TREE, space, strategy="random", n_trials=40, stop="auto", cv=3, scoring=scoring, random_state=0
        )
        search.fit(CANCER, MALIGNANT)
        stop = search.study_.should_stop()
        assert len(search.study_.trials) == 22
        assert stop is not None
        assert stop.source == source
        trial = search.study_.trials[0]
        assert np.mean(trial.extra[FOLD_SCORES]) == pytest.approx(trial.metrics["score"])
    with pytest.raises(RequestError, match="stop = 3; it must be 'auto', or None"):
        HoldfastSearchCV(TREE, space, n_trials=2, stop=3).fit(X, Y)  # type: ignore[arg-type]


def test_importing_holdfast_imports_no_scikit_learn() -> None:
    code = "import sys, holdfast, holdfast.study.study; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
