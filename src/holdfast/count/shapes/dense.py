"""Linear models and multilayer perceptrons from the sizes of their layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from holdfast.count.records import Hyperparameter, Inspection, Work
from holdfast.count.shapes.parts import COUNTED, Part, batch_norm, dense, kept, layer_norm, together
from holdfast.errors import RequestError, shown

MOST_WEIGHTS_SHOWN = 4
"""Inputs up to which a linear model is written out."""


def mlp_part(sizes: Sequence[int], *, norm: str = "none", smooth: bool = False) -> Part:
    """A chain of dense layers of these sizes, inputs first.

    Args:
        sizes: inputs, hidden layers, outputs.
        norm: after each hidden layer: ``none``, ``layer`` or ``batch``.
        smooth: the activation function is none that keeps its output only (a rectifier or tanh).
    """
    parts: list[Part] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        parts.append(dense(str(i), inputs, outputs))
        if i < len(sizes) - 2:
            if norm != "none":
                parts.append((layer_norm if norm == "layer" else batch_norm)(f"{i}.norm", outputs))
            if smooth:
                parts.append(kept(outputs))
    return together(parts)


def mlp(sizes: Sequence[int], target: str) -> Inspection:
    """A multilayer perceptron; ``784-256-128-10`` learns 235,146 numbers."""
    part = mlp_part(sizes)
    hidden = list(sizes[1:-1])
    chosen = (
        Hyperparameter("inputs", sizes[0], recorded_in="target"),
        Hyperparameter("hidden layers", len(hidden), recorded_in="target"),
        Hyperparameter("widths", hidden, recorded_in="target"),
        Hyperparameter("outputs", sizes[-1], recorded_in="target"),
    )
    return Inspection(
        target,
        "multilayer perceptron",
        part.layers,
        chosen,
        work=Work("row", part.flops, part.activations, COUNTED),
        formula=" → ".join(f"{size:,}" for size in sizes),
    )


def linear(inputs: int, outputs: int, target: str) -> Inspection:
    """A linear model; of two inputs ``y = w1·x1 + w2·x2 + b``, three numbers."""
    part = dense("linear", inputs, outputs)
    chosen = (
        Hyperparameter("inputs", inputs, recorded_in="target"),
        Hyperparameter("outputs", outputs, 1, recorded_in="target" if outputs != 1 else "code default"),
        Hyperparameter("fit_intercept", True, True, recorded_in="code default"),
    )
    return Inspection(
        target,
        "linear model",
        part.layers,
        chosen,
        work=Work("row", part.flops, part.activations, COUNTED),
        formula=linear_formula(inputs, outputs),
    )


def linear_formula(inputs: int, outputs: int = 1, *, intercept: bool = True) -> str:
    """A linear model written out as far as a line can show it.

    >>> linear_formula(2)
    'y = w1·x1 + w2·x2 + b'
    >>> linear_formula(300, intercept=False)
    'y = w1·x1 + w2·x2 + ... + w300·x300'
    """
    if outputs > 1:
        return f"y = W·x{' + b' if intercept else ''}, with W of {outputs:,} × {inputs:,}"
    first = [f"w{i}·x{i}" for i in range(1, min(inputs, MOST_WEIGHTS_SHOWN) + 1)]
    if inputs > MOST_WEIGHTS_SHOWN:
        first[2:] = ["...", f"w{inputs}·x{inputs}"]
    return f"y = {' + '.join([*first, 'b'] if intercept else first)}"


def sizes_of(text: str, target: str) -> list[int]:
    """The sizes that follow ``mlp:`` or ``linear:``, as ``784-256-10``, or layer by layer as ``784x256,256x10``.

    Raises:
        RequestError: for sizes that are no positive whole numbers, or layers that do not chain.
    """
    text = text.strip().replace("×", "x")
    if "x" not in text.lower():
        return [_size(word, target) for word in text.replace(",", "-").split("-")]
    layers = [[_size(side, target) for side in word.lower().split("x")] for word in text.replace("-", ",").split(",")]
    for number, sides in enumerate(layers, 1):
        if len(sides) != 2:
            raise RequestError(
                f"layer {number} of {shown(target)} has {len(sides)} sizes; a layer has two, as in 784x256"
            )
    for number, (before, after) in enumerate(pairwise(layers), 1):
        if before[1] != after[0]:
            raise RequestError(
                f"the layers of {shown(target)} do not chain: layer {number} gives {before[1]:,} numbers and layer "
                f"{number + 1} takes {after[0]:,}; make both the same"
            )
    return [layers[0][0], *(sides[1] for sides in layers)]


def _size(word: str, target: str) -> int:
    digits = word.strip().replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and int(digits) > 0):
        what = f"the size {shown(word)}" if word.strip() else "a size without a number"
        raise RequestError(f"{shown(target)} has {what}; sizes are whole numbers from 1 on, as in mlp:784-256-128-10")
    return int(digits)
