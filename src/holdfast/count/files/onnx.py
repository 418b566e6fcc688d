"""ONNX: the arrays of a graph by their names, shapes and types; their numbers are stepped over.

The field numbers are those of onnx.proto. An array is an initializer, the value of a node ``Constant``, or, in the
domain ai.onnx.ml, a list in a node's attributes, such as the coefficients of a linear model or the thresholds of trees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.count.files.bounded import DEEPEST, MOST_ARRAYS, cut_off, damaged, opened, too_large, word
from holdfast.count.files.hints import recorded
from holdfast.count.files.names import divided
from holdfast.count.files.onnx_ml import TENSORS, Learned, learned_attribute
from holdfast.count.files.protobuf import BYTES, EIGHT, FOUR, VARINT, Wire
from holdfast.count.records import Inspection, Layer, Trees
from holdfast.errors import RequestError

TYPES: dict[int, tuple[str, int]] = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("text", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8", 8),
    18: ("float8", 8),
    19: ("float8", 8),
    20: ("float8", 8),
    21: ("int4", 4),
    22: ("int4", 4),
    23: ("float4", 4),
    24: ("float8", 8),
    25: ("int2", 2),
    26: ("int2", 2),
}
"""TensorProto.DataType: what the types are called here, and their bits."""

_ANONYMOUS = re.compile(r"^(onnx::\w+|_?val_\d+|\d+|/.*|.*[Cc]onst(ant)?\w*)$")
"""Names that exporters give to constants, and no person to a parameter."""

_FROM_SECOND = {"QuantizeLinear", "DequantizeLinear"}
"""Nodes whose inputs, but for the first, are scales and zero points."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array of the file: its name, shape and type, and whether its numbers lie in another file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    outside: bool = False


@dataclass
class Graph:
    """What was found so far in a graph and the graphs inside of it."""

    tensors: list[Tensor] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    statistics: set[str] = field(default_factory=set)
    scales: set[str] = field(default_factory=set)
    packed: dict[str, int] = field(default_factory=dict)


def read_file(path: Path, target: str) -> Inspection:
    """The model in an ONNX file.

    Raises:
        RequestError: if the file is cut off, damaged, or no ONNX model.
    """
    with opened(path) as source:
        graph, producer, metadata = Graph(), "", dict[str, str]()
        wire, found = Wire(source), False
        for item in wire.fields(source.size):
            if (item.number, item.wire) == (7, BYTES):
                found = True
                _graph(wire, wire.tell() + item.value, graph, 0)
            elif (item.number, item.wire) == (25, BYTES):  # a function: nodes without arrays of their own
                _graph(wire, wire.tell() + item.value, graph, 0, node=7)
            elif item.number in {2, 3} and item.wire == BYTES:
                producer = f"{producer} {wire.text(item.value, 100)}".strip()
            elif (item.number, item.wire) == (14, BYTES):
                metadata.update(_pair(wire, wire.tell() + item.value))
        if not found:
            raise RequestError(f"{path} is no ONNX model: it holds no graph")
    return _inspection(graph, producer, metadata, target)


def _graph(wire: Wire, end: int, graph: Graph, depth: int, node: int = 1) -> None:
    """The arrays of a graph, and of the graphs in its nodes."""
    if depth > DEEPEST:
        raise too_large(wire.source.name, f"its graphs are nested more than {DEEPEST} deep")
    for item in wire.fields(end):
        if item.wire != BYTES:
            continue
        behind = wire.tell() + item.value
        if item.number == node:
            _node(wire, behind, graph, depth)
        elif node == 1 and item.number == 5:
            graph.tensors.append(_tensor(wire, behind))
        elif node == 1 and item.number == 15:
            graph.tensors.append(_sparse(wire, behind))
        if len(graph.tensors) > MOST_ARRAYS:
            raise too_large(wire.source.name, f"it has more than {MOST_ARRAYS:,} arrays")


