from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.data.places import IN_PLACE
from holdfast.errors import RequestError
from holdfast.train.estimators import fit_estimator
from holdfast.train.families import Family
from holdfast.train.registry import all_families
from holdfast.train.storage import load_model, save_model
from holdfast.train.task import Task, TaskKind

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

TABLES = [family for family in all_families().values() if family.preprocessing not in IN_PLACE]
PAIRS = [(family, kind) for family in TABLES for kind in sorted(family.tasks)]
IDS = [f"{family.name}-{kind}" for family, kind in PAIRS]


@pytest.mark.parametrize(("family", "kind"), PAIRS, ids=IDS)
def test_predictions_survive_the_round_trip(
    family: Family, kind: TaskKind, tmp_path: Path, make_table: MakeTable, make_task: MakeTask
) -> None:
    from sklearn.preprocessing import StandardScaler

    X, y = make_table(kind)
    scaler = StandardScaler().fit(X)
    model = family.build({}, make_task(kind), seed=0)
    fit_estimator(model, scaler.transform(X), y)
    save_model(tmp_path / "model", model, scaler, {"family": family.name})
    loaded = load_model(tmp_path / "model")
    assert loaded.meta == {"family": family.name}
    np.testing.assert_array_equal(loaded.predict(X), model.predict(scaler.transform(X)))
    if kind in {"binary", "multiclass"} and hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(scaler.transform(X)))
        np.testing.assert_array_equal(loaded.classes_, np.unique(y))
    else:
        with pytest.raises(RequestError, match="no class probabilities"):
            loaded.predict_proba(X)


@pytest.mark.parametrize("name", ["gradient-boosting", "knn", "svm", "mlp"])
def test_sampled_models_load(name: str, tmp_path: Path, make_table: MakeTable, make_task: MakeTask) -> None:
    family = all_families()[name]
    X, y = make_table("multiclass")
    task = make_task("multiclass", categorical=(5,) if family.preprocessing == "ordinal" else ())
    draw = np.random.default_rng(3)
    for number in range(2):
        model = family.build(family.space(task).sample(draw), task, seed=number)
        fit_estimator(model, X, y)
        save_model(tmp_path / str(number), model, None, {})
        np.testing.assert_array_equal(load_model(tmp_path / str(number)).predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["ridge", "mlp"])
def test_a_preprocessor_of_a_table_is_kept(
    name: str, tmp_path: Path, make_table: MakeTable, make_task: MakeTask
) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, y = make_table("regression")
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.array(["x", "y", "z", "w"])[X[:, 5].astype(int)]})
    encoder = OneHotEncoder(sparse_output=False)
    columns = [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]), ("names", encoder, ["c"])]
    preprocessor = ColumnTransformer(columns)
    matrix = preprocessor.fit_transform(frame)
    model = all_families()[name].build({}, make_task("regression"), seed=0).fit(matrix, y)
    save_model(tmp_path, model, preprocessor, {})
    np.testing.assert_array_equal(load_model(tmp_path).predict(frame), model.predict(matrix))


FOREIGN = """
from sklearn.base import BaseEstimator

class Constant(BaseEstimator):
    def fit(self, X, y):
        self.value_ = y.mean()
        return self

    def predict(self, X):
        return X[:, 0] * 0 + self.value_
"""


def test_foreign_types_are_refused_unless_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_table: MakeTable
) -> None:
    import importlib

    (tmp_path / "foreign_storage_model.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(tmp_path)
    X, y = make_table("regression")
    model = importlib.import_module("foreign_storage_model").Constant().fit(X, y)
    save_model(tmp_path / "model", model, None, {})
    with pytest.raises(RequestError, match=r"foreign_storage_model\.Constant"):
        load_model(tmp_path / "model")
    loaded = load_model(tmp_path / "model", trust=["foreign_storage_model.Constant"])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_functions_of_other_modules_are_refused(tmp_path: Path) -> None:
    import os

    from sklearn.preprocessing import FunctionTransformer

    save_model(tmp_path, FunctionTransformer(os.getcwd), None, {})
    with pytest.raises(RequestError, match="getcwd, which is not allowed"):
        load_model(tmp_path)


def test_what_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no saved model"):
        load_model(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"format": 99, "kind": "pipeline", "meta": {}}))
    with pytest.raises(RequestError, match="has format 99"):
        load_model(tmp_path)
    config.write_text(json.dumps({"format": 1, "kind": "pipeline", "meta": {}}))
    with pytest.raises(RequestError, match="not complete"):
        load_model(tmp_path)
    (tmp_path / "model.skops").write_bytes(b"something else")
    with pytest.raises(RequestError, match="no file in the format of skops"):
        load_model(tmp_path)
