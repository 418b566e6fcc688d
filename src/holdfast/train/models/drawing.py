"""Networks that draw random numbers by themselves, made to draw from a stream of their own."""

from __future__ import annotations

import torch
from torch import nn

from holdfast.train.models.layers import Dropout


class Drawing(nn.Module):
    """A network that draws from torch's global generator, which follows from a stream of its own while it runs.

    The stream is that of a dropout layer which thins nothing: whoever restarts dropout restarts it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.stream = Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the network gives; the global generator stays as it was."""
        if self.training:
            seed = int(torch.randint(2**62, (1,), generator=self.stream.generator))
            with torch.random.fork_rng(devices=[] if x.device.type == "cpu" else [x.device]):
                torch.manual_seed(seed)
                out: torch.Tensor = self.network(x)
        else:
            out = self.network(x)
        return out
