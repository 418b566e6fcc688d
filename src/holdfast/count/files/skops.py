"""skops: what each estimator learned, and its hyperparameters, from the schema in the archive; nothing is loaded.

Counted are, by scikit-learn's conventions, the attributes of an estimator that end in an underscore and hold floating
point numbers, but for records of how the fit went; trees by their thresholds and leaf values; and what an estimator
keeps of its training rows. Attributes without an underscore are what the estimator was made with.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.count.conventions import is_learned, kind_of_attribute
from holdfast.count.files.archive import Archive, archive
from holdfast.count.files.bounded import MOST_ARRAYS, opened, too_large
from holdfast.count.files.json_values import JsonValues
from holdfast.count.files.skops_nodes import Node, Reader
from holdfast.count.files.skops_settings import hyperparameters
from holdfast.count.files.trees import Forest, together
from holdfast.count.records import Hyperparameter, Inspection, Layer
from holdfast.errors import RequestError

SCHEMA = "schema.json"

LARGEST_SCHEMA = 64_000_000
LARGEST_SPARSE = 8_000_000

DEEPEST = 8
"""How far estimators in estimators are followed."""

_LISTS = frozenset({"ListNode", "TupleNode", "NdArrayNode"})
_NO_CONTAINERS = frozenset({"DictNode", "DefaultDictNode", "SetNode", "TypeNode", "FunctionNode"})


@dataclass
class Found:
    """What was found so far.

    Args:
        layers: arrays of learned numbers.
        forests: trees.
        seen: arrays and objects that were met, by file or identity.
    """

    layers: list[Layer] = field(default_factory=list)
    forests: list[Forest] = field(default_factory=list)
    seen: set[str | int] = field(default_factory=set)


def read_file(path: Path, target: str) -> Inspection:
    """The model in a skops file.

    Raises:
        RequestError: if the file is cut off, damaged, or no skops file.
    """
    with opened(path) as source, archive(source.file, source.size, str(path)) as members:
        if SCHEMA not in members.names:
            raise RequestError(f"{path} is no skops file: it holds no {SCHEMA}")
        model = _schema(members)
        return _Walk(members).inspection(model, target)


def _schema(members: Archive) -> Node:
    """The model as nodes."""
    with members.member(SCHEMA, LARGEST_SCHEMA) as source:
        return Reader(JsonValues(source)).node()


class _Walk:
    """Counts what the nodes of a model hold.

    Args:
        members: the archive with the arrays.
    """

    def __init__(self, members: Archive) -> None:
        self.members = members
        self.found = Found()

    def inspection(self, model: Node, target: str) -> Inspection:
        """Everything that was found in a model."""
        self._inside(model, "", 0)
        chosen = [Hyperparameter(name, value, recorded_in="file") for name, value in hyperparameters(model, "", 0)]
        forests, notes = self.found.forests, [f"The model is of the class {model.module}.{model.kind}."]
        trees = None
        if forests:
            trees = together(forests).trees_record()
            notes += together(forests).notes()
        if not self.found.layers:
            notes.append("It shows no numbers that were learned.")
        return Inspection(
            target, "skops file", tuple(self.found.layers), tuple(chosen), trees=trees, notes=tuple(notes)
        )

    def _inside(self, node: Node, name: str, depth: int) -> None:
        """The learned numbers in a node: an array, a number, a list, or an estimator."""
        if node.loader == "NdArrayNode" and node.file:
            self._array(node, name)
        elif node.plain:
            if isinstance(node.value, float):
                self._add(name, (), "float64")
        elif node.loader == "SparseMatrixNode":
            self._sparse(node, name)
        elif depth < DEEPEST and node.loader not in _NO_CONTAINERS and self._first_time(node):
            self._members(node, name, depth + 1)

    def _members(self, node: Node, name: str, depth: int) -> None:
        """The learned numbers in a list or an estimator."""
        own = node.attributes
        if node.loader in _LISTS:
            for position, item in enumerate(node.items):
                self._inside(item, _place(name, position, item), depth)
        elif "_fit_X" in own:
            self._stored(own, name)
        elif "_tfidf" in own:
            self._inside(own["_tfidf"], name, depth)
        elif "steps" in own and own["steps"].items:  # a pipeline keeps its fitted steps under this name
            for step in own["steps"].items:
                if len(step.items) > 1 and step.items[0].plain:
                    self._inside(step.items[1], _joined(name, str(step.items[0].value)), depth)
        else:
            self._estimator(own, name, depth)

    def _estimator(self, own: Mapping[str, Node], name: str, depth: int) -> None:
        """The trees of an estimator, and its other fitted attributes."""
        forest, taken = _forest(own, self._shape)
        if forest is not None:
            self.found.forests.append(forest)
            self._layers(forest.layers("float64", f"{name}." if name else ""))
        if "_baseline_prediction" in own and own["_baseline_prediction"].file:
            shape, dtype = self._shape(own["_baseline_prediction"])
            self._add(_joined(name, "baseline"), (math.prod(shape),), dtype)
        for key, item in own.items():
            if key not in taken and _holds_parameters(own, key):
                self._inside(item, _joined(name, key), depth)

    def _stored(self, own: Mapping[str, Node], name: str) -> None:
        """The training rows that a model of nearest neighbours keeps."""
        for key, called, kind in (("_fit_X", "stored rows", "row"), ("_y", "stored targets", "target")):
            if key in own and own[key].loader == "NdArrayNode" and own[key].file:
                shape, dtype = self._shape(own[key])
                layer = Layer.of(_joined(name, called), kind, *shape, trainable=False, dtype=dtype)
                self._layers((layer,))

    def _array(self, node: Node, name: str) -> None:
        if node.file in self.found.seen:
            return
        self.found.seen.add(node.file)
        shape, dtype = self._shape(node)
        if dtype.startswith("float") and all(shape):
            self._add(name, shape, dtype)

    def _sparse(self, node: Node, name: str) -> None:
        """The stored numbers of a sparse array: an archive in the archive."""
        with self.members.member(node.file, LARGEST_SPARSE) as source:
            data = source.read(source.size, "a sparse array")
        with archive(io.BytesIO(data), len(data), self.members.name) as inner:
            stored, dtype = _numpy_type(*inner.array("data.npy"))
            shape = inner.numbers("shape.npy")
        self._layers((Layer(name, kind_of_attribute(name), shape, math.prod(stored), dtype=dtype),))

    def _shape(self, node: Node) -> tuple[tuple[int, ...], str]:
        return _numpy_type(*self.members.array(node.file))

    def _add(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
        self._layers((Layer.of(name, kind_of_attribute(name), *shape, dtype=dtype),))

    def _layers(self, layers: tuple[Layer, ...]) -> None:
        self.found.layers += layers
        if len(self.found.layers) > MOST_ARRAYS:
            raise too_large(self.members.name, f"it has more than {MOST_ARRAYS:,} arrays")

    def _first_time(self, node: Node) -> bool:
        """Whether an object is met for the first time; what has no identity always is."""
        if node.identity and node.identity in self.found.seen:
            return False
        self.found.seen.add(node.identity)
        return True


def _holds_parameters(own: Mapping[str, Node], key: str) -> bool:
    """Whether an attribute is fitted and holds what the model predicts with, by scikit-learn's conventions."""
    scaled = "scale_" in own and not own["scale_"].plain
    intercept = "fit_intercept" not in own or own["fit_intercept"].value is not False
    return is_learned(key, own.keys(), scaled=scaled, intercept=intercept)


