"""XGBoost's models in JSON and UBJSON: trees are counted one after the other and stepped over.

XGBoost writes what a model needs to predict, and of its hyperparameters only the objective with its settings, the kind
of booster, and numbers that shape the sum of trees. The learning rate is multiplied into the leaves and is gone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.count.files.bounded import Source, damaged, opened, word
from holdfast.count.files.hints import plain
from holdfast.count.files.json_values import JsonValues
from holdfast.count.files.trees import Forest
from holdfast.count.files.ubjson import UbjsonValues
from holdfast.count.files.values import Values
from holdfast.count.records import UNKNOWN, Hyperparameter, Inspection, Layer
from holdfast.errors import RequestError

MOST_NODES = 1 << 31

DEFAULTS = {"booster": "gbtree", "objective": "reg:squarederror", "scale_pos_weight": 1, "num_parallel_tree": 1}
"""What XGBoost takes where nobody chooses, of what it writes into a file."""

UNWRITTEN = (
    "XGBoost does not write learning_rate, max_depth, subsample and the like into a model; they are in the code that "
    "trained it."
)


@dataclass
class Booster:
    """What was found so far."""

    name: str = ""
    trees: int = 0
    splits: int = 0
    leaves: int = 0
    categorical: int = 0
    values: int = 1
    weights: int = 0
    dropped: int = 0
    rounds: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def read_file(path: Path, target: str) -> Inspection:
    """The model in a JSON or UBJSON file of XGBoost.

    Raises:
        RequestError: if the file is cut off, damaged, or no model of XGBoost.
    """
    with opened(path) as source:
        return _read(source, target)


def read_json(data: bytes, target: str) -> Inspection:
    """The model in the JSON or UBJSON that ``Booster.save_raw`` gives.

    Raises:
        RequestError: if it is no model of XGBoost.
    """
    return _read(Source(io.BytesIO(data), target, len(data)), target)


def _read(source: Source, target: str) -> Inspection:
    start = source.file.read(2)
    source.file.seek(0)
    binary = start[:1] == b"{" and start[1:] in {b"L", b"l", b"I", b"i", b"U", b"#", b"$"}
    values: Values = UbjsonValues(source) if binary else JsonValues(source)
    booster, beside, version = Booster(), dict[str, Any](), None
    found = False
    for key in values.members():
        if key == "learner":
            found = True
            _learner(values, booster, beside, source.name)
        elif key == "version":
            version = values.value()
        else:
            values.skip()
    if not found or not booster.name:
        raise RequestError(f"{source.name} is no model of XGBoost: it has no learner with a gradient_booster")
    return _inspection(booster, beside, version, target, source.name)


def _learner(values: Values, booster: Booster, beside: dict[str, Any], where: str) -> None:
    for key in values.members():
        if key == "gradient_booster":
            _booster(values, booster, where)
        elif key in {"learner_model_param", "objective", "attributes"}:
            beside[key] = values.value()
        else:
            values.skip()


def _booster(values: Values, booster: Booster, where: str, inner: bool = False) -> None:
    for key in values.members():
        if key == "name":
            name = values.value()
            booster.name = booster.name if inner else str(name)
        elif key == "model":
            _model(values, booster, where)
        elif key == "gbtree" and not inner:  # DART wraps the trees and adds a weight for each
            _booster(values, booster, where, inner=True)
        elif key == "weight_drop":
            booster.dropped = values.count()
        else:
            values.skip()


def _model(values: Values, booster: Booster, where: str) -> None:
    stated = None
    for key in values.members():
        if key == "trees":
            for number in values.items():
                _tree(values, booster, f"tree {number}", where)
        elif key == "weights":
            booster.weights = values.count()
        elif key == "iteration_indptr":
            booster.rounds = max(values.count() - 1, 0)
        elif key == "boosted_rounds":
            booster.rounds = _whole(values.value(), "boosted_rounds", where)
        elif key == "gbtree_model_param":
            setting = values.value()
            if isinstance(setting, dict) and "num_trees" in setting:
                stated = _whole(setting["num_trees"], "num_trees", where)
                booster.settings |= {"num_parallel_tree": setting.get("num_parallel_tree", "1")}
        else:
            values.skip()
    if stated is not None and stated != booster.trees:
        raise damaged(where, f"it says that it has {stated:,} trees and has {booster.trees:,}")


def _tree(values: Values, booster: Booster, which: str, where: str) -> None:
    """A tree: of n nodes that are not deleted, (n + 1) / 2 are leaves."""
    shape: Any = None
    nodes: int | None = None
    for key in values.members():
        if key == "tree_param":
            shape = values.value()
        elif key == "left_children":
            nodes = values.count()
        elif key == "categories_nodes":
            booster.categorical += values.count()
        else:
            values.skip()
    if not isinstance(shape, dict):
        raise damaged(where, f"{which} has no tree_param")
    stated = _whole(shape.get("num_nodes"), f"num_nodes of {which}", where)
    live = stated - _whole(shape.get("num_deleted", "0"), f"num_deleted of {which}", where)
    if nodes is not None and nodes != stated:
        raise damaged(where, f"{which} says that it has {stated:,} nodes and has {nodes:,}")
    if live < 1 or live % 2 == 0:
        raise damaged(where, f"{which} has {live:,} nodes, and a binary tree has an odd number")
    booster.trees += 1
    booster.splits += live // 2
    booster.leaves += live // 2 + 1
    width = max(_whole(shape.get("size_leaf_vector", "1"), f"size_leaf_vector of {which}", where), 1)
    booster.values = max(booster.values, width)


def _whole(value: Any, what: str, where: str) -> int:
    """A whole number, which XGBoost writes as text."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) < MOST_NODES):
        raise damaged(where, f"{what} is {word(text)}")
    return int(text)


