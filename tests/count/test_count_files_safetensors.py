"""safetensors: the header tells everything, of one file and of many, and is refused where it cannot be."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from holdfast.count.files import read, recognised
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from tests.count.model_files import SAFETENSORS, Shapes, header, llama, safetensors, sharded, sparse, with_header
else:
    from model_files import SAFETENSORS, Shapes, header, llama, safetensors, sharded, sparse, with_header


def test_the_layers_are_the_tensors_that_were_saved(tmp_path: Path) -> None:
    tensors: dict[str, np.ndarray] = {
        "10.bias": np.zeros(2, np.float16),
        "2.weight": np.zeros((2, 3), np.float32),
        "2.bias": np.zeros(2, np.float32),
        "bn.running_mean": np.zeros(2, np.float32),
        "bn.num_batches_tracked": np.zeros((), np.int64),
        "bn.weight": np.zeros(2, np.float32),
    }
    save_file(tensors, tmp_path / "model.safetensors", {"format": "np", "ss_learning_rate": "0.01", "author": "me"})
    found = read(tmp_path / "model.safetensors")
    assert {layer.name: layer.shape for layer in (*found.layers, *found.buffers)} == {
        name: array.shape for name, array in tensors.items()
    }
    assert [layer.name for layer in found.layers] == ["2.weight", "2.bias", "10.bias", "bn.weight"]
    assert [layer.kind for layer in found.layers] == ["weight", "bias", "bias", "scale"]
    assert [layer.kind for layer in found.buffers] == ["counter", "statistic"]
    assert (found.parameters, found.stored_bytes) == (12, 4 * 10 + 2 * 2)
    assert [(each.name, each.value, each.recorded_in) for each in found.hyperparameters] == [
        ("ss_learning_rate", 0.01, "file")
    ]
    assert "author" in found.notes[0]


def test_a_file_without_texts_records_no_hyperparameter(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(SAFETENSORS)
    found = read(tmp_path / "model.safetensors")
    assert (found.parameters, found.hyperparameters, found.unrecorded) == (16, (), "not recorded in this file")


def test_the_headers_of_a_checkpoint_of_70_billion_take_less_than_a_second(tmp_path: Path) -> None:
    sharded(tmp_path, llama(80, 8192, 28672, 1024, 128256), each=25)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.safetensors")) > 140e9
    started = time.process_time()
    found = read(tmp_path / "model.safetensors.index.json")
    assert time.process_time() - started < 1
    assert (found.parameters, found.kind) == (70_553_706_496, "safetensors model in 29 files")
    assert found.layers[0].kind == "embedding"
    assert read(tmp_path) == replace(found, target=str(tmp_path))


def test_parts_without_an_index_are_one_model(tmp_path: Path) -> None:
    sparse(tmp_path / "model-00001-of-00002.safetensors", [("a.weight", "F32", (2, 2))])
    with pytest.raises(RequestError, match="holds 1 of the 2 parts of model; get all of them"):
        read(tmp_path)
    assert "part 1 of 2" in read(tmp_path / "model-00001-of-00002.safetensors").notes[-1]
    sparse(tmp_path / "model-00002-of-00002.safetensors", [("b.weight", "F32", (3,))])
    assert read(tmp_path).parameters == 7
    sparse(tmp_path / "model-00002-of-00002.safetensors", [("a.weight", "F32", (3,))])
    with pytest.raises(RequestError, match=r"'a.weight' in model-00001-of-00002.safetensors and in model-00002"):
        read(tmp_path)


def test_an_index_fits_its_files(tmp_path: Path) -> None:
    sharded(tmp_path, [("a", "F32", (2,)), ("b", "F32", (2,))], each=1)
    index = tmp_path / "model.safetensors.index.json"
    first, second = (f"model-0000{n}-of-00002.safetensors" for n in (1, 2))
    for places, said in {
        (("a", first),): "",
        (("a", first), ("b", first)): "should hold the tensor 'b', which is not there",
        (("a", first), ("b", "../b.safetensors")): "its files are safetensors files beside it",
        (("a", first), ("b", "b.safetensors")): "which is not beside it",
        (("a", second), ("b", second)): "holds|should hold the tensor 'a'",
    }.items():
        index.write_text(json.dumps({"weight_map": dict(places)}), encoding="utf-8")
        if said:
            with pytest.raises(RequestError, match=said):
                read(index)
        else:
            assert read(index).parameters == 2


def test_packed_weights_are_counted_one_by_one(tmp_path: Path) -> None:
    """128 × 64 weights of 4 bits: eight in each whole number, as GPTQ and AWQ pack them."""
    scales = ("l.scales", "F16", (1, 64))
    gptq: Shapes = [("l.qweight", "I32", (16, 64)), ("l.qzeros", "I32", (1, 8)), scales, ("l.g_idx", "I32", (128,))]
    awq: Shapes = [("l.qweight", "I32", (128, 8)), ("l.qzeros", "I32", (1, 8)), scales]
    halves: Shapes = [("l.weight", "U8", (4096, 1)), ("l.weight.absmax", "F32", (128,))]
    for number, tensors in enumerate((gptq, awq, halves)):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(safetensors(tensors))
        found = read(path)
        assert [(layer.kind, layer.parameters, layer.dtype) for layer in found.layers] == [
            ("weight", 128 * 64, "int4")
        ], number
        assert "quantised" in found.notes[0]
        assert found.stored_bytes == 4096


def _one(entry: object) -> bytes:
    return with_header(json.dumps({"a": entry}).encode(), 8)


FAULTS = {
    "is cut off or damaged: the length of the header": b"1234",
    "its header claims 10,000,000,000 bytes, and the file has 10": with_header(b"{}", 0, claimed=10**10),
    "its header is no JSON \\(line 1, column 2\\)": with_header(b"{'}", 0),
    "is nested too deep": with_header(b'{"a":' + b"[" * 100_000, 0),
    "its header is no JSON object": with_header(b"[]", 0),
    "its header holds 'a' twice": with_header(b'{"a":1,"a":2}', 0),
    "no UTF-8": with_header(b'{"\xff":1}', 0),
    "has no data_offsets of two": _one({"dtype": "F32", "shape": [2]}),
    "data_offsets that no tensor can have": _one({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}),
    "has the type 'F31'": _one({"dtype": "F31", "shape": [2], "data_offsets": [0, 8]}),
    "has no shape": _one({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}),
    "does not fit its 8 bytes": _one({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}),
    "ends at byte 16 of the data, and 8 are there": _one({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}),
    "leaves a gap before it": _one({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}),
    "take 4 bytes and 8 are there": _one({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}),
    "__metadata__ of its header is no object of texts": with_header(b'{"__metadata__":{"a":1}}', 0),
    "overlaps the one before it": with_header(
        json.dumps(
            {
                "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
            }
        ).encode(),
        8,
    ),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_header_that_cannot_be_is_refused(said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(FAULTS[said])
    assert recognised(path)
    with pytest.raises(RequestError, match=said) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_of_the_wrong_name_is_recognised_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(SAFETENSORS)
    assert read(tmp_path / "weights").parameters == 16


def test_an_empty_tensor_takes_no_room(tmp_path: Path) -> None:
    tensors = [("a", "F32", (0, 3)), ("b", "F32", ())]
    (tmp_path / "m.safetensors").write_bytes(safetensors(tensors))
    assert read(tmp_path / "m.safetensors").parameters == 1
    assert math.prod(header(tensors)["a"]["shape"]) == 0
