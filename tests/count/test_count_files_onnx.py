"""ONNX: what the package onnx writes is counted without it, and no tensor is read."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from holdfast.count.files import read
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from tests.count.model_files import varint
else:
    from model_files import varint


def array(name: str, *shape: int, dtype: type = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.zeros(shape, dtype), name)


def saved(path: Path, nodes: list[Any], tensors: list[TensorProto], **more: Any) -> Path:
    """A model of some nodes and arrays in a file."""
    graph = helper.make_graph(nodes, "g", [], [], initializer=tensors)
    onnx.save(helper.make_model(graph, producer_name="a tool", **more), path)
    return path


def test_every_initializer_is_a_layer(tmp_path: Path) -> None:
    """784-256-128-10: 200,704 + 256 + 32,768 + 128 + 1,280 + 10 parameters."""
    sizes = [784, 256, 128, 10]
    tensors = [array(f"{i}.weight", b, a) for i, (a, b) in enumerate(itertools.pairwise(sizes))]
    tensors += [array(f"{i}.bias", b) for i, b in enumerate(sizes[1:])]
    nodes = [helper.make_node("Gemm", ["x", "0.weight", "0.bias"], ["y"])]
    found = read(saved(tmp_path / "m.onnx", nodes, tensors))
    assert found.parameters == 235_146
    assert {layer.name: layer.shape for layer in found.layers} == {t.name: tuple(t.dims) for t in tensors}
    assert found.stored_bytes == 4 * 235_146
    assert found.hyperparameters == ()
    assert "Written by a tool." in found.notes


def test_statistics_positions_and_single_constants_are_not_parameters(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("BatchNormalization", ["x", "scale", "b", "mean", "var"], ["y"]),
        helper.make_node("Constant", [], ["kept"], value=array("", 3, 2)),
        helper.make_node("Constant", [], ["eps"], value=numpy_helper.from_array(np.array(1e-5, np.float32))),
        helper.make_node("Reshape", ["y", "shape"], ["z"]),
    ]
    tensors = [array(name, 4) for name in ("scale", "b", "mean", "var")]
    tensors += [array("shape", 2, dtype=np.int64), array("onnx::Mul_7"), array("temperature")]
    found = read(saved(tmp_path / "m.onnx", nodes, tensors))
    assert {layer.name for layer in found.layers} == {"scale", "b", "kept", "temperature"}
    assert {(layer.name, layer.kind) for layer in found.buffers} == {
        ("mean", "statistic"),
        ("var", "statistic"),
        ("shape", "constant"),
        ("onnx::Mul_7", "constant"),
    }


def test_the_branches_of_a_graph_are_looked_into(tmp_path: Path) -> None:
    inner = helper.make_graph([], "then", [], [], initializer=[array("inner.weight", 5, 2)])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)]
    assert read(saved(tmp_path / "m.onnx", nodes, [array("w", 2)])).parameters == 22


def test_weights_in_another_file_are_counted_and_not_opened(tmp_path: Path) -> None:
    model = helper.make_model(helper.make_graph([], "g", [], [], initializer=[array("w", 1000, 30)]))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    (tmp_path / "m.data").unlink()
    found = read(tmp_path / "m.onnx")
    assert found.parameters == 30_000
    assert "Its numbers lie in files beside it, which were not looked at." in found.notes


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, np.uint8])
def test_types_are_named(dtype: type, tmp_path: Path) -> None:
    found = read(saved(tmp_path / "m.onnx", [], [array("w", 3, dtype=dtype)]))
    assert found.layers[0].dtype == np.dtype(dtype).name


def test_numbers_that_are_written_one_by_one_are_counted(tmp_path: Path) -> None:
    values = [0.5] * 6
    tensors = [
        helper.make_tensor("f", TensorProto.FLOAT, [2, 3], values),
        helper.make_tensor("d", TensorProto.DOUBLE, [6], values),
        helper.make_tensor("h", TensorProto.FLOAT16, [6], values),
        helper.make_tensor("b", TensorProto.BFLOAT16, [6], values),
        helper.make_tensor("i", TensorProto.INT4, [6], [1] * 6),
        numpy_helper.from_array(np.zeros(6, np.complex64), "c"),
        TensorProto(name="z", data_type=TensorProto.COMPLEX64, dims=[6], float_data=[0.5] * 12),
    ]
    found = read(saved(tmp_path / "m.onnx", [], tensors))
    assert {layer.name: layer.parameters for layer in found.layers} == dict.fromkeys("fdhbicz", 6)


def test_trees_are_thresholds_and_leaf_values(tmp_path: Path) -> None:
    """Two trees: one of 2 splits and 3 leaves, one of 1 split and 2 leaves; 2 values a leaf."""
    modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        name="forest",
        nodes_modes=modes,
        nodes_values=[0.0] * 8,
        class_weights=[0.1] * 10,
        class_ids=[0, 1] * 5,
        classlabels_int64s=[0, 1],
    )
    found = read(saved(tmp_path / "m.onnx", [node], []))
    assert {layer.name: layer.parameters for layer in found.layers} == {
        "forest.split thresholds": 3,
        "forest.class_weights": 10,
    }
    assert found.trees is not None
    assert found.trees.to_json() == {"trees": 2, "splits": 3, "thresholds": 3, "leaves": 5, "leaf_values": 10}


def test_linear_models_and_scalers_hold_lists(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[0.0] * 4, scale=[1.0] * 4),
        helper.make_node(
            "LinearRegressor", ["s"], ["y"], domain="ai.onnx.ml", name="lm", coefficients=[0.5] * 4, intercepts=[1.0]
        ),
    ]
    found = read(saved(tmp_path / "m.onnx", nodes, []))
    assert [(layer.name, layer.kind, layer.parameters) for layer in found.layers] == [
        ("s.offset", "statistic", 4),
        ("s.scale", "statistic", 4),
        ("lm.coefficients", "weight", 4),
        ("lm.intercepts", "bias", 1),
    ]


def test_texts_of_the_model_that_name_choices_are_hyperparameters(tmp_path: Path) -> None:
    model = helper.make_model(helper.make_graph([], "g", [], [], initializer=[array("w", 2)]))
    helper.set_model_props(model, {"learning_rate": "0.1", "stage": "test"})
    onnx.save(model, tmp_path / "m.onnx")
    found = read(tmp_path / "m.onnx")
    assert [(each.name, each.value) for each in found.hyperparameters] == [("learning_rate", 0.1)]


def test_a_large_tensor_is_stepped_over(tmp_path: Path) -> None:
    """A tensor of 16 GB, all of it a hole, and no memory for it."""
    path, size = tmp_path / "m.onnx", 4 << 32
    body = b"\x08" + varint(1 << 32) + b"\x10\x01\x42\x01w\x4a" + varint(size)  # its side, type, name and numbers
    tensor = b"\x2a" + varint(len(body) + size) + body
    with path.open("wb") as file:
        file.write(b"\x08\x09\x3a" + varint(len(tensor) + size) + tensor)
        file.truncate(file.tell() + size)
    started = time.process_time()
    assert read(path).parameters == 1 << 32
    assert time.process_time() - started < 0.5


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.onnx", [], [array("w", 100)])
    data = path.read_bytes()
    claimed = data.replace(b"\x08\x64\x10\x01", b"\x08\x63\x10\x01", 1)
    assert claimed != data
    for content, said in {
        data[:-100]: "is cut off or damaged: the field at byte .* claims .* bytes, and the file has",
        claimed: "the array 'w' should hold 99 numbers, and has 400 bytes",
        data.replace(b"\x08\x64\x10\x01", b"\x08\x64\x10\x7f", 1): "has the type 127, which ONNX does not know",
        b"\x08\x09\x12\x01x": "is no ONNX model: it holds no graph",
        b"\x08\x09\x0f": "is no field of a protocol buffer|no field",
        b"\x08\x09\x3a\xff\xff\xff\xff\x0f": "claims 4,294,967,295 bytes",
        b"\x08" + b"\xff" * 12: "a number of more than ten bytes",
    }.items():
        path.write_bytes(content)
        with pytest.raises(RequestError, match=said):
            read(path)


def test_graphs_in_graphs_without_end_are_refused(tmp_path: Path) -> None:
    body = b""
    for _ in range(200):  # a graph in an attribute of a node of a graph
        attribute = b"\x32" + varint(len(body)) + body
        node = b"\x2a" + varint(len(attribute)) + attribute
        body = b"\x0a" + varint(len(node)) + node
    (tmp_path / "m.onnx").write_bytes(b"\x08\x09\x3a" + varint(len(body)) + body)
    with pytest.raises(RequestError, match="nested more than 60 deep"):
        read(tmp_path / "m.onnx")
