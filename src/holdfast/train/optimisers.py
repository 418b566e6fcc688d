"""Optimisers on one flat vector of parameters: a few whole-vector operations a step, and a state of plain tensors.

One vector instead of one tensor per layer makes a step of a small network several times cheaper, and makes the state
of the optimiser trivial to save. Everything is elementwise, so a stack of runs (K, P) is updated by the same functions,
with hyperparameters of shape (K, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from holdfast.train.settings import Optimizer, Settings

ALIGNMENT = 16
"""Each parameter starts at a multiple of this many floats (64 bytes), as a tensor of its own would."""

EPSILON = 1e-8
"""Added to the root of Adam's second moment."""


@dataclass(frozen=True, eq=False)
class FlatParameters:
    """The parameters of a network as views of one vector, or those of a stack as views of one matrix.

    ``values`` and ``gradients`` have shape (P,) or (K, P); ``decay``, shape (P,), is 1 where weight decay applies
    (matrices) and 0 elsewhere (biases, gains, padding).
    """

    values: torch.Tensor
    gradients: torch.Tensor
    decay: torch.Tensor


def flatten_parameters(network: torch.nn.Module) -> FlatParameters:
    """Move the parameters of ``network`` into one vector and point them, and their gradients, into it."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    starts = [0]
    for parameter in parameters:
        starts.append(starts[-1] + -(-parameter.numel() // ALIGNMENT) * ALIGNMENT)
    one = parameters[0]
    flat = FlatParameters(*(torch.zeros(starts[-1], dtype=one.dtype, device=one.device) for _ in range(3)))
    for parameter, start in zip(parameters, starts, strict=False):
        stop = start + parameter.numel()
        flat.values[start:stop] = parameter.detach().reshape(-1)
        flat.decay[start:stop] = float(parameter.ndim > 1)
        parameter.data = flat.values[start:stop].view(parameter.shape)
        parameter.grad = flat.gradients[start:stop].view(parameter.shape)
    return flat


Number = float | torch.Tensor
"""A hyperparameter: a float for one run, or a tensor of shape (K, 1) for a stack of K runs."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an update depends on beside its gradients.

    Args:
        optimizer: its name.
        weight_decay: times the parameter, is added to the gradient (coupled) or taken off at the learning rate.
        coupled: whether weight decay passes through the optimiser's moments, as an L2 penalty does.
        l1: the weight of the L1 norm of matrices: under SGD exactly that of a penalty added to the loss, under Adam
            decoupled from the gradient's scale, as AdamW's decay is.
        momentum: of SGD.
        nesterov: whether SGD looks ahead by its momentum.
        beta1: the memory of Adam's first moment.
        beta2: the memory of Adam's second moment.
        clip: gradients are shortened to this length first; zero leaves them.
        ema: the memory of the moving average of parameters; zero keeps none.
    """

    optimizer: Optimizer
    weight_decay: Number = 0.0
    coupled: bool = False
    l1: Number = 0.0
    momentum: Number = 0.9
    nesterov: bool = True
    beta1: Number = 0.9
    beta2: Number = 0.999
    clip: Number = 0.0
    ema: Number = 0.0

    @staticmethod
    def of(settings: Settings) -> Rule:
        """The rule of one run."""
        return Rule(
            settings.optimizer,
            settings.weight_decay,
            settings.coupled,
            settings.l1,
            settings.momentum,
            settings.nesterov,
            settings.beta1,
            settings.beta2,
            settings.clip,
            settings.ema,
        )


def new_state(rule: Rule, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """The state of an optimiser before its first step: named vectors of zeros, shape (..., P).

    ``average``, where one is kept, begins with the parameters.
    """
    names = ("velocity",) if rule.optimizer == "sgd" else ("first_moment", "second_moment")
    state = {name: torch.zeros_like(values) for name in names}
    if isinstance(rule.ema, torch.Tensor) or rule.ema > 0.0:
        state["average"] = values.clone()
    return state


def update(
    rule: Rule, parameters: FlatParameters, state: dict[str, torch.Tensor], count: Number, rate: Number
) -> Number:
    """One step in place, elementwise: of one run (P,), or of a stack (K, P) with hyperparameters of shape (K, 1).

    A gradient that is not finite changes nothing in a run of its own; a row of a stack becomes NaN, no other does.

    Args:
        rule: the optimiser and its hyperparameters.
        parameters: values and gradients; the gradients are changed by clipping and by a coupled decay.
        state: as `new_state` made it.
        count: steps done including this one.
        rate: the learning rate.

    Returns:
        The norm of the gradient before clipping, a float or of shape (K, 1).
    """
    values, gradients = parameters.values, parameters.gradients
    norm = clip_gradients(gradients, rule.clip)
    if isinstance(norm, float) and not math.isfinite(norm):
        return norm
    if rule.coupled:
        _add_product(gradients, values, parameters.decay, rule.weight_decay)
    else:
        _add_product(values, values, parameters.decay, -rate * rule.weight_decay)
    if rule.optimizer == "sgd":
        sgd_step(values, gradients, state, rate, rule.momentum, nesterov=rule.nesterov)
    else:
        adam_step(values, gradients, state, count, rate, rule.beta1, rule.beta2)
    if isinstance(rule.l1, torch.Tensor) or rule.l1 > 0.0:
        reach = 1.0 - rule.momentum if rule.optimizer == "sgd" else 1.0
        shrink(values, parameters.decay * (rate * rule.l1 / reach))
    if "average" in state:
        state["average"].lerp_(values, average_weight(rule.ema, count))
    return norm


def average_weight(memory: Number, count: Number) -> Number:
    """How much the parameters after step ``count`` weigh in their moving average: 1 - min(memory, (1 + t)/(10 + t)).

    The memory grows as the run does, so that the first parameters, which are drawn at random, are soon forgotten.
    """
    growing = (1.0 + count) / (10.0 + count)
    if isinstance(memory, torch.Tensor):
        return 1.0 - torch.minimum(memory, torch.as_tensor(growing, dtype=memory.dtype))
    return 1.0 - min(memory, growing)


def adam_step(
    values: torch.Tensor,
    gradients: torch.Tensor,
    state: dict[str, torch.Tensor],
    count: Number,
    rate: Number,
    beta1: Number,
    beta2: Number,
) -> None:
    """Adam (Kingma and Ba 2015, algorithm 1) with epsilon = 1e-8, in place.

    After a decoupled decay it is AdamW (Loshchilov and Hutter 2019, algorithm 2).
    """
    first, second = state["first_moment"], state["second_moment"]
    first.lerp_(gradients, 1.0 - beta1)
    second.mul_(beta2)
    _add_product(second, gradients, gradients, 1.0 - beta2)
    scale = second.sqrt().mul_((1.0 - beta2**count) ** -0.5).add_(EPSILON)
    step = rate / (1.0 - beta1**count)
    if isinstance(step, torch.Tensor):
        values.sub_(scale.reciprocal_().mul_(first).mul_(step))
    else:
        values.addcdiv_(first, scale, value=-step)


def sgd_step(
    values: torch.Tensor,
    gradients: torch.Tensor,
    state: dict[str, torch.Tensor],
    rate: Number,
    momentum: Number,
    *,
    nesterov: bool,
) -> None:
    """SGD with momentum (Polyak 1964), or with Nesterov's as Sutskever et al. 2013 write it, in place."""
    velocity = state["velocity"]
    velocity.mul_(momentum).add_(gradients)
    if nesterov:
        _add(values, gradients, -rate)
        _add(values, velocity, -rate * momentum)
    else:
        _add(values, velocity, -rate)


