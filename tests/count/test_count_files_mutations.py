"""Files with any bytes changed are counted or refused in one sentence: no traceback, little memory, little time."""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from holdfast.count.files import read, recognised
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from tests.count.model_files import GGUF, safetensors, varint
else:
    from model_files import GGUF, safetensors, varint

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)

HUGE = [b"\xff" * 8, b"\x00" * 8, b"\x7f" + b"\xff" * 7, struct.pack("<Q", 10**10), b"[" * 64, b"9" * 30, b'{"a":' * 9]
"""What lengths, shapes and brackets are overwritten with."""


def _onnx() -> bytes:
    weights = [numpy_helper.from_array(np.zeros((3, 2), np.float32), "w")]
    inner = helper.make_graph([], "then", [], [], initializer=weights)
    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=inner),
        helper.make_node("LinearRegressor", ["s"], ["y"], domain="ai.onnx.ml", coefficients=[0.5] * 4),
    ]
    model: bytes = helper.make_model(helper.make_graph(nodes, "g", [], [], initializer=weights)).SerializeToString()
    return model


def _boosted(suffix: str) -> bytes:
    return bytes(xgboost.train({"nthread": 1, "max_depth": 2}, xgboost.DMatrix(X, y), 2).save_raw(suffix))


def _lightgbm() -> bytes:
    options = {"num_leaves": 3, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    return str(lightgbm.train(options, lightgbm.Dataset(X, y), 2).model_to_string()).encode()


def _skops() -> bytes:
    model = make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=2, random_state=0))
    return bytes(skops.io.dumps(model.fit(X, y)))


def _config() -> bytes:
    return json.dumps({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 90}).encode()


FILES: dict[str, Callable[[], bytes]] = {
    "m.safetensors": lambda: safetensors([("a.weight", "F32", (4, 3)), ("a.bias", "BF16", (4,))], {"format": "pt"}),
    "m.safetensors.index.json": lambda: b'{"metadata": {}, "weight_map": {"a": "m-00001-of-00001.safetensors"}}',
    "m.onnx": _onnx,
    "m.skops": _skops,
    "m.json": lambda: _boosted("json"),
    "m.ubj": lambda: _boosted("ubj"),
    "m.txt": _lightgbm,
    "m.gguf": lambda: GGUF,
    "config.json": _config,
}

whole = functools.cache(lambda name: FILES[name]())


