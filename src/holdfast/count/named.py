"""Architectures by name, from their published shapes, or by the sizes of their layers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from holdfast.count.configs import KINDS, from_config
from holdfast.count.records import Inspection
from holdfast.count.shapes.dense import linear, mlp, sizes_of
from holdfast.count.shapes.images import EFFICIENTNETS, RESNETS
from holdfast.errors import RequestError, nearest, shown

SHAPED = ("mlp", "linear")
"""What takes sizes: ``mlp:784-256-128-10``, ``linear:2``."""

_IMAGENET = {"num_labels": 1000}
_RESNET_WIDTHS = {"basic": [64, 128, 256, 512], "bottleneck": [256, 512, 1024, 2048]}


def _gpt(depth: int, width: int, heads: int, positions: int = 1024) -> dict[str, Any]:
    return {"model_type": "gpt2", "n_layer": depth, "n_embd": width, "n_head": heads, "n_positions": positions}


def _llama(depth: int, width: int, heads: int, inner: int, positions: int, **other: Any) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "num_hidden_layers": depth,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        **other,
    }


def _mixtral(depth: int, width: int, heads: int, inner: int, positions: int) -> dict[str, Any]:
    return {
        **_llama(depth, width, heads, inner, positions, num_key_value_heads=8),
        "model_type": "mixtral",
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
    }


def _vit(depth: int, width: int, heads: int, patch: int) -> dict[str, Any]:
    return {
        "model_type": "vit",
        "num_hidden_layers": depth,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "patch_size": patch,
        **_IMAGENET,
    }


_THREE = {"vocab_size": 128256, "num_key_value_heads": 8}

NAMED: dict[str, dict[str, Any]] = {
    "bert-base": {"model_type": "bert"},
    "bert-large": {
        "model_type": "bert",
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
    "gpt2": _gpt(12, 768, 12),
    "gpt2-medium": _gpt(24, 1024, 16),
    "gpt2-large": _gpt(36, 1280, 20),
    "gpt2-xl": _gpt(48, 1600, 25),
    "gpt3": _gpt(96, 12288, 96, 2048),
    "llama-7b": _llama(32, 4096, 32, 11008, 2048),
    "llama-13b": _llama(40, 5120, 40, 13824, 2048),
    "llama-30b": _llama(60, 6656, 52, 17920, 2048),
    "llama-65b": _llama(80, 8192, 64, 22016, 2048),
    "llama-2-7b": _llama(32, 4096, 32, 11008, 4096),
    "llama-2-13b": _llama(40, 5120, 40, 13824, 4096),
    "llama-2-70b": _llama(80, 8192, 64, 28672, 4096, num_key_value_heads=8),
    "llama-3-8b": _llama(32, 4096, 32, 14336, 8192, **_THREE),
    "llama-3-70b": _llama(80, 8192, 64, 28672, 8192, **_THREE),
    "llama-3.1-405b": _llama(126, 16384, 128, 53248, 131072, **_THREE),
    "mistral-7b": {**_llama(32, 4096, 32, 14336, 32768, num_key_value_heads=8), "model_type": "mistral"},
    "mixtral-8x7b": _mixtral(32, 4096, 32, 14336, 32768),
    "mixtral-8x22b": _mixtral(56, 6144, 48, 16384, 65536),
    "vit-b16": _vit(12, 768, 12, 16),
    "vit-b32": _vit(12, 768, 12, 32),
    "vit-l16": _vit(24, 1024, 16, 16),
    "vit-h14": _vit(32, 1280, 16, 14),
    **{
        name: {
            "model_type": "resnet",
            "layer_type": kind,
            "depths": list(depths),
            "hidden_sizes": _RESNET_WIDTHS[kind],
            **_IMAGENET,
        }
        for name, (kind, depths) in RESNETS.items()
    },
    **{
        name: {
            "model_type": "efficientnet",
            "width_coefficient": width,
            "depth_coefficient": depth,
            "image_size": side,
            "dropout_rate": dropout,
            **_IMAGENET,
        }
        for name, (width, depth, side, dropout) in EFFICIENTNETS.items()
    },
}
"""The published configurations; what they leave out is as the default of their kind."""

EXAMPLES = (
    "mlp:784-256-128-10, linear:2, bert-base, gpt2, llama-2-70b, mixtral-8x7b, vit-b16, resnet50, efficientnet-b7"
)


def architecture(name: str) -> Inspection:
    """A model by the name of its architecture or the sizes of its layers.

    Args:
        name: as ``gpt2-xl`` (``GPT-2 XL`` does as well), or ``mlp:784-256-128-10``.

    Raises:
        RequestError: for an unknown name, with the nearest one, or sizes that do not chain.
    """
    kind, colon, sizes = name.partition(":")
    if colon or kind.lower() in SHAPED:
        return _shaped(kind.strip().lower(), sizes, name)
    key = _squeezed(name)
    for known, config in NAMED.items():
        if _squeezed(known) == key:
            whole = {**KINDS[config["model_type"]][0], **config}
            return replace(from_config(whole, known, "published"), kind="architecture")
    hint = nearest(name, [*NAMED, *SHAPED])
    raise RequestError(f"there is no architecture {shown(name)}{hint}; known are such as {EXAMPLES}")


def _shaped(kind: str, sizes: str, name: str) -> Inspection:
    if kind not in SHAPED:
        raise RequestError(f"{shown(name)} is no shape{nearest(kind, SHAPED)}; write mlp:784-256-128-10 or linear:2")
    if not sizes:
        raise RequestError(f"{shown(name)} has no sizes; write mlp:784-256-128-10 or linear:2")
    numbers = sizes_of(sizes, name)
    if kind == "linear":
        if len(numbers) > 2:
            raise RequestError(f"{shown(name)} has {len(numbers)} sizes; a linear model has its inputs and outputs")
        return linear(numbers[0], numbers[1] if len(numbers) == 2 else 1, name)
    if len(numbers) < 2:
        raise RequestError(f"{shown(name)} has one size; a network has two at least, its inputs and its outputs")
    return mlp(numbers, name)


def _squeezed(name: str) -> str:
    """A name without what people write differently: capitals, blanks, hyphens, dots; endings that say nothing."""
    name = re.sub(r"[^a-z0-9]", "", name.lower())
    return (
        re.sub(r"(uncased|cased|hf|patch16224|v01)$", "", name).replace("vitbase", "vitb").replace("vitlarge", "vitl")
    )
