"""GGUF: settings and tensors from the front of the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdfast.count.files import read
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from tests.count.model_files import GGUF, gguf, text
else:
    from model_files import GGUF, gguf, text


def test_tensors_and_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(GGUF)
    found = read(tmp_path / "m.gguf")
    assert [(layer.name, layer.shape, layer.dtype) for layer in found.layers] == [
        ("token_embd.weight", (3, 32), "Q8_0"),
        ("output_norm.weight", (32,), "float32"),
    ]
    assert found.parameters == 3 * 32 + 32
    assert {each.name: each.value for each in found.hyperparameters} == {
        "llama.block_count": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
    }
    assert found.notes == ("Weights are quantised in blocks (Q8_0) and are counted one by one.",)


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    claimed = b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0)
    crossed = gguf({}, [("a", (8,), 0, 32), ("b", (8,), 0, 32)]).replace(struct.pack("<IQ", 0, 32), bytes(12))
    listed = gguf({"x": (9, struct.pack("<IQ", 8, 1 << 50))}, [])
    nested = gguf({"x": (9, struct.pack("<IQ", 9, 1))}, [])
    for content, said in {
        GGUF[:100]: "is cut off or damaged",
        GGUF[:-64]: "of the data, and .* are there",
        GGUF.replace(struct.pack("<I", 3), struct.pack("<I", 1), 1): "is GGUF of version 1; versions 2 and 3",
        claimed: "it claims 1,099,511,627,776 tensors and 0 settings",
        crossed: "the tensor 'b' overlaps the one before it",
        listed: "claims 1,125,899,906,842,624 texts",
        nested: "has items of the type 9, which is not read",
        gguf({"x": (77, text("a"))}, []): "has the type 77, which GGUF does not know",
    }.items():
        (tmp_path / "m.gguf").write_bytes(content)
        with pytest.raises(RequestError, match=said):
            read(tmp_path / "m.gguf")
