"""What an inspection says of a model: its parameters layer by layer and its hyperparameters; frozen, plain, to JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

NOT_IN_FILE = "not recorded in this file"
"""What the column of hyperparameters says of a file that holds none."""


class Unknown(Enum):
    """A default that nobody recorded; None is a value like any other."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

ARCHITECTURES = ("architecture", "multilayer perceptron", "linear model", "plan")
"""Kinds of inspections that are of a shape, and not of a trained model."""

WIDTHS: dict[str, float] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8": 1,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "int4": 0.5,
    "int2": 0.25,
    "float6": 0.75,
    "float4": 0.5,
    "complex64": 8,
    "bool": 1,
}
"""Bytes of one number, by its type."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An array of learned numbers.

    Args:
        name: where it lies in the model, such as ``encoder.layer.0.attention.self.query.weight``.
        kind: what it is, a noun: weight, bias, scale, embedding, threshold, leaf value, centroid, statistic, ...
        shape: its sides; empty for one number.
        parameters: the numbers that it holds.
        trainable: whether training changes it; False for what is frozen.
        dtype: the type that it is stored in, a key of `WIDTHS` where it is one of them; None where nothing is stored.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    trainable: bool = True
    dtype: str | None = None

    @staticmethod
    def of(name: str, kind: str, *shape: int, trainable: bool = True, dtype: str | None = None) -> Layer:
        """A layer that holds as many numbers as its shape has cells.

        >>> Layer.of("0.weight", "weight", 256, 784).parameters
        200704
        """
        return Layer(name, kind, shape, math.prod(shape), trainable, dtype)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "dtype": self.dtype,
        }


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A choice that was made for the model, and not learned by it.

    Args:
        name: what it is called where it is recorded.
        value: a JSON value.
        default: what it is where nobody chooses; `UNKNOWN` where nobody says.
        searched: the range that was searched, such as ``0.0001 to 0.1, log``; None where none was.
        recorded_in: plan, config, code, code default, file; what is meant is what a person would open to read it.
    """

    name: str
    value: Any
    default: Any = UNKNOWN
    searched: str | None = None
    recorded_in: str = "config"

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values; ``default`` is left out where it is not known."""
        default = {} if self.default is UNKNOWN else {"default": self.default}
        return {
            "name": self.name,
            "value": self.value,
            **default,
            "searched": self.searched,
            "recorded_in": self.recorded_in,
        }


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of a model: a split holds one threshold (or set of categories), a leaf ``values`` numbers."""

    trees: int
    splits: int
    leaves: int
    values: int = 1

    def to_json(self) -> dict[str, Any]:
        """The counts; ``thresholds`` is as many as there are splits."""
        return {
            "trees": self.trees,
            "splits": self.splits,
            "thresholds": self.splits,
            "leaves": self.leaves,
            "leaf_values": self.leaves * self.values,
        }


@dataclass(frozen=True, slots=True)
class Work:
    """What one example costs.

    Args:
        example: what an example is: ``row``, ``sequence of 512 tokens``, ``image of 3 × 224 × 224``.
        flops: floating point operations of one forward pass; a multiplication and an addition are two.
        activations: numbers of one example that the backward pass needs again.
        said: how both were counted, one sentence.
        by_steps: whether the model is trained by steps along gradients, and not solved for.
    """

    example: str
    flops: int
    activations: int
    said: str = ""
    by_steps: bool = True

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "example": self.example,
            "flops": self.flops,
            "activations": self.activations,
            "counted": self.said,
            "by_steps": self.by_steps,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Work:
        """What `to_json` wrote."""
        return Work(data["example"], data["flops"], data["activations"], data["counted"], data["by_steps"])


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model, counted.

    Args:
        target: what was asked for, as a person wrote it.
        kind: what it is: one of `ARCHITECTURES`, ``safetensors file``, ``scikit-learn estimator``, ...
        layers: every array of learned numbers, in the model's order; a shared one once.
        hyperparameters: what was chosen; empty where nothing is recorded.
        buffers: arrays that are stored with the model but are no parameters (running means, masks).
        trees: for models of trees.
        work: what one example costs; None where the shape does not tell.
        formula: the model in its own terms, such as ``y = w1·x1 + w2·x2 + b``; empty where it has none to show.
        unrecorded: said in place of hyperparameters where there are none.
        notes: further sentences.
    """

    target: str
    kind: str
    layers: tuple[Layer, ...]
    hyperparameters: tuple[Hyperparameter, ...] = ()
    buffers: tuple[Layer, ...] = ()
    trees: Trees | None = None
    work: Work | None = None
    formula: str = ""
    unrecorded: str = NOT_IN_FILE
    notes: tuple[str, ...] = ()

    @property
    def is_architecture(self) -> bool:
        """Whether it is a shape alone, of which no model has been trained here."""
        return self.kind in ARCHITECTURES

    @property
    def parameters(self) -> int:
        """All learned numbers."""
        return total(self.layers)

    @property
    def trainable(self) -> int:
        """Those that training changes."""
        return total(layer for layer in self.layers if layer.trainable)

    @property
    def stored_bytes(self) -> int | None:
        """The bytes of the parameters as they are stored; None unless the type of each is known."""
        return stored(self.layers)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values, with the totals; ``bytes`` by the type of number."""
        return {
            "target": self.target,
            "kind": self.kind,
            "parameters": self.parameters,
            "trainable": self.trainable,
            "buffers": total(self.buffers),
            "bytes": {**bytes_of(self.parameters), "stored": self.stored_bytes},
            "layers": [layer.to_json() for layer in self.layers],
            "hyperparameters": [each.to_json() for each in self.hyperparameters],
            "unrecorded": None if self.hyperparameters else self.unrecorded,
            "trees": None if self.trees is None else self.trees.to_json(),
            "work": None if self.work is None else self.work.to_json(),
            "formula": self.formula,
            "notes": list(self.notes),
        }


def total(layers: Iterable[Layer]) -> int:
    """The numbers in some layers together."""
    return sum(layer.parameters for layer in layers)


def bytes_of(parameters: int) -> dict[str, int]:
    """What so many parameters take in bytes, by the type of number."""
    return {dtype: int(parameters * WIDTHS[dtype]) for dtype in ("float32", "bfloat16", "int8")}


def stored(layers: Sequence[Layer]) -> int | None:
    """The bytes of layers in their own types; None where a type is not known."""
    widths = [WIDTHS.get(layer.dtype or "") for layer in layers]
    if any(width is None for width in widths):
        return None
    return math.ceil(sum(layer.parameters * (width or 0) for layer, width in zip(layers, widths, strict=True)))
