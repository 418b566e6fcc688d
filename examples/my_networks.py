"""A network of one's own, for own_network.toml: a plain function that returns it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class TwoBranches(nn.Module):
    """A linear model and a small network on the same columns, added."""

    def __init__(self, inputs: int, width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.deep = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Columns (n, inputs) to scores (n, outputs)."""
        scores: torch.Tensor = self.linear(x) + self.deep(x)
        return scores


def two_branches(config: dict[str, Any], row: tuple[int, ...], outputs: int) -> TwoBranches:
    """The network for a configuration, the shape of a row and the number of classes."""
    return TwoBranches(row[0], config["width"], outputs, config["dropout"])
