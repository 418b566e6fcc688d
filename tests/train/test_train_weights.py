"""Weights of rows in a fit: which models take them, under which name, and that they are passed on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.errors import RequestError
from holdfast.train.estimators import FAMILIES, fit_estimator, on_standard_target, weight_argument
from holdfast.train.families import Family
from holdfast.train.grown import grow
from holdfast.train.registry import all_families, family_named
from holdfast.train.staged import curve_of
from holdfast.train.task import Task, TaskKind


def table(kind: TaskKind, n: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(n, 3)), rng.integers(1, 4, size=n).astype(float)
    y = X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.5 * rng.normal(size=n)
    return X, (y > 0).astype(int) if kind == "binary" else y, weights


def task_of(kind: TaskKind, n: int = 120) -> Task:
    return Task(kind, n, 3, 2 if kind == "binary" else 0)


def model(family: Family, kind: TaskKind) -> Any:
    return family.build({}, task_of(kind), 0)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_says_of_itself_whether_its_fits_take_weights(family: Family) -> None:
    kinds: list[TaskKind] = [kind for kind in ("binary", "regression") if kind in family.tasks]
    for kind in kinds:
        assert (weight_argument(model(family, kind)) is not None) == family.weighs


def test_networks_take_none() -> None:
    assert not any(family.weighs for family in all_families().values() if family.network is not None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("logistic", "binary"),
        ("svm", "binary"),
        ("svm", "regression"),
        ("lasso", "regression"),
        ("ridge", "regression"),
        ("linear", "regression"),
        ("tree", "binary"),
        ("gradient-boosting", "regression"),
        ("random-forest", "binary"),
    ],
)
def test_a_fit_learns_by_the_weights(name: str, kind: TaskKind) -> None:
    X, y, _ = table(kind)
    new = np.random.default_rng(1).normal(size=(400, 3))
    plain, weighed = (model(family_named(name), kind) for _ in range(2))
    fit_estimator(plain, X, y)
    fit_estimator(weighed, X, y, np.where(X[:, 2] > 0, 20.0, 1.0))
    assert not np.array_equal(plain.predict(new), weighed.predict(new))


def test_without_a_penalty_whole_weights_are_repeated_rows() -> None:
    X, y, weights = table("regression")
    again = np.repeat(np.arange(len(X)), weights.astype(int))
    whole, repeated = (model(family_named("linear"), "regression") for _ in range(2))
    fit_estimator(whole, X, y, weights)
    fit_estimator(repeated, X[again], y[again])
    assert whole.predict(X) == pytest.approx(repeated.predict(X))


def test_a_pipeline_passes_weights_to_its_last_step_whatever_the_routing() -> None:
    X, y, weights = table("binary")
    assert weight_argument(make_pipeline(StandardScaler(), LogisticRegression())) == "logisticregression__sample_weight"
    assert weight_argument(make_pipeline(StandardScaler(), KNeighborsClassifier())) is None
    assert weight_argument(make_pipeline(StandardScaler(), "passthrough")) is None
    assert weight_argument(on_standard_target(Ridge())) == "sample_weight"
    pipe, alone = make_pipeline(StandardScaler(), LogisticRegression()), LogisticRegression()
    with sklearn.config_context(enable_metadata_routing=True):
        fit_estimator(pipe, X, y, weights)
    alone.fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    assert pipe[-1].coef_ == pytest.approx(alone.coef_)


def test_a_model_without_weights_is_refused_where_there_are_some() -> None:
    X, y, weights = table("binary")
    fit_estimator(KNeighborsClassifier(), X, y)
    with pytest.raises(RequestError, match="KNeighborsClassifier takes no weights of rows"):
        fit_estimator(KNeighborsClassifier(), X, y, weights)


@pytest.mark.parametrize(("name", "size"), [("random-forest", "n_estimators"), ("gradient-boosting", "max_iter")])
def test_an_ensemble_grows_by_the_weights_that_it_was_fitted_with(name: str, size: str) -> None:
    X, y, weights = table("binary")
    small, large = (family_named(name).build({size: count}, task_of("binary"), 0) for count in (10, 25))
    fit_estimator(small, X, y, weights)
    grow(small, size, 25, X, y, weights)
    fit_estimator(large, X, y, weights)
    assert np.array_equal(small.predict_proba(X), large.predict_proba(X))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_a_curve_of_whole_weights_is_that_of_repeated_rows(kind: TaskKind) -> None:
    X, y, weights = table(kind)
    fitted = family_named("gradient-boosting").build({"max_iter": 20}, task_of(kind), 0)
    fit_estimator(fitted, X[:40], y[:40], weights[:40])
    curve = curve_of(fitted, X[:40], y[:40], (X[40:], y[40:]), (weights[:40], weights[40:]))
    ours, theirs = (np.repeat(rows, weights[rows].astype(int)) for rows in (np.arange(40), np.arange(40, 120)))
    again = curve_of(fitted, X[ours], y[ours], (X[theirs], y[theirs]))
    assert curve is not None
    assert again is not None
    assert curve["train"] == pytest.approx(again["train"], rel=1e-4)
    assert curve["validation"] == pytest.approx(again["validation"], rel=1e-4)
