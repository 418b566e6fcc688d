"""The optimisers' steps of a stack on an accelerator, after what `holdfast.train.optimisers.update` does.

What a step depends on lies on the device for a whole epoch, so that nothing waits for the processor.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from holdfast.train.learner import Learner
from holdfast.train.optimisers import EPSILON
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.native import FIELDS
from holdfast.train.stacked.updates import coefficients

BLOCK = 1024


class DeviceUpdates:
    """The steps of these learners on the rows of the matrices: one kernel of Triton's, or operations of torch.

    A row whose gradient is not finite has no finite numbers afterwards; the others are what they would have been.
    """

    def __init__(self, learners: Sequence[Learner], matrices: Matrices) -> None:
        self._rules, self._numbers = [learner.rule for learner in learners], matrices
        self._decaying = learners[0].parameters.decay
        self._table = matrices.values.new_zeros(0)
        on_cuda = matrices.values.device.type == "cuda"
        self._kernel: Any = None
        if on_cuda and importlib.util.find_spec("triton"):
            from holdfast.train.stacked.triton_step import step

            self._kernel = step

    def begin(self, done: Sequence[int], rates: Sequence[Sequence[float]]) -> None:
        """Before an epoch: the steps that each row has done, and the learning rates of those to come."""
        steps = max(map(len, rates))
        table = np.zeros((steps, len(rates), len(FIELDS)))
        for row, (rule, before, own) in enumerate(zip(self._rules, done, rates, strict=True)):
            table[: len(own), row] = coefficients(rule, before, np.asarray(own))
        found = torch.from_numpy(table).to(self._numbers.values.dtype)
        if self._table.shape == found.shape:
            self._table.copy_(found)  # where a recorded step looks for it
        else:
            self._table = found.to(self._numbers.values.device)

    def step(self, number: torch.Tensor, k: int) -> torch.Tensor:
        """A step of the first k rows; the norms (k,) of their gradients before clipping.

        Args:
            number: of the step in the epoch, from 0, int64 of shape (1,) on the device.
            k: how many rows.
        """
        numbers, rule = self._numbers, self._rules[0]
        norms: torch.Tensor = torch.linalg.vector_norm(numbers.gradients[:k], dim=1)
        if self._kernel is None:
            columns = self._table.index_select(0, number)[0, :k]
            _by_torch(numbers.of_rows(slice(0, k)), self._decaying, norms, columns, rule.coupled, rule.nesterov)
            return norms
        adam, state = rule.optimizer != "sgd", numbers.state
        first, second = state["first_moment" if adam else "velocity"], state.get("second_moment", numbers.values)
        size = numbers.values.shape[1]
        self._kernel[(-(-size // BLOCK), k)](
            numbers.values,
            numbers.gradients,
            first,
            second,
            state.get("average", numbers.values),
            self._decaying,
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


def _by_torch(
    numbers: Matrices, decaying: torch.Tensor, norms: torch.Tensor, columns: torch.Tensor, coupled: bool, nesterov: bool
) -> None:
    """The same by operations of torch; ``columns`` (k, fields) are the coefficients of the step."""
    c: Mapping[str, torch.Tensor] = dict(zip(FIELDS, columns.T.unsqueeze(-1), strict=True))
    values, gradients, state = numbers.values, numbers.gradients, numbers.state
    norms = norms.unsqueeze(1)
    gradients.mul_(torch.where((c["clip"] > 0.0) & (norms > c["clip"]), c["clip"] / norms, 1.0))
    if coupled:
        gradients.addcmul_(values * decaying, c["decay"])
    else:
        values.mul_(1.0 - c["decay"] * decaying)
    if "velocity" in state:
        velocity = state["velocity"].mul_(c["momentum"]).add_(gradients)
        later = c["rate"] * c["momentum"] if nesterov else c["rate"]
        if nesterov:
            values.addcmul_(gradients, -c["rate"])
        values.addcmul_(velocity, -later)
    else:
        first, second = state["first_moment"], state["second_moment"]
        first.lerp_(gradients, 1.0 - c["keep_first"])
        second.mul_(c["keep_second"]).addcmul_(gradients.square(), 1.0 - c["keep_second"])
        scale = second.sqrt().mul_(c["scale"]).add_(EPSILON)
        values.sub_(scale.reciprocal_().mul_(first).mul_(c["rate"]))
    most = c["l1"] * decaying
    values.sub_(torch.maximum(torch.minimum(values, most), -most))
    if "average" in state:
        state["average"].lerp_(values, c["average"])
