"""Quantised weights that several share one stored number: how many there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.count.records import Layer


def unpacked(
    layers: Sequence[Layer], buffers: Sequence[Layer]
) -> tuple[tuple[Layer, ...], tuple[Layer, ...], tuple[str, ...]]:
    """Layers with packed weights counted one by one, the other buffers, and a sentence where there were any.

    Known are GPTQ's and AWQ's ``qweight`` (whole numbers of 32 bits, beside ``scales`` that tell how many columns there
    are) and the halves of a byte of bitsandbytes (a ``weight`` beside ``quant_state``).
    """
    beside = {layer.name: layer for layer in buffers}
    owners = {name.split(".quant_state.")[0] for name in beside if ".quant_state.bitsandbytes__" in name}
    owners |= {name.rpartition(".absmax")[0] for name in beside if name.endswith(".absmax")}
    found: list[Layer] = []
    packed = 0
    for layer in layers:
        if layer.name in owners and layer.dtype == "uint8":
            packed += 1
            found.append(Layer(layer.name, "weight", layer.shape, 2 * layer.parameters, layer.trainable, "int4"))
        else:
            found.append(layer)
    for name, layer in beside.items():
        if name.endswith(".qweight") and layer.dtype == "int32":
            packed += 1
            found.append(_of_words(layer, beside))
    rest = tuple(layer for layer in buffers if not (layer.name.endswith(".qweight") and layer.dtype == "int32"))
    if not packed and not any(layer.kind == "quantisation" for layer in buffers):
        return tuple(found), rest, ()
    said = "The weights are quantised: "
    said += "several share one stored number and are counted one by one; " if packed else ""
    return tuple(found), rest, (said + "the scales that unpack them are stored with the model and are not counted.",)


def _of_words(layer: Layer, beside: dict[str, Layer]) -> Layer:
    """The weights in whole numbers of 32 bits, as many as the scales tell; otherwise of 4 bits each."""
    stem = layer.name.removesuffix("qweight")
    scales = beside.get(f"{stem}scales")
    columns = scales.shape[-1] if scales is not None and scales.shape else 0
    rows = layer.shape[0] if layer.shape else 0  # AWQ packs the columns
    if layer.shape[-1:] == (columns,):  # GPTQ packs the rows
        rows = math.prod(beside[f"{stem}g_idx"].shape) if f"{stem}g_idx" in beside else 8 * rows
    count = rows * columns or layer.parameters * 8
    bits = 32 * layer.parameters // count if count else 4
    dtype = {4: "int4", 8: "int8"}.get(bits)
    return Layer(layer.name, "weight", layer.shape, count, layer.trainable, dtype)
