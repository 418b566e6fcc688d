"""The optimisers' steps of a stack, after what `holdfast.train.optimisers.update` does.

These steps are limited by memory, so each network's numbers are passed over while they are in the cache: by compiled
functions where the machine has a compiler, by torch's fused kernels where it has none.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from holdfast.train.learner import Learner
from holdfast.train.optimisers import EPSILON, FlatParameters, Rule, average_weight, shrink, update
from holdfast.train.stacked import native
from holdfast.train.stacked.matrices import Matrices, Products

Pieces = list[list[torch.Tensor]]
"""Parameters, gradients, first and second moments, each cut into the parameters of the network."""


MOST_AT_ONCE = 8
"""Rows of a product that are made at a time: TALL of kernels.c, or more."""


class Updates(Protocol):
    """The steps of the rows of a stack."""

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Before an epoch: the steps that each row has done, and the learning rates of those to come."""
        ...

    def step(self, number: int, k: int) -> list[float]:
        """Step ``number`` of the epoch, from 0, of the first k rows; the norms of their gradients before clipping.

        A row whose gradient is not finite stays as it is.
        """
        ...


def updates_of(learners: Sequence[Learner], matrices: Matrices) -> Updates:
    """The steps of these learners on the rows of the matrices, compiled where the machine can."""
    if native.native(matrices.values.dtype).library is None:
        return ByTorch(learners, matrices)
    return Compiled(learners, matrices)