Shape = Callable[[Node], tuple[tuple[int, ...], str]]


def _forest(own: Mapping[str, Node], shape: Shape) -> tuple[Forest | None, frozenset[str]]:
    """The trees of a tree, a forest, or boosted trees on histograms, and the attributes that they lie in."""
    if "tree_" in own and own["tree_"].kind == "Tree":
        return _of_trees([own["tree_"]], shape), frozenset({"tree_"})
    if "_predictors" in own and "n_trees_per_iteration_" in own:
        nodes = [item.attributes["nodes"] for item in _flat(own["_predictors"]) if "nodes" in item.attributes]
        return _counted([math.prod(shape(item)[0]) for item in nodes], 1), frozenset()
    members = list(_flat(own["estimators_"])) if "estimators_" in own else []
    if members and all("tree_" in item.attributes for item in members):
        return _of_trees([item.attributes["tree_"] for item in members], shape), frozenset({"estimators_"})
    return None, frozenset()


def _of_trees(trees: list[Node], shape: Shape) -> Forest:
    """Trees of scikit-learn; all have as many values a leaf as the first."""
    first = trees[0].attributes.get("values")
    if first is None or any("node_count" not in tree.attributes for tree in trees):
        raise RequestError("a tree of the model has no node_count or no values; save the model again")
    width: int = math.prod(shape(first)[0][1:])
    return _counted([tree.attributes["node_count"].value for tree in trees], width)


def _counted(nodes: list[Any], values: int) -> Forest:
    """Binary trees by their numbers of nodes: (n + 1) / 2 of n are leaves."""
    if not all(isinstance(count, int) and count > 0 and count % 2 for count in nodes):
        raise RequestError("a tree of the model has a number of nodes that no binary tree has; save the model again")
    return Forest(len(nodes), sum(count // 2 for count in nodes), sum(count // 2 + 1 for count in nodes), values)


def _flat(node: Node) -> Iterator[Node]:
    """The items of a list, and of the lists in it."""
    for item in node.items:
        if item.items and not item.attributes:
            yield from _flat(item)
        else:
            yield item


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _place(name: str, position: int, item: Node) -> str:
    """Where an item of a list lies; a list that starts with a name is called by it."""
    if item.items and item.items[0].plain and isinstance(item.items[0].value, str):
        return f"{name}[{item.items[0].value}]"
    return name if name.endswith("]") and not (item.plain or item.file) else f"{name}[{position}]"


_LETTERS = {"f": "float", "i": "int", "u": "uint", "c": "complex"}


def _numpy_type(shape: tuple[int, ...], dtype: str) -> tuple[tuple[int, ...], str]:
    """A shape with the type's name in place of numpy's letters.

    >>> _numpy_type((2,), "<f8")
    ((2,), 'float64')
    """
    letter, width = dtype[1:2], dtype[2:]
    if letter in _LETTERS and width.isdigit() and len(width) < 4:
        return shape, f"{_LETTERS[letter]}{8 * int(width)}"
    return shape, {"b": "bool", "U": "text", "S": "text"}.get(letter, "record")