def _node(wire: Wire, end: int, graph: Graph, depth: int) -> None:
    """What a node tells of the arrays that it uses, and the arrays in its attributes."""
    inputs: list[str] = []
    attributes: list[tuple[int, int]] = []
    kind = name = ""
    for item in wire.fields(end):
        if item.wire != BYTES:
            continue
        if item.number == 1:
            inputs.append(wire.text(item.value))
        elif item.number == 3 or (item.number == 2 and not name):  # its name, or that of its first output
            name = wire.text(item.value)
        elif item.number == 4:
            kind = wire.text(item.value, 100)
        elif item.number == 5:
            attributes.append((wire.tell(), wire.tell() + item.value))
    if kind == "BatchNormalization":
        graph.statistics.update(inputs[3:5])
    elif kind in _FROM_SECOND:
        graph.scales.update(inputs[1:])
    elif kind == "MatMulNBits":
        graph.scales.update(inputs[2:4])
    for start, stop in attributes:
        wire.move(start)
        _attribute(wire, stop, graph, (kind, name, inputs), depth)


def _attribute(wire: Wire, end: int, graph: Graph, node: tuple[str, str, list[str]], depth: int) -> None:
    """The arrays and graphs in an attribute of a node (its kind, its name, its inputs)."""
    start, (kind, name, inputs), called = wire.tell(), node, ""
    for item in wire.fields(end):
        if item.number == 1 and item.wire == BYTES:
            called = wire.text(item.value, 100)
            if learned_attribute(kind, called):
                graph.learned.append(Learned.read(wire, start, end, kind, name, called))
                return
        elif item.number in {6, 11} and item.wire == BYTES:
            _graph(wire, wire.tell() + item.value, graph, depth + 1)
        elif item.number == 5 and item.wire == BYTES:
            tensor = _tensor(wire, wire.tell() + item.value)
            if kind == "Constant" and math.prod(tensor.shape) > 1:
                graph.tensors.append(Tensor(tensor.name or name, tensor.shape, tensor.dtype, tensor.outside))
            elif kind == "TreeEnsemble" and called in TENSORS:
                count = math.prod(tensor.shape)
                leaves = count if called == "leaf_weights" else 0
                graph.learned.append(Learned(f"{name}.{called}", TENSORS[called], count, leaves))
        elif item.number == 3 and item.wire == VARINT and (kind, called) == ("MatMulNBits", "bits") and inputs[1:]:
            graph.packed[inputs[1]] = item.value


def _tensor(wire: Wire, end: int) -> Tensor:
    """A tensor without its numbers; those that it has must be as many as its shape says."""
    name, dims, code, outside = "", list[int](), 0, False
    numbers: dict[int, int] = {}
    for item in wire.fields(end):
        if item.number == 1:
            dims += [item.value] if item.wire == VARINT else _packed(wire, wire.tell() + item.value)
            if len(dims) > 64:
                raise damaged(wire.source.name, f"the array {word(name)} has more than 64 dimensions")
        elif item.number == 2 and item.wire == VARINT:
            code = item.value
        elif item.number == 8 and item.wire == BYTES:
            name = wire.text(item.value)
        elif item.number == 14 and item.wire == VARINT:
            outside = item.value == 1
        elif item.number in {4, 5, 6, 7, 9, 10, 11}:
            size = {BYTES: item.value, FOUR: 4, EIGHT: 8, VARINT: 1}[item.wire]
            numbers[item.number] = numbers.get(item.number, 0) + size
    if code not in TYPES:
        raise damaged(wire.source.name, f"the array {word(name)} has the type {code}, which ONNX does not know")
    if any(side >= 1 << 63 for side in dims):
        raise damaged(wire.source.name, f"the array {word(name)} has a negative side")
    dtype, bits = TYPES[code]
    tensor = Tensor(name, tuple(dims), dtype, outside)
    _fits(wire.source.name, tensor, bits, numbers)
    return tensor


