"""What training a model takes: memory by its parts, and floating point operations a step and an epoch.

Memory, in bytes, with numbers of ``w`` bytes (4 in float32), P parameters of which T are trained, batches of B, and A
activations kept of one example:

    weights P·w  +  gradients T·w  +  optimiser state k·T·w  +  activations B·A·w

where the optimiser keeps k numbers for each parameter: SGD none, with momentum one, Adam two (Kingma and Ba 2015,
algorithm 1). A framework's own buffers come on top.

FLOPs: a backward pass takes twice the forward one, once for the gradients of the weights and once for those of the
inputs, so that a step takes 3 × forward × B (Kaplan et al. 2020, section 2.1), and an epoch 3 × forward × rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.count.records import WIDTHS, Inspection, total
from holdfast.errors import RequestError, nearest, shown

OPTIMIZERS: dict[str, int] = {"sgd": 0, "momentum": 1, "adam": 2}
"""The numbers that an optimiser keeps for each parameter."""

TRAINED = frozenset({"weight", "bias", "scale", "embedding"})
"""Kinds of arrays that gradients reach."""

STEPS = 3
"""A training step in forward passes."""

DTYPE = "float32"
"""The type of weights, gradients, state and activations."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What training takes.

    Args:
        optimizer: a key of `OPTIMIZERS`.
        batch: examples of a step.
        dtype: the type of all numbers.
        weights: bytes.
        gradients: bytes.
        state: bytes of the optimiser.
        activations: bytes of a batch; None where the shape does not tell.
        forward: FLOPs of one example; None where the shape does not tell.
        rows: examples of an epoch, None where nobody says.
    """

    optimizer: str
    batch: int
    dtype: str
    weights: int
    gradients: int
    state: int
    activations: int | None
    forward: int | None
    rows: int | None = None

    @property
    def memory(self) -> int:
        """Bytes in all, as far as they are known."""
        return self.weights + self.gradients + self.state + (self.activations or 0)

    @property
    def step(self) -> int | None:
        """FLOPs of a training step on a batch."""
        return None if self.forward is None else STEPS * self.forward * self.batch

    @property
    def epoch(self) -> int | None:
        """FLOPs of an epoch."""
        return None if self.forward is None or self.rows is None else STEPS * self.forward * self.rows

    def to_json(self) -> dict[str, Any]:
        """All fields, and what follows from them; ``memory`` is without activations where they are not known."""
        return {
            "optimizer": self.optimizer,
            "batch": self.batch,
            "dtype": self.dtype,
            "bytes": {
                "weights": self.weights,
                "gradients": self.gradients,
                "optimizer_state": self.state,
                "activations": self.activations,
                "total": self.memory,
            },
            "flops": {"forward": self.forward, "step": self.step, "epoch": self.epoch},
            "rows": self.rows,
        }


def costs(inspection: Inspection, *, optimizer: str = "adam", batch: int = 1, rows: int | None = None) -> Costs | None:
    """What training a model in float32 takes; None for one that is not trained by steps along gradients, such as trees.

    Args:
        inspection: of the model.
        optimizer: a key of `OPTIMIZERS`.
        batch: examples of a step.
        rows: examples of an epoch.

    Raises:
        RequestError: for an optimiser that is not known, or a number that cannot be.
    """
    if optimizer not in OPTIMIZERS:
        hint = nearest(optimizer, OPTIMIZERS) or f"; there are {', '.join(OPTIMIZERS)}"
        raise RequestError(f"there is no optimiser {shown(optimizer)}{hint}")
    for name, number in (("batch", batch), ("rows", rows)):
        if number is not None and number < 1:
            raise RequestError(f"{name} is {number}; it is a whole number from 1 on")
    if not by_steps(inspection):
        return None
    work, width = inspection.work, WIDTHS[DTYPE]
    moved = total(layer for layer in inspection.layers if layer.trainable and layer.kind in TRAINED)
    return Costs(
        optimizer,
        batch,
        DTYPE,
        int(inspection.parameters * width),
        int(moved * width),
        int(OPTIMIZERS[optimizer] * moved * width),
        None if work is None else int(batch * work.activations * width),
        None if work is None else work.flops,
        rows,
    )


def by_steps(inspection: Inspection) -> bool:
    """Whether a model is trained by steps along gradients: it has weights, and neither trees nor stored rows."""
    if inspection.work is not None:
        return inspection.work.by_steps
    kinds = {layer.kind for layer in inspection.layers}
    return inspection.trees is None and bool(kinds & TRAINED) and not kinds & {"row", "support vector", "centroid"}
