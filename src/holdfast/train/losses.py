"""What a network is trained to make small."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of outputs (n, k) and targets (n, k), a mean over rows."""


def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of scores (n, k) against target probabilities (n, k), the mean over rows."""
    return functional.cross_entropy(outputs, targets)


def squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean squared error of standardised values, both of shape (n, 1)."""
    return functional.mse_loss(outputs, targets)
