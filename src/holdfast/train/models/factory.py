"""A network of a person's own: what `module:function` returns for a configuration, described without being imported."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class FactoryArchitecture:
    """What a factory is asked for: networks from rows of ``shape`` to ``outputs`` numbers, by its own hyperparameters.

    Making one imports nothing; `build` imports the factory's module and calls it.

    Args:
        reference: ``module:function``.
        shape: of one row, as the network takes it.
        outputs: scores or values that it has to give for each row.
        config: its own hyperparameters, pairs of a name and a value.
    """

    kind: ClassVar[str] = "factory"
    values: ClassVar[tuple[str, ...]] = ()

    reference: str
    shape: tuple[int, ...]
    outputs: int
    config: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", tuple((name, value) for name, value in self.config))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.shape

    @property
    def summary(self) -> str:
        """Where it comes from, and what goes in and out."""
        return f"in the network of {self.reference}, {' × '.join(map(str, self.shape))} → {self.outputs}"

    @property
    def columns(self) -> int:
        """Columns of a row before it is reshaped."""
        return math.prod(self.shape)

    def build(self, generator: torch.Generator) -> nn.Module:
        """A fresh network of the factory, whose draws follow from ``generator``.

        Raises:
            RequestError: if the factory cannot be imported, raises, or returns no network.
        """
        from holdfast.train.own_network import build_network

        return build_network(self, generator)
