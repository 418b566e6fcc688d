"""What a network is trained to make small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class WeightedCrossEntropy:
    """Cross-entropy with a weight for each class, shape (k,).

    The term of each class counts by its weight, and the sum of a row by 1/n, so that it is a mean over rows for soft
    targets (smoothed or mixed) and for parts of a batch, too. It is the cross-entropy of targets times their weights.
    """

    weights: torch.Tensor

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Of scores (n, k) against target probabilities (n, k)."""
        return functional.cross_entropy(outputs, targets, weight=self.weights)


def weighted_targets(loss: LossFunction, targets: torch.Tensor) -> torch.Tensor:
    """The targets (..., k) for which `unweighted` of a loss is what the loss is for these."""
    return targets * loss.weights if isinstance(loss, WeightedCrossEntropy) else targets


def unweighted(loss: LossFunction) -> LossFunction:
    """A loss that has no weights of its own: see `weighted_targets`."""
    return cross_entropy if isinstance(loss, WeightedCrossEntropy) else loss


def balanced_weights(targets: torch.Tensor) -> torch.Tensor:
    """n/(k n_c) for each class c of target probabilities (n, k), shape (k,): every class has the same total weight."""
    return len(targets) / (targets.shape[1] * targets.sum(dim=0))
