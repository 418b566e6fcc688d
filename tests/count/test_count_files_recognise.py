"""What a path leads to: by content before by name; pickles are never opened, whatever they are called."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from holdfast.count.files import Kind, kind_of, read, recognised
from holdfast.errors import RequestError

if TYPE_CHECKING:
    from tests.count.model_files import GGUF, SAFETENSORS
else:
    from model_files import GGUF, SAFETENSORS


def refused(path: Path, said: str) -> None:
    """The path is refused by every function, in one sentence that names it."""
    assert not recognised(path)
    for function in (kind_of, read):
        with pytest.raises(RequestError, match=said) as caught:
            function(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)


TORCH = "is a pickle, which runs code when it is loaded, so holdfast does not open it: .*safetensors.torch.save_model"
SKLEARN = "is a pickle, .*skops.io.dump"


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "pytorch_model.bin", "last.ckpt", "model.safetensors"])
def test_what_torch_pickled_is_refused_by_content(name: str, tmp_path: Path) -> None:
    weights = torch.nn.Linear(2, 2).state_dict()
    torch.save(weights, tmp_path / name)
    refused(tmp_path / name, TORCH)
    torch.save(weights, tmp_path / name, _use_new_zipfile_serialization=False)
    refused(tmp_path / name, TORCH)


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl", "model.skops", "model"])
@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_refused_by_content(name: str, protocol: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(np.random.default_rng(0), protocol))
    refused(tmp_path / name, SKLEARN)


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_packed_pickles_are_refused(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(pack(pickle.dumps({"a": 1})))
    refused(tmp_path / "model.joblib", SKLEARN)
    if pack(b"")[:1] in {b"\x78", b"\x1f"}:  # zlib and gzip are looked into whatever the name
        (tmp_path / "model").write_bytes(pack(pickle.dumps({"a": 1})))
        refused(tmp_path / "model", SKLEARN)


def test_pickles_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"what it is nobody knows")
    refused(tmp_path / "model.pkl", SKLEARN)


def test_other_files_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as file:
        file.writestr("notes.txt", "a")
    np.savez(tmp_path / "arrays.npz", a=np.zeros(2))
    np.save(tmp_path / "array.npy", np.zeros(2))
    for name, content in {
        "model.h5": b"\x89HDF\r\n\x1a\n" + bytes(50),
        "old.model": b"binf" + bytes(50),
        "study.db": b"SQLite format 3\x00" + bytes(50),
        "table.csv": b"a,b\n1,2\n",
        "empty.onnx": b"",
        "model.json.gz": gzip.compress(b'{"learner": 1}'),
        "model.bz2": bz2.compress(b'{"learner": 1}'),
        "zeros": zlib.compress(b"abc"),
        "cut.skops": b"PK\x03\x04" + bytes(50),
        "settings.json": b'{"a": 1}',
    }.items():
        (tmp_path / name).write_bytes(content)
    for name, said in {
        "notes.zip": "is an archive that holds no model \\(1 member, such as 'notes.txt'\\)",
        "arrays.npz": "is an archive of numpy arrays and no model",
        "array.npy": "is an array of numpy and no model",
        "model.h5": "is an HDF5 file, as Keras writes it; export the model to ONNX",
        "old.model": "old binary format; load it with XGBoost and save it as .json",
        "study.db": "is a database and no model",
        "table.csv": "is of no kind that holdfast reads a model from: it reads safetensors files",
        "empty.onnx": "is empty; name a file that holds a model",
        "model.json.gz": "is packed with gzip; unpack it and name the file in it",
        "model.bz2": "is packed with bzip2",
        "zeros": "is of no kind",
        "cut.skops": "begins like a zip archive and has no list of members at its end",
        "settings.json": "is of no kind",
        "nowhere": "is not there; name a file or folder that holds a model",
    }.items():
        refused(tmp_path / name, said)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    refused(tmp_path / "pipe.onnx", "is neither a file nor a folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot be read: Too many levels of symbolic links")


def test_content_goes_before_the_name(tmp_path: Path) -> None:
    for name, content, kind in [
        ("weights.bin", SAFETENSORS, Kind.SAFETENSORS),
        ("model.bin", GGUF, Kind.GGUF),
        ("model.onnx", GGUF, Kind.GGUF),
        ("model.pkl", b"tree\nversion=v4\n", Kind.LIGHTGBM),
        ("a.json", b'{"learner": {', Kind.XGBOOST),
        ("b.json", b'{"model_type": "bert"}', Kind.CONFIG),
        ("config.json", b"{}", Kind.CONFIG),
    ]:
        (tmp_path / name).write_bytes(content)
        assert kind_of(tmp_path / name) is kind, name
