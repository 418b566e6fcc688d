"""What the models of the domain ai.onnx.ml learned: lists in the attributes of their nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.count.files.bounded import too_large
from holdfast.count.files.protobuf import BYTES, FOUR, Wire
from holdfast.count.records import Layer

LARGEST = 16_000_000
"""The bytes of one list that is counted."""

_LINEAR = {"coefficients": "weight", "intercepts": "bias"}
_SVM = {
    "coefficients": "weight",
    "rho": "bias",
    "support_vectors": "support vector",
    "prob_a": "scale",
    "prob_b": "bias",
}

_LISTS: dict[str, dict[str, str]] = {
    "LinearClassifier": _LINEAR,
    "LinearRegressor": _LINEAR,
    "SVMClassifier": _SVM,
    "SVMRegressor": _SVM,
    "Scaler": {"offset": "statistic", "scale": "statistic"},
    "Imputer": {"imputed_value_floats": "statistic"},
    "TreeEnsembleClassifier": {"nodes_modes": "threshold", "class_weights": "leaf value", "base_values": "bias"},
    "TreeEnsembleRegressor": {"nodes_modes": "threshold", "target_weights": "leaf value", "base_values": "bias"},
}
"""The lists of learned numbers by the kind of node; the splits of trees are told from their modes."""

TENSORS = {"nodes_splits": "threshold", "leaf_weights": "leaf value"}
"""The arrays of learned numbers in the attributes of a node ``TreeEnsemble``."""

_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def learned_attribute(kind: str, name: str) -> bool:
    """Whether an attribute of a kind of node holds what was learned."""
    return name in _LISTS.get(kind, ())


@dataclass(frozen=True, slots=True)
class Learned:
    """Numbers that lie in an attribute of a node.

    Args:
        name: the node and the attribute.
        kind: what they are.
        count: how many.
        leaves: the leaves of trees that the attribute tells of.
    """

    name: str
    kind: str
    count: int
    leaves: int = 0

    @staticmethod
    def read(wire: Wire, start: int, end: int, node: str, name: str, attribute: str) -> Learned:
        """Count what an attribute holds that lies between two places of the file."""
        if end - start > LARGEST:
            raise too_large(wire.source.name, f"its attribute {attribute} has {end - start:,} bytes")
        wire.move(start)
        data = wire.take(end - start)
        kind = _LISTS[node][attribute]
        stem = f"{name}." if name else ""
        if attribute == "nodes_modes":
            splits = sum(data.count(b"\x4a" + bytes([len(mode)]) + mode.encode()) for mode in _MODES)
            return Learned(f"{stem}split thresholds", kind, splits, data.count(b"\x4a\x04LEAF"))
        return Learned(f"{stem}{attribute}", kind, _floats(wire, start, end, data))

    def layers(self) -> Iterator[Layer]:
        """The numbers as a layer; none where there are none."""
        if self.count:
            yield Layer.of(self.name, self.kind, self.count, dtype="float32")


def _floats(wire: Wire, start: int, end: int, data: bytes) -> int:
    """How many floats an attribute holds: packed in one field, or each in its own of five bytes."""
    count, place = 0, start
    while place < end:
        wire.move(place)
        item = next(wire.fields(end))
        place = wire.tell() + (item.value if item.wire == BYTES else 0)
        if item.number == 7 and item.wire == FOUR:
            run = _run(data[place - 5 - start :])
            count += run
            place += 5 * (run - 1)
        elif item.number == 7 and item.wire == BYTES:
            count += item.value // 4
    return count


def _run(data: bytes) -> int:
    """How many fields of five bytes with the same key follow one another from the start."""
    keys = data[: len(data) // 5 * 5 : 5]
    return len(keys) - len(keys.lstrip(keys[:1]))