def shrink(values: torch.Tensor, threshold: torch.Tensor) -> None:
    """Draw values towards zero by a threshold of the same shape, and to zero where they are nearer, in place.

    This is the proximal step of an L1 penalty (Beck and Teboulle 2009, eq. 1.5), after the optimiser's own step and as
    long: the learning rate, of SGD over 1 - momentum. Unlike a subgradient it leaves exact zeros.
    """
    values.sub_(torch.maximum(torch.minimum(values, threshold), -threshold))


def clip_gradients(gradients: torch.Tensor, longest: Number) -> Number:
    """Shorten gradients to a norm of at most ``longest``, in place; their norm before.

    Pascanu et al. 2013, algorithm 1. Zero leaves them as long as they are. Each row of a stack (K, P) is shortened to
    its own bound; bounds and norms have shape (K, 1).
    """
    if isinstance(longest, torch.Tensor):
        norms: torch.Tensor = torch.linalg.vector_norm(gradients, dim=-1, keepdim=True)
        gradients.mul_(torch.where((longest > 0.0) & (norms > longest), longest / norms, 1.0))
        return norms
    norm = float(torch.linalg.vector_norm(gradients))
    if 0.0 < longest < norm:
        gradients.mul_(longest / norm)
    return norm


def _add(target: torch.Tensor, x: torch.Tensor, factor: Number) -> None:
    """Target += factor x, in place."""
    if isinstance(factor, torch.Tensor):
        target.addcmul_(x, factor)
    else:
        target.add_(x, alpha=factor)


def _add_product(target: torch.Tensor, x: torch.Tensor, y: torch.Tensor, factor: Number) -> None:
    """Target += factor x y, in place."""
    if isinstance(factor, torch.Tensor):
        target.addcmul_(x * y, factor)
    else:
        target.addcmul_(x, y, value=factor)
