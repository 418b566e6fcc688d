"""The multilayer perceptron: its shape, and the network that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from holdfast.train.architectures import Activation

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class MLPArchitecture:
    """The shape of a multilayer perceptron: ``depth`` hidden layers of ``width`` units between inputs and outputs."""

    kind: ClassVar[str] = "mlp"

    inputs: int
    outputs: int
    depth: int = 2
    width: int = 192
    activation: Activation = "relu"
    dropout: float = 0.1
    layer_norm: bool = False

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return (self.inputs,)

    @property
    def summary(self) -> str:
        """Its layers in words."""
        sizes = [self.inputs, *[self.width] * self.depth, self.outputs]
        layers = self.depth + 1
        return f"in {layers:,} {'layer' if layers == 1 else 'layers'}, {' → '.join(map(str, sizes))}"

    def build(self, generator: torch.Generator) -> nn.Module:
        """A freshly initialised network: (n, inputs) to (n, outputs)."""
        from torch import nn

        from holdfast.train.models.layers import ACTIVATION_LAYERS, Dropout, SmoothClip, linear

        layers: list[nn.Module] = [SmoothClip()]
        size = self.inputs
        for _ in range(self.depth):
            layers.append(linear(size, self.width, generator, math.sqrt(2.0)))
            if self.layer_norm:
                layers.append(nn.LayerNorm(self.width))
            layers.append(ACTIVATION_LAYERS[self.activation]())
            if self.dropout > 0.0:
                layers.append(Dropout(self.dropout))
            size = self.width
        layers.append(linear(size, self.outputs, generator, 1.0))
        return nn.Sequential(*layers)
