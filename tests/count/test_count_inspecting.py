"""Live objects of scikit-learn, torch, xgboost and lightgbm, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pytest
import torch
import transformers
import xgboost
from sklearn.cluster import KMeans
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from torch import nn

import holdfast
from holdfast.count.choices import of_estimator
from holdfast.errors import RequestError

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[[str], Table]


def test_a_linear_model_in_its_own_terms() -> None:
    X = np.arange(12.0).reshape(6, 2) ** 2
    found = holdfast.inspect(LinearRegression().fit(X, X @ [1.0, 2.0]))
    assert (found.parameters, found.formula) == (3, "y = w1·x1 + w2·x2 + b")
    assert [layer.kind for layer in found.layers] == ["weight", "bias"]


def test_a_hundred_splits_are_a_hundred_thresholds_and_101_leaf_values() -> None:
    X = np.linspace(0, 1, 300)[:, None]
    tree = DecisionTreeRegressor(max_leaf_nodes=101, random_state=0).fit(X, np.sin(9 * X[:, 0]))
    found = holdfast.inspect(tree)
    assert found.trees is not None
    assert found.trees.to_json() == {"trees": 1, "splits": 100, "thresholds": 100, "leaves": 101, "leaf_values": 101}
    assert [layer.parameters for layer in found.layers] == [100, 101]


def test_centroids_are_k_times_d(make_table: MakeTable) -> None:
    X, _ = make_table("clustering")
    found = holdfast.inspect(KMeans(5, n_init=1, random_state=0).fit(X))
    assert [(layer.kind, layer.shape, layer.parameters) for layer in found.layers] == [("centroid", (5, 6), 30)]


def test_what_the_preprocessing_of_a_pipeline_learned_counts(make_table: MakeTable) -> None:
    found = holdfast.inspect(make_pipeline(StandardScaler(), LogisticRegression(C=3.0)).fit(*make_table("binary")))
    names = {layer.name: layer.parameters for layer in found.layers}
    assert names["standardscaler.mean_"] == names["standardscaler.scale_"] == 6
    assert found.parameters == 12 + 6 + 1
    chosen = {each.name: each for each in found.hyperparameters}
    assert (chosen["logisticregression__C"].value, chosen["logisticregression__C"].default) == (3.0, 1.0)
    assert chosen["logisticregression__C"].recorded_in == "code"
    assert chosen["standardscaler__with_mean"].recorded_in == "code default"


def test_ensembles_count_their_trees_and_what_lies_beside_them(make_table: MakeTable) -> None:
    boosted = GradientBoostingRegressor(n_estimators=3, max_depth=1).fit(*make_table("regression"))
    assert holdfast.inspect(boosted).parameters == 3 * 3 + 1  # the mean that they begin from
    voted = AdaBoostClassifier(n_estimators=2, random_state=0).fit(*make_table("binary"))
    assert holdfast.inspect(voted).parameters == 2 * (1 + 2 * 2) + 2  # a weight for each tree


def test_what_cross_validation_chose_is_no_parameter(make_table: MakeTable) -> None:
    assert holdfast.inspect(RidgeCV(alphas=(0.1, 1.0)).fit(*make_table("regression"))).parameters == 7


def test_the_work_of_a_perceptron_of_scikit_learn(make_table: MakeTable) -> None:
    X, y = make_table("binary")
    model = MLPRegressor(hidden_layer_sizes=(4, 3), random_state=0, tol=0.1).fit(X, y)
    found = holdfast.inspect(model)
    assert found.parameters == 6 * 4 + 4 + 4 * 3 + 3 + 3 + 1
    assert found.work is not None
    assert found.work.flops == 2 * (24 + 12 + 3)


class Small(nn.Module):
    """A shared matrix, a frozen one, a batch norm and a dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.frozen = nn.Linear(4, 4, bias=False).requires_grad_(requires_grad=False)
        self.norm = nn.BatchNorm1d(4, momentum=0.3)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embedding.weight


def test_a_module_counts_shared_arrays_once_and_buffers_apart() -> None:
    model = Small()
    found = holdfast.inspect(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.5))
    assert found.parameters == 40 + 16 + 8 == sum(parameter.numel() for parameter in model.parameters())
    assert found.trainable == 48
    assert [layer.shape for layer in found.buffers] == [(4,), (4,), ()]
    assert found.notes == ("1 name shares an array with another one; it is counted once.",)
    chosen = {each.name: (each.value, each.default, each.recorded_in) for each in found.hyperparameters}
    assert chosen["Dropout.p"] == (0.2, 0.5, "code")
    assert chosen["BatchNorm1d.momentum"] == (0.3, 0.1, "code")
    assert chosen["SGD.lr"] == (0.5, 0.001, "code")
    assert chosen["SGD.momentum"][2] == "code default"
    assert found.work is None


