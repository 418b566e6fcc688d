"""What the model that ships learned, read from the record of its fit, and what its training took by the formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.count.amounts import amount
from holdfast.count.conventions import kind_of_attribute
from holdfast.count.files.names import kind_of
from holdfast.count.limits import training_bytes
from holdfast.count.records import Inspection, Layer, Trees, Work, bytes_of
from holdfast.records import Config

STORED = {"stored rows": "row", "stored targets": "target"}
PREPROCESSING = "preprocessor."
"""What the names of the arrays begin with that preprocessing learned."""

GROWN = {"split thresholds": "threshold", "leaf values": "leaf value"}


def inspection_of(told: Mapping[str, Any], target: str, kind: str) -> Inspection:
    """The arrays, the trees and the work that the record of a fitted model holds."""
    layers = tuple(
        Layer(name, _kind(name, tuple(shape)), tuple(shape), count, name.rpartition(".")[2] not in STORED)
        for name, shape, count in told["arrays"]
    )
    trees, work = told.get("trees"), told.get("work")
    grown = None
    if trees is not None:
        values = trees["leaf_values"] // max(trees["leaves"], 1)
        grown = Trees(trees["trees"], trees["splits"], trees["leaves"], values)
    done = None if work is None else Work.from_json(work)
    return Inspection(
        target, kind, layers, trees=grown, work=done, formula=told.get("formula", ""), notes=(told["text"],)
    )


def costs_sentence(told: Mapping[str, Any], config: Config) -> str:
    """What the parameters take in bytes, and a row and a step of training in FLOPs and memory; empty without any."""
    count, work = told["count"], told.get("work")
    if not count:
        return ""
    sizes = bytes_of(count)
    said = (
        f"As float32 the parameters take {amount(sizes['float32'])}B, as bfloat16 {amount(sizes['bfloat16'])}B, as "
        f"int8 {amount(sizes['int8'])}B."
    )
    if work is None:
        return said
    found = Work.from_json(work)
    said += f" A prediction takes {amount(found.flops)}FLOPs a {found.example}"
    if not found.by_steps:
        return f"{said}; the model is solved for, and not trained by steps."
    batch = int(config.get("batch_size") or 1)
    own = sum(size for name, _, size in told["arrays"] if not str(name).startswith(PREPROCESSING))
    memory = training_bytes(own, found.activations, config)
    return (
        f"{said}. A training step on a batch of {batch:,} takes {amount(3 * batch * found.flops)}FLOPs, three times "
        f"the forward pass, and {amount(memory)}B of memory for weights, gradients, the optimiser's state and the "
        "activations of the batch."
    )


def _kind(name: str, shape: tuple[int, ...]) -> str:
    last = name.rpartition(".")[2]
    kind = STORED.get(last) or GROWN.get(last) or kind_of_attribute(name)
    return kind_of(name, shape) if kind == "number" else kind
