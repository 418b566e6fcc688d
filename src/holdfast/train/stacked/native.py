"""`kernels.c`, compiled when a process first needs it, where the machine has a C compiler.

A compiled step passes over the numbers of a network once, where the same in operations of torch takes many passes or
many calls. Without a compiler the steps are torch's; what is learned differs by the rounding of sums.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

SOURCE = Path(__file__).with_name("kernels.c")

FLAGS = ("-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
"""None of them changes the order of sums from one run to the next, or the handling of NaN."""

FIELDS = ("rate", "decay", "clip", "l1", "average", "momentum", "keep_first", "keep_second", "scale")
"""What a row's step depends on, in the order of the columns of a table of coefficients."""

TYPES: Mapping[torch.dtype, tuple[str, ...]] = {torch.float32: (), torch.float64: ("-DDOUBLE",)}
"""The types of numbers that there are functions for, and the flags that these are compiled by."""

LONGEST = 60.0
"""Seconds that a compiler may take."""


@dataclass(frozen=True)
class Native:
    """The compiled functions, or None and why there are none."""

    library: ctypes.CDLL | None
    missing: str = ""


class Product(ctypes.Structure):
    """A gradient that is not written: `Product` of kernels.c."""

    _fields_ = (
        ("outputs", ctypes.c_long),
        ("inputs", ctypes.c_long),
        ("batch", ctypes.c_long),
        ("slopes", ctypes.c_void_p),
        ("x", ctypes.c_void_p),
        ("slopes_stride", ctypes.c_long),
        ("x_stride", ctypes.c_long),
    )


class Place(ctypes.Structure):
    """Where the numbers of a stack lie: `Stack` of kernels.c."""

    _fields_ = (
        ("rows", ctypes.c_long),
        ("size", ctypes.c_long),
        ("coupled", ctypes.c_long),
        ("nesterov", ctypes.c_long),
        ("values", ctypes.c_void_p),
        ("gradients", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
        ("second", ctypes.c_void_p),
        ("average", ctypes.c_void_p),
        ("norms", ctypes.c_void_p),
        ("count", ctypes.c_long),
        ("pieces", ctypes.c_void_p),
        ("products", ctypes.c_void_p),
        ("room", ctypes.c_void_p),
    )


class Room(ctypes.Structure):
    """What a layer gives: `Room` of passes.c."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("slopes", ctypes.c_void_p),
        ("units", ctypes.c_long),
        ("stride", ctypes.c_long),
    )


class Layer(ctypes.Structure):
    """One layer of a network: `Layer` of passes.c."""

    _fields_ = (
        ("kind", ctypes.c_long),
        ("from_room", ctypes.c_long),
        ("other_room", ctypes.c_long),
        ("to_room", ctypes.c_long),
        ("first", ctypes.c_long),
        ("second", ctypes.c_long),
        ("activation", ctypes.c_long),
        ("mask", ctypes.c_long),
        ("adds", ctypes.c_long),
        ("kept", ctypes.c_long),
        ("epsilon", ctypes.c_double),
        ("saved", ctypes.c_void_p),
        ("scale", ctypes.c_void_p),
        ("mean", ctypes.c_void_p),
        ("variance", ctypes.c_void_p),
        ("momentum", ctypes.c_void_p),
    )


class Network(ctypes.Structure):
    """Networks of one shape: `Network` of passes.c."""

    _fields_ = (
        ("count", ctypes.c_long),
        ("size", ctypes.c_long),
        ("batch", ctypes.c_long),
        ("loss", ctypes.c_long),
        ("room_count", ctypes.c_long),
        ("mask_count", ctypes.c_long),
        ("layers", ctypes.c_void_p),
        ("rooms", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("gradients", ctypes.c_void_p),
        ("panel", ctypes.c_void_p),
        ("spare", ctypes.c_void_p),
    )


@functools.cache
def native(dtype: torch.dtype) -> Native:
    """The functions of kernels.c for a type of numbers, compiled for this machine; about a second on the first call."""
    if dtype not in TYPES:
        return Native(None, f"there are no steps for numbers of the type {dtype}")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Native(None, "this machine has no C compiler")
    with tempfile.TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "kernels.so"
        command = [*compiler.split(), *FLAGS, *TYPES[dtype], str(SOURCE), "-o", str(out), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
            if done.returncode:
                said = done.stderr.strip().splitlines()
                return Native(None, f"the C compiler '{compiler}' failed: {said[0] if said else done.returncode}")
            return Native(ctypes.CDLL(str(out)))
        except (OSError, subprocess.TimeoutExpired) as exc:
            return Native(None, f"the C compiler '{compiler}' could not be used: {exc}")


def function(name: str, dtype: torch.dtype) -> Any:
    """One of the compiled functions, where there are any."""
    return getattr(native(dtype).library, name)


def takes_products(dtype: torch.dtype) -> bool:
    """Whether the compiled updates are faster with products as gradients, which takes vectors of 64 bytes."""
    library = native(dtype).library
    return library is not None and bool(library.takes_products())


def address(tensor: torch.Tensor | None) -> int | None:
    """Where the numbers of a contiguous tensor begin."""
    return None if tensor is None else tensor.data_ptr()
