"""Folders: a model that holdfast saved, a checkpoint with its configuration, or one file that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from holdfast.count.files import read, recognised
from holdfast.errors import RequestError
from holdfast.train.registry import family_named
from holdfast.train.storage import save_model
from holdfast.train.task import Task

if TYPE_CHECKING:
    from tests.count.model_files import SAFETENSORS, llama, sharded
else:
    from model_files import SAFETENSORS, llama, sharded

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
    "tie_word_embeddings": False,
}


def test_a_saved_estimator_has_its_configuration_and_its_preprocessing(tmp_path: Path) -> None:
    model = LogisticRegression(C=2.0, max_iter=50).fit(X, y)
    save_model(tmp_path, model, StandardScaler().fit(X), {"family": "logistic", "config": {"C": 2.0}, "epochs": None})
    found = read(tmp_path)
    assert recognised(tmp_path)
    assert {layer.name for layer in found.layers} == {
        "preprocessor.mean_",
        "preprocessor.scale_",
        "model.coef_",
        "model.intercept_",
    }
    chosen = {each.name: (each.value, each.recorded_in) for each in found.hyperparameters}
    assert (chosen["C"], chosen["family"]) == ((2.0, "config.json"), ("logistic", "config.json"))
    assert chosen["max_iter"] == (50, "model.skops")
    assert read(tmp_path / "config.json").layers == found.layers


def test_a_saved_network_has_its_configuration_and_its_preprocessing(tmp_path: Path) -> None:
    model = family_named("mlp").build({"width": 8, "depth": 2}, Task("binary", 40, 3, 2), seed=0, epochs=1).fit(X, y)
    save_model(tmp_path, model, StandardScaler().fit(X), {"family": "mlp", "config": {"width": 8}, "epochs": 1})
    found = read(tmp_path)
    weights = sum(layer.parameters for layer in found.layers if not layer.name.startswith("preprocessor."))
    assert weights == sum(tensor.numel() for tensor in model.trained.weights.values())
    assert found.parameters == weights + 6
    assert {each.name: each.value for each in found.hyperparameters} == {"family": "mlp", "width": 8, "epochs": 1}
    alone = read(tmp_path / "model.safetensors")
    assert {each.name: each.value for each in alone.hyperparameters}["width"] == 8


def test_a_checkpoint_has_the_hyperparameters_of_its_configuration(tmp_path: Path) -> None:
    sharded(tmp_path, llama(2, 64, 96, 32, 100), each=8)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    found = read(tmp_path)
    assert found.kind == "safetensors model in 3 files"
    chosen = {each.name: (each.value, each.recorded_in) for each in found.hyperparameters}
    assert chosen["hidden_size"] == (64, "config.json")
    assert found.work is not None
    assert found.notes == ()
    assert read(tmp_path / "config.json").parameters == found.parameters


def test_a_configuration_of_another_model_is_noticed(tmp_path: Path) -> None:
    sharded(tmp_path, llama(2, 64, 96, 32, 100), each=8)
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA, "vocab_size": 200}), encoding="utf-8")
    assert "The files hold" in read(tmp_path).notes[-1]
    (tmp_path / "config.json").write_text('{"model_type": "nobody-knows", "d_model": 64}', encoding="utf-8")
    found = read(tmp_path)
    assert "was read for hyperparameters only: the model_type of" in found.notes[-1]
    assert [(each.name, each.value, each.recorded_in) for each in found.hyperparameters] == [
        ("d_model", 64, "config.json")
    ]


def test_one_file_in_a_folder_is_the_model(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("a model", encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(SAFETENSORS)
    assert read(tmp_path).parameters == 16


def test_folders_without_one_model_are_refused(tmp_path: Path) -> None:
    empty, torch, two, saved = (tmp_path / name for name in ("empty", "torch", "two", "saved"))
    for folder in (empty, torch, two, saved):
        folder.mkdir()
    (torch / "pytorch_model.bin").write_bytes(b"\x80\x02")
    for name in ("a.safetensors", "b.safetensors"):
        (two / name).write_bytes(SAFETENSORS)
    meta = {"format": 1, "kind": "pipeline", "meta": {}}
    (saved / "config.json").write_text(json.dumps(meta), encoding="utf-8")
    for folder, said in {
        empty: "holds no model: holdfast reads safetensors files",
        torch: "holds pytorch_model.bin, a pickle, .*: save the model as safetensors or skops",
        two: "holds 2 safetensors files \\(a.safetensors, b.safetensors\\): name one of them",
        saved: "should hold model.skops beside its config.json, and does not",
    }.items():
        with pytest.raises(RequestError, match=said):
            read(folder)
    (saved / "config.json").write_text(json.dumps({**meta, "format": 2}), encoding="utf-8")
    with pytest.raises(RequestError, match="has format '2'; this version of holdfast reads 1"):
        read(saved)
    assert [recognised(folder) for folder in (empty, torch, two, saved)] == [False, False, True, True]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 1, "a": 2}', b"\xff\xfe", b'{"x": ' + b"[" * 10**6])
def test_a_configuration_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(RequestError, match=r"config\.json is") as caught:
        read(tmp_path / "config.json" if content[:1] == b"{" else tmp_path)
    assert "\n" not in str(caught.value)
