"""safetensors: names, shapes and types from the header; not a byte of the tensors is read.

A file is the length of its header (8 bytes, little-endian), the header (a JSON object), and the tensors in one piece
without gaps. A model of many files has an index that says which tensor lies in which.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from holdfast.count.files.bounded import (
    MOST_ARRAYS,
    Source,
    cut_off,
    damaged,
    opened,
    parsed_object,
    too_large,
    word,
)
from holdfast.count.files.hints import recorded
from holdfast.count.files.names import divided, natural
from holdfast.count.files.packed import unpacked
from holdfast.count.records import Inspection
from holdfast.errors import RequestError

LONGEST_HEADER = 100_000_000
"""The bytes that a header may have by the format's own rule."""

PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.safetensors")
"""The name of a file that is part of a model."""

INDEX = ".safetensors.index.json"

BITS = {
    "BOOL": ("bool", 8),
    "F4": ("float4", 4),
    "F6_E2M3": ("float6", 6),
    "F6_E3M2": ("float6", 6),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "F8_E5M2": ("float8", 8),
    "F8_E4M3": ("float8", 8),
    "F8_E8M0": ("float8", 8),
    "F8_E4M3FNUZ": ("float8", 8),
    "F8_E5M2FNUZ": ("float8", 8),
    "I16": ("int16", 16),
    "U16": ("uint16", 16),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "I32": ("int32", 32),
    "U32": ("uint32", 32),
    "F32": ("float32", 32),
    "C64": ("complex64", 64),
    "F64": ("float64", 64),
    "I64": ("int64", 64),
    "U64": ("uint64", 64),
}
"""The types of the format: what they are called here, and their bits."""

Array = tuple[str, tuple[int, ...], str]
"""A tensor: its name, its shape and its type."""


@dataclass(frozen=True)
class Header:
    """What the header of one file says: its tensors in the order of their bytes, and the texts beside them."""

    arrays: tuple[Array, ...]
    metadata: Mapping[str, str]


def read_file(path: Path, target: str) -> Inspection:
    """The model in one file.

    Raises:
        RequestError: if the file is cut off, damaged, or no safetensors file.
    """
    found = inspection([read_header(path)], target, "safetensors file")
    part = PART.fullmatch(path.name)
    if part is None or int(part[3]) < 2:
        return found
    said = f"This is part {int(part[2]):,} of {int(part[3]):,} of a model: name its folder to count all of it."
    return replace(found, notes=(*found.notes, said))


def read_index(path: Path, target: str) -> Inspection:
    """The model in the files that an index names, which lie beside it.

    Raises:
        RequestError: if the index or one of the files is not in order, or if they do not agree.
    """
    shards = _shards(path)
    headers = []
    for name, expected in shards.items():
        header = read_header(path.parent / name)
        _agree(path, name, expected, header)
        headers.append(header)
    return inspection(headers, target, f"safetensors model in {len(shards):,} files")


def read_parts(paths: list[Path], target: str) -> Inspection:
    """The model in files without an index.

    Raises:
        RequestError: if one of them is not in order, or if two hold a tensor of one name.
    """
    headers, seen = [], dict[str, Path]()
    for path in paths:
        header = read_header(path)
        for name, _, _ in header.arrays:
            if name in seen:
                raise RequestError(
                    f"{path.parent} holds the tensor {word(name)} in {seen[name].name} and in {path.name}: "
                    "these are no parts of one model; name one file"
                )
            seen[name] = path
        headers.append(header)
    return inspection(headers, target, f"safetensors model in {len(paths):,} files")


def inspection(headers: list[Header], target: str, kind: str) -> Inspection:
    """What some headers say together: the files in their order, and the tensors of each by name."""
    arrays = [array for header in headers for array in sorted(header.arrays, key=lambda item: natural(item[0]))]
    layers, buffers, notes = unpacked(*divided(arrays))
    metadata = {key: value for header in headers for key, value in header.metadata.items()}
    hyperparameters, beside = recorded(metadata)
    return Inspection(target, kind, layers, hyperparameters, buffers, notes=(*notes, *beside))


def read_header(path: Path) -> Header:
    """The header of one file, checked against the file's length.

    Raises:
        RequestError: if the file is cut off, damaged, or no safetensors file.
    """
    with opened(path) as source:
        return _header(source)


