"""The program of a stack of any network that torch can vectorise: its own forward pass, for all rows at once.

The network is called by `torch.func.functional_call` under `torch.vmap`, with parameters, buffers and dropout masks of
every row. What a network may not do there is told by torch: turn a number into one of Python's, branch on numbers,
index by them, change a tensor that all rows share. One that draws random numbers otherwise than by layers of dropout
has no masks that a run alone would have, too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from holdfast.errors import HoldfastError
from holdfast.train.losses import LossFunction
from holdfast.train.models.drawing import Drawing
from holdfast.train.models.layers import Dropout, dropout_layers
from holdfast.train.models.normalisation import BatchNorm
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.stack import Path
from holdfast.train.stacked.windows import dropout_calls
from holdfast.train.training import Training

Numbers = Mapping[str, torch.Tensor]
"""Tensors by their names in the network."""


class Unstackable(HoldfastError):  # noqa: N818 - no error of anybody's: the network is trained by itself
    """The network cannot be one of a stack; the sentence says why."""


class Masked(nn.Module):
    """A layer of dropout whose mask is given, as a buffer."""

    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Times the mask."""
        return x * self.mask


@dataclass(frozen=True, eq=False)
class Template:
    """A network as a function of its numbers; its own are not looked at.

    Args:
        network: in training, with `Masked` for dropout.
        masks: the names of the masks, in the order of the layers.
    """

    network: nn.Module
    masks: tuple[str, ...]

    @staticmethod
    def of(run: Training) -> Template:
        """The template of a run's network.

        Raises:
            Unstackable: if it draws random numbers otherwise than by layers of dropout that each are used once.
        """
        network = run.learner.network
        if any(isinstance(layer, Drawing) for layer in network.modules()):
            raise Unstackable("it draws random numbers by itself, and not by layers of dropout alone")
        if any(len(calls) != 1 for calls in dropout_calls(run)):
            raise Unstackable("it has a layer of dropout that is not used exactly once in a pass")
        made = copy.deepcopy(network).train()
        names = {id(layer): f"{name}." if name else "" for name, layer in made.named_modules()}
        masks = tuple(f"{names[id(layer)]}mask" for layer in dropout_layers(made))
        for layer in list(made.modules()):
            if isinstance(layer, BatchNorm):
                layer.stacked = True
            for name, child in list(layer.named_children()):
                if isinstance(child, Dropout):
                    setattr(layer, name, Masked())
        return Template(made, masks)

    def loss(
        self, function: LossFunction, values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss of one network on a batch, and its buffers afterwards."""
        after = {name: buffer.clone() for name, buffer in buffers.items()}
        outputs = torch.func.functional_call(self.network, (dict(values), after), (x,))
        return function(outputs, targets), after


Slopes = Callable[[Numbers, Numbers, torch.Tensor, torch.Tensor], tuple[Numbers, torch.Tensor, Numbers]]
"""From numbers, buffers, inputs and targets of all rows: gradients, losses (k,), and the buffers afterwards."""


def eager(template: Template, loss: LossFunction) -> Slopes:
    """Operation by operation, each for all rows, and torch's backward pass over them."""

    def one(values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor) -> Any:
        return template.loss(loss, values, buffers, x, targets)

    many = torch.vmap(one)

    def slopes(values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor) -> Any:
        with torch.enable_grad():
            leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
            losses, after = many(leaves, buffers, x, targets)
            found = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(leaves, found, strict=True)), losses.detach(), after

    return slopes


def compiled(template: Template, loss: LossFunction) -> Slopes:
    """Forward and backward pass as one compiled program, for a number of rows that is always the same.

    It is compiled when it is first called, which takes some ten seconds or more.
    """

    def one(values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor) -> Any:
        return template.loss(loss, values, buffers, x, targets)

    many = torch.compile(torch.vmap(torch.func.grad_and_value(one, has_aux=True)), fullgraph=True, dynamic=False)

    def slopes(values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor) -> Any:
        found, (losses, after) = many(dict(values), dict(buffers), x, targets)
        return found, losses, after

    return slopes


class Vmapped:
    """A step of some networks by their `Slopes`.

    Args:
        template: of the networks.
        slopes: of the template.
        room: rows that the slopes are made for, of which some may be idle; None where any number will do.
        network: one of the networks, whose parameters are views of its flat vector.
        numbers: of the stack.
    """

    def __init__(
        self, template: Template, slopes: Slopes, room: int | None, network: nn.Module, numbers: Matrices
    ) -> None:
        self._slopes = slopes
        self._k = len(numbers.values)
        self._idle = 0 if room is None else room - self._k
        self._values = parameters_of(numbers.values, network)
        self._gradients = list(parameters_of(numbers.gradients, network).values())
        self._buffers = dict(numbers.buffers)
        self._names = template.masks
        self._masks: dict[str, torch.Tensor] = {}

    def mask(self, masks: Sequence[torch.Tensor]) -> None:
        """Set the masks of the next batch, one for each layer of dropout."""
        self._masks = dict(zip(self._names, masks, strict=True))

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The losses (k,) of a batch; the gradients are written, and the buffers moved."""
        buffers = {**self._buffers, **self._masks}
        values, x, targets = self._values, self._filled(x), self._filled(targets)
        if self._idle:
            values = {name: self._filled(value) for name, value in values.items()}
            buffers = {name: self._filled(buffer) for name, buffer in buffers.items()}
        found, losses, after = self._slopes(values, buffers, x, targets)
        k = self._k
        torch._foreach_copy_(self._gradients, [found[name][:k] for name in self._values])
        for name, buffer in self._buffers.items():
            buffer.copy_(after[name][:k])
        return losses[:k]

    def _filled(self, rows: torch.Tensor) -> torch.Tensor:
        """With copies of the first row for those that are idle."""
        return torch.cat([rows, rows[:1].expand(self._idle, *rows.shape[1:])]) if self._idle else rows


def by_vmap(template: Template, loss: LossFunction) -> Path:
    """Stacks of any number of rows, operation by operation."""
    return _path("vmap", template, eager(template, loss), None)


def by_compiling(template: Template, loss: LossFunction, room: int) -> Path:
    """Stacks of at most ``room`` rows, compiled when they are first used."""
    import torch._inductor.config as settings

    settings.compile_threads = 1  # in this process, and in none that torch would start
    return _path("compiled", template, compiled(template, loss), room)


def _path(name: str, template: Template, slopes: Slopes, room: int | None) -> Path:
    def make(network: nn.Module, numbers: Matrices, _rows: int, _loss: LossFunction) -> Vmapped:
        return Vmapped(template, slopes, room, network, numbers)

    return Path(name, make)


def _view(matrix: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """The values of one parameter of all networks, shape (k, *shape)."""
    begin = parameter.storage_offset()
    return matrix[:, begin : begin + parameter.numel()].view(len(matrix), *parameter.shape)


def parameters_of(matrix: torch.Tensor, network: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters of all networks by their names, (k, *shape), for a matrix (k, P)."""
    free = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    return {name: _view(matrix, parameter) for name, parameter in free.items()}
