"""XGBoost and LightGBM: thresholds and leaf values as the live boosters have them, and what their files record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from holdfast.count.files import read
from holdfast.count.files.lightgbm import read_text
from holdfast.count.files.xgboost import read_json
from holdfast.count.records import Inspection
from holdfast.errors import RequestError

draw = np.random.default_rng(0)
X = draw.normal(size=(120, 5))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
three = np.digitize(X[:, 0] + 0.5 * X[:, 1], [-0.4, 0.4])


def boosted(found: Inspection) -> tuple[int, int]:
    """Splits and leaves."""
    assert found.trees is not None
    return found.trees.splits, found.trees.leaves


def live(booster: xgboost.Booster) -> tuple[int, int]:
    """Splits and leaves of a live booster, by XGBoost's own table of nodes."""
    leaf = booster.trees_to_dataframe()["Feature"] == "Leaf"
    return int((~leaf).sum()), int(leaf.sum())


XGB: dict[str, Callable[[], Any]] = {
    "binary": lambda: xgboost.XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1).fit(X, y),
    "three classes": lambda: xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(X, three),
    "pruned": lambda: xgboost.XGBRegressor(n_estimators=4, gamma=3, tree_method="exact", n_jobs=1).fit(X, y),
    "forest": lambda: xgboost.XGBRFClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(X, y),
    "dart": lambda: xgboost.XGBRegressor(n_estimators=4, booster="dart", max_depth=2, n_jobs=1).fit(X, y),
}


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("name", XGB)
def test_xgboost_has_the_trees_of_the_live_booster(name: str, suffix: str, tmp_path: Path) -> None:
    model = XGB[name]()
    model.save_model(tmp_path / f"model.{suffix}")
    found = read(tmp_path / f"model.{suffix}")
    assert boosted(found) == live(model.get_booster())
    assert {layer.name: layer.parameters for layer in found.layers if layer.name.startswith(("split", "leaf"))} == {
        "split thresholds": boosted(found)[0],
        "leaf values": boosted(found)[1],
    }
    assert [layer.name for layer in found.layers if layer.kind == "scale"] == ["weight_drop"] * (name == "dart")
    assert read_json(bytes(model.get_booster().save_raw(suffix)), "m").parameters == found.parameters


