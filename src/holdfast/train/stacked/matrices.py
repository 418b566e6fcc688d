"""The numbers of a stack of networks: one row of a matrix for each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from holdfast.train.learner import Learner

Products = dict[int, tuple[torch.Tensor, torch.Tensor]]
"""Gradients of matrices of weights, kept as the products that they are: the gradients of a layer's outputs
(k, rows, outputs), transposed, and its inputs (k, rows, inputs); by where the weights begin in a row of the stack."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """The numbers of a stack, with one row for each run.

    ``values`` and ``gradients`` have shape (k, P), those of ``state`` too; ``buffers`` (k, ...) go by their names in
    the network. A gradient is in ``gradients`` or, where there are ``products``, may be one of them.
    """

    values: torch.Tensor
    gradients: torch.Tensor
    state: Mapping[str, torch.Tensor]
    buffers: Mapping[str, torch.Tensor]
    products: Products | None = None

    @staticmethod
    def of(learners: Sequence[Learner]) -> Matrices:
        """Copies of the numbers of each."""
        values = torch.stack([learner.parameters.values for learner in learners])
        state = {name: torch.stack([learner.state[name] for learner in learners]) for name in learners[0].state}
        named = [dict(learner.network.named_buffers()) for learner in learners]
        buffers = {name: torch.stack([own[name] for own in named]) for name in named[0]}
        return Matrices(values, torch.zeros_like(values), state, buffers)

    @staticmethod
    def own(learner: Learner) -> Matrices:
        """The numbers of one learner themselves, as matrices of one row."""
        state = {name: rows.unsqueeze(0) for name, rows in learner.state.items()}
        buffers = {name: buffer.unsqueeze(0) for name, buffer in learner.network.named_buffers()}
        flat = learner.parameters
        return Matrices(flat.values.unsqueeze(0), flat.gradients.unsqueeze(0), state, buffers)

    def with_products(self) -> Matrices:
        """The same, where the updates take products."""
        return replace(self, products={})

    def of_rows(self, rows: slice | list[int]) -> Matrices:
        """Some of the rows: views for a slice, copies for a list."""
        state = {name: rows_of[rows] for name, rows_of in self.state.items()}
        buffers = {name: rows_of[rows] for name, rows_of in self.buffers.items()}
        products = self.products if isinstance(rows, slice) or self.products is None else {}
        return Matrices(self.values[rows], self.gradients[rows], state, buffers, products)

    def give(self, row: int, learner: Learner) -> None:
        """Copy a row's numbers to a learner of its own."""
        learner.parameters.values.copy_(self.values[row])
        for name, rows in self.state.items():
            learner.state[name].copy_(rows[row])
        for name, buffer in learner.network.named_buffers():
            buffer.copy_(self.buffers[name][row])
