"""The program of any network, one at a time: its own forward pass, torch's backward pass, and the fused update.

It is what is left where the steps of a network are not written out; beside `Training.advance` it spares the passes of
the optimiser over memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from holdfast.train.losses import LossFunction
from holdfast.train.stacked.matrices import Matrices


class Single:
    """One network, whose parameters and gradients are the only row of the matrices.

    Args:
        network: the network.
        numbers: made by `Matrices.own`.
        rows: of a batch.
        loss: what is made small.
    """

    def __init__(self, network: nn.Module, numbers: Matrices, rows: int, loss: LossFunction) -> None:
        self._network, self._gradients, self._loss = network, numbers.gradients, loss
        del rows

    def mask(self, masks: Sequence[torch.Tensor]) -> None:
        """Nothing: its layers of dropout draw for themselves."""

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss (1,) of a batch (1, rows, *row); the gradient is written."""
        self._gradients.zero_()
        self._network.train()
        with torch.enable_grad():
            loss = self._loss(self._network(x[0]), targets[0])
            torch.autograd.backward(loss)
        return loss.detach().reshape(1)
