"""LightGBM's text format: trees counted line by line; the section ``parameters`` holds the hyperparameters."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast.count.files.bounded import Source, cut_off, damaged, opened, too_large, word
from holdfast.count.files.lightgbm_settings import hyperparameters, setting
from holdfast.count.files.trees import Forest
from holdfast.count.files.values import small_enough
from holdfast.count.records import Inspection
from holdfast.errors import RequestError

MOST = 2_000_000
"""The most lines of a file."""

LONGEST_LINE = 16_000_000
"""The most characters of a line."""


@dataclass
class Tree:
    """What the lines of one tree say."""

    leaves: int = 0
    categorical: int = 0
    coefficients: int = 0
    values: int | None = None


def read_file(path: Path, target: str) -> Inspection:
    """The model in a text file of LightGBM.

    Raises:
        RequestError: if the file is cut off or damaged.
    """
    with opened(path) as source:
        return _read(source, target)


def read_text(text: str, target: str) -> Inspection:
    """The model in the text that ``Booster.model_to_string`` gives.

    Raises:
        RequestError: if it is no model of LightGBM.
    """
    data = text.encode()
    return _read(Source(io.BytesIO(data), target, len(data)), target)


def _read(source: Source, target: str) -> Inspection:
    trees: list[Tree] = []
    head: dict[str, str] = {}
    chosen: dict[str, str] = {}
    part = "head"
    for key, value in _lines(source):
        if key == "end of trees":
            part = "after"
        elif key == "parameters:":
            part = "parameters"
        elif key == "end of parameters":
            part = "after"
        elif part == "parameters":
            found = setting(f"{key}={value}" if value else key)
            chosen |= {} if found is None else {found[0]: found[1]}
        elif key == "Tree" and part in {"head", "trees"}:
            part = "trees"
            trees.append(Tree())
        elif part == "trees":
            _line_of(trees[-1], key, value, source.name, len(trees) - 1)
        elif part == "head":
            head[key] = value
    if part in {"head", "trees"}:
        raise cut_off(source.name, "it ends before 'end of trees'")
    _whole(head, trees, source.name)
    return _inspection(trees, head, chosen, target)


def _lines(source: Source) -> Iterator[tuple[str, str]]:
    """Each line as what stands before and after its first ``=``; of most the first kilobyte is enough."""
    small_enough(source.name, source.size)
    for number in range(MOST):
        line = source.file.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise too_large(source.name, f"line {number + 1:,} has more than {LONGEST_LINE:,} characters")
        shown = line if line.startswith((b"num_features=", b"leaf_value=")) else line[:1024]
        key, _, value = shown.decode("utf-8", "replace").strip().partition("=")
        yield key, value
    raise too_large(source.name, f"it has more than {MOST:,} lines")


def _line_of(tree: Tree, key: str, value: str, where: str, number: int) -> None:
    if key in {"num_leaves", "num_cat"}:
        if not (value.isascii() and value.isdigit() and len(value) < 9):
            raise damaged(where, f"tree {number} says {key}={word(value)}, which is no number")
        tree.leaves, tree.categorical = (
            (int(value), tree.categorical) if key == "num_leaves" else (tree.leaves, int(value))
        )
    elif key == "leaf_value":
        tree.values = value.count(" ") + 1
    elif key == "num_features":  # of a linear tree: the features of the model in each leaf
        tree.coefficients = sum(int(item) for item in value.split() if item.isdigit() and len(item) < 9)


def _whole(head: dict[str, str], trees: list[Tree], where: str) -> None:
    """Refuse a file with fewer trees than it says, or with a tree that does not say how large it is."""
    if "version" not in head or "tree_sizes" not in head:
        raise RequestError(f"{where} begins like a model of LightGBM and is none: version or tree_sizes is missing")
    for number, tree in enumerate(trees):
        if tree.leaves < 1:
            raise damaged(where, f"tree {number} has no leaves")
        if tree.values is not None and tree.values != tree.leaves:
            raise damaged(where, f"tree {number} says that it has {tree.leaves:,} leaves and has {tree.values:,}")


def _inspection(trees: list[Tree], head: dict[str, str], chosen: dict[str, str], target: str) -> Inspection:
    forest = Forest(
        trees=len(trees),
        splits=sum(tree.leaves - 1 for tree in trees),
        leaves=sum(tree.leaves for tree in trees),
        categorical=sum(tree.categorical for tree in trees),
        coefficients=sum(tree.coefficients + tree.leaves for tree in trees)
        if any(t.coefficients for t in trees)
        else 0,
    )
    settings = chosen or {name: head[name] for name in ("objective",) if name in head}
    return Inspection(
        target,
        "LightGBM text file",
        forest.layers("float64"),
        hyperparameters(settings),
        trees=forest.trees_record(),
        notes=forest.notes(),
    )
