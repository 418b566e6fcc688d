"""The program of a stack whose forward and backward passes are compiled: passes.c, one call for a step of all networks.

Networks go through one after the other, so that what lies between the layers of one is written and read in the cache.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from holdfast.train.losses import LossFunction, cross_entropy, squared_error
from holdfast.train.models import blocks, normalisation
from holdfast.train.models import layers as single
from holdfast.train.stacked import native
from holdfast.train.stacked.matrices import Matrices

LINEAR, ACTIVATION, LAYER_NORM, BATCH_NORM, SUM = range(5)
"""Kinds of layers, as passes.c counts them."""

IDENTITY = 0

ACTIVATIONS: Mapping[type[nn.Module], int] = {nn.ReLU: 1, nn.GELU: 2, nn.Tanh: 3, nn.SiLU: 4, nn.Sigmoid: 5}
"""As passes.c counts them."""

LOSSES: Mapping[LossFunction, int] = {cross_entropy: 0, squared_error: 1}
"""As passes.c counts them."""

PANEL = 64
"""Columns of a matrix that are copied at a time: WIDE vectors of kernels.c, or more."""

LEAST_BYTES, MOST_ROWS = 1 << 18, 64
"""Weights of fewer bytes, or batches of more rows, gain nothing from a gradient that is kept as a product (measured on
a core with 2 MiB of cache)."""

MOST_LAYERS = 250
"""Each takes a room and a mask at most: MOST_ROOMS of kernels.c, less those of inputs and sums."""


def can_pass(network: nn.Module, loss: LossFunction, values: torch.Tensor) -> bool:
    """Whether the steps of a network that `is_written` can be compiled here, for parameters (k, P) and a loss."""
    if values.device.type != "cpu" or native.native(values.dtype).library is None or loss not in LOSSES:
        return False
    layers = [layer for layer in network.modules() if not isinstance(layer, (nn.Sequential, single.SmoothClip))]
    begins = isinstance(layers[0], (nn.Linear, nn.LayerNorm, normalisation.BatchNorm)) and len(layers) <= MOST_LAYERS
    ways = [way for layer in layers if isinstance(layer, blocks.Residual) for way in (layer.inner, layer.shortcut)]
    return begins and all(map(_begins_anew, ways))


def _begins_anew(way: nn.Module) -> bool:
    """Whether a way of a residual block leaves what comes into it as it is."""
    return isinstance(way, nn.Identity) or (isinstance(way, nn.Sequential) and isinstance(way[0], nn.Linear))


def keeps_product(numbers: Matrices, rows: int, weight: torch.Tensor) -> bool:
    """Whether the gradient of weights (outputs, inputs) from batches of so many rows is kept as a product."""
    large = weight.numel() * weight.element_size() >= LEAST_BYTES
    return numbers.products is not None and rows <= MOST_ROWS and large


class Passes:
    """The program: a step is a forward and a backward pass of all its networks, in one call (see `written.written`)."""

    def __init__(self, network: nn.Module, numbers: Matrices, rows: int, loss: LossFunction) -> None:
        layout = self._layout = _Layout(network, numbers, rows)  # the addresses below are good while it lives
        values, gradients = numbers.values, numbers.gradients
        rooms = layout.places()
        widest = max(layout.units)
        self._structures = (native.Layer * len(layout.layers))(*layout.layers), (native.Room * len(rooms))(*rooms)
        self._network = native.Network(
            count=len(layout.layers),
            size=values.shape[1],
            batch=rows,
            loss=LOSSES[loss],
            room_count=len(rooms),
            mask_count=layout.masks,
            layers=ctypes.addressof(self._structures[0]),
            rooms=ctypes.addressof(self._structures[1]),
            values=values.data_ptr(),
            gradients=gradients.data_ptr(),
            panel=layout.vector(PANEL * max(widest, rows)),
            spare=layout.vector(rows * widest),
        )
        self._products = numbers.products
        self._losses = values.new_empty(len(values))
        self._addresses = (ctypes.c_void_p * (2 + layout.masks))()
        self._strides = (ctypes.c_long * (2 + layout.masks))()
        self._learn: Any = native.function("learn", values.dtype)
        runs, losses = ctypes.c_long(len(values)), ctypes.c_void_p(self._losses.data_ptr())
        self._call = ctypes.byref(self._network), runs, self._addresses, self._strides, losses
        self._masks: Sequence[torch.Tensor] = ()

    def mask(self, masks: Sequence[torch.Tensor]) -> None:
        """Set the masks of the next batch, one for each layer of dropout."""
        self._masks = masks

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The losses (k,) of a batch of inputs (k, rows, d), good until the next; the gradients are written."""
        for index, tensor in enumerate((x, targets, *self._masks)):
            self._addresses[index], self._strides[index] = tensor.data_ptr(), tensor.stride(0)
        self._learn(*self._call)
        if self._products is not None:
            for begin, source, to in self._layout.kept:
                inputs = x if source is None else source
                self._products[begin] = to, inputs
        return self._losses