def test_xgboost_records_few_hyperparameters_and_it_is_said(tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(n_estimators=6, max_depth=3, learning_rate=0.3, scale_pos_weight=2.0, n_jobs=1)
    model.fit(X, y).save_model(tmp_path / "model.json")
    found = read(tmp_path / "model.json")
    assert {each.name: each.value for each in found.hyperparameters} == {
        "booster": "gbtree",
        "objective": "binary:logistic",
        "scale_pos_weight": 2,
        "num_boost_round": 6,
        "num_parallel_tree": 1,
    }
    assert {each.recorded_in for each in found.hyperparameters} == {"file"}
    assert any("learning_rate, max_depth, subsample" in note for note in found.notes)


@pytest.mark.parametrize("given", [None, 0.25])
def test_a_start_that_was_estimated_is_learned_and_one_that_was_given_is_chosen(
    given: float | None, tmp_path: Path
) -> None:
    model = xgboost.XGBRegressor(n_estimators=1, max_depth=1, base_score=given, n_jobs=1).fit(X, y)
    model.save_model(tmp_path / "model.json")
    found = read(tmp_path / "model.json")
    chosen = {each.name: each.value for each in found.hyperparameters}
    assert ("base_score" in {layer.name for layer in found.layers}) == (given is None)
    assert chosen.get("base_score") == given


def test_leaves_may_hold_several_values(tmp_path: Path) -> None:
    model = xgboost.XGBRegressor(n_estimators=2, max_depth=2, multi_strategy="multi_output_tree", n_jobs=1)
    model.fit(X, np.stack([y, three, y], axis=1)).save_model(tmp_path / "model.ubj")
    found = read(tmp_path / "model.ubj")
    splits, leaves = boosted(found)
    assert {layer.name: layer.shape for layer in found.layers[:2]} == {
        "split thresholds": (splits,),
        "leaf values": (leaves, 3),
    }


def test_a_linear_booster_has_weights(tmp_path: Path) -> None:
    model = xgboost.XGBRegressor(n_estimators=2, booster="gblinear", n_jobs=1, base_score=0.0).fit(X, y)
    model.save_model(tmp_path / "model.json")
    found = read(tmp_path / "model.json")
    assert [(layer.name, layer.parameters) for layer in found.layers] == [("weights", 6)]
    assert found.trees is None


def test_sets_of_categories_are_thresholds_and_it_is_said(tmp_path: Path) -> None:
    codes = draw.integers(0, 6, size=(120, 1)).astype(float)
    model = xgboost.XGBRegressor(n_estimators=1, max_depth=2, feature_types=["c"], max_cat_to_onehot=1, n_jobs=1)
    model.fit(codes, np.isin(codes[:, 0], [1, 4]).astype(float)).save_model(tmp_path / "model.json")
    assert "set of categories" in " ".join(read(tmp_path / "model.json").notes)


def test_a_file_with_spaces_between_its_values_is_read(tmp_path: Path) -> None:
    raw = json.loads(bytes(XGB["binary"]().get_booster().save_raw("json")))
    (tmp_path / "model.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    assert boosted(read(tmp_path / "model.json")) == live(XGB["binary"]().get_booster())


def changed(old: str, new: str) -> bytes:
    """The binary model in JSON with one part changed."""
    text = bytes(XGB["binary"]().get_booster().save_raw("json")).decode()
    assert old in text, text[:2000]
    return text.replace(old, new, 1).encode()


def test_models_of_xgboost_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    whole = changed("{", "{")
    for content, said in {
        whole[:-30]: "is cut off or damaged: it ends at byte",
        changed('"num_trees":"6"', '"num_trees":"7"'): "it says that it has 7 trees and has 6",
        changed('"num_nodes":"', '"num_nodes":"9'): "says that it has .* nodes and has",
        changed('"num_deleted":"0"', '"num_deleted":"1"'): "and a binary tree has an odd number",
        changed('"num_deleted":"0"', '"num_deleted":"-1"'): "num_deleted of tree 0 is '-1'",
        changed('"left_children":[', '"left_children":[[],'): "should be a list of numbers",
        b'{"learner":{}}': "is no model of XGBoost",
        b'{"learner":[]}': "should be an object",
        b'{"learner":' + b'{"gradient_booster":' * 100: "is cut off|should be",
        b'{"learner":{"attributes":' + b'{"a":' * 100_000: "is cut off|has more than 1,000,000 bytes|nested",
    }.items():
        path.write_bytes(content)
        with pytest.raises(RequestError, match=said):
            read(path)


LGB: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary"},
    "three classes": {"objective": "multiclass", "num_class": 3},
    "linear leaves": {"objective": "regression", "linear_tree": True},
    "forest": {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
}


def trained(name: str) -> lightgbm.Booster:
    options = {"num_leaves": 5, "learning_rate": 0.07, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    data = lightgbm.Dataset(X, three if name == "three classes" else y)
    return lightgbm.train({**options, **LGB[name]}, data, num_boost_round=4)


def leaves_of(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The leaves of a tree as LightGBM tells them."""
    if "split_index" not in node:
        return [node]
    return leaves_of(node["left_child"]) + leaves_of(node["right_child"])


@pytest.mark.parametrize("name", LGB)
def test_lightgbm_has_the_trees_of_the_live_booster(name: str, tmp_path: Path) -> None:
    booster = trained(name)
    booster.save_model(tmp_path / "model.txt")
    found = read(tmp_path / "model.txt")
    trees = [leaves_of(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    assert boosted(found) == (sum(map(len, trees)) - len(trees), sum(map(len, trees)))
    linear = sum(len(leaf.get("leaf_coeff", [])) + 1 for tree in trees for leaf in tree)
    assert sum(layer.parameters for layer in found.layers if layer.kind == "coefficient") == (
        linear if name == "linear leaves" else 0
    )
    assert read_text(booster.model_to_string(), "m").layers == found.layers


def test_lightgbm_records_its_hyperparameters(tmp_path: Path) -> None:
    trained("binary").save_model(tmp_path / "model.txt")
    chosen = {each.name: each.value for each in read(tmp_path / "model.txt").hyperparameters}
    assert (chosen["learning_rate"], chosen["num_leaves"], chosen["objective"]) == (0.07, 5, "binary")
    assert "num_threads" not in chosen
    assert "" not in chosen.values()


def test_what_was_chosen_for_lightgbm_comes_before_the_defaults() -> None:
    untouched = lightgbm.train({"verbose": -1, "num_threads": 1, "metric": "l2"}, lightgbm.Dataset(X, y), 100)
    found = read_text(untouched.model_to_string(), "m").hyperparameters
    assert [each.name for each in found if each.value != each.default] == ["metric"]
    chosen = read_text(trained("binary").model_to_string(), "m").hyperparameters
    assert {each.name for each in chosen[:6]} == {
        "learning_rate",
        "metric",
        "min_data_in_leaf",
        "num_iterations",
        "num_leaves",
        "objective",
    }
    assert {each.name: each.default for each in chosen}["num_leaves"] == 31


def test_models_of_lightgbm_that_cannot_be_are_refused(tmp_path: Path) -> None:
    text = trained("binary").model_to_string()
    for content, said in {
        text[: text.index("end of trees")]: "it ends before 'end of trees'",
        text.replace("num_leaves=5", "num_leaves=many", 1): "tree 0 says num_leaves='many', which is no number",
        text.replace("num_leaves=5", "num_leaves=0", 1): "tree 0 has no leaves",
        text.replace("num_leaves=5", "num_leaves=6", 1): "tree 0 says that it has 6 leaves and has 5",
        "tree\nend of trees\n": "version or tree_sizes is missing",
    }.items():
        (tmp_path / "model.txt").write_text(content, encoding="utf-8")
        with pytest.raises(RequestError, match=said):
            read(tmp_path / "model.txt")
