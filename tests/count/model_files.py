"""Small files of every format that is read, made by hand or by the libraries that write them."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Shapes = Sequence[tuple[str, str, tuple[int, ...]]]
"""Tensors: name, type and shape."""

BYTES = {"F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4, "U8": 1, "I8": 1, "BOOL": 1}


def header(tensors: Shapes, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The header of a safetensors file."""
    entries: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    place = 0
    for name, dtype, shape in tensors:
        size = math.prod(shape) * BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    return entries


def with_header(text: bytes, data: int, claimed: int | None = None) -> bytes:
    """A safetensors file with any text as its header, and zeros as its data."""
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text + bytes(data)


def safetensors(tensors: Shapes, metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of zeros."""
    data = sum(math.prod(shape) * BYTES[dtype] for _, dtype, shape in tensors)
    return with_header(json.dumps(header(tensors, metadata)).encode(), data)


def sparse(path: Path, tensors: Shapes) -> None:
    """A safetensors file whose data is a hole: it takes no room on the disk, whatever its size."""
    text = json.dumps(header(tensors)).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + sum(math.prod(shape) * BYTES[dtype] for _, dtype, shape in tensors))


def llama(blocks: int, hidden: int, inner: int, keys: int, words: int) -> Shapes:
    """The tensors of a model of Llama's shape."""
    found: list[tuple[str, str, tuple[int, ...]]] = [("model.embed_tokens.weight", "BF16", (words, hidden))]
    for number in range(blocks):
        start = f"model.layers.{number}."
        for name, shape in {
            "self_attn.q_proj": (hidden, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, hidden),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
            "input_layernorm": (hidden,),
            "post_attention_layernorm": (hidden,),
        }.items():
            found.append((f"{start}{name}.weight", "BF16", shape))
    return [*found, ("model.norm.weight", "BF16", (hidden,)), ("lm_head.weight", "BF16", (words, hidden))]


def sharded(folder: Path, tensors: Shapes, each: int) -> None:
    """A model in several files with an index."""
    parts = [tensors[start : start + each] for start in range(0, len(tensors), each)]
    places: dict[str, str] = {}
    for number, part in enumerate(parts, start=1):
        name = f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        sparse(folder / name, part)
        places |= {tensor: name for tensor, _, _ in part}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def gguf(settings: Mapping[str, tuple[int, bytes]], tensors: Sequence[tuple[str, tuple[int, ...], int, int]]) -> bytes:
    """A GGUF file: settings as type and bytes; tensors as name, shape, type and bytes."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings))
    for name, (kind, value) in settings.items():
        head += text(name) + struct.pack("<I", kind) + value
    place = 0
    for name, shape, kind, size in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1]) + struct.pack("<IQ", kind, place)
        place += -(-size // 32) * 32
    return head + bytes(-len(head) % 32 + place)


def text(value: str) -> bytes:
    """A text in GGUF."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def varint(number: int) -> bytes:
    """A number as protocol buffers write it."""
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


GGUF = gguf(
    {
        "general.architecture": (8, text("llama")),
        "llama.block_count": (4, struct.pack("<I", 1)),
        "llama.attention.layer_norm_rms_epsilon": (6, struct.pack("<f", 1e-5)),
        "tokenizer.ggml.tokens": (9, struct.pack("<IQ", 8, 3) + text("a") + text("b") + text("c")),
        "tokenizer.ggml.scores": (9, struct.pack("<IQ", 6, 2) + bytes(8)),
    },
    [("token_embd.weight", (3, 32), 8, 3 * 34), ("output_norm.weight", (32,), 0, 128)],
)
"""A GGUF file with one quantised tensor of 3 × 32 and one of 32 floats."""

SAFETENSORS = safetensors([("0.weight", "F32", (4, 3)), ("0.bias", "F32", (4,))], {"format": "pt"})
"""A safetensors file with 16 parameters."""
