"""What kind of file a path leads to: by its first bytes, and by its name where the bytes leave it open."""

from __future__ import annotations

import zlib
from enum import Enum
from pathlib import Path

from holdfast.count.files.bounded import opened, regular, word
from holdfast.count.files.trees import many
from holdfast.errors import RequestError

HEAD = 4096
"""Bytes of a file that are looked at."""


class Kind(Enum):
    """What is read here."""

    SAFETENSORS = "safetensors"
    INDEX = "index of safetensors files"
    ONNX = "ONNX"
    SKOPS = "skops"
    XGBOOST = "XGBoost"
    LIGHTGBM = "LightGBM"
    GGUF = "GGUF"
    CONFIG = "config.json"
    FOLDER = "folder"


READ = (
    "safetensors files and their index, ONNX, skops, XGBoost's JSON and UBJSON, LightGBM's text, GGUF, a config.json, "
    "and folders with one of them"
)
"""What can be read, for sentences."""

_CONVERT = {
    "torch": "load it where you trust it and save it by safetensors.torch.save_model(model, 'model.safetensors')",
    "sklearn": "load it where you trust it and save it by skops.io.dump(model, 'model.skops')",
}

_PICKLES = {
    ".pt": "torch",
    ".pth": "torch",
    ".ckpt": "torch",
    ".bin": "torch",
    ".joblib": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".dill": "sklearn",
    ".cloudpickle": "sklearn",
}
"""Names of files that hold pickles, and what wrote them."""

_OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes it; export the model to ONNX",
    b"binf": "a model in XGBoost's old binary format; load it with XGBoost and save it as .json",
    b"\x93NUMPY": "an array of numpy and no model; save the model as safetensors",
    b"SQLite format 3\x00": "a database and no model; name the study in it",
    b"PAR1": "a table and no model",
    b"ARROW1": "a table and no model",
}
"""First bytes of files that are something else, and what to do."""

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x04\x22\x4d\x18": "lz4"}
"""First bytes of packed files."""

_MODELS = {".safetensors": Kind.SAFETENSORS, ".onnx": Kind.ONNX, ".gguf": Kind.GGUF, ".skops": Kind.SKOPS}


def recognised(path: Path) -> bool:
    """Whether a path leads to something that is read here; what is damaged may count as recognised."""
    try:
        kind = kind_of(path)
        return kind is not Kind.FOLDER or any(_may_hold(item.name) for item in path.iterdir())
    except (RequestError, OSError):
        return False


def _may_hold(name: str) -> bool:
    """Whether a file of this name in a folder makes it one with a model."""
    return name == "config.json" or name.endswith((".safetensors.index.json", *_MODELS))


def kind_of(path: Path) -> Kind:
    """What a path leads to.

    Raises:
        RequestError: if there is nothing, or nothing that is read here; a pickle is refused with what to convert it to.
    """
    regular(path)
    if path.is_dir():
        return Kind.FOLDER
    with opened(path) as source:
        head = source.file.read(HEAD)
        if not head:
            raise RequestError(f"{path} is empty; name a file that holds a model")
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            from holdfast.count.files.archive import archive

            source.file.seek(0)
            with archive(source.file, source.size, str(path)) as members:
                return _of_archive(members.names, path)
    _no_pickle(head, path)
    for start, said in _OTHERS.items():
        if head.startswith(start):
            raise RequestError(f"{path} is {said}")
    kind = _of_bytes(head, path)
    if kind is None:
        raise RequestError(f"{path} is of no kind that holdfast reads a model from: it reads {READ}")
    return kind


def _of_bytes(head: bytes, path: Path) -> Kind | None:
    """The kind of a file that is no archive and no pickle."""
    if head.startswith(b"GGUF"):
        return Kind.GGUF
    if head.startswith((b"tree\n", b"tree\r\n")):
        return Kind.LIGHTGBM
    name = path.name.lower()
    if name.endswith(".safetensors.index.json"):
        return Kind.INDEX
    if path.suffix.lower() in _MODELS:
        return _MODELS[path.suffix.lower()]
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40:
        return Kind.SAFETENSORS
    if head[:1] == b"{" and (head[1:2] in b"Ll#$" or name.endswith((".ubj", ".ubjson"))) and len(head) > 1:
        return Kind.XGBOOST
    if head.lstrip()[:1] == b"{":
        return _of_json(head, name)
    if head[:1] == b"\x08" and head[1] < 64 and len(head) > 2 and head[2] in {0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42}:
        return Kind.ONNX
    return None


def _of_json(head: bytes, name: str) -> Kind | None:
    """The kind of a JSON file, from the keys that it begins with."""
    if b'"learner"' in head or b'"gradient_booster"' in head:
        return Kind.XGBOOST
    if b'"weight_map"' in head:
        return Kind.INDEX
    configured = any(key in head for key in (b'"model_type"', b'"architectures"', b'"hidden_size"'))
    if configured or name.endswith("config.json"):
        return Kind.CONFIG
    return Kind.XGBOOST if b'"version"' in head and len(head) == HEAD else None


def _of_archive(members: frozenset[str], path: Path) -> Kind:
    """The kind of a zip archive: skops, or something that is refused."""
    if "schema.json" in members:
        return Kind.SKOPS
    if any(name.endswith(("data.pkl", ".pkl", ".pickle")) for name in members):
        raise _refused(path, "torch")
    if any(name.endswith(".weights.h5") for name in members):
        raise RequestError(f"{path} is a model of Keras, which is not read; export it to ONNX")
    if members and all(name.endswith(".npy") for name in members):
        raise RequestError(f"{path} is an archive of numpy arrays and no model; save the model as safetensors")
    first = word(min(members, default=""))
    raise RequestError(
        f"{path} is an archive that holds no model ({many(len(members), 'member')}, such as {first}): a skops file is "
        "one with schema.json in it"
    )


def _no_pickle(head: bytes, path: Path) -> None:
    """Refuse pickles, by their first bytes, also where they are packed, and by their name."""
    suffix = path.suffix.lower()
    wrote = _PICKLES.get(suffix, "sklearn")
    if _begins_a_pickle(head) or _begins_a_pickle(_first_unpacked(head)):
        raise _refused(path, "torch" if b"torch" in head else wrote)
    packed = next((name for start, name in _PACKED.items() if head.startswith(start)), None)
    known = head.startswith((b"GGUF", b"tree\n", b"{", *_OTHERS)) or head[8:9] == b"{"
    if suffix in _PICKLES and not known:
        raise _refused(path, wrote)
    if packed is not None:
        raise RequestError(f"{path} is packed with {packed}; unpack it and name the file in it")


def _begins_a_pickle(head: bytes) -> bool:
    """Whether bytes begin like a pickle of protocol 2 or higher, or like one of the protocols before it."""
    if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return True
    return head[:1] in {b"(", b"c"} and any(
        mark in head[:200] for mark in (b"\nR", b"\nq\x00", b"c__builtin__", b"copy_reg")
    )


def _first_unpacked(head: bytes) -> bytes:
    """The first bytes of what joblib packed with zlib or gzip; nothing where it is neither."""
    if head[:1] != b"\x78" and not head.startswith(b"\x1f\x8b"):
        return b""
    try:
        return zlib.decompressobj(wbits=47).decompress(head, 64)
    except zlib.error:
        return b""


def _refused(path: Path, wrote: str) -> RequestError:
    """What is said of a pickle."""
    return RequestError(
        f"{path} is a pickle, which runs code when it is loaded, so holdfast does not open it: {_CONVERT[wrote]}"
    )
