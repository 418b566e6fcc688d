"""Layers that several kinds of networks are made of; whatever they draw comes from a given generator."""

from __future__ import annotations

import math

import torch
from torch import nn

from holdfast.train.architectures import Activation
from holdfast.train.models.counting import counted_bits

ACTIVATION_LAYERS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}

CPU = torch.device("cpu")

INPUT_LIMIT = 3.0
"""Standardised inputs are squeezed smoothly into (-3, 3)."""


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) with masks from a generator of its own, so that they can be repeated.

    Every 64 random bits decide on four entries, at a resolution of 1/65536 of the rate; that is several times faster
    than a draw for each entry. They are those of a generator on the CPU, and counted ones on an accelerator.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.kept = min(round((1.0 - rate) * 65536), 65535)
        self.generator = torch.Generator()
        self.device, self.seed, self.drawn = CPU, 0, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` with entries zeroed at the rate and the others scaled up; ``x`` itself outside of training."""
        if not self.training:
            return x
        return x * self.kept_entries(x.shape).to(x.dtype).mul_(65536.0 / self.kept)

    def kept_entries(self, shape: torch.Size) -> torch.Tensor:
        """The next mask: whether each entry of a tensor of this shape is kept, as booleans."""
        count = math.prod(shape)
        bits = self._draw(-(-count // 4)).view(torch.int16)[:count]
        return bits.view(shape) < self.kept - 32768

    def restart(self, seed: int, device: torch.device, drawn: int = 0) -> None:
        """Begin the stream of masks that follows from a seed, after so many draws of 64 bits."""
        self.generator.manual_seed(seed)
        self.device, self.seed, self.drawn = device, seed, 0
        if drawn > 0 and device == CPU:
            self._draw(drawn)
        self.drawn = drawn

    def _draw(self, count: int) -> torch.Tensor:
        before, self.drawn = self.drawn, self.drawn + count
        if self.device != CPU:
            return counted_bits(torch.tensor([[self.seed]], device=self.device), before, count)[0]
        return torch.empty(count, dtype=torch.int64).random_(-(2**63), None, generator=self.generator)


class SmoothClip(nn.Module):
    """x / sqrt(1 + (x/3)^2): keeps outliers of standardised inputs within (-3, 3) (Holzmüller et al. 2024, RealMLP)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape as ``x``."""
        return x * torch.rsqrt(1.0 + (x / INPUT_LIMIT) ** 2)


def dropout_layers(network: nn.Module) -> list[Dropout]:
    """The dropout layers of a network, in the order of its modules."""
    return [layer for layer in network.modules() if isinstance(layer, Dropout)]


def seed_dropout(network: nn.Module, seed: int, device: torch.device = CPU) -> None:
    """Let every dropout layer draw from a stream of its own that follows from ``seed``, on the network's device."""
    for index, layer in enumerate(dropout_layers(network)):
        layer.restart(seed + index, device)


def linear(inputs: int, outputs: int, generator: torch.Generator, gain: float = math.sqrt(2.0)) -> nn.Linear:
    """A linear layer with normal weights of deviation gain/sqrt(inputs) (He et al. 2015, eq. 10) and zero biases."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0.0, gain / math.sqrt(inputs), generator=generator)
        layer.bias.zero_()
    return layer
