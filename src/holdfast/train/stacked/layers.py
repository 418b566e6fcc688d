"""The layers of a stack of networks, forwards and backwards, written out.

Each works on ``k`` networks at once: activations have shape (k, rows, units), the parameters of a layer are views of
the stack's matrix of parameters (k, P), and their gradients are written to its matrix of gradients. A matrix product
is one call for all networks. Buffers are made once and used again at every step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

from holdfast.train.models.normalisation import EPSILON

aten = torch.ops.aten


@dataclass(frozen=True, eq=False)
class Pair:
    """A parameter of every network and its gradient, both of shape (k, *shape)."""

    value: torch.Tensor
    gradient: torch.Tensor

    @functools.cached_property
    def row(self) -> torch.Tensor:
        """The values of a vector as (k, 1, size)."""
        return self.value.unsqueeze(1)

    @functools.cached_property
    def row_gradient(self) -> torch.Tensor:
        """The gradient of a vector as (k, 1, size)."""
        return self.gradient.unsqueeze(1)


class Layer(Protocol):
    """One layer of a stack. `backward` follows the `forward` of the same batch; both may write over what they get."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (k, rows, outputs) for inputs (k, rows, inputs), in training."""
        ...

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient of the inputs, from that of the outputs; those of the parameters go to their places."""
        ...


class Linear:
    """x Wᵀ + b. The ``first`` layer gives no gradient of its inputs, which are data."""

    def __init__(self, weight: Pair, bias: Pair | None, rows: int, *, first: bool) -> None:
        k, outputs, inputs = weight.value.shape
        self.weight, self.bias, self.first = weight, bias, first
        self.turned = weight.value.transpose(1, 2)
        self.outputs = weight.value.new_empty(k, rows, outputs)
        self.slopes = weight.value.new_empty(0 if first else k, rows, inputs)
        self.inputs = self.outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Kept until the next batch."""
        self.inputs = x
        if self.bias is None:
            return torch.bmm(x, self.turned, out=self.outputs)
        return torch.baddbmm(self.bias.row, x, self.turned, out=self.outputs)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """Of the inputs; what came in, for the first layer."""
        torch.bmm(gradient.transpose(1, 2), self.inputs, out=self.weight.gradient)
        if self.bias is not None:
            torch.sum(gradient, 1, keepdim=True, out=self.bias.row_gradient)
        return gradient if self.first else torch.bmm(gradient, self.weight.value, out=self.slopes)


class ReLU:
    """max(x, 0), over its inputs where the layer before does not need them."""

    def __init__(self, *, in_place: bool) -> None:
        self.in_place = in_place
        self.outputs = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Kept until the next batch."""
        self.outputs = x.relu_() if self.in_place else x.relu()
        return self.outputs

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """In place; a unit that dropout set to zero has no gradient either way."""
        aten.threshold_backward.grad_input(gradient, self.outputs, 0.0, grad_input=gradient)
        return gradient


Slope = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""The gradient of the inputs from (that of the outputs, inputs, outputs)."""


class Smooth:
    """A smooth activation and its slope."""

    def __init__(self, value: Callable[[torch.Tensor], torch.Tensor], slope: Slope) -> None:
        self.value, self.slope = value, slope
        self.inputs = self.outputs = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Beside its inputs."""
        self.inputs, self.outputs = x, self.value(x)
        return self.outputs

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """As torch has it."""
        return self.slope(gradient, self.inputs, self.outputs)


def gelu() -> Smooth:
    """The Gaussian error linear unit, x Φ(x) (Hendrycks and Gimpel 2016)."""
    return Smooth(functional.gelu, lambda gradient, x, _: aten.gelu_backward(gradient, x))


def silu() -> Smooth:
    """The sigmoid-weighted linear unit, x σ(x)."""
    return Smooth(functional.silu, lambda gradient, x, _: aten.silu_backward(gradient, x))


def tanh() -> Smooth:
    """The hyperbolic tangent."""
    return Smooth(torch.tanh, lambda gradient, _, y: aten.tanh_backward(gradient, y))


def sigmoid() -> Smooth:
    """The logistic function."""
    return Smooth(torch.sigmoid, lambda gradient, _, y: aten.sigmoid_backward(gradient, y))


class Dropout:
    """Multiplies by ``mask`` (k, rows, units), which is set for each batch."""

    def __init__(self, *, in_place: bool) -> None:
        self.in_place = in_place
        self.mask = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Over its inputs where the layer before does not need them."""
        return x.mul_(self.mask) if self.in_place else x * self.mask

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """In place."""
        return gradient.mul_(self.mask)