class _Layout:
    """Where everything between the layers of a network lies: `rooms` with what layers give, its slopes, and the rest.

    Args:
        network: whose parameters are views of its flat vector.
        numbers: of the stack.
        rows: of a batch.
    """

    def __init__(self, network: nn.Module, numbers: Matrices, rows: int) -> None:
        self._numbers, self._rows = numbers, rows
        self._names = {id(buffer): name for name, buffer in network.named_buffers()}
        weights = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)]
        keeps = any(keeps_product(numbers, rows, weight) for weight in weights)
        self._runs = len(numbers.values) if keeps else 1
        self._rooms: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._own: list[torch.Tensor] = []
        self.layers: list[native.Layer] = []
        self.units = [0]
        self.masks = 0
        self.kept: list[tuple[int, torch.Tensor | None, torch.Tensor]] = []
        self._sequence(network, 0)

    def places(self) -> list[native.Room]:
        """All rooms; the first is that of the inputs, which come with every batch."""
        stride = self._rows if self._runs > 1 else 0
        rooms = [native.Room(units=self.units[0])]
        for units, (values, slopes) in zip(self.units[1:], self._rooms, strict=True):
            rooms.append(native.Room(values.data_ptr(), slopes.data_ptr(), units, stride * units))
        return rooms

    def vector(self, size: int) -> int:
        """The address of memory for so many numbers."""
        self._own.append(self._numbers.values.new_empty(size))
        return self._own[-1].data_ptr()

    def _sequence(self, network: nn.Module, room: int) -> int:
        """Append the layers of a network whose inputs are in a room; the room of its outputs."""
        if isinstance(network, nn.Identity):
            return room
        for layer in network if isinstance(network, nn.Sequential) else [network]:
            if isinstance(layer, nn.Sequential):
                room = self._sequence(layer, room)
            elif isinstance(layer, nn.Linear):
                room = self._linear(layer, room)
            elif isinstance(layer, blocks.Residual):
                room = self._residual(layer, room)
            elif isinstance(layer, (nn.LayerNorm, normalisation.BatchNorm)):
                room = self._norm(layer, room)
            elif not isinstance(layer, single.SmoothClip):  # which is done where features are laid out
                room = self._activation(layer, room)
        return room

    def _linear(self, layer: nn.Linear, room: int) -> int:
        self.units[room] = layer.in_features
        to = self._room(layer.out_features)
        begin = int(layer.weight.storage_offset())
        kept = keeps_product(self._numbers, self._rows, layer.weight)
        if kept:
            self.kept.append((begin, self._rooms[room - 1][0] if room > 0 else None, self._rooms[to - 1][1]))
        bias = -1 if layer.bias is None else int(layer.bias.storage_offset())
        return self._append(LINEAR, room, to, first=begin, second=bias, kept=kept)

    def _residual(self, layer: blocks.Residual, room: int) -> int:
        begin = len(self.layers)
        to = self._sequence(layer.inner, room)
        other = self._sequence(layer.shortcut, room)
        self.layers[begin].adds = True  # by then the gradient of the shortcut is there
        return self._append(SUM, to, to, other_room=other)

    def _norm(self, layer: nn.LayerNorm | normalisation.BatchNorm, room: int) -> int:
        """In place, but for the inputs of the network."""
        units = self.units[room] = layer.weight.numel()
        to = self._room(units) if room == 0 else room
        fields: dict[str, Any] = {"first": layer.weight.storage_offset(), "second": layer.bias.storage_offset()}
        fields["saved"] = self.vector(self._rows * units)
        if isinstance(layer, nn.LayerNorm):
            scale = self.vector(self._rows)
            return self._append(LAYER_NORM, room, to, epsilon=layer.eps, scale=scale, **fields)
        for name, buffer in ("mean", layer.running_mean), ("variance", layer.running_var), ("momentum", layer.momentum):
            fields[name] = self._numbers.buffers[self._names[id(buffer)]].data_ptr()
        return self._append(BATCH_NORM, room, to, epsilon=normalisation.EPSILON, scale=self.vector(units), **fields)

    def _activation(self, layer: nn.Module, room: int) -> int:
        """In place, together with the dropout behind it."""
        mask = -1
        if isinstance(layer, single.Dropout):
            mask, self.masks = self.masks, self.masks + 1
            before = self.layers[-1]
            if before.kind == ACTIVATION and before.mask < 0:
                before.mask = mask
                return room
        saved = self.vector(self._rows * self.units[room])
        activation = ACTIVATIONS.get(type(layer), IDENTITY)
        return self._append(ACTIVATION, room, room, activation=activation, mask=mask, saved=saved)

    def _append(self, kind: int, room: int, to: int, **fields: Any) -> int:
        self.layers.append(native.Layer(kind=kind, from_room=room, to_room=to, **fields))
        return to

    def _room(self, units: int) -> int:
        values = self._numbers.values.new_empty(self._runs, self._rows, units)
        self._rooms.append((values, torch.empty_like(values)))
        self.units.append(units)
        return len(self._rooms)
