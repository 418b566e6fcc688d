"""Models to inspect that cannot be counted: names that are none, files that are damaged or pickled, limits."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bad_input.bench import PLAN, Case
else:
    from bench import PLAN, Case

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def inspect(what: str, name: str, content: str | bytes | None = None, shown: str = "") -> Case:
    """A target of `holdfast inspect`, and the file of that name."""
    return Case(what, shown, {} if content is None else {name: content}, ("inspect", name))


def tensors(what: str, header: object, data: int = 8, claimed: int | None = None) -> Case:
    """A safetensors file: the header and so many bytes behind it."""
    text = header if isinstance(header, str) else json.dumps(header)
    length = struct.pack("<Q", len(text) if claimed is None else claimed)
    return inspect(what, "model.safetensors", length + text.encode() + bytes(data), text)


def archive(**members: str) -> bytes:
    """A zip archive of some members, always with the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name.replace("__", "."), (1980, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


INDEX = '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
NODE = '{"__class__": "A", "__loader__": "ListNode", "content": ['
XGBOOST = (
    '{"learner": {"gradient_booster": {"name": "gbtree", "model": {"trees": [{"tree_param": {"num_nodes": "%s"}}]}}}}'
)


def limited(what: str, family: str, limit: str, trials: str = "") -> Case:
    """A plan whose model is limited in a way that cannot be."""
    text = PLAN.replace('family = "knn"', f'family = "{family}"\n{limit}')
    shown = f'family = "{family}"\n{limit}' + (f"\n{trials}" if trials else "")
    return Case(what, shown, {"plan.toml": f"{text}{trials}\n" if trials else text})


LIMITS = [
    limited("a limit where the size is not known before", "svm", "max_parameters = 1000"),
    limited("a limit that nothing keeps", "mlp", "max_parameters = 10"),
    limited("a limit of FLOPs on trees", "gradient-boosting", "max_flops = 1000"),
    limited(
        "a configuration above the limit",
        "mlp",
        "max_parameters = 1000",
        "[[trials]]\nconfig = { width = 256, depth = 4 }",
    ),
]

MODELS = [
    inspect("an unknown architecture", "gpt4"),
    inspect("an architecture that is nearly known", "mpl:2-3"),
    inspect("one layer", "mlp:784"),
    inspect("layers that do not chain", "mlp:7x8,9x3"),
    inspect("no such file", "no-such.safetensors"),
    tensors("a header that claims 10 GB", "{}", 0, claimed=10**10),
    inspect("a file that ends in its header", "model.safetensors", b"12345"),
    tensors("a header that is no JSON", '{"a"; 1}'),
    tensors("a tensor behind the end", {"a": {**ENTRY, "shape": [4], "data_offsets": [0, 16]}}),
    tensors("tensors that overlap", {"a": ENTRY, "b": {**ENTRY, "shape": [1], "data_offsets": [4, 8]}}),
    tensors("a tensor of another size", {"a": {**ENTRY, "shape": [3]}}),
    tensors("an unknown type of number", {"a": {**ENTRY, "dtype": "F31"}}),
    tensors("a tensor twice", '{"a": 1, "a": 2}'),
    inspect("a part that is missing", "model.safetensors.index.json", INDEX, INDEX),
    inspect("a pickle of torch", "model.pt", archive(**{"model/data__pkl": "."})),
    inspect("a pickle of scikit-learn", "model.joblib", pickle.dumps([1.5])),
    inspect("a pickle under another name", "model.skops", pickle.dumps([1.5])),
    inspect("an archive without a model", "model.skops", archive(notes__txt="")),
    inspect("an archive that unpacks to very much", "model.skops", archive(schema__json=" " * 65_000_000)),
    inspect("lists in lists without an end", "model.skops", archive(schema__json=NODE * 100)),
    inspect("an ONNX file that is cut off", "model.onnx", b"\x08\x09\x3a\x7f\x0a\x00"),
    inspect("an ONNX file without a graph", "model.onnx", b"\x08\x09\x12\x01a"),
    inspect("a tree that cannot be", "model.json", XGBOOST % 4, XGBOOST % 4),
    inspect("a model of XGBoost that is cut off", "model.json", (XGBOOST % 3)[:-4], (XGBOOST % 3)[:-4]),
    inspect("a model of LightGBM that is cut off", "model.txt", "tree\nversion=v4\n", "tree\nversion=v4"),
    inspect("a model of Keras", "model.h5", b"\x89HDF\r\n\x1a\n"),
    inspect("a table in the place of a model", "table.csv"),
    inspect("an empty file", "model.onnx", b""),
    Case("a folder without a model", files={"models/notes.txt": "none"}, command=("inspect", "models")),
    inspect("an unknown kind of model", "config.json", '{"model_type": "lama"}', '{"model_type": "lama"}'),
]