class Compiled:
    """By the functions of kernels.c, one call for all rows."""

    def __init__(self, learners: Sequence[Learner], matrices: Matrices) -> None:
        values, state = matrices.values, matrices.state
        self._rules = [learner.rule for learner in learners]
        self._step: Any = native.function("step", values.dtype)
        self._norms = np.zeros(len(learners))
        self._keep = (matrices, learners)  # the addresses below are good while these live
        self._table, self._at = np.empty(0), 0
        rule = self._rules[0]
        adam = rule.optimizer != "sgd"
        moments = state["first_moment" if adam else "velocity"], state["second_moment"] if adam else None
        numbers = values, matrices.gradients, *moments, state.get("average")
        self._decay = learners[0].parameters.decay.numpy()
        self._products: Products = {} if matrices.products is None else matrices.products
        self._place = native.Place(
            *values.shape, rule.coupled, rule.nesterov, *map(native.address, numbers), self._norms.ctypes.data
        )
        self._where = ctypes.byref(self._place)
        self._lay_out()

    def _lay_out(self) -> None:
        """Cut the parameters into pieces, of which the products that there are now have their own."""
        places = {begin: left.shape[2] * x.shape[2] for begin, (left, x) in self._products.items()}
        self._pieces = pieces_of(self._decay, places)
        self._factors = (native.Product * len(places))()
        widest = max((x.shape[2] for _, x in self._products.values()), default=0)
        self._room = np.empty(MOST_AT_ONCE * widest)
        self._place.count, self._place.pieces = len(self._pieces), self._pieces.ctypes.data
        self._place.products, self._place.room = ctypes.addressof(self._factors), self._room.ctypes.data

    def _point(self) -> None:
        """Tell where the products of this step lie."""
        if len(self._factors) != len(self._products):
            self._lay_out()
        for factor, (slopes, x) in zip(self._factors, self._products.values(), strict=True):
            factor.batch, factor.outputs, factor.inputs = *slopes.shape[1:], x.shape[2]
            factor.slopes, factor.slopes_stride = slopes.data_ptr(), slopes.stride(0)
            factor.x, factor.x_stride = x.data_ptr(), x.stride(0)

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Lay out the coefficients of every step of the epoch."""
        self._table = table_of(self._rules, done, rates)
        self._at = self._table.ctypes.data

    def step(self, number: int, k: int) -> list[float]:
        """All rows in one call."""
        self._point()
        self._step(self._where, ctypes.c_void_p(self._at + number * self._table.strides[0]), ctypes.c_long(k))
        norms: list[float] = self._norms[:k].tolist()
        return norms


def pieces_of(decay: np.ndarray, products: Mapping[int, int]) -> np.ndarray:
    """Pieces of a vector of parameters, shape (pieces, 4): begin, end, whether they decay, the index of their product.

    Args:
        decay: zeros and ones, shape (P,); the same within a piece.
        products: the sizes of the parameters that have one, by where they begin; for the others the index is -1.
    """
    ends = [begin + size for begin, size in products.items()]
    cuts = sorted({0, *(np.flatnonzero(np.diff(decay)) + 1).tolist(), *products, *ends, len(decay)})
    order = {begin: index for index, begin in enumerate(products)}
    pieces = [(begin, end, int(decay[begin]), order.get(begin, -1)) for begin, end in pairwise(cuts)]
    return np.array(pieces, dtype=np.int64)


def table_of(rules: Sequence[Rule], done: Sequence[int], rates: Sequence[Sequence[float]]) -> np.ndarray:
    """The `coefficients` of every step of an epoch, shape (steps, rows, fields); zeros behind the last of a row."""
    table = np.zeros((max(map(len, rates)), len(rates), len(native.FIELDS)))
    for row, (rule, before, own) in enumerate(zip(rules, done, rates, strict=True)):
        table[: len(own), row] = coefficients(rule, before, np.asarray(own))
    return table


def coefficients(rule: Rule, done: int, rates: np.ndarray) -> np.ndarray:
    """What the steps of one run depend on after so many were done, shape (steps, fields of `native.FIELDS`).

    Adam's corrections for its empty start are in its rate and its scale (Kingma and Ba 2015, section 2, last lines).
    """
    counts = done + 1.0 + np.arange(len(rates))
    adam, decoupled = rule.optimizer != "sgd", not rule.coupled
    beta1, beta2, momentum = float(rule.beta1), float(rule.beta2), float(rule.momentum)
    reach = 1.0 if adam else 1.0 - momentum
    ema = float(rule.ema)
    columns = {
        "rate": rates / (1.0 - beta1**counts) if adam else rates,
        "decay": rates * rule.weight_decay if decoupled else rule.weight_decay,
        "clip": rule.clip,
        "l1": rates * rule.l1 / reach,
        "average": 1.0 - np.minimum(ema, (1.0 + counts) / (10.0 + counts)),
        "momentum": momentum,
        "keep_first": beta1,
        "keep_second": beta2,
        "scale": (1.0 - beta2**counts) ** -0.5 if adam else 1.0,
    }
    return np.stack([np.broadcast_to(columns[name], len(rates)) for name in native.FIELDS], axis=1)


class ByTorch:
    """By torch's fused kernels, row by row."""

    def __init__(self, learners: Sequence[Learner], matrices: Matrices) -> None:
        self._gradients = matrices.gradients
        self._counts = torch.zeros(len(learners))
        self._rows = [
            _RowUpdate(
                learner.rule,
                FlatParameters(matrices.values[row], matrices.gradients[row], learner.parameters.decay),
                {name: rows[row] for name, rows in matrices.state.items()},
                learner.network,
                self._counts[row],
            )
            for row, learner in enumerate(learners)
        ]

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Keep both."""
        self._done, self._rates = done, rates
        self._counts.copy_(torch.tensor(done))

    def step(self, number: int, k: int) -> list[float]:
        """One row after the other."""
        norms: list[float] = torch.linalg.vector_norm(self._gradients[:k], dim=1).tolist()
        self._counts[:k] += 1
        for row, norm in enumerate(norms):
            if math.isfinite(norm):
                self._rows[row](norm, self._done[row] + number + 1, self._rates[row][number])
        return norms


class _RowUpdate:
    """The step of one network of a stack.

    Args:
        rule: its optimiser and hyperparameters, numbers.
        flat: its rows of the stack's matrices, each (P,).
        state: its rows of the optimiser's state, each (P,).
        network: any one of the stack, for where its parameters lie.
        count: steps that it has done including this one, a tensor without dimensions that is kept up to date.
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
