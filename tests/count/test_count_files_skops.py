"""skops: what estimators learned and were made with, as the live objects have it, from names and shapes alone."""

from __future__ import annotations

import contextlib
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

import holdfast
from holdfast.count.files import read
from holdfast.count.records import Inspection, Layer
from holdfast.errors import RequestError

X = np.random.default_rng(0).normal(size=(60, 4))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)


def inspected(model: BaseEstimator, path: Path) -> Inspection:
    """A fitted model, saved and read."""
    skops.io.dump(model, path)
    return read(path)


def test_a_linear_model_is_its_coefficients(tmp_path: Path) -> None:
    found = inspected(LinearRegression().fit(X, y), tmp_path / "m.skops")
    assert [(layer.name, layer.kind, layer.shape) for layer in found.layers] == [
        ("coef_", "weight", (4,)),
        ("intercept_", "bias", ()),
    ]
    assert {each.name: each.value for each in found.hyperparameters} == LinearRegression().get_params()
    without = inspected(LinearRegression(fit_intercept=False).fit(X, y), tmp_path / "m.skops")
    assert without.parameters == 4


def test_centroids_are_k_times_d(tmp_path: Path) -> None:
    found = inspected(KMeans(3, n_init=1, random_state=0).fit(X), tmp_path / "m.skops")
    assert [(layer.kind, layer.shape) for layer in found.layers] == [("centroid", (3, 4))]


def test_what_preprocessing_learned_is_counted(tmp_path: Path) -> None:
    columns = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [2])])
    model = make_pipeline(columns, StandardScaler(with_std=False), LogisticRegression(C=0.5))
    found = inspected(model.fit(np.round(X), y), tmp_path / "m.skops")
    width = model[-1].coef_.size
    assert found.parameters == 2 + 2 + width + width + 1
    assert {"columntransformer.transformers_[n].mean_", "logisticregression.coef_"} <= {x.name for x in found.layers}
    chosen = {each.name: each.value for each in found.hyperparameters}
    assert (chosen["logisticregression__C"], chosen["standardscaler__with_std"]) == (0.5, False)
    assert chosen["columntransformer__n__with_std"] is True


def test_trees_are_thresholds_and_leaf_values(tmp_path: Path) -> None:
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    splits = tree.tree_.node_count - tree.get_n_leaves()
    found = inspected(tree, tmp_path / "m.skops")
    assert {layer.name: layer.parameters for layer in found.layers} == {
        "split thresholds": splits,
        "leaf values": 2 * tree.get_n_leaves(),
    }
    assert (found.trees and (found.trees.trees, found.trees.splits)) == (1, splits)
    assert "structure" in " ".join(found.notes)


def test_a_hundred_splits_are_201_parameters(tmp_path: Path) -> None:
    table = np.arange(101.0)[:, None]
    found = inspected(DecisionTreeRegressor().fit(table, table[:, 0]), tmp_path / "m.skops")
    assert found.trees is not None
    assert (found.trees.splits, found.trees.leaves, found.parameters) == (100, 101, 201)


BESIDE = {AdaBoostClassifier: ["estimator_weights_"], GradientBoostingRegressor: ["init_.constant_"]}
"""What boosting learns beside its trees: their weights, and where it starts from."""


def _splits(model: Any) -> int:
    return sum(each.tree_.node_count // 2 for each in np.ravel(model.estimators_))


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(7, random_state=0, max_depth=3),
        GradientBoostingRegressor(n_estimators=5, max_depth=2),
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4, random_state=0),
        AdaBoostClassifier(n_estimators=5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_forests_are_counted_together(model: Any, tmp_path: Path) -> None:
    model.fit(X, y)
    found = inspected(model, tmp_path / "m.skops")
    assert found.trees is not None
    assert (found.trees.trees, found.trees.splits) == (np.size(model.estimators_), _splits(model))
    beside = [layer.name for layer in found.layers if layer.name not in {"split thresholds", "leaf values"}]
    assert beside == BESIDE.get(type(model), [])


def test_boosting_on_histograms_has_a_baseline(tmp_path: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5).fit(X, y)
    nodes = [predictor.nodes for stage in model._predictors for predictor in stage]
    found = inspected(model, tmp_path / "m.skops")
    assert {layer.name: layer.parameters for layer in found.layers} == {
        "split thresholds": sum(int((~each["is_leaf"].astype(bool)).sum()) for each in nodes),
        "leaf values": sum(int(each["is_leaf"].sum()) for each in nodes),
        "baseline": 1,
    }


def test_rows_that_a_model_keeps_are_not_trained(tmp_path: Path) -> None:
    found = inspected(KNeighborsClassifier().fit(X, y), tmp_path / "m.skops")
    assert [(layer.name, layer.parameters, layer.trainable) for layer in found.layers] == [
        ("stored rows", 240, False),
        ("stored targets", 60, False),
    ]


def test_an_array_that_is_there_twice_is_counted_once(tmp_path: Path) -> None:
    model = SVC(kernel="rbf", C=2.0).fit(X, y)
    found = inspected(model, tmp_path / "m.skops")
    assert found.parameters == model.support_vectors_.size + model.dual_coef_.size + model.intercept_.size
    assert {each.name: each.value for each in found.hyperparameters}["C"] == 2.0


def test_lists_of_arrays_and_sparse_arrays_are_counted(tmp_path: Path) -> None:
    network = MLPClassifier((5, 3), max_iter=2).set_params(early_stopping=False)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(X, y)
    found = inspected(network, tmp_path / "m.skops")
    assert found.parameters == (4 * 5 + 5) + (5 * 3 + 3) + (3 * 1 + 1)
    assert {each.name: each.value for each in found.hyperparameters}["hidden_layer_sizes"] == [5, 3]
    thin = LogisticRegression().fit(np.where(np.arange(4) < 1, X, 0.0), y).sparsify()
    assert inspected(thin, tmp_path / "m.skops").parameters == 1 + 1
    words = TfidfVectorizer().fit(["a bad day", "bad good"])
    assert inspected(words, tmp_path / "m.skops").parameters == 3


def test_estimators_by_name_are_followed(tmp_path: Path) -> None:
    model = VotingClassifier([("a", LogisticRegression(C=3.0)), ("b", DecisionTreeClassifier(max_depth=1))])
    found = inspected(model.fit(X, y), tmp_path / "m.skops")
    assert found.parameters == 5 + (1 + 2 * 2)
    assert {each.name: each.value for each in found.hyperparameters}["a__C"] == 3.0


def fitted_estimators() -> Iterator[Any]:
    """Every estimator of scikit-learn that is made and fitted without further ado and that skops saves."""
    for _, kind in all_estimators():
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = kind().fit(np.abs(X), y)
            skops.io.dumps(model)
            yield model


@pytest.mark.long
def test_every_estimator_is_read_as_the_live_one_is_seen(tmp_path: Path) -> None:
    """Names, shapes and counts are those of `holdfast.inspect`, and hyperparameters those of ``get_params``."""
    seen = 0
    for model in fitted_estimators():
        found = inspected(model, tmp_path / "m.skops")
        chosen = {each.name for each in found.hyperparameters}
        assert chosen == set(model.get_params()), type(model).__name__
        if found.layers:
            live = holdfast.inspect(model)
            assert [_shown(layer) for layer in found.layers] == [_shown(layer) for layer in live.layers]
            assert found.trees == live.trees
            seen += 1
    assert seen > 90


def _shown(layer: Layer) -> tuple[Any, ...]:
    return layer.name, layer.kind, layer.shape, layer.parameters, layer.trainable


def test_no_array_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of every array are cut off, and the count stays."""
    path = tmp_path / "m.skops"
    whole = inspected(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data[:128] if name.endswith(".npy") else data)
    assert read(path) == whole


def rewritten(path: Path, schema: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("schema.json", schema)


def node(content: Any, loader: str = "ObjectNode", **more: Any) -> dict[str, Any]:
    return {"__class__": "C", "__module__": "m", "__loader__": loader, "content": content, "__id__": 0, **more}


def deep(levels: int) -> bytes:
    return b'{"__class__": "C", "__loader__": "ListNode", "content": [' * levels + b"]}" * levels


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    missing = node({"coef_": {"__class__": "ndarray", "__loader__": "NdArrayNode", "type": "numpy", "file": "7.npy"}})
    tree = node(
        {"tree_": node({"node_count": node("4", "JsonNode"), "values": node("0", "NdArrayNode")}, __class__="Tree")}
    )
    for schema, said in {
        b"": "is cut off or damaged",
        b"[]": "should be an object",
        b"{": "is cut off or damaged",
        b"{}": "has no __loader__",
        json.dumps(missing).encode(): "it should hold '7.npy', and does not",
        json.dumps(tree).encode(): "it should hold '', and does not|no binary tree",
        deep(1000): "nested more than 60 deep",
        json.dumps(node([{}] * 3)).encode(): "has no __loader__",
        json.dumps({"__class__": "C", "__loader__": "JsonNode", "content": 3}).encode(): "is no text",
    }.items():
        rewritten(path, schema)
        with pytest.raises(RequestError, match=said):
            read(path)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    rewritten(path, bytes(65_000_000), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(RequestError, match="has 65,000,000 bytes, more than 64,000,000"):
        read(path)
    rewritten(path, json.dumps(node([node("1", "JsonNode")] * 110_000)).encode(), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RequestError, match="more than 100,000 values"):
        read(path)


def test_an_archive_of_very_many_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", "{}")
    data = bytearray(path.read_bytes())
    data[-12:-10] = b"\xff\xff"
    path.write_bytes(bytes(data))
    with pytest.raises(RequestError, match="an archive of more than 50,000 members"):
        read(path)
