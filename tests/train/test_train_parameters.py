from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.train.families import Family
from holdfast.train.parameters import MOST_ARRAYS, Learned, Parameters, parameters_of
from holdfast.train.registry import all_families, family_named
from holdfast.train.task import Task, TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]
Fit = Callable[..., Any]

PAIRS = [(family, kind) for family in all_families().values() for kind in sorted(family.tasks)]
IDS = [f"{family.name}-{kind}" for family, kind in PAIRS]


@pytest.fixture
def fit(make_table: MakeTable, make_task: MakeTask) -> Fit:
    def fitted(name: str, kind: TaskKind, **config: Any) -> Any:
        model = family_named(name).build(config, make_task(kind), seed=0)
        model.fit(*make_table(kind))
        return model

    return fitted


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_every_family_tells_what_it_learned(family: Family, kind: TaskKind, fit: Fit) -> None:
    model = fit(family.name, kind)
    found = parameters_of(model)
    assert found.count is not None
    assert found.count == sum(item.count for item in found.arrays) > 0
    assert f"{found.count:,}" in found.text
    assert found.text.endswith(".")
    for item in found.arrays:
        assert item.count == int(np.prod(item.shape))
        assert "random_state" not in item.name
    assert found.to_json()["arrays"] == [[item.name, list(item.shape), item.count] for item in found.arrays]


def test_counts_by_hand(fit: Fit) -> None:
    counts = {
        ("logistic", "multiclass"): 3 * 6 + 3,
        ("ridge", "regression"): 6 + 1,
        ("lasso", "regression"): 6 + 1 + 2,  # mean and deviation of the target
        ("knn", "multiclass"): 120 * 6 + 120,
        ("kmeans", "clustering"): 8 * 6,
    }
    for (name, kind), count in counts.items():
        assert parameters_of(fit(name, kind)).count == count, name
    assert parameters_of(fit("linear", "regression", fit_intercept=False)).count == 6


def test_networks_by_layer(fit: Fit) -> None:
    found = parameters_of(fit("mlp", "multiclass", width=10, depth=2, layer_norm=False))
    assert found.count == (6 + 1) * 10 + (10 + 1) * 10 + (10 + 1) * 3
    assert found.text == "Training gave rise to 213 parameters in 3 layers, 6 → 10 → 10 → 3."
    assert found.arrays[0] == Learned("1.weight", (10, 6), 60)


def test_trees_by_splits_and_leaves(fit: Fit) -> None:
    model = fit("tree", "multiclass", max_depth=2)
    splits, leaves = model.tree_.node_count - model.get_n_leaves(), model.get_n_leaves()
    found = parameters_of(model)
    assert found.count == 2 * splits + 3 * leaves
    assert f"at each of {splits} splits, and 3 values at each of {leaves} leaves" in found.text
    forest = fit("random-forest", "regression", n_estimators=7)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    assert parameters_of(forest).count == 2 * (nodes - 7) // 2 + (nodes + 7) // 2  # n leaves have n - 1 splits
    boosted = parameters_of(fit("gradient-boosting", "multiclass", max_iter=4, max_leaf_nodes=2, max_depth=1))
    assert boosted.count == 12 * (2 + 2) + 3
    assert "in 12 trees" in boosted.text


def test_support_vectors_and_zero_coefficients_are_told(fit: Fit) -> None:
    model = fit("svm", "binary")
    assert f"{len(model.support_vectors_)} of 120 training rows are support vectors" in parameters_of(model).text
    model = fit("lasso", "regression", alpha=0.4)
    zeros = int((model.regressor_.coef_ == 0).sum())
    assert 0 < zeros < 6
    assert f"Exactly zero: {zeros} of 6 coefficients" in parameters_of(model).text


def test_pipelines_and_ensembles_of_ones_own(make_table: MakeTable) -> None:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import BaggingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = make_table("multiclass")
    linear = 18 + 3
    for model, count in [
        (make_pipeline(StandardScaler(), PCA(2), LogisticRegression()), 12 + 6 + 12 + 6 + 3),
        (BaggingClassifier(LogisticRegression(), 3, random_state=0), 3 * linear),
        (VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]), linear + 18 + 18 + 3),
    ]:
        assert parameters_of(model.fit(X, y)).count == count


def test_the_numbers_of_the_preprocessing_are_told_apart(fit: Fit) -> None:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(np.arange(12.0).reshape(2, 6))
    found = parameters_of(fit("ridge", "regression"), scaler)
    assert found.count == 7
    assert "The preprocessing before it learned 12 numbers of its own" in found.text


class Opaque:
    """Learns something, and shows nothing."""

    def __init__(self) -> None:
        self._secret = np.ones(3)
        self.alpha = 0.5
        self.itself_ = self


class Half(Opaque):
    """Shows a part, and refuses to be looked at otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.mean_ = np.ones(4)
        self.labels_ = np.arange(9)

    @property
    def broken_(self) -> float:
        raise ValueError("not now")


def test_what_nobody_can_say_is_none_and_not_zero() -> None:
    found = parameters_of(Opaque())
    assert (found.count, found.arrays) == (None, ())
    assert "Opaque" in found.text
    assert "cannot be counted" in found.text
    half = parameters_of(Half())
    assert half.count == 4
    assert "as far as its public attributes tell" in half.text


def test_many_arrays_are_cut_and_the_rest_summed() -> None:
    found = Parameters(600, "many", tuple(Learned(f"a[{k}]", (2,), 2) for k in range(300)))
    rows = found.to_json()["arrays"]
    assert len(rows) == MOST_ARRAYS
    assert rows[-1] == ["101 more arrays", [202], 202]
    assert sum(row[2] for row in rows) == 600
