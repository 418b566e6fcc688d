"""The optimiser's step of a stack: row by row while the row is in the cache, in torch's fused kernels for Adam.

These steps are limited by memory: one pass over the parameters, gradients and moments of one network takes a third of
the time that the same takes in operations on the whole matrix.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from holdfast.train.optimisers import EPSILON, FlatParameters, Rule, average_weight, shrink, update

Pieces = list[list[torch.Tensor]]
"""Parameters, gradients, first and second moments, each cut into the parameters of the network."""


class RowUpdate:
    """The step of one network of a stack, after what `holdfast.train.optimisers.update` does.

    Args:
        rule: its optimiser and hyperparameters, numbers.
        flat: its rows of the stack's matrices, each (P,).
        state: its rows of the optimiser's state, each (P,).
        network: any one of the stack, for where its parameters lie.
        count: steps that it has done including this one, a tensor without dimensions that the stack keeps up to date.
    """

    def __init__(
        self, rule: Rule, flat: FlatParameters, state: dict[str, torch.Tensor], network: nn.Module, count: torch.Tensor
    ) -> None:
        self._rule, self._flat, self._state, self._count = rule, flat, state, count
        self._decaying, self._free = _pieces(flat, state, network)

    def __call__(self, norm: float, count: int, rate: float) -> None:
        """Make step number ``count`` at a learning rate, after a gradient of this norm."""
        rule = self._rule
        if rule.optimizer == "sgd":
            update(rule, self._flat, self._state, count, rate)
            return
        if 0.0 < rule.clip < norm:
            self._flat.gradients.mul_(rule.clip / norm)
        self._adam(self._decaying, rate, float(rule.weight_decay))
        self._adam(self._free, rate, 0.0)
        if rule.l1 > 0.0:
            shrink(self._flat.values, self._flat.decay * (rate * rule.l1))
        if "average" in self._state:
            self._state["average"].lerp_(self._flat.values, average_weight(rule.ema, count))

    def _adam(self, pieces: Pieces, rate: float, decay: float) -> None:
        """Adam or AdamW on some parameters."""
        if not pieces[0]:
            return
        fused = torch._fused_adam_ if self._rule.coupled else torch._fused_adamw_
        fused(
            pieces[0],
            pieces[1],
            pieces[2],
            pieces[3],
            [],
            [self._count] * len(pieces[0]),
            lr=rate,
            beta1=float(self._rule.beta1),
            beta2=float(self._rule.beta2),
            weight_decay=decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


def _pieces(flat: FlatParameters, state: Mapping[str, torch.Tensor], network: nn.Module) -> tuple[Pieces, Pieces]:
    """The pieces that have weight decay, and those that have none; without any where the optimiser is not Adam."""
    if "first_moment" not in state:
        return [[]], [[]]
    sources = flat.values, flat.gradients, state["first_moment"], state["second_moment"]
    places = [(p.storage_offset(), p.numel(), p.ndim > 1) for p in network.parameters() if p.requires_grad]

    def cut(decays: bool) -> Pieces:
        return [[s[begin : begin + size] for begin, size, does in places if does is decays] for s in sources]

    return cut(True), cut(False)
