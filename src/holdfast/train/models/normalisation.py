"""Layers that normalise activations, with means and variances that are learned by moving averages or not at all."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from holdfast.errors import RequestError
from holdfast.train.architectures import Norm

EPSILON = 1e-5

GROUPS = 8
"""The most groups that channels are divided into."""


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015, algorithm 1) of (n, c) or (n, c, h, w), channel by channel.

    In training every channel has the batch's own mean and variance, and the running ones move by the share
    ``momentum`` towards them; afterwards the running ones are used. All state is in buffers: the running ones are saved
    with the weights, and ``momentum`` is a buffer so that many networks with momenta of their own run as one.

    Raises:
        RequestError: in training, if a channel has a single number, whose variance is nothing.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor
    momentum: torch.Tensor

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("momentum", torch.tensor(momentum), persistent=False)
        self.stacked = False  # whether it stands for a layer of many networks, each with a momentum of its own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape as ``x``."""
        if not self.training:
            return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPSILON)
        count = x.numel() // x.shape[1]
        if count < 2:
            raise RequestError(
                "batch norm was given a batch of one row, which has no variance; take batches of two rows or more, or "
                "another norm"
            )
        if not (self.stacked or torch._C._functorch.is_functorch_wrapped_tensor(x)):  # one pass over x does both
            running = self.running_mean, self.running_var
            share = self.momentum.item()
            return functional.batch_norm(x, *running, self.weight, self.bias, True, share, EPSILON)
        with torch.no_grad():
            axes = [axis for axis in range(x.ndim) if axis != 1]
            variance, mean = torch.var_mean(x.detach(), axes, correction=1)
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (variance - self.running_var)
        return functional.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=EPSILON)


def norm_of_channels(norm: Norm, channels: int, momentum: float) -> list[nn.Module]:
    """The layer that normalises (n, channels, h, w), none for "none".

    ``layer`` takes all channels of a row together (Ba et al. 2016), ``group`` groups of them (Wu and He 2018): the
    largest number of groups that divides the channels, at most 8.
    """
    if norm == "none":
        return []
    if norm == "batch":
        return [BatchNorm(channels, momentum)]
    most = 1 if norm == "layer" else GROUPS
    groups = next(count for count in range(most, 0, -1) if channels % count == 0)
    return [nn.GroupNorm(groups, channels, eps=EPSILON)]


def norm_of_units(norm: Norm, units: int, momentum: float) -> list[nn.Module]:
    """The layer that normalises (n, units), none for "none"."""
    if norm == "none":
        return []
    return [BatchNorm(units, momentum) if norm == "batch" else nn.LayerNorm(units, eps=EPSILON)]