def _inspection(booster: Booster, beside: Mapping[str, Any], version: Any, target: str, where: str) -> Inspection:
    forest = Forest(booster.trees, booster.splits, booster.leaves, booster.values, booster.categorical)
    layers = list(forest.layers("float32"))
    if booster.weights:
        layers.append(Layer.of("weights", "weight", booster.weights, dtype="float32"))
    if booster.dropped:
        layers.append(Layer.of("weight_drop", "scale", booster.dropped, dtype="float32"))
    model = beside.get("learner_model_param")
    start, estimated = _start(model if isinstance(model, dict) else {}, where)
    if estimated:
        layers.append(Layer.of("base_score", "bias", *([len(start)] if len(start) > 1 else []), dtype="float32"))
    chosen = _chosen(booster, beside, None if estimated else start)
    notes = [*(forest.notes() if booster.trees or not booster.weights else ()), UNWRITTEN]
    if isinstance(version, list) and version and all(type(part) is int for part in version):
        notes.append(f"Written by XGBoost {'.'.join(str(part)[:6] for part in version[:3])}.")
    return Inspection(
        target,
        "XGBoost model",
        tuple(layers),
        tuple(
            Hyperparameter(name, value, DEFAULTS.get(name, UNKNOWN), recorded_in="file")
            for name, value in chosen.items()
        ),
        trees=forest.trees_record(),
        notes=tuple(notes),
    )


def _start(model: Mapping[str, Any], where: str) -> tuple[list[float], bool]:
    """The score that trees are added to, and whether XGBoost estimated it from the training data."""
    text = str(model.get("base_score", ""))
    try:
        value = json.loads(text) if text else []
    except (ValueError, RecursionError) as exc:
        raise damaged(where, f"base_score is {word(text)}") from exc
    start = value if isinstance(value, list) else [value]
    if not all(isinstance(item, int | float) for item in start):
        raise damaged(where, f"base_score is {word(text)}")
    return [float(item) for item in start], bool(start) and str(model.get("boost_from_average")) == "1"


def _chosen(booster: Booster, beside: Mapping[str, Any], start: list[float] | None) -> dict[str, Any]:
    """The hyperparameters that the file records, under XGBoost's names."""
    chosen: dict[str, Any] = {"booster": booster.name}
    objective = beside.get("objective")
    if isinstance(objective, dict):
        chosen["objective"] = str(objective.get("name", ""))[:100]
        for group in (value for value in objective.values() if isinstance(value, dict)):
            chosen |= {name: plain(str(value)[:100]) for name, value in list(group.items())[:50]}
    if booster.rounds is not None:
        chosen["num_boost_round"] = booster.rounds
    chosen |= {name: plain(str(value)[:100]) for name, value in booster.settings.items()}
    if start:
        chosen["base_score"] = start[0] if len(start) == 1 else start
    return chosen
