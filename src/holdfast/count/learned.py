"""What a fitted model learned, by looking at it: arrays of numbers in any estimator, network or trees. Runs no fit.

Everything is found by the names of attributes, so that neither scikit-learn nor torch is imported. Hyperparameters are
no parameters; neither are classes, row numbers and records of how a fit went.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.count import boosted
from holdfast.count.conventions import is_learned, kind_of_attribute
from holdfast.count.files.names import divided
from holdfast.count.files.trees import Forest
from holdfast.count.records import Layer, Trees

DEEPEST = 8
"""How far nested estimators are followed."""


@dataclass(frozen=True)
class Learned:
    """What was found in a model: its arrays, its trees, and the rows that it keeps."""

    layers: tuple[Layer, ...]
    buffers: tuple[Layer, ...] = ()
    trees: Trees | None = None


@dataclass(frozen=True)
class _Walk:
    """What a walk has met so far."""

    seen: set[int] = field(default_factory=set)
    forests: list[Forest] = field(default_factory=list)
    buffers: list[Layer] = field(default_factory=list)


def learned(model: Any, name: str = "") -> Learned:
    """What a fitted model learned: an estimator by scikit-learn's conventions, a network, boosted trees.

    Args:
        model: a fitted model.
        name: what comes before the names of its arrays.
    """
    walk = _Walk()
    layers = tuple(_inside(model, name, walk, 0))
    forest = together(walk.forests)
    return Learned(layers, tuple(walk.buffers), forest.trees_record())


def together(forests: Iterable[Forest]) -> Forest:
    """Several groups of trees as one; leaves of unlike width are taken to be as wide as all numbers need."""
    forests = list(forests)
    leaves, numbers = sum(f.leaves for f in forests), sum(f.leaves * f.values for f in forests)
    width = numbers // leaves if leaves and numbers % leaves == 0 else 1
    return Forest(sum(f.trees for f in forests), sum(f.splits for f in forests), leaves, width)


def _inside(value: Any, name: str, walk: _Walk, depth: int) -> Iterator[Layer]:
    """The learned numbers in a value: an array, a number, a sequence, or a model with such attributes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        if value.size:
            yield Layer.of(name, kind_of_attribute(name), *value.shape, dtype=value.dtype.name)
    elif isinstance(value, (float, np.floating)):
        yield Layer.of(name, kind_of_attribute(name), dtype="float64")
    elif hasattr(value, "nnz") and hasattr(value, "shape"):
        shape, dtype = tuple(value.shape), str(getattr(value, "dtype", "float64"))
        yield Layer(name, kind_of_attribute(name), shape, int(value.nnz), dtype=dtype)
    elif depth < DEEPEST and id(value) not in walk.seen and _is_container(value):
        walk.seen.add(id(value))
        yield from _members(value, name, walk, depth + 1)


def _is_container(value: Any) -> bool:
    objects = isinstance(value, np.ndarray) and value.dtype == object
    return objects or isinstance(value, (list, tuple)) or (hasattr(value, "__dict__") and not isinstance(value, type))


def _members(value: Any, name: str, walk: _Walk, depth: int) -> Iterator[Layer]:
    """The learned numbers in a sequence or a model."""
    if isinstance(value, (list, tuple, np.ndarray)):
        for position, item in enumerate(np.ravel(value) if isinstance(value, np.ndarray) else value):
            yield from _inside(item, _place(name, position, item), walk, depth)
    elif boosted.is_boosted(value):
        yield from _boosted(value, name, walk)
    elif weights_of(value) is not None:
        yield from _network(value, name, walk)
    elif hasattr(value, "_fit_X"):
        yield from _stored(value, name)
    elif hasattr(value, "_tfidf"):
        yield from _inside(value._tfidf, name, walk, depth)
    elif isinstance(getattr(value, "steps", None), list):  # a pipeline keeps what is fitted under a hyperparameter
        for step, fitted in value.steps:
            yield from _inside(fitted, _under(name, step), walk, depth)
    else:
        yield from _of_estimator(value, name, walk, depth)


def _of_estimator(value: Any, name: str, walk: _Walk, depth: int) -> Iterator[Layer]:
    """Its trees, and its other fitted attributes."""
    own = vars(value)
    forest, taken = _forest(own)
    if forest is not None:
        walk.forests.append(forest)
        yield from forest.layers("float64", f"{name}." if name else "")
    if "_baseline_prediction" in own:
        yield from _inside(np.ravel(own["_baseline_prediction"]), _under(name, "baseline"), walk, depth)
    scaled, intercept = own.get("scale_") is not None, own.get("fit_intercept", True) is not False
    for key, item in own.items():
        if key not in taken and is_learned(key, own, scaled=scaled, intercept=intercept):
            yield from _inside(item, _under(name, key), walk, depth)


def _under(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _place(name: str, position: int, item: Any) -> str:
    """Where an item of a sequence lies; a sequence that starts with a name is called by it."""
    if isinstance(item, (list, tuple)) and item and isinstance(item[0], str):
        return f"{name}[{item[0]}]"
    return name if name.endswith("]") and not isinstance(item, (float, np.ndarray)) else f"{name}[{position}]"


def _forest(own: Mapping[str, Any]) -> tuple[Forest | None, frozenset[str]]:
    """The trees of a tree, a forest, or boosted trees on histograms, and the attributes that they lie in."""
    if hasattr(own.get("tree_"), "children_left"):
        return _tree(own["tree_"]), frozenset({"tree_"})
    if "_predictors" in own and "n_trees_per_iteration_" in own:
        nodes = [predictor.nodes for stage in own["_predictors"] for predictor in stage]
        leaves = sum(int(each["is_leaf"].sum()) for each in nodes)
        splits = sum(len(each) for each in nodes) - leaves
        sets = sum(int(each["is_categorical"].sum()) for each in nodes)
        return Forest(len(nodes), splits, leaves, categorical=sets), frozenset()
    members = own.get("estimators_")
    if isinstance(members, (list, np.ndarray)) and len(members):
        flat = list(np.ravel(np.asarray(members, dtype=object)))
        if all("tree_" in getattr(item, "__dict__", {}) for item in flat):
            return together(_tree(item.tree_) for item in flat), frozenset({"estimators_"})
    return None, frozenset()


def _tree(tree: Any) -> Forest:
    leaves = int((tree.children_left == -1).sum())
    return Forest(1, int(tree.node_count) - leaves, leaves, math.prod(tree.value.shape[1:]))


def _stored(model: Any, name: str) -> Iterator[Layer]:
    """The training rows that a model of nearest neighbours keeps."""
    rows = model._fit_X
    yield Layer(_under(name, "stored rows"), "row", tuple(rows.shape), math.prod(rows.shape), False, str(rows.dtype))
    if getattr(model, "_y", None) is not None:
        targets = model._y
        yield Layer.of(
            _under(name, "stored targets"), "target", *targets.shape, trainable=False, dtype=str(targets.dtype)
        )


def weights_of(value: Any) -> Mapping[str, Any] | None:
    """The tensors of one of holdfast's own networks by name; None for anything else, and before a fit."""
    own = getattr(value, "__dict__", {})
    trained = own.get("_trained", value)
    weights = getattr(trained, "__dict__", {}).get("weights")
    network = isinstance(weights, Mapping) and "architecture" in getattr(trained, "__dict__", {})
    return weights if network else None


def _network(value: Any, name: str, walk: _Walk) -> Iterator[Layer]:
    """The tensors of a network of holdfast's own; what batch norms keep of the rows are buffers."""
    start = f"{name}." if name else ""
    weights = weights_of(value) or {}
    arrays = [(f"{start}{key}", tuple(item.shape), type_of(item)) for key, item in weights.items()]
    layers, buffers = divided(arrays)
    walk.buffers.extend(buffers)
    yield from layers


def type_of(tensor: Any) -> str:
    """The type of a tensor's numbers, as numpy calls it.

    >>> type_of(np.zeros(2, np.float32))
    'float32'
    """
    return str(tensor.dtype).removeprefix("torch.")


def _boosted(value: Any, name: str, walk: _Walk) -> Iterator[Layer]:
    found = boosted.inspected(value)
    if found.trees is not None:
        walk.forests.append(Forest(found.trees.trees, found.trees.splits, found.trees.leaves, found.trees.values))
    for layer in found.layers:
        yield Layer(_under(name, layer.name), layer.kind, layer.shape, layer.parameters, layer.trainable, layer.dtype)
