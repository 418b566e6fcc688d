"""The difference between the two words, told in a model's own terms to somebody who asks for the first time."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.count.records import NOT_IN_FILE, Hyperparameter, Inspection, Layer

MOST_NAMED = 3
"""Hyperparameters that the paragraph names."""

MOST_ADDED = 8
"""Arrays up to which their numbers are added up in the paragraph."""


def explain(inspection: Inspection) -> str:
    """A paragraph: what this model learned, what was chosen for it, and how to tell one from the other."""
    return f"{_learned(inspection)} {_chosen(inspection)} {_difference(inspection)}"


def _learned(inspection: Inspection) -> str:
    count, many = inspection.parameters, _many(inspection.parameters, "number")
    if inspection.formula.startswith("y = "):
        before = count - _linear_size(inspection)
        also = f" Its preprocessing learned {before:,} of them." if before > 0 else ""
        return f"{inspection.formula} learned {many} from data: those are its parameters.{also}"
    if inspection.trees is not None:
        trees = inspection.trees
        values = trees.leaves * trees.values
        more = count - trees.splits - values
        also = f" and {more:,} beside them" if more > 0 else ""
        forest = f"{_many(trees.trees, 'tree')} with {_many(trees.splits, 'split')}"
        return (
            f"{forest} learned {_many(trees.splits, 'threshold')} + {_many(values, 'leaf value')}{also}, {many} in "
            "all, from data: those are its parameters. Which feature a split asks was found in the data too; it is "
            "structure, and is not counted."
        )
    centroids = next((layer for layer in inspection.layers if layer.kind == "centroid"), None)
    if centroids is not None and len(centroids.shape) == 2:
        k, d = centroids.shape
        return (
            f"{_many(k, 'centroid')} in {_many(d, 'dimension')} are {k:,} × {d:,} = {k * d:,} numbers that came from "
            f"data{f', of {count:,} in all' if count > k * d else ''}: those are its parameters."
        )
    if any(layer.kind == "row" for layer in inspection.layers):
        return f"It learned nothing but its training rows by heart: {many} that it compares new rows with."
    sizes = f" ({inspection.formula})" if inspection.formula else ""
    frozen = count - inspection.trainable
    kept = f" {frozen:,} of them are frozen: further training leaves them as they are." if frozen else ""
    return (
        f"Training {'gives' if inspection.is_architecture else 'gave'} this model{sizes} {many} in "
        f"{_many(len(inspection.layers), 'array')}{_sum(inspection)}, all from data and none by hand: those are its "
        f"parameters.{kept}"
    )


def _sum(inspection: Inspection) -> str:
    """The arrays added up, where they are few."""
    counts = [f"{layer.parameters:,}" for layer in inspection.layers]
    return f" ({' + '.join(counts)})" if 1 < len(counts) <= MOST_ADDED else ""


def _chosen(inspection: Inspection) -> str:
    chosen = inspection.hyperparameters
    if not chosen:
        where = " in the file" if inspection.unrecorded == NOT_IN_FILE else ""
        return (
            "What was chosen for it, such as a learning rate or how long to train, are its hyperparameters: they are "
            f"not among these numbers, and {inspection.unrecorded.replace('recorded in', 'recorded anywhere in')}"
            f"{', so nobody can say from it alone how the model came to be' if where else ''}."
        )
    named = _named(chosen)
    who = "a person or a search" if any(each.searched for each in chosen) else "somebody"
    return f"Before that {who} chose {_many(len(chosen), 'hyperparameter')}, such as {named}."


def _difference(inspection: Inspection) -> str:
    if inspection.trees is not None:
        return "How far trees may grow is a hyperparameter; where they split is a parameter."
    return (
        "Change a hyperparameter, and all parameters are learned anew; change the data, and the parameters move while "
        "the hyperparameters stay."
    )


def _named(chosen: Sequence[Hyperparameter]) -> str:
    """Some of them, those first that were searched or set by somebody."""
    order = sorted(chosen, key=lambda each: (each.searched is None, each.recorded_in == "code default"))
    words = [f"{each.name} = {value_text(each.value)}" for each in order[:MOST_NAMED]]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def value_text(value: object) -> str:
    """A value as a line of text shows it.

    >>> value_text(30522), value_text(0.1), value_text(True), value_text(None), value_text([1024, 2])
    ('30,522', '0.1', 'true', 'none', '[1024, 2]')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(str(item) if isinstance(item, int) else value_text(item) for item in value)}]"
    return str(value)


def _linear_size(inspection: Inspection) -> int:
    return sum(layer.parameters for layer in inspection.layers if _is_own(layer))


def _is_own(layer: Layer) -> bool:
    return layer.kind in {"weight", "bias"} and not layer.name.startswith("preprocessor.")


def _many(n: int, one: str) -> str:
    return f"{n:,} {one}{'' if n == 1 else 's'}"