class LayerNorm:
    """Layer normalisation (Ba et al. 2016) over the units."""

    def __init__(self, gain: Pair, shift: Pair, epsilon: float) -> None:
        self.gain, self.shift, self.epsilon = gain, shift, epsilon
        self.size = [gain.value.shape[1]]
        self.inputs = self.normal = self.mean = self.scale = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Beside its inputs."""
        self.inputs = x
        self.normal, self.mean, self.scale = torch.native_layer_norm(x, self.size, None, None, self.epsilon)
        return torch.addcmul(self.shift.row, self.normal, self.gain.row)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """As torch has it."""
        torch.sum(gradient, 1, keepdim=True, out=self.shift.row_gradient)
        torch.sum(self.normal.mul_(gradient), 1, keepdim=True, out=self.gain.row_gradient)
        slopes: tuple[torch.Tensor, ...] = aten.native_layer_norm_backward(
            gradient.mul_(self.gain.row),
            self.inputs,
            self.size,
            self.mean,
            self.scale,
            None,
            None,
            [True, False, False],
        )
        return slopes[0]


class BatchNorm:
    """Batch normalisation (Ioffe and Szegedy 2015) of the units of every network by itself.

    ``mean``, ``variance`` (k, units) and ``momentum`` (k,) are the stack's own buffers.
    """

    def __init__(
        self, gain: Pair, shift: Pair, mean: torch.Tensor, variance: torch.Tensor, momentum: torch.Tensor
    ) -> None:
        self.gain, self.shift = gain, shift
        self.mean, self.variance, self.momentum = mean.unsqueeze(1), variance.unsqueeze(1), momentum[:, None, None]
        self.normal = self.scale = torch.empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """By the batch's own mean and variance, towards which the running ones move."""
        variance, mean = torch.var_mean(x, 1, correction=1, keepdim=True)
        self.mean.add_((mean - self.mean).mul_(self.momentum))
        self.variance.add_((variance - self.variance).mul_(self.momentum))
        rows = x.shape[1]
        self.scale = torch.rsqrt(variance.mul_((rows - 1) / rows).add_(EPSILON))
        self.normal = (x - mean).mul_(self.scale)
        return torch.addcmul(self.shift.row, self.normal, self.gain.row)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient through the batch's mean and variance, too (their section 3)."""
        rows = gradient.shape[1]
        torch.sum(gradient, 1, keepdim=True, out=self.shift.row_gradient)
        torch.sum(self.normal * gradient, 1, keepdim=True, out=self.gain.row_gradient)
        centred = gradient.mul_(rows).sub_(self.shift.row_gradient).sub_(self.normal * self.gain.row_gradient)
        return centred.mul_(self.gain.row * self.scale / rows)


class Residual:
    """``inner(x) + shortcut(x)``; without a shortcut x itself is added."""

    def __init__(self, inner: Sequence[Layer], shortcut: Sequence[Layer]) -> None:
        self.inner, self.shortcut = inner, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """In fresh memory."""
        return forwards(self.inner, x) + forwards(self.shortcut, x)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        """The sum of the gradients of both ways."""
        aside = backwards(self.shortcut, gradient.clone())
        return backwards(self.inner, gradient) + aside


def forwards(layers: Sequence[Layer], x: torch.Tensor) -> torch.Tensor:
    """What the layers make of x, one after the other, in training."""
    for layer in layers:
        x = layer.forward(x)
    return x


def backwards(layers: Sequence[Layer], gradient: torch.Tensor) -> torch.Tensor:
    """The gradient of what came into the layers, from that of what left them."""
    for layer in reversed(layers):
        gradient = layer.backward(gradient)
    return gradient
