"""A training run in bytes: tensors in safetensors' format, everything else as JSON in its header. No pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from holdfast.errors import RequestError
from holdfast.records import canonical_json

HEADER_KEY = "holdfast"


def pack(tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> bytes:
    """Named tensors and JSON values as the bytes of one safetensors file."""
    return bytes(save(dict(tensors), metadata={HEADER_KEY: canonical_json(meta)}))


def unpack(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and values that `pack` wrote; runs no code from the bytes.

    Raises:
        RequestError: if the bytes are not such a file.
    """
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        meta = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][HEADER_KEY])
    except (SafetensorError, ValueError, KeyError) as exc:
        raise RequestError(f"the checkpoint cannot be read ({exc}); it is not one that holdfast wrote") from exc
    return tensors, meta