def changed(data: bytes, draw: random.Random) -> bytes:
    """A file with a few of its bytes changed, cut off, repeated, or overwritten by a claim."""
    for _ in range(draw.randint(1, 3)):
        at = draw.randint(0, min(len(data), draw.choice([16, 200, len(data)])))
        match draw.randint(0, 4):
            case 0:
                data = data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] if draw.random() < 0.3 else data[:at] + data[at + draw.randint(1, 8) :]
            case 2:
                claim = draw.choice(HUGE)
                data = data[:at] + claim + data[at + len(claim) :]
            case 3:
                data = data[:at] + data[at // 2 : at] + data[at:]
            case _:
                numbers = [place for place, byte in enumerate(data[:2000]) if 48 <= byte < 58] or [at]
                place = draw.choice(numbers)
                data = (
                    data[:place] + draw.choice([b"-1", b"999999999999", b"1e999", b"null", b"[]"]) + data[place + 1 :]
                )
    return data


def with_changed_member(data: bytes, draw: random.Random) -> bytes:
    """An archive of which one member is changed, and the archive itself is in order."""
    held, packed = io.BytesIO(data), io.BytesIO()
    with zipfile.ZipFile(held) as old, zipfile.ZipFile(packed, "w") as new:
        names = old.namelist()
        chosen = draw.choice(["schema.json", draw.choice(names)])
        for name in names:
            content = old.read(name)
            new.writestr(name, changed(content, draw) if name == chosen else content)
    return packed.getvalue()


@pytest.mark.parametrize("name", FILES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_file_leads_to_more_than_a_sentence(name: str, seed: int, tmp_path: Path) -> None:
    draw, path = random.Random(seed), tmp_path / name
    (tmp_path / "m-00001-of-00001.safetensors").write_bytes(safetensors([("a", "F32", (2,))]))
    inside = name == "m.skops" and draw.random() < 0.7
    path.write_bytes(with_changed_member(whole(name), draw) if inside else changed(whole(name), draw))
    said = ""
    tracemalloc.start()
    started = time.process_time()
    try:
        json.dumps(read(path).to_json())
    except RequestError as exc:
        said = str(exc)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 64e6
    assert time.process_time() - started < 1
    assert "\n" not in said
    assert len(said) < 1000
    assert recognised(path) in {True, False}


@pytest.mark.parametrize("name", FILES)
def test_the_files_themselves_are_in_order(name: str, tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00001.safetensors").write_bytes(safetensors([("a", "F32", (2,))]))
    (tmp_path / name).write_bytes(whole(name))
    assert read(tmp_path / name).parameters > 0


def _headed(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _zipped(schema: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("schema.json", schema)
    return packed.getvalue()


def _members(count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for number in range(count):
            file.writestr(f"{number}", b"")
    return packed.getvalue()


def _node(content: str) -> str:
    return f'{{"__class__": "C", "__module__": "m", "__loader__": "JsonNode", "content": "{content}"}}'


HOSTILE: dict[str, Callable[[], bytes]] = {
    "lists.safetensors": lambda: _headed(b'{"a":[' + b"[]," * 30_000_000 + b"[]]}"),
    "objects.safetensors": lambda: _headed(b'{"a":[' + b"{}," * 1_000_000 + b"{}]}"),
    "tensors.safetensors": lambda: _headed(
        json.dumps({f"{n}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(90_000)}).encode()
    ),
    "wide.safetensors": lambda: _headed('{"\U0001f600":"'.encode() + b"a" * 30_000_000 + b'"}'),
    "fields.onnx": lambda: b"\x08\x09\x3a" + varint(4_000_000) + b"\x10\x01" * 2_000_000,
    "nodes.onnx": lambda: b"\x08\x09\x3a" + varint(6_000_000) + b"\x0a\x04\x22\x02If" * 1_000_000,
    "lists.json": lambda: b'{"learner":{"x":' + b"[" * 20_000_000,
    "trees.json": lambda: b'{"learner":{"gradient_booster":{"model":{"trees":[' + b"{}," * 5_000_000,
    "numbers.json": lambda: b'{"learner":{"gradient_booster":{"model":{"weights":[' + b"1," * 50_000_000,
    "items.ubj": lambda: b"{U\x07learner[" + b"Z" * 20_000_000,
    "types.ubj": lambda: b"{U\x07learner[$T#L\x7f" + b"\xff" * 7,
    "lines.txt": lambda: b"tree\n" + b"\n" * 20_000_000,
    "line.txt": lambda: b"tree\n" + b"a" * 60_000_000,
    "words.gguf": lambda: (
        GGUF[:16] + struct.pack("<QQ", 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, 10**6) + bytes(8 * 10**6)
    ),
    "spaces.skops": lambda: _zipped(b" " * 63_000_000),
    "nodes.skops": lambda: _zipped(f"[{','.join([_node('1')] * 300_000)}]".encode()),
    "names.skops": lambda: _zipped(
        b'{"__class__":"D","content":' + json.dumps({f"{n:0>900}": {} for n in range(60_000)}).encode()
    ),
    "members.skops": lambda: _members(60_000),
    "config.json": lambda: b'{"model_type": "llama", "num_hidden_layers": 1000000000000}',
}

RUN = """\
import resource, sys, time
from pathlib import Path
from holdfast.count.files import read
from holdfast.errors import RequestError
import holdfast.count.files.folder, holdfast.count.files.archive, zipfile
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    read(Path(sys.argv[1]))
except RequestError as exc:
    print(str(exc)[:200])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - started)
"""


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_to_be_large_takes_little(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name]())
    command = [sys.executable, "-c", RUN, str(tmp_path / name)]
    done: Any = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    kilobytes, seconds = map(float, done.stdout.split("\n")[-2].split())
    assert kilobytes < 64_000, done.stdout
    assert seconds < 2, done.stdout