def _header(source: Source) -> Header:
    length = source.number(8, "the length of the header")
    if length > source.left():
        raise cut_off(source.name, f"its header claims {length:,} bytes, and the file has {source.size:,}")
    if length > LONGEST_HEADER:
        raise too_large(source.name, f"its header has {length:,} bytes, and the format allows {LONGEST_HEADER:,}")
    header = parsed_object(source.read(length, "the header"), source.name, "its header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise damaged(source.name, "__metadata__ of its header is no object of texts")
    if len(header) > MOST_ARRAYS:
        raise too_large(source.name, f"its header lists {len(header):,} tensors, more than {MOST_ARRAYS:,}")
    return Header(tuple(_arrays(header, source.left(), source.name)), metadata)


def _arrays(header: Mapping[str, Any], room: int, where: str) -> Iterator[Array]:
    """The tensors by where they lie; they fill the rest of the file without gaps."""
    placed = sorted(
        ((*_place(name, entry, where), name, entry) for name, entry in header.items()), key=lambda item: item[:2]
    )
    end = 0
    for start, stop, name, entry in placed:
        if start != end:
            fault = "overlaps the one before it" if start < end else "leaves a gap before it"
            raise damaged(where, f"tensor {word(name)} {fault} (bytes {start:,} to {stop:,}, expected from {end:,})")
        if stop > room:
            raise cut_off(where, f"tensor {word(name)} ends at byte {stop:,} of the data, and {room:,} are there")
        end = stop
        yield _array(name, entry, stop - start, where)
    if end != room:
        raise damaged(where, f"its tensors take {end:,} bytes and {room:,} are there")


def _place(name: str, entry: Any, where: str) -> tuple[int, int]:
    """Where a tensor starts and ends in the data."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(item) is int for item in offsets)):
        raise damaged(where, f"tensor {word(name)} has no data_offsets of two whole numbers")
    start, stop = offsets
    if not 0 <= start <= stop < 1 << 63:
        raise damaged(where, f"tensor {word(name)} has data_offsets that no tensor can have")
    return start, stop


def _array(name: str, entry: Mapping[str, Any], size: int, where: str) -> Array:
    """A tensor whose shape and type agree with the bytes that it has."""
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise damaged(where, f"tensor {word(name)} has the type {word(dtype)}, which the format does not know")
    if not isinstance(shape, list) or len(shape) > 64 or not all(type(n) is int and 0 <= n < 1 << 63 for n in shape):
        raise damaged(where, f"tensor {word(name)} has no shape of whole numbers")
    known, bits = BITS[dtype]
    if math.prod(shape) * bits != size * 8:
        sides = " × ".join(map(str, shape[:8])) or "one number"
        raise damaged(where, f"tensor {word(name)} ({sides}, {dtype}) does not fit its {size:,} bytes")
    return name, tuple(shape), known


def _shards(path: Path) -> dict[str, set[str]]:
    """The tensors that each file is said to hold, by the file's name."""
    with opened(path) as source:
        index = parsed_object(source.read(source.size, "the index"), source.name, "the index")
    places = index.get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(value, str) for value in places.values()):
        raise damaged(str(path), "it has no weight_map from tensors to files")
    if not places:
        raise RequestError(f"{path} names no tensor; an index of safetensors files names them in weight_map")
    shards: dict[str, set[str]] = {}
    for tensor, name in places.items():
        shards.setdefault(name, set()).add(tensor)
    for name in shards:
        _beside(path, name)
    return shards


def _beside(path: Path, name: str) -> None:
    """Refuse a file that is not in the folder of the index, or no safetensors file."""
    if Path(name).name != name or not name.endswith(".safetensors"):
        raise RequestError(f"{path} names the file {word(name)}; its files are safetensors files beside it")
    if not (path.parent / name).is_file():
        raise RequestError(f"{path} names the file {word(name)}, which is not beside it; get all files of the model")


def _agree(path: Path, name: str, expected: set[str], header: Header) -> None:
    """Refuse an index that names other tensors than a file holds."""
    held = {tensor for tensor, _, _ in header.arrays}
    if held != expected:
        odd = min(held ^ expected)
        said = "which the index does not name" if odd in held else "which is not there"
        verb = "holds" if odd in held else "should hold"
        raise RequestError(f"{path} does not fit its files: {name} {verb} the tensor {word(odd)}, {said}")