def test_a_chain_of_dense_layers_has_the_work_of_its_shape() -> None:
    network = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    found, named = holdfast.inspect(network), holdfast.inspect("mlp:784-256-128-10")
    assert (found.parameters, found.work) == (named.parameters, named.work)
    assert found.to_json()["bytes"]["stored"] == 4 * 235_146


def test_strides_are_choices_in_the_form_that_torch_keeps_them() -> None:
    found = holdfast.inspect(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, stride=2)))
    strides = [each for each in found.hyperparameters if each.name.startswith("Conv2d.stride")]
    assert [(each.value, each.recorded_in) for each in strides] == [([1, 1], "code default"), ([2, 2], "code")]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_boosted_trees_of_others_against_their_own_tables(kind: str, make_table: MakeTable) -> None:
    X, y = make_table(kind)
    settings: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "learning_rate": 0.3}
    made = (xgboost.XGBRegressor, lightgbm.LGBMRegressor)
    if kind != "regression":
        made = (xgboost.XGBClassifier, lightgbm.LGBMClassifier)
    model = made[0](**settings, n_jobs=1).fit(X, y)
    table = model.get_booster().trees_to_dataframe()
    leaves = int((table["Feature"] == "Leaf").sum())
    found = holdfast.inspect(model)
    assert found.trees is not None
    assert (found.trees.splits, found.trees.leaves) == (len(table) - leaves, leaves)
    assert found.parameters in {len(table), len(table) + 1, len(table) + 3}  # what trees begin from is learned as well
    chosen = {each.name: each for each in found.hyperparameters}
    assert (chosen["max_depth"].value, chosen["max_depth"].recorded_in) == (3, "code")

    model = made[1](**settings, n_jobs=1, verbose=-1, min_child_samples=5).fit(X, y)
    table = model.booster_.trees_to_dataframe()
    splits = int(table["split_feature"].notna().sum())
    found = holdfast.inspect(model)
    assert found.trees is not None
    assert (found.trees.splits, found.trees.leaves) == (splits, len(table) - splits)
    assert found.parameters == len(table)
    assert holdfast.inspect(model.booster_).parameters == len(table)


def test_holdfasts_own_networks_have_their_hyperparameters(fit: Callable[..., Any]) -> None:
    found = holdfast.inspect(fit("mlp", "multiclass", width=10, depth=2))
    assert found.parameters == (6 + 1) * 10 + (10 + 1) * 10 + (10 + 1) * 3
    chosen = {each.name: each for each in found.hyperparameters}
    assert (chosen["width"].value, chosen["width"].default, chosen["width"].recorded_in) == (10, 192, "config")
    assert chosen["learning_rate"].recorded_in == "code default"
    assert found.work is not None
    assert found.work.flops == 2 * (60 + 100 + 30)


@pytest.mark.parametrize("nothing", [LinearRegression(), xgboost.XGBRegressor(), LinearRegression, 3, None, {"a": 1}])
def test_what_learned_nothing_is_refused_in_a_sentence(nothing: Any) -> None:
    with pytest.raises(RequestError, match=r"nothing"):
        holdfast.inspect(nothing)


def test_parameters_of_an_estimator_without_any() -> None:
    assert of_estimator(object()) == ()


def test_the_best_of_a_study_of_ones_own_has_its_ranges() -> None:
    study = holdfast.Study({"rate": holdfast.Float(1e-4, 1.0, log=True, default=0.1)}, seed=0)
    trial = study.ask()
    study.tell(trial, 1.0)
    found = holdfast.inspect(study)
    assert found.layers == ()
    (chosen,) = found.hyperparameters
    assert (chosen.value, chosen.default) == (trial["rate"], 0.1)
    assert (chosen.searched, chosen.recorded_in) == ("0.0001 to 1, logarithmic", "config of trial 0")
    assert "not on the record" in found.notes[0]


def test_a_model_on_the_meta_device_counts_as_its_name_does() -> None:
    with torch.device("meta"):
        encoder = transformers.BertModel(transformers.BertConfig())
        tied = transformers.GPT2LMHeadModel(transformers.GPT2Config())
    for model, name in ((encoder, "bert-base"), (tied, "gpt2")):
        found = holdfast.inspect(model)
        assert found.parameters == holdfast.inspect(name).parameters
        assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert found.notes == ("1 name shares an array with another one; it is counted once.",)
