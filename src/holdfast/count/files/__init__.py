"""Readers of files that hold a model: names, shapes and settings, and none of the numbers.

A file is data of somebody else's: nothing in it is run, loaded or believed. What is wrong with it is one sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from holdfast.count.files.recognise import Kind, kind_of, recognised
from holdfast.count.records import Inspection

__all__ = ["Kind", "kind_of", "read", "recognised"]


def read(path: Path) -> Inspection:
    """The model that a file or folder holds, from its header alone.

    Raises:
        RequestError: if there is none, or none that is read here, or what is there is damaged.
    """
    return _reader(kind_of(path))(path, str(path))


def _reader(kind: Kind) -> Callable[[Path, str], Inspection]:
    """What reads a kind of file; it is imported where it is used."""
    from holdfast.count.files import folder, gguf, lightgbm, onnx, safetensors, skops, xgboost

    return {
        Kind.SAFETENSORS: safetensors.read_file,
        Kind.INDEX: safetensors.read_index,
        Kind.ONNX: onnx.read_file,
        Kind.SKOPS: skops.read_file,
        Kind.XGBOOST: xgboost.read_file,
        Kind.LIGHTGBM: lightgbm.read_file,
        Kind.GGUF: gguf.read_file,
        Kind.CONFIG: folder.read_config,
        Kind.FOLDER: folder.read_folder,
    }[kind]
