"""Convolutions with weights from a given generator, and layers around which what goes in is added to what comes out."""

from __future__ import annotations

import math

import torch
from torch import nn


class Residual(nn.Module):
    """``inner(x) + shortcut(x)`` (He et al. 2016, eq. 1 and 2)."""

    def __init__(self, inner: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of the shape that both give."""
        out: torch.Tensor = self.inner(x) + self.shortcut(x)
        return out


def convolution(
    incoming: int,
    outgoing: int,
    kernel: int,
    generator: torch.Generator,
    *,
    bias: bool = True,
    gain: float = math.sqrt(2.0),
) -> nn.Conv2d:
    """A convolution that keeps height and width, with normal weights of deviation gain/sqrt(fan in) (He et al. 2015).

    Args:
        incoming: channels of its input (n, incoming, h, w).
        outgoing: channels of its output (n, outgoing, h, w).
        kernel: its side, an odd number.
        generator: of the weights.
        bias: whether it has a bias, zero at first; a norm behind it would take any away.
        gain: the square root of two keeps the variance through a relu.
    """
    layer = nn.Conv2d(incoming, outgoing, kernel, padding=kernel // 2, bias=bias, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0.0, gain / math.sqrt(incoming * kernel * kernel), generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer
