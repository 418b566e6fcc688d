"""GGUF: the settings and the tensors' names, shapes and types from the front of the file; no tensor is read.

A file is the letters GGUF, a version, the number of tensors and of settings, the settings (a name, a type, a value),
and the tensors (name, shape, type, place). Versions 2 and 3 are read, little-endian.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.count.files.bounded import MOST_ARRAYS, Source, cut_off, damaged, opened, too_large, word
from holdfast.count.files.names import kind_of
from holdfast.count.records import Hyperparameter, Inspection, Layer
from holdfast.errors import RequestError

MAGIC = b"GGUF"

MOST_SETTINGS = 10_000

MOST_ITEMS = 1_000_000
"""Items of lists of texts, such as a vocabulary, that are stepped over."""

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _LIST = 8, 9

_BLOCKS: dict[int, tuple[str, int, int]] = {
    0: ("float32", 1, 4),
    1: ("float16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    20: ("IQ4_NL", 32, 18),
    23: ("IQ4_XS", 256, 136),
    24: ("int8", 1, 1),
    25: ("int16", 1, 2),
    26: ("int32", 1, 4),
    27: ("int64", 1, 8),
    28: ("float64", 1, 8),
    30: ("bfloat16", 1, 2),
}
"""Types of tensors: what they are called, the numbers of a block, and its bytes."""

_NOT_CHOSEN = ("general.", "tokenizer.", "quantize.", "split.")
"""Settings that say where a model comes from and how it is stored, and no choices of its shape."""


def read_file(path: Path, target: str) -> Inspection:
    """The model in a GGUF file.

    Raises:
        RequestError: if the file is cut off, damaged, or of a version that is not read.
    """
    with opened(path) as source:
        source.skip(4, "the first letters")
        version = source.number(4, "the version")
        if version not in {2, 3}:
            raise RequestError(f"{path} is GGUF of version {version}; versions 2 and 3, little-endian, are read")
        tensors, settings = source.number(8, "the number of tensors"), source.number(8, "the number of settings")
        if tensors > MOST_ARRAYS or settings > MOST_SETTINGS:
            claim = f"{tensors:,} tensors and {settings:,} settings"
            raise too_large(source.name, f"it claims {claim}, more than {MOST_ARRAYS:,} and {MOST_SETTINGS:,}")
        found = dict(_settings(source, settings))
        placed = [_tensor(source) for _ in range(tensors)]
        alignment = found.get("general.alignment", 32)
        _complete(source, placed, alignment if type(alignment) is int and 0 < alignment < 1 << 20 else 32)
    layers = tuple(layer for layer, _ in placed)
    chosen = tuple(
        Hyperparameter(name, value, recorded_in="file")
        for name, value in found.items()
        if not name.startswith(_NOT_CHOSEN)
    )
    return Inspection(target, "GGUF file", layers, chosen, notes=_notes(layers))


def _notes(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    packed = sorted(
        {layer.dtype or "" for layer in layers} & {name for name, block, _ in _BLOCKS.values() if block > 1}
    )
    if not packed:
        return ()
    return (f"Weights are quantised in blocks ({', '.join(packed)}) and are counted one by one.",)


def _settings(source: Source, count: int) -> Iterator[tuple[str, Any]]:
    """The settings that hold one value; lists, such as a vocabulary, are stepped over."""
    left = MOST_ITEMS
    for _ in range(count):
        name = _text(source, "the name of a setting", 1000)
        kind = source.number(4, f"the type of {word(name)}")
        if kind == _LIST:
            left -= _step_over(source, name, left)
        elif kind == _TEXT:
            yield name, _text(source, f"the setting {word(name)}", 200)
        elif kind in _SCALARS:
            form = struct.Struct(_SCALARS[kind])
            (value,) = form.unpack(source.read(form.size, f"the setting {word(name)}"))
            yield name, value if not isinstance(value, float) else _short(value)
        else:
            raise damaged(source.name, f"the setting {word(name)} has the type {kind}, which GGUF does not know")


def _step_over(source: Source, name: str, left: int) -> int:
    """Leave out a list; how many items it had that had to be looked at one by one."""
    what = f"the list {word(name)}"
    kind, length = source.number(4, what), source.number(8, what)
    if kind in _SCALARS:
        source.skip(length * struct.calcsize(_SCALARS[kind]), what)
        return 0
    if kind != _TEXT:
        raise damaged(source.name, f"{what} has items of the type {kind}, which is not read")
    if length * 8 > source.left():
        raise cut_off(source.name, f"{what} claims {length:,} texts, and {source.left():,} bytes are left")
    if length > left:
        raise too_large(source.name, f"its lists have more than {MOST_ITEMS:,} texts")
    for _ in range(length):
        source.skip(source.number(8, what), what)
    return length


def _tensor(source: Source) -> tuple[Layer, tuple[int, int]]:
    """A tensor as a layer, and the bytes of the data where it starts and ends."""
    name = _text(source, "the name of a tensor", 1000)
    what = f"the tensor {word(name)}"
    sides = source.number(4, what)
    if sides > 8:
        raise damaged(source.name, f"{what} has {sides:,} dimensions")
    shape = tuple(source.number(8, what) for _ in range(sides))[::-1]  # the fastest side comes first in the file
    kind, start = source.number(4, what), source.number(8, what)
    if any(side >= 1 << 63 for side in shape) or start >= 1 << 63:
        raise damaged(source.name, f"{what} has a side or a place that no tensor can have")
    dtype, block, size = _BLOCKS.get(kind, (f"type {kind}", 1, 0))
    return Layer.of(name, kind_of(name, shape), *shape, dtype=dtype), (start, start + math.prod(shape) // block * size)


def _complete(source: Source, placed: list[tuple[Layer, tuple[int, int]]], alignment: int) -> None:
    """Refuse a file that ends before its tensors do, and tensors that overlap."""
    begin = -(-source.tell() // alignment) * alignment
    end = 0
    for layer, (start, stop) in sorted(placed, key=lambda item: item[1]):
        if start < end:
            raise damaged(source.name, f"the tensor {word(layer.name)} overlaps the one before it")
        end = stop
        if begin + stop > source.size:
            room = max(source.size - begin, 0)
            raise cut_off(
                source.name, f"tensor {word(layer.name)} ends at byte {stop:,} of the data, and {room:,} are there"
            )


def _text(source: Source, what: str, longest: int) -> str:
    """A text: its length and its bytes, of which not more than ``longest`` are read."""
    length = source.number(8, what)
    if length > source.left():
        raise cut_off(source.name, f"{what} claims {length:,} bytes, and {source.left():,} are left")
    taken = min(length, longest)
    text = source.read(taken, what).decode("utf-8", "replace")
    source.skip(length - taken, what)
    return text


def _short(value: float) -> float:
    """A number of 32 bits as it was meant: 0.00001 and not 0.000009999999747378752."""
    return float(f"{value:.7g}")
