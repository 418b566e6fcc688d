"""The parts that architectures are made of: what each learns, what it computes, and what its backward pass needs again.

FLOPs are those of matrix products, convolutions and attention, a multiplication and an addition being two; norms,
activation functions, softmax and biases are left out, as is usual. A causal mask spares nothing here: the whole
square of scores is counted, as most kernels compute it.

Activations are the numbers that have to be kept for the backward pass: the input of every product, of every norm, and
of every activation function but the rectifier (whose output, the next layer's input, is enough); for attention its
queries, keys, values and probabilities. For a block of a transformer that is 16 s·h + a·s² numbers for s tokens of
width h in a heads, which is Korthikanti et al. 2022 (Reducing Activation Recomputation, eq. 1) without dropout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.count.records import Layer

COUNTED = (
    "FLOPs are those of matrix products, convolutions and attention; a multiplication and an addition are two. "
    "Activations are the inputs that the backward pass needs again."
)
"""How work is counted, as pages say it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model: its arrays, its buffers, and the FLOPs and kept activations of one example."""

    layers: tuple[Layer, ...] = ()
    flops: int = 0
    activations: int = 0
    buffers: tuple[Layer, ...] = ()


def together(parts: Iterable[Part]) -> Part:
    """Several parts as one, in their order."""
    parts = list(parts)
    return Part(
        tuple(layer for part in parts for layer in part.layers),
        sum(part.flops for part in parts),
        sum(part.activations for part in parts),
        tuple(layer for part in parts for layer in part.buffers),
    )


def dense(
    name: str, inputs: int, outputs: int, rows: int = 1, *, bias: bool = True, keeps: bool = True, turned: bool = False
) -> Part:
    """A matrix product for each of ``rows``.

    Args:
        name: of the layer; its arrays are ``name.weight``, (outputs, inputs), and ``name.bias``, (outputs,).
        inputs: numbers of a row that go in.
        outputs: numbers that come out.
        rows: rows or tokens of one example.
        bias: whether something is added to each output.
        keeps: whether its input is kept; False where another layer has kept the same one.
        turned: the weight is stored as (inputs, outputs), as GPT-2 has it.
    """
    sides = (inputs, outputs) if turned else (outputs, inputs)
    layers = [Layer.of(f"{name}.weight", "weight", *sides)]
    if bias:
        layers.append(Layer.of(f"{name}.bias", "bias", outputs))
    return Part(tuple(layers), 2 * rows * inputs * outputs, rows * inputs if keeps else 0)


def product(rows: int, inputs: int, outputs: int) -> Part:
    """A matrix product with a weight that is counted elsewhere (a head that shares the embedding)."""
    return Part((), 2 * rows * inputs * outputs, rows * inputs)


def convolution(
    name: str,
    channels: tuple[int, int],
    kernel: int,
    sides: tuple[int, int],
    *,
    groups: int = 1,
    bias: bool = False,
    dims: int = 2,
) -> Part:
    """A convolution over ``dims`` axes of equal length.

    Args:
        name: of the layer; its weight has the shape (out, in / groups, kernel, ...).
        channels: in and out.
        kernel: its length along every axis.
        sides: the length of every axis before and after.
        groups: the channels are divided into so many groups that do not see each other.
        bias: whether something is added to each channel.
        dims: 1 for sequences, 2 for images.
    """
    inside, out = channels
    weight = Layer.of(f"{name}.weight", "weight", out, inside // groups, *[kernel] * dims)
    layers = (weight, Layer.of(f"{name}.bias", "bias", out)) if bias else (weight,)
    return Part(layers, 2 * sides[1] ** dims * weight.parameters, inside * sides[0] ** dims)


def layer_norm(name: str, width: int, rows: int = 1, *, bias: bool = True) -> Part:
    """A scale, and an offset unless it only divides by the root mean square, for each of ``width`` numbers."""
    layers = [Layer.of(f"{name}.weight", "scale", width)]
    if bias:
        layers.append(Layer.of(f"{name}.bias", "bias", width))
    return Part(tuple(layers), 0, rows * width)


def batch_norm(name: str, channels: int, positions: int = 1) -> Part:
    """A scale and an offset for each channel; its running mean and variance are buffers, no parameters.

    Args:
        name: of the layer.
        channels: that are normalised.
        positions: pixels of one example, 1 for a plain row.
    """
    layers = (Layer.of(f"{name}.weight", "scale", channels), Layer.of(f"{name}.bias", "bias", channels))
    buffers = (
        Layer.of(f"{name}.running_mean", "statistic", channels, trainable=False),
        Layer.of(f"{name}.running_var", "statistic", channels, trainable=False),
        Layer.of(f"{name}.num_batches_tracked", "count", trainable=False),
    )
    return Part(layers, 0, channels * positions, buffers)


def embedding(name: str, entries: int, width: int) -> Part:
    """A vector for each entry; looking one up is no arithmetic."""
    return Part((Layer.of(name, "embedding", entries, width),))


def attention(tokens: int, heads: int, width: int, keys_width: int | None = None) -> Part:
    """Scores of all pairs of tokens and their mixture; it learns nothing itself.

    Args:
        tokens: of one example.
        heads: of the queries.
        width: of the queries, all heads together.
        keys_width: of the keys, and of the values; ``width`` unless several heads share them.
    """
    kept = tokens * (width + 2 * (width if keys_width is None else keys_width)) + heads * tokens**2
    return Part((), 4 * tokens**2 * width, kept)


def kept(numbers: int) -> Part:
    """The input of an activation function."""
    return Part((), 0, numbers)
