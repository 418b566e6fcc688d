"""The optimisers' steps of a stack on an accelerator, as `holdfast.train.optimisers.update` makes them.

What a step depends on lies on the device for a whole epoch, so that nothing waits for the processor.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from holdfast.train.learner import Learner
from holdfast.train.optimisers import FlatParameters, update
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.updates import table_of

BLOCK = 1024

OWN = ("weight_decay", "l1", "momentum", "beta1", "beta2", "clip", "ema")
"""Numbers of a rule that each row has for itself."""


class DeviceUpdates(Protocol):
    """The steps of the rows of a stack.

    A row whose gradient is not finite has no finite numbers afterwards; the others are what they would have been.
    """

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Before an epoch: the steps that each row has done, and the learning rates of those to come."""
        ...

    def step(self, number: torch.Tensor, k: int) -> torch.Tensor:
        """A step of the first k rows; the norms (k,) of their gradients before clipping.

        Args:
            number: of the step in the epoch, from 0, int64 of shape (1,) on the device.
            k: how many rows.
        """
        ...


def device_updates(learners: Sequence[Learner], numbers: Matrices) -> DeviceUpdates:
    """The steps of these learners on the rows of the matrices: one kernel where Triton is, or operations of torch."""
    if numbers.values.device.type == "cuda" and importlib.util.find_spec("triton"):
        return ByKernel(learners, numbers)
    return ByOperations(learners, numbers)


class ByOperations:
    """By torch, operation by operation, each for all rows."""

    def __init__(self, learners: Sequence[Learner], numbers: Matrices) -> None:
        self._numbers, self._decay = numbers, learners[0].parameters.decay
        columns = {name: [[getattr(learner.rule, name)] for learner in learners] for name in OWN}
        self._own = {name: numbers.values.new_tensor(column) for name, column in columns.items()}
        self._rule = learners[0].rule
        self._rates, self._done = numbers.values.new_zeros(0), numbers.values.new_zeros(0)

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Keep both on the device."""
        table = np.zeros((max(map(len, rates)), len(rates)))
        for row, own in enumerate(rates):
            table[: len(own), row] = own
        self._rates = _placed(table, self._rates, self._numbers.values)
        self._done = _placed(np.array(done)[:, None], self._done, self._numbers.values)

    def step(self, number: torch.Tensor, k: int) -> torch.Tensor:
        """As said."""
        numbers = self._numbers.of_rows(slice(0, k))
        flat = FlatParameters(numbers.values, numbers.gradients, self._decay)
        own: dict[str, Any] = {name: column[:k] for name, column in self._own.items()}
        rate = self._rates.index_select(0, number)[0, :k, None]
        norms = update(replace(self._rule, **own), flat, dict(numbers.state), self._done[:k] + number + 1.0, rate)
        assert isinstance(norms, torch.Tensor)
        return norms[:, 0]


class ByKernel:
    """By one kernel of Triton's."""

    def __init__(self, learners: Sequence[Learner], numbers: Matrices) -> None:
        from holdfast.train.stacked.triton_step import step

        self._kernel: Any = step
        self._rules, self._numbers = [learner.rule for learner in learners], numbers
        self._decay = learners[0].parameters.decay
        self._table = numbers.values.new_zeros(0)

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Lay out the coefficients of every step of the epoch."""
        self._table = _placed(table_of(self._rules, done, rates), self._table, self._numbers.values)

    def step(self, number: torch.Tensor, k: int) -> torch.Tensor:
        """As said."""
        numbers, rule, state = self._numbers, self._rules[0], self._numbers.state
        norms: torch.Tensor = torch.linalg.vector_norm(numbers.gradients[:k], dim=1)
        adam, size = rule.optimizer != "sgd", numbers.values.shape[1]
        self._kernel[(-(-size // BLOCK), k)](
            numbers.values,
            numbers.gradients,
            state["first_moment" if adam else "velocity"],
            state.get("second_moment", numbers.values),
            state.get("average", numbers.values),
            self._decay,
            norms,
            self._table,
            number,
            len(self._rules),
            size,
            ADAM=adam,
            COUPLED=rule.coupled,
            NESTEROV=rule.nesterov,
            AVERAGE="average" in state,
            BLOCK=BLOCK,
        )
        return norms


def _placed(table: np.ndarray, before: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A table on the device; where one of its shape was, since a recorded step looks for it there."""
    found = torch.from_numpy(table).to(like.dtype)
    return before.copy_(found) if before.shape == found.shape else found.to(like.device)
