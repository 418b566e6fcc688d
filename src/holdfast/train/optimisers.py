"""Optimisers on one flat vector of parameters: a few whole-vector operations a step, and a state of plain tensors.

One vector instead of one tensor per layer makes a step of a small network several times cheaper, and makes the state
of the optimiser trivial to save.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from holdfast.train.settings import Optimizer

ALIGNMENT = 16
"""Each parameter starts at a multiple of this many floats (64 bytes), as a tensor of its own would."""

LARGEST_NORM = 1.0
"""Gradients are shortened to at most this length."""

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True, eq=False)
class FlatParameters:
    """The parameters of a network as views of one vector.

    ``values`` and ``gradients`` have shape (P,); ``decay`` is 1 where weight decay applies (matrices) and 0 elsewhere
    (biases, gains, padding).
    """

    values: torch.Tensor
    gradients: torch.Tensor
    decay: torch.Tensor


def flatten_parameters(network: torch.nn.Module) -> FlatParameters:
    """Move the parameters of ``network`` into one vector and point them, and their gradients, into it."""
    parameters = list(network.parameters())
    starts = [0]
    for parameter in parameters:
        starts.append(starts[-1] + -(-parameter.numel() // ALIGNMENT) * ALIGNMENT)
    dtype = parameters[0].dtype
    flat = FlatParameters(*(torch.zeros(starts[-1], dtype=dtype) for _ in range(3)))
    for parameter, start in zip(parameters, starts, strict=False):
        stop = start + parameter.numel()
        flat.values[start:stop] = parameter.detach().reshape(-1)
        flat.decay[start:stop] = float(parameter.ndim > 1)
        parameter.data = flat.values[start:stop].view(parameter.shape)
        parameter.grad = flat.gradients[start:stop].view(parameter.shape)
    return flat


Step = Callable[[FlatParameters, dict[str, torch.Tensor], int, float], None]
"""Changes parameters and state in place: (parameters, state, steps done including this one, learning rate)."""


def new_state(optimizer: Optimizer, parameters: FlatParameters) -> dict[str, torch.Tensor]:
    """The state of an optimiser before its first step: named vectors of zeros, shape (P,)."""
    names = {"adamw": ("first_moment", "second_moment"), "sgd": ("velocity",)}[optimizer]
    return {name: torch.zeros_like(parameters.values) for name in names}


def step_function(optimizer: Optimizer, *, weight_decay: float, momentum: float) -> Step:
    """The update rule of an optimiser; weight decay is decoupled from the gradient in both."""
    if optimizer == "adamw":
        return lambda parameters, state, count, rate: adamw_step(parameters, state, count, rate, weight_decay)
    return lambda parameters, state, _count, rate: sgd_step(parameters, state, rate, weight_decay, momentum)


def clip_gradients(parameters: FlatParameters) -> float:
    """Shorten the gradient to a norm of 1 at most, in place (Pascanu et al. 2013, algorithm 1); its norm before."""
    norm = float(torch.linalg.vector_norm(parameters.gradients))
    if norm > LARGEST_NORM:
        parameters.gradients.mul_(LARGEST_NORM / norm)
    return norm


def adamw_step(
    parameters: FlatParameters, state: dict[str, torch.Tensor], count: int, rate: float, weight_decay: float
) -> None:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2) with beta = (0.9, 0.999) and epsilon = 1e-8, in place."""
    first, second = state["first_moment"], state["second_moment"]
    first.lerp_(parameters.gradients, 1.0 - BETA1)
    second.mul_(BETA2).addcmul_(parameters.gradients, parameters.gradients, value=1.0 - BETA2)
    scale = second.sqrt().mul_((1.0 - BETA2**count) ** -0.5).add_(EPSILON)
    _decay(parameters, rate * weight_decay)
    parameters.values.addcdiv_(first, scale, value=-rate / (1.0 - BETA1**count))


def sgd_step(
    parameters: FlatParameters, state: dict[str, torch.Tensor], rate: float, weight_decay: float, momentum: float
) -> None:
    """SGD with Nesterov momentum (Sutskever et al. 2013) and decoupled weight decay, in place."""
    velocity = state["velocity"]
    velocity.mul_(momentum).add_(parameters.gradients)
    _decay(parameters, rate * weight_decay)
    parameters.values.add_(parameters.gradients, alpha=-rate).add_(velocity, alpha=-rate * momentum)


def _decay(parameters: FlatParameters, fraction: float) -> None:
    """Shrink the decaying parameters by ``fraction`` of their value."""
    parameters.values.addcmul_(parameters.values, parameters.decay, value=-fraction)
