"""A network and its optimiser, which learn from one batch at a time."""

from __future__ import annotations

import math

import torch

from holdfast.train.losses import LossFunction
from holdfast.train.optimisers import Rule, flatten_parameters, new_state, update
from holdfast.train.settings import Settings


class Learner:
    """A network whose parameters are views of one vector, and the state of its optimiser.

    Args:
        network: freshly initialised.
        settings: of the run.
        loss: what is made small.
    """

    def __init__(self, network: torch.nn.Module, settings: Settings, loss: LossFunction) -> None:
        self.network = network
        self.loss = loss
        self.rule = Rule.of(settings)
        self.parameters = flatten_parameters(network)
        self.state = new_state(self.rule, self.parameters.values)
        self.parts = settings.accumulation

    @property
    def predicting(self) -> torch.Tensor:
        """The parameters to predict with, shape (P,): their moving average where one is kept."""
        return self.state.get("average", self.parameters.values)

    def learn(self, X: torch.Tensor, T: torch.Tensor, count: int, rate: float) -> tuple[float, float]:
        """One update from a batch; the loss and the norm of its gradient. If one is not finite, nothing is changed.

        Args:
            X: rows, shape (n, *row).
            T: their target matrix, shape (n, k).
            count: updates of the run including this one.
            rate: the learning rate.
        """
        value = self.slope(X, T)
        if not math.isfinite(value):
            return value, math.nan
        with torch.no_grad():
            return value, float(update(self.rule, self.parameters, self.state, count, rate))

    def slope(self, X: torch.Tensor, T: torch.Tensor) -> float:
        """Take the gradient of a batch's loss, part by part; the loss.

        Each part counts by its rows, so that the sum is the gradient of the whole batch.
        """
        self.parameters.gradients.zero_()
        parts = min(self.parts, len(X))
        if parts == 1:
            loss = self.loss(self.network(X), T)
            value = loss.item()
            torch.autograd.backward(loss)
            return value
        total = 0.0
        for rows, targets in zip(X.tensor_split(parts), T.tensor_split(parts), strict=True):
            loss = self.loss(self.network(rows), targets) * (len(rows) / len(X))
            total += loss.item()
            torch.autograd.backward(loss)
        return total
