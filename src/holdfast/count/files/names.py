"""What an array of a model is, from its name: the words that frameworks give to weights, statistics and masks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from holdfast.count.records import Layer

_BUFFERS: dict[str, str] = {
    "running_mean": "statistic",
    "running_var": "statistic",
    "moving_mean": "statistic",
    "moving_variance": "statistic",
    "num_batches_tracked": "counter",
    "inv_freq": "constant",
    "position_ids": "constant",
    "token_type_ids": "constant",
    "relative_position_index": "constant",
    "attn_mask": "mask",
    "masked_bias": "mask",
    "causal_mask": "mask",
    "mask": "mask",
}
"""Arrays that are stored with a model and not learned, by the last part of their name."""

_QUANTISATION = re.compile(
    r"\.(scales|qzeros|g_idx|weight_scale(_inv|_2)?|input_scale|absmax|nested_absmax|quant_map|nested_quant_map"
    r"|quant_state\.\w+|zero_point|weight_zero_point|SCB|weight_format)$"
)
"""What packs or unpacks quantised weights: it says how they are stored, and is not learned."""

_NORM = re.compile(r"(^|[._])(\w*norm\w*|ln|ln_\w+|ln\d|bn\d*|gn\d*|batchnorm\w*|layernorm\w*)$", re.IGNORECASE)
_EMBEDDING = re.compile(r"(^|[._])(\w*embed\w*|wte|wpe|relative_attention_bias)$", re.IGNORECASE)
_BIAS = re.compile(r"(^|[._])(bias\w*|beta|b|b_\d+)$", re.IGNORECASE)
_SCALE = re.compile(r"(^|[._])(gamma|scale|ls\d)$", re.IGNORECASE)
_TOKEN = re.compile(r"(^|[._])(cls_token|mask_token|pos_embed|class_token|class_embedding|pos_embedding)$")


def kind_of(name: str, shape: tuple[int, ...]) -> str:
    """What an array of learned numbers is, a noun: weight, bias, scale, embedding.

    >>> kind_of("layer.0.LayerNorm.weight", (768,)), kind_of("0.bias", (10,)), kind_of("wte.weight", (9, 2))
    ('scale', 'bias', 'embedding')
    """
    owner, _, last = name.rpartition(".")
    if _TOKEN.search(name):
        return "embedding"
    if _BIAS.search(last):
        return "bias"
    if last == "weight" and len(shape) <= 1 and (_NORM.search(owner) or owner == ""):
        return "scale"
    if last in {"weight", "kernel", "embedding", ""} and _EMBEDDING.search(owner):
        return "embedding"
    if _SCALE.search(last) and len(shape) <= 1:
        return "scale"
    return "embedding" if _EMBEDDING.search(last) else "weight"


def buffer_of(name: str, shape: tuple[int, ...], dtype: str) -> str | None:
    """What an array is that is stored with the model and not learned; None for what is learned.

    Whole numbers of 16 bits and more, and truth values, are positions, counters and masks, which no optimiser moves.
    """
    last = name.rpartition(".")[2]
    if last in _BUFFERS:
        return _BUFFERS[last]
    if _QUANTISATION.search(name):
        return "quantisation"
    if last == "bias" and len(shape) == 4 and shape[0] == shape[1] == 1:  # GPT-2's causal mask
        return "mask"
    return {"bool": "mask", "int64": "constant", "int32": "constant", "int16": "constant"}.get(
        dtype.removeprefix("u") if dtype != "uint8" else dtype
    )


def divided(arrays: Iterable[tuple[str, tuple[int, ...], str]]) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """Arrays (name, shape, type) as layers that were learned and buffers that were not, each in the order given."""
    layers: list[Layer] = []
    buffers: list[Layer] = []
    for name, shape, dtype in arrays:
        buffer = buffer_of(name, shape, dtype)
        kind = buffer or kind_of(name, shape)
        (layers if buffer is None else buffers).append(Layer.of(name, kind, *shape, dtype=dtype))
    return tuple(layers), tuple(buffers)


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts names as people do: ``layer.2`` before ``layer.10``, a weight before its bias.

    >>> sorted(["10.bias", "2.bias", "2.weight"], key=natural)
    ['2.weight', '2.bias', '10.bias']
    """
    *parts, last = name.split(".")
    numbered = [(1, int(part), "") if part.isdecimal() and len(part) < 10 else (2, 0, part) for part in parts]
    return (*numbered, (0, 0, "") if last == "weight" else (2, 0, last))
