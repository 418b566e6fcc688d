"""What a model learned and what was chosen for it, for a name, a file or a live object."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.count.records import Inspection
from holdfast.errors import RequestError, shown


def inspect_object(target: Any, optimizer: Any = None) -> Inspection:
    """The model that a live object is.

    Args:
        target: a fitted estimator, a torch module, a model of holdfast.
        optimizer: of a torch module, whose choices are listed as well.

    Raises:
        RequestError: for an object that holds no model.
    """
    from holdfast.count.modules import inspected, is_module

    if is_module(target):
        return inspected(target, optimizer)
    from holdfast.count.estimators import inspect_estimator

    return inspect_estimator(target)


def inspect_name(name: str) -> Inspection:
    """An architecture by its name, or the model in a file or folder.

    Raises:
        RequestError: if it is neither, with the nearest name.
    """
    if is_path(name):
        from pathlib import Path

        from holdfast.count.files import read

        return read(Path(name))
    from holdfast.count.named import architecture

    return architecture(name)


def is_path(name: str) -> bool:
    """Whether a target is meant as a file: it is there, or is written as a path.

    >>> is_path("gpt2"), is_path("./model.onnx"), is_path("model.safetensors")
    (False, True, True)
    """
    if not isinstance(name, str) or "\0" in name:
        raise RequestError(f"{shown(name)} is no name of a model and no path")
    kind = name.partition(":")[0]
    if kind in {"mlp", "linear"}:
        return False
    return "/" in name or os.sep in name or os.path.lexists(name) or name.lower().endswith(SUFFIXES)


_SUFFIXES = (
    ".safetensors .onnx .skops .json .ubj .txt .gguf .pt .pth .bin .ckpt .pkl .pickle .joblib .h5 .keras .npz "
    ".msgpack .zip"
)

SUFFIXES = tuple(_SUFFIXES.split())
"""Endings that no architecture has."""
