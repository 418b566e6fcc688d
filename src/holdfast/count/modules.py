"""Live networks: whatever has ``named_parameters`` and ``named_modules``, as torch's ``nn.Module`` has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.count.choices import of_layers, of_optimizer
from holdfast.count.files.names import kind_of
from holdfast.count.learned import type_of
from holdfast.count.records import Inspection, Layer, Work
from holdfast.count.shapes.parts import COUNTED, Part, dense, kept, layer_norm, together

KEEPS_INPUT = frozenset({"GELU", "SiLU", "Softplus", "Mish", "LeakyReLU", "ELU"})
"""Activation functions whose backward pass needs their input."""

_WITHOUT_WORK = "Sequential ReLU Tanh Sigmoid Dropout Identity Flatten Softmax LogSoftmax SmoothClip Residual"

WITHOUT_WORK = frozenset(_WITHOUT_WORK.split())
"""Layers without a matrix product, whose output (the next layer's input) is enough for the backward pass."""


def is_module(value: Any) -> bool:
    """Whether a value is a network with named parameters."""
    return not isinstance(value, type) and all(
        callable(getattr(value, name, None)) for name in ("named_parameters", "named_buffers", "named_modules")
    )


def inspected(model: Any, optimizer: Any = None) -> Inspection:
    """A live network: every parameter once, trainable or not; buffers apart.

    Args:
        model: an ``nn.Module``; nothing is run, no value is read, and the device does not matter.
        optimizer: that trains it, whose choices are listed as well.
    """
    layers, seen = [], set[int]()
    for name, tensor in model.named_parameters(remove_duplicate=False):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            layers.append(_layer(name, tensor, trainable=bool(tensor.requires_grad)))
    shared = sum(1 for _ in model.named_parameters(remove_duplicate=False)) - len(layers)
    buffers = tuple(_layer(name, tensor, trainable=False, kind="buffer") for name, tensor in model.named_buffers())
    names = "1 name shares" if shared == 1 else f"{shared:,} names share"
    notes = (f"{names} an array with another one; it is counted once.",) if shared else ()
    choices = of_layers(model.named_modules())
    return Inspection(
        type(model).__name__,
        "torch module",
        tuple(layers),
        choices + (() if optimizer is None else of_optimizer(optimizer)),
        buffers,
        work=_work(model),
        unrecorded="not recorded in this object",
        notes=notes,
    )


def _layer(name: str, tensor: Any, *, trainable: bool, kind: str | None = None) -> Layer:
    shape = tuple(int(side) for side in tensor.shape)
    return Layer.of(name, kind or kind_of(name, shape), *shape, trainable=trainable, dtype=type_of(tensor))


def _work(model: Any) -> Work | None:
    """What a row costs in a chain of dense layers; None where a shape alone does not tell, as for convolutions."""
    parts = list(_parts(model))
    if any(part is None for part in parts) or not any(part.flops for part in parts if part is not None):
        return None
    whole = together(part for part in parts if part is not None)
    return Work("row", whole.flops, whole.activations, COUNTED)


def _parts(model: Any) -> Iterator[Part | None]:
    """The parts of a chain; None for a layer whose work depends on more than its shape."""
    width = 0
    for name, module in model.named_modules():
        kind = type(module).__name__
        if kind == "Linear":
            inputs, width = int(module.in_features), int(module.out_features)
            yield dense(name, inputs, width, bias=module.bias is not None)
        elif kind in {"LayerNorm", "BatchNorm1d", "RMSNorm"}:
            yield layer_norm(name, width)
        elif kind in KEEPS_INPUT:
            yield kept(width)
        elif kind not in WITHOUT_WORK:
            yield None
