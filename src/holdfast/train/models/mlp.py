"""The multilayer perceptron: its shape, and the network that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from holdfast.errors import RequestError
from holdfast.train.architectures import Activation, Norm, check_shape

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class MLPArchitecture:
    """The shape of a multilayer perceptron: ``depth`` hidden layers between inputs and outputs.

    The first layer has ``width`` units, each later one ``taper`` times as many as the one before. Behind each stand
    layer norm (Ba et al. 2016) or batch norm, the activation, and dropout. ``residual`` adds what goes into a layer to
    what comes out where both have as many units (He et al. 2016).

    Raises:
        RequestError: if a hyperparameter has a value that it cannot have.
    """

    kind: ClassVar[str] = "mlp"
    values: ClassVar[tuple[str, ...]] = ("dropout", "norm_momentum")

    inputs: int
    outputs: int
    depth: int = 2
    width: int = 192
    activation: Activation = "relu"
    dropout: float = 0.1
    layer_norm: bool = False
    taper: float = 1.0
    batch_norm: bool = False
    norm_momentum: float = 0.1
    residual: bool = False

    def __post_init__(self) -> None:
        check_shape(self, ("width",))
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or self.depth < 0:
            raise RequestError(f"the hyperparameter 'depth' is {self.depth!r}; it is a whole number from 0")
        if isinstance(self.taper, bool) or not 0.0 < self.taper <= 1.0:
            raise RequestError(f"the hyperparameter 'taper' is {self.taper!r}; it is a factor above 0, at most 1")
        if self.layer_norm and self.batch_norm:
            raise RequestError("the hyperparameters 'layer_norm' and 'batch_norm' are both true; take one of them")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return (self.inputs,)

    @property
    def widths(self) -> list[int]:
        """The units of each hidden layer."""
        return [max(1, round(self.width * self.taper**layer)) for layer in range(self.depth)]

    @property
    def norm(self) -> Norm:
        """What stands behind each hidden layer."""
        return "layer" if self.layer_norm else "batch" if self.batch_norm else "none"

    @property
    def summary(self) -> str:
        """Its layers in words."""
        sizes = [self.inputs, *self.widths, self.outputs]
        layers = self.depth + 1
        return f"in {layers:,} {'layer' if layers == 1 else 'layers'}, {' → '.join(map(str, sizes))}"

    def build(self, generator: torch.Generator) -> nn.Module:
        """A freshly initialised network: (n, inputs) to (n, outputs)."""
        from torch import nn

        from holdfast.train.models.blocks import Residual
        from holdfast.train.models.layers import ACTIVATION_LAYERS, Dropout, SmoothClip, linear
        from holdfast.train.models.normalisation import norm_of_units

        layers: list[nn.Module] = [SmoothClip()]
        size = self.inputs
        for number, width in enumerate(self.widths):
            hidden: list[nn.Module] = [linear(size, width, generator, math.sqrt(2.0))]
            hidden += norm_of_units(self.norm, width, self.norm_momentum)
            hidden.append(ACTIVATION_LAYERS[self.activation]())
            if self.dropout > 0.0:
                hidden.append(Dropout(self.dropout))
            passed = self.residual and number > 0 and size == width
            layers += [Residual(nn.Sequential(*hidden), nn.Identity())] if passed else hidden
            size = width
        layers.append(linear(size, self.outputs, generator, 1.0))
        return nn.Sequential(*layers)
