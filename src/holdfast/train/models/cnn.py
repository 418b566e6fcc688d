"""The convolutional network: its shape, and the network that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from holdfast.errors import RequestError
from holdfast.train.architectures import Activation, Norm, check_shape

if TYPE_CHECKING:
    import torch
    from torch import nn

Head = Literal["flatten", "average"]

SMALLEST_POOLED = 4
"""A map with a side shorter than this is not halved any more."""


@dataclass(frozen=True, slots=True)
class CNNArchitecture:
    """The shape of a convolutional network for images of (colours, height, width).

    Every one of ``blocks`` blocks has ``convolutions`` convolutions of ``kernel`` × ``kernel``, each followed by its
    norm and activation; then the map is halved by the largest of 2 × 2 values, while its sides are 4 or more. The first
    block has ``channels`` channels, each later one ``growth`` times as many. ``residual`` adds what goes into a block
    to what its convolutions make of it (He et al. 2016), through a 1 × 1 convolution where the channels differ. The
    last map is taken as it is (``head = "flatten"``) or averaged over its places (``"average"``, which makes the
    network blind to where something is), thinned by dropout, and read by a linear layer.

    Raises:
        RequestError: if a hyperparameter has a value that it cannot have.
    """

    kind: ClassVar[str] = "cnn"
    values: ClassVar[tuple[str, ...]] = ("dropout", "norm_momentum")

    image: tuple[int, int, int]
    outputs: int
    blocks: int = 2
    convolutions: int = 1
    channels: int = 16
    growth: int = 2
    kernel: int = 3
    norm: Norm = "batch"
    norm_momentum: float = 0.1
    activation: Activation = "relu"
    residual: bool = False
    head: Head = "flatten"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_shape(self, ("blocks", "convolutions", "channels", "growth", "kernel"), {"head": get_args(Head)})
        if self.kernel % 2 == 0:
            raise RequestError(f"the hyperparameter 'kernel' is {self.kernel}; it is an odd number, which has a middle")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row: (colours, height, width)."""
        return self.image

    @property
    def widths(self) -> list[int]:
        """The channels of every block."""
        return [self.channels * self.growth**block for block in range(self.blocks)]

    @property
    def maps(self) -> list[tuple[int, int]]:
        """Height and width of what goes into every block, and at the end of what leaves the last one."""
        sizes = [self.image[1:]]
        for _ in range(self.blocks):
            height, width = sizes[-1]
            halved = min(height, width) >= SMALLEST_POOLED
            sizes.append((height // 2, width // 2) if halved else (height, width))
        return sizes

    @property
    def features(self) -> int:
        """How many numbers the last layer reads."""
        return self.widths[-1] * (1 if self.head == "average" else math.prod(self.maps[-1]))

    @property
    def summary(self) -> str:
        """Its layers in words."""
        shapes = zip([self.image[0], *self.widths], self.maps, strict=True)
        path = " → ".join(f"{channels} × {height} × {width}" for channels, (height, width) in shapes)
        blocks = f"{self.blocks:,} convolutional {'block' if self.blocks == 1 else 'blocks'}"
        return f"in {blocks} and a last layer, {path} → {self.outputs}"

    def build(self, generator: torch.Generator) -> nn.Module:
        """A freshly initialised network: (n, colours, height, width) to (n, outputs)."""
        from torch import nn

        from holdfast.train.models.layers import Dropout, linear

        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if self.head == "average" else [nn.Flatten()]
        thinned = [Dropout(self.dropout)] if self.dropout > 0.0 else []
        blocks = self._blocks(generator)
        return nn.Sequential(*blocks, *head, *thinned, linear(self.features, self.outputs, generator, 1.0))

    def _blocks(self, generator: torch.Generator) -> Iterator[nn.Module]:
        """The convolutions, and what halves the map between them."""
        from torch import nn

        from holdfast.train.models.blocks import Residual, convolution
        from holdfast.train.models.layers import ACTIVATION_LAYERS
        from holdfast.train.models.normalisation import norm_of_channels

        incoming = self.image[0]
        for channels, size, after in zip(self.widths, self.maps, self.maps[1:], strict=False):
            layers: list[nn.Module] = []
            for number in range(self.convolutions):
                first = incoming if number == 0 else channels
                layers.append(convolution(first, channels, self.kernel, generator, bias=self.norm == "none"))
                layers += norm_of_channels(self.norm, channels, self.norm_momentum)
                layers.append(ACTIVATION_LAYERS[self.activation]())
            if self.residual:
                shortcut = (
                    nn.Identity() if incoming == channels else convolution(incoming, channels, 1, generator, gain=1.0)
                )
                yield Residual(nn.Sequential(*layers), shortcut)
            else:
                yield from layers
            if after != size:
                yield nn.MaxPool2d(2)
            incoming = channels
