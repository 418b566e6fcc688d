"""The networks that holdfast trains, from the fields of their architecture; found by its ``kind``, so that no other
room is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.count.records import Layer, Work
from holdfast.count.shapes.parts import (
    COUNTED,
    Part,
    attention,
    batch_norm,
    dense,
    embedding,
    kept,
    layer_norm,
    together,
)

KEEP_OUTPUT = ("relu", "tanh", "sigmoid")
"""Activation functions whose output, the next layer's input, is enough for the backward pass."""


def network_part(architecture: Any) -> Part | None:
    """What a network is made of, one row being one example; None for a kind that is not known here."""
    build = BUILDERS.get(getattr(architecture, "kind", ""))
    return None if build is None else build(architecture)


def network_work(architecture: Any) -> Work | None:
    """What a row costs in a network; None for a kind that is not known here."""
    part = network_part(architecture)
    return None if part is None else Work("row", part.flops, part.activations, COUNTED)


def _linear(shape: Any) -> Part:
    return dense("linear", shape.inputs, shape.outputs, bias=shape.bias)


def _mlp(shape: Any) -> Part:
    parts: list[Part] = []
    size = shape.inputs
    for number, width in enumerate(shape.widths):
        parts.append(dense(f"hidden.{number}", size, width))
        parts += _norm(f"norm.{number}", shape.norm, width, 1)
        parts += _activation(shape.activation, width)
        size = width
    return together([*parts, dense("last", size, shape.outputs)])


def _cnn(shape: Any) -> Part:
    parts: list[Part] = []
    incoming = shape.image[0]
    for block, (channels, (height, width)) in enumerate(zip(shape.widths, shape.maps, strict=False)):
        places, inside = height * width, incoming
        for number in range(shape.convolutions):
            name = f"block.{block}.{number}"
            parts.append(_convolution(name, (inside, channels), shape.kernel, places, bias=shape.norm == "none"))
            parts += _norm(f"{name}.norm", shape.norm, channels, places)
            parts += _activation(shape.activation, channels * places)
            inside = channels
        if shape.residual and incoming != channels:
            shortcut = _convolution(f"block.{block}.shortcut", (incoming, channels), 1, places, bias=True)
            parts.append(Part(shortcut.layers, shortcut.flops))  # its input is kept already
        incoming = channels
    return together([*parts, dense("last", shape.features, shape.outputs)])


def _transformer(shape: Any) -> Part:
    size, inner, tokens = shape.embedding, shape.feed_forward * shape.embedding, shape.length
    parts = [embedding("tokens.token", shape.tokens + 2, size), embedding("tokens.place", tokens, size)]
    for i in range(shape.layers):
        parts += [
            layer_norm(f"layers.{i}.attention.norm", size, tokens),
            dense(f"layers.{i}.attention.reads", size, 3 * size, tokens),
            attention(tokens, shape.heads, size),
            dense(f"layers.{i}.attention.writes", size, size, tokens),
            layer_norm(f"layers.{i}.forwards.0", size, tokens),
            dense(f"layers.{i}.forwards.1", size, inner, tokens),
            *_activation(shape.activation, tokens * inner),
            dense(f"layers.{i}.forwards.3", inner, size, tokens),
        ]
    return together([*parts, layer_norm("norm", size, tokens), dense("last", size, shape.outputs)])


BUILDERS: dict[str, Callable[[Any], Part]] = {
    "linear": _linear,
    "mlp": _mlp,
    "cnn": _cnn,
    "transformer": _transformer,
}


def _convolution(name: str, channels: tuple[int, int], kernel: int, places: int, *, bias: bool) -> Part:
    """One that keeps height and width."""
    weight = Layer.of(f"{name}.weight", "weight", channels[1], channels[0], kernel, kernel)
    layers = (weight, Layer.of(f"{name}.bias", "bias", channels[1])) if bias else (weight,)
    return Part(layers, 2 * places * weight.parameters, channels[0] * places)


def _norm(name: str, norm: str, channels: int, places: int) -> list[Part]:
    if norm == "none":
        return []
    return [batch_norm(name, channels, places) if norm == "batch" else layer_norm(name, channels, places)]


def _activation(name: str, numbers: int) -> list[Part]:
    return [] if name in KEEP_OUTPUT else [kept(numbers)]
