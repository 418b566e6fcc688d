"""Kinds of networks: each is a frozen dataclass of its shape, which builds the network; no torch before that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdfast.errors import RequestError
from holdfast.train.architectures import Architecture
from holdfast.train.models.cnn import CNNArchitecture
from holdfast.train.models.factory import FactoryArchitecture
from holdfast.train.models.linear import LinearArchitecture
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.models.transformer import TransformerArchitecture

ARCHITECTURES: dict[str, type[Any]] = {
    found.kind: found
    for found in (
        MLPArchitecture,
        CNNArchitecture,
        TransformerArchitecture,
        LinearArchitecture,
        FactoryArchitecture,
    )
}
"""What files call each kind of network, and its dataclass."""


def architecture_named(kind: str) -> type[Any]:
    """The dataclass of a kind of network.

    Raises:
        RequestError: if there is none of that name.
    """
    if kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise RequestError(f"the network is of the kind '{kind}'; this version of holdfast has {known}")
    return ARCHITECTURES[kind]


def architecture_to_json(architecture: Architecture) -> dict[str, Any]:
    """The kind and the fields; `architecture_from_json` undoes it."""
    return {"kind": architecture.kind, **asdict(architecture)}


def architecture_from_json(data: Mapping[str, Any]) -> Architecture:
    """The architecture that `architecture_to_json` wrote; without a kind it is a multilayer perceptron.

    Raises:
        RequestError: if there is no such kind, or it has no such field.
    """
    fields = dict(data)
    kind = architecture_named(fields.pop("kind", "mlp"))
    unknown = sorted(set(fields) - set(kind.__dataclass_fields__))
    if unknown:
        raise RequestError(f"the network has '{unknown[0]}', which this version of holdfast does not know")
    # JSON has no tuples: every list in a file was one
    made: Architecture = kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
    return made
