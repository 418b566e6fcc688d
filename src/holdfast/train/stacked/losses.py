"""The losses of a stack, one for each network, and the gradients of its outputs."""

from __future__ import annotations

from collections.abc import Callable

import torch

from holdfast.train.losses import LossFunction, cross_entropy, squared_error

StackedLoss = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""From outputs and targets (k, rows, outputs): the losses (k,) and the gradients of the outputs, which may be written
over them."""


def stacked_loss(function: LossFunction) -> StackedLoss:
    """The same loss for every network of a stack; the two of the built-in networks are written out."""
    if function is cross_entropy:
        return _cross_entropy
    if function is squared_error:
        return _squared_error
    return lambda outputs, targets: _by_autograd(function, outputs, targets)


def _cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For targets that need not sum to one."""
    rows = outputs.shape[1]
    log_odds = torch.log_softmax(outputs, -1)
    losses = (log_odds * targets).sum((1, 2)).mul_(-1.0 / rows)
    return losses, log_odds.exp_().mul_(targets.sum(-1, keepdim=True)).sub_(targets).mul_(1.0 / rows)


def _squared_error(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    error = outputs - targets
    count = error[0].numel()
    return error.square().sum((1, 2)).mul_(1.0 / count), error.mul_(2.0 / count)


def _by_autograd(
    function: LossFunction, outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.enable_grad():
        free = outputs.detach().requires_grad_()
        losses = torch.stack([function(output, target) for output, target in zip(free, targets, strict=True)])
        (gradient,) = torch.autograd.grad(losses.sum(), free)
    return losses.detach(), gradient
