"""A stack of networks whose steps are written out: sequences of linear layers, norms, activations and dropout.

Whether a network is one is seen by its layers alone, so that it is always trained in the same way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from holdfast.train.losses import LossFunction
from holdfast.train.models import blocks, normalisation
from holdfast.train.models import layers as single
from holdfast.train.stacked import layers, native
from holdfast.train.stacked.layers import Layer, Pair, backwards, forwards
from holdfast.train.stacked.losses import stacked_loss
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.passes import Passes, can_pass
from holdfast.train.stacked.stack import Program

_ACTIVATIONS: Mapping[type[nn.Module], Callable[[], Layer]] = {
    nn.GELU: layers.gelu,
    nn.Tanh: layers.tanh,
    nn.SiLU: layers.silu,
    nn.Sigmoid: layers.sigmoid,
}

_DONE_WITH_OUTPUTS = (layers.Linear, layers.LayerNorm, layers.BatchNorm, layers.Residual)
"""Layers that do not look at their outputs again, so that the next one may write over them."""


def is_written(network: nn.Module) -> bool:
    """Whether every layer of a network is among those that `Written` has."""
    if not isinstance(network, nn.Sequential):
        return isinstance(network, nn.Linear)
    for index, layer in enumerate(network):
        if isinstance(layer, single.SmoothClip):
            known = index == 0
        elif isinstance(layer, blocks.Residual):
            known = all(isinstance(way, nn.Identity) or _is_plain(way) for way in (layer.inner, layer.shortcut))
        else:
            known = _is_plain(layer)
        if not known or (index == 0 and isinstance(layer, blocks.Residual)):
            return False
    return len(network) > 0


def _is_plain(layer: nn.Module) -> bool:
    """Whether it is a layer of one way, or a sequence of such."""
    if isinstance(layer, nn.Sequential):
        return all(_is_plain(inner) for inner in layer)
    if isinstance(layer, nn.GELU):
        return layer.approximate == "none"
    if isinstance(layer, nn.LayerNorm):
        return len(layer.normalized_shape) == 1 and layer.bias is not None
    plain = (nn.Linear, nn.ReLU, single.Dropout, normalisation.BatchNorm, *_ACTIVATIONS)
    return type(layer) in plain


def prepare(network: nn.Module, features: torch.Tensor) -> None:
    """Clip features in place, where that is what a network begins with: they are data, which need no gradient."""
    if not isinstance(network, nn.Sequential) or not isinstance(network[0], single.SmoothClip):
        return
    library = native.native(features.dtype).library if features.device.type == "cpu" else None
    if library is None or not features.is_contiguous():
        features.mul_((features / single.INPUT_LIMIT).square_().add_(1.0).rsqrt_())
    else:
        sizes = ctypes.c_long(features.numel()), ctypes.c_double(single.INPUT_LIMIT)
        library.clip(ctypes.c_void_p(features.data_ptr()), *sizes)


def written(network: nn.Module, numbers: Matrices, rows: int, loss: LossFunction) -> Program:
    """The program of a stack: compiled, where that can be done here, or of operations of torch.

    Args:
        network: one of them, whose parameters are views of its flat vector.
        numbers: of the stack.
        rows: of a batch.
        loss: what is made small.
    """
    can = can_pass(network, loss, numbers.values)
    return Passes(network, numbers, rows, loss) if can else Written(network, numbers, rows, loss)


class Written:
    """The program by operations of torch: a step is a forward and a backward pass of all networks (see `written`)."""

    def __init__(self, network: nn.Module, numbers: Matrices, rows: int, loss: LossFunction) -> None:
        self._numbers, self._rows = numbers, rows
        self._loss = stacked_loss(loss)
        self._names = {id(buffer): name for name, buffer in network.named_buffers()}
        self._dropouts: list[layers.Dropout] = []
        self._begun = False
        self._layers = self._sequence(network)

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The losses (k,) of a batch of inputs (k, rows, d); the gradients are written."""
        losses, gradient = self._loss(forwards(self._layers, x), targets)
        backwards(self._layers, gradient)
        return losses

    def mask(self, masks: Sequence[torch.Tensor]) -> None:
        """Set the masks of the next batch, one for each layer of dropout."""
        for layer, mask in zip(self._dropouts, masks, strict=True):
            layer.mask = mask

    def _sequence(self, network: nn.Module) -> list[Layer]:
        if isinstance(network, nn.Identity):
            return []
        made: list[Layer] = []
        for layer in network if isinstance(network, nn.Sequential) else [network]:
            if isinstance(layer, nn.Sequential):
                made += self._sequence(layer)
            elif isinstance(layer, single.SmoothClip):
                continue  # `prepare` has done it
            else:
                made.append(self._layer(layer, made[-1] if made else None))
        return made

    def _layer(self, layer: nn.Module, before: Layer | None) -> Layer:
        made: Layer
        if isinstance(layer, nn.Linear):
            bias = None if layer.bias is None else self._pair(layer.bias)
            made = layers.Linear(self._pair(layer.weight), bias, self._rows, first=not self._begun)
        elif isinstance(layer, blocks.Residual):
            made = layers.Residual(self._sequence(layer.inner), self._sequence(layer.shortcut))
        elif isinstance(layer, nn.ReLU):
            made = layers.ReLU(in_place=isinstance(before, _DONE_WITH_OUTPUTS))
        elif isinstance(layer, nn.LayerNorm):
            made = layers.LayerNorm(self._pair(layer.weight), self._pair(layer.bias), layer.eps)
        elif isinstance(layer, normalisation.BatchNorm):
            mean, variance, momentum = (
                self._numbers.buffers[self._names[id(buffer)]]
                for buffer in (layer.running_mean, layer.running_var, layer.momentum)
            )
            made = layers.BatchNorm(self._pair(layer.weight), self._pair(layer.bias), mean, variance, momentum)
        elif isinstance(layer, single.Dropout):
            made = layers.Dropout(in_place=isinstance(before, (layers.ReLU, *_DONE_WITH_OUTPUTS)))
            self._dropouts.append(made)
        else:
            made = _ACTIVATIONS[type(layer)]()
        self._begun = True
        return made

    def _pair(self, parameter: torch.Tensor) -> Pair:
        """The values and gradients of one parameter of all networks."""
        begin, size = parameter.storage_offset(), parameter.numel()
        shape = (len(self._numbers.values), *parameter.shape)
        part = slice(begin, begin + size)
        return Pair(self._numbers.values[:, part].view(shape), self._numbers.gradients[:, part].view(shape))
