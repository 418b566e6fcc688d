"""The losses of a stack, one for each network, and the gradients of its outputs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import torch

from holdfast.train.losses import LossFunction, cross_entropy, squared_error
from holdfast.train.stacked import native

StackedLoss = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""From outputs and targets (k, rows, outputs): the losses (k,) and the gradients of the outputs, which may be written
over them."""


def stacked_loss(function: LossFunction, device: torch.device) -> StackedLoss:
    """The same loss for every network of a stack; the two of the built-in networks are written out."""
    if function is cross_entropy:
        library = native.native().library if device.type == "cpu" else None
        return _cross_entropy if library is None else _CompiledCrossEntropy(library)
    if function is squared_error:
        return _squared_error
    return lambda outputs, targets: _by_autograd(function, outputs, targets)


class _CompiledCrossEntropy:
    """Cross-entropy by kernels.c."""

    def __init__(self, library: Any) -> None:
        self._functions = {kind: getattr(library, f"cross_entropy_{name}") for kind, name in native.SUFFIXES.items()}

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradients take the place of the outputs."""
        k, rows, classes = outputs.shape
        losses = outputs.new_empty(k)
        sizes = map(ctypes.c_long, (targets.stride(0), k, rows, classes))
        where = map(ctypes.c_void_p, (outputs.data_ptr(), targets.data_ptr()))
        self._functions[outputs.dtype](*where, *sizes, ctypes.c_void_p(losses.data_ptr()))
        return losses, outputs


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