def _fits(where: str, tensor: Tensor, bits: int, numbers: dict[int, int]) -> None:
    """Refuse an array whose bytes, by the field that they lie in, are other numbers than its shape says."""
    count = math.prod(tensor.shape)
    if tensor.outside or not bits:
        return
    parts = 2 if tensor.dtype.startswith("complex") else 1
    exact = {9: (count * bits + 7) // 8, 4: 4 * parts * count, 10: 8 * parts * count}  # raw, as floats, as doubles
    said = f"the array {word(tensor.name)} should hold {count:,} numbers, and has"
    for number, size in numbers.items():
        if size != exact[number] if number in exact else count > 8 * size:
            raise damaged(where, f"{said} {size:,} bytes")
    if count and not numbers:
        raise cut_off(where, f"{said} none")


def _packed(wire: Wire, end: int) -> Iterator[int]:
    """Variable-length numbers one after the other."""
    for _ in range(65):
        if wire.tell() >= end:
            return
        yield wire.varint()


def _sparse(wire: Wire, end: int) -> Tensor:
    """The stored numbers of a sparse array."""
    for item in wire.fields(end):
        if (item.number, item.wire) == (1, BYTES):
            return _tensor(wire, wire.tell() + item.value)
    raise damaged(wire.source.name, "a sparse array has no values")


def _pair(wire: Wire, end: int) -> dict[str, str]:
    """An entry of the model's metadata."""
    texts = {item.number: wire.text(item.value) for item in wire.fields(end) if item.wire == BYTES}
    return {texts.get(1, ""): texts.get(2, "")}


def _inspection(graph: Graph, producer: str, metadata: dict[str, str], target: str) -> Inspection:
    """The arrays as layers and buffers."""
    known: list[Tensor] = []
    buffers: list[Layer] = []
    packed: list[Layer] = []
    for tensor in graph.tensors:
        one = math.prod(tensor.shape) == 1
        if tensor.name in graph.packed and 0 < graph.packed[tensor.name] < 8:
            count = math.prod(tensor.shape) * 8 // graph.packed[tensor.name]
            packed.append(Layer(tensor.name, "weight", tensor.shape, count, dtype="int4"))
        elif tensor.name in graph.statistics:
            buffers.append(Layer.of(tensor.name, "statistic", *tensor.shape, dtype=tensor.dtype))
        elif tensor.name in graph.scales:
            buffers.append(Layer.of(tensor.name, "quantisation", *tensor.shape, dtype=tensor.dtype))
        elif tensor.dtype == "text" or (one and _ANONYMOUS.match(tensor.name)):
            buffers.append(Layer.of(tensor.name, "constant", *tensor.shape, dtype=tensor.dtype))
        else:
            known.append(tensor)
    layers, others = divided((tensor.name, tensor.shape, tensor.dtype) for tensor in known)
    learned = [layer for found in graph.learned for layer in found.layers()]
    hyperparameters, beside = recorded(metadata)
    notes = []
    if others or buffers:
        notes.append(
            "An ONNX file does not say which of its constants were learned: arrays of whole numbers, single constants, "
            "statistics and scales of quantisation are not counted."
        )
    if any(tensor.outside for tensor in graph.tensors):
        notes.append("Its numbers lie in files beside it, which were not looked at.")
    if producer:
        notes.append(f"Written by {producer}.")
    return Inspection(
        target,
        "ONNX file",
        (*layers, *packed, *learned),
        hyperparameters,
        (*others, *buffers),
        _trees(graph.learned),
        notes=(*notes, *beside),
    )


def _trees(learned: list[Learned]) -> Trees | None:
    """All trees of the graph together; a binary tree has one leaf more than splits."""
    splits = sum(item.count for item in learned if item.kind == "threshold")
    leaves = sum(item.leaves for item in learned)
    values = sum(item.count for item in learned if item.kind == "leaf value")
    if not leaves:
        return None
    return Trees(max(leaves - splits, 1), splits, leaves, max(values // leaves, 1))
