from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast.count.records import Layer
from holdfast.count.told import MOST_ARRAYS, Told, tell
from holdfast.data.places import IN_PLACE
from holdfast.train.families import Family
from holdfast.train.registry import all_families
from holdfast.train.task import TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
Fit = Callable[..., Any]

TABLES = [family for family in all_families().values() if family.preprocessing not in IN_PLACE]
PAIRS = [(family, kind) for family in TABLES for kind in sorted(family.tasks)]
IDS = [f"{family.name}-{kind}" for family, kind in PAIRS]


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_every_family_tells_what_it_learned(family: Family, kind: TaskKind, fit: Fit) -> None:
    model = fit(family.name, kind)
    found = tell(model)
    assert found.count is not None
    assert found.count == sum(item.parameters for item in found.layers) > 0
    assert f"{found.count:,}" in found.text
    assert found.text.endswith(".")
    for item in found.layers:
        assert item.parameters == int(np.prod(item.shape))
        assert "random_state" not in item.name
    assert found.to_json()["arrays"] == [[item.name, list(item.shape), item.parameters] for item in found.layers]


def test_counts_by_hand(fit: Fit) -> None:
    counts = {
        ("logistic", "multiclass"): 3 * 6 + 3,
        ("ridge", "regression"): 6 + 1,
        ("lasso", "regression"): 6 + 1 + 2,  # mean and deviation of the target
        ("knn", "multiclass"): 120 * 6 + 120,
        ("kmeans", "clustering"): 8 * 6,
    }
    for (name, kind), count in counts.items():
        assert tell(fit(name, kind)).count == count, name
    assert tell(fit("linear", "regression", fit_intercept=False)).count == 6


def test_networks_by_layer(fit: Fit) -> None:
    found = tell(fit("mlp", "multiclass", width=10, depth=2, layer_norm=False))
    assert found.count == (6 + 1) * 10 + (10 + 1) * 10 + (10 + 1) * 3
    assert found.text == "Training gave rise to 213 parameters in 3 layers, 6 → 10 → 10 → 3."
    assert found.layers[0] == Layer.of("1.weight", "weight", 10, 6, dtype="float32")


def test_trees_by_splits_and_leaves(fit: Fit) -> None:
    model = fit("tree", "multiclass", max_depth=2)
    splits, leaves = model.tree_.node_count - model.get_n_leaves(), model.get_n_leaves()
    found = tell(model)
    assert found.count == splits + 3 * leaves
    assert f"at each of {splits} splits, and 3 values at each of {leaves} leaves" in found.text
    forest = fit("random-forest", "regression", n_estimators=7)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    assert tell(forest).count == (nodes - 7) // 2 + (nodes + 7) // 2  # n leaves have n - 1 splits
    boosted = tell(fit("gradient-boosting", "multiclass", max_iter=4, max_leaf_nodes=2, max_depth=1))
    assert boosted.count == 12 * (1 + 2) + 3
    assert "in 12 trees" in boosted.text


def test_support_vectors_and_zero_coefficients_are_told(fit: Fit) -> None:
    model = fit("svm", "binary")
    assert f"{len(model.support_vectors_)} of 120 training rows are support vectors" in tell(model).text
    model = fit("lasso", "regression", alpha=0.4)
    zeros = int((model.regressor_.coef_ == 0).sum())
    assert 0 < zeros < 6
    assert f"Exactly zero: {zeros} of 6 coefficients" in tell(model).text


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
        assert tell(model.fit(X, y)).count == count


def test_the_numbers_of_the_preprocessing_are_told_apart(fit: Fit) -> None:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(np.arange(12.0).reshape(2, 6))
    found = tell(fit("ridge", "regression"), scaler)
    assert found.count == 7 + 12
    assert found.text.endswith("The preprocessing before it learned 12 numbers from the same rows: 19 in all.")


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
    found = tell(Opaque())
    assert (found.count, found.layers) == (None, ())
    assert "Opaque" in found.text
    assert "cannot be counted" in found.text
    half = tell(Half())
    assert half.count == 4
    assert "as far as its public attributes tell" in half.text


def test_many_arrays_are_cut_and_the_rest_summed() -> None:
    found = Told(600, "many", tuple(Layer.of(f"a[{k}]", "weight", 2) for k in range(300)))
    rows = found.to_json()["arrays"]
    assert len(rows) == MOST_ARRAYS
    assert rows[-1] == ["101 more arrays", [202], 202]
    assert sum(row[2] for row in rows) == 600


def test_a_linear_model_is_told_with_its_formula_and_work(fit: Fit) -> None:
    told = tell(fit("ridge", "regression")).to_json()
    assert told["formula"] == "y = w1·x1 + w2·x2 + ... + w6·x6 + b"
    assert (told["work"]["flops"], told["work"]["by_steps"]) == (12, False)
    assert tell(fit("tree", "binary", max_depth=2)).to_json()["formula"] == ""
