"""A network and its optimiser, which learn from one batch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from holdfast.errors import RequestError
from holdfast.train.devices import mixed, out_of_memory
from holdfast.train.losses import LossFunction
from holdfast.train.models.layers import dropout_layers
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
        self.settings = settings
        self.rule = Rule.of(settings)
        self.parameters = flatten_parameters(network)
        self.state = new_state(self.rule, self.parameters.values)
        self.parts = settings.accumulation
        self._dropouts = dropout_layers(network)

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
        return value, float(update(self.rule, self.parameters, self.state, count, rate))

    def slope(self, X: torch.Tensor, T: torch.Tensor) -> float:
        """Take the gradient of a batch's loss, part by part; the loss.

        Each part counts by its rows, so that the sum is the gradient of the whole batch. Where memory is short the
        batch is taken anew in twice as many parts, with the same dropout, and so are all later ones.

        Raises:
            RequestError: if there is no memory for the smallest parts.
        """
        while True:
            drawn = [layer.drawn for layer in self._dropouts]
            try:
                return self._slope_in_parts(X, T)
            except RuntimeError as exc:
                if not out_of_memory(exc):
                    raise
                self._more_parts(len(X), exc)
            for layer, before in zip(self._dropouts, drawn, strict=True):
                layer.restart(layer.seed, layer.device, before)
            torch.cuda.empty_cache()

    @property
    def notes(self) -> list[str]:
        """What a reader of the run has to know: that memory was short."""
        if self.parts <= self.settings.accumulation:
            return []
        means = "; batch norm takes the means of a part" if self.has_batch_norm else ""
        return [f"memory was short, so the gradient of a batch was taken in {self.parts} parts and summed{means}"]

    @property
    def has_batch_norm(self) -> bool:
        """Whether rows of a batch have to have a variance."""
        return any(name.endswith("running_mean") for name, _ in self.network.named_buffers())

    def _slope_in_parts(self, X: torch.Tensor, T: torch.Tensor) -> float:
        self.parameters.gradients.zero_()
        parts = min(self.parts, self._most_parts(len(X))) if self.parts > 1 else 1
        if parts == 1:
            loss = self._loss(X, T)
            value = loss.item()
            torch.autograd.backward(loss)
            return value
        total = 0.0
        for rows, targets in zip(X.tensor_split(parts), T.tensor_split(parts), strict=True):
            loss = self._loss(rows, targets) * (len(rows) / len(X))
            total += loss.item()
            torch.autograd.backward(loss)
        return total

    def _loss(self, X: torch.Tensor, T: torch.Tensor) -> torch.Tensor:
        with mixed(self.settings):
            return self.loss(self.network(X), T)

    def _most_parts(self, rows: int) -> int:
        """In how many parts a batch can be taken: of one row each, of two where their variance is needed."""
        return max(rows // 2, 1) if self.has_batch_norm else rows

    def _more_parts(self, rows: int, error: RuntimeError) -> None:
        """Take twice as many parts from now on.

        Raises:
            RequestError: if the parts cannot be smaller.
        """
        most = self._most_parts(rows)
        if self.parts >= most:
            size = "one row" if most == rows else "two rows"
            raise RequestError(
                f"the gradient of {size} needs more memory than there is; take a smaller network"
            ) from error
        self.parts = min(2 * self.parts, most)


@dataclass(frozen=True, eq=False)
class Weights:
    """A copy of what a network predicts with: its parameters, shape (P,), and its buffers by name."""

    values: torch.Tensor
    buffers: Mapping[str, torch.Tensor]

    @staticmethod
    def of(learner: Learner) -> Weights:
        """A copy of the present ones: of the moving average where one is kept."""
        return Weights.at(learner.predicting, learner.network)

    @staticmethod
    def at(values: torch.Tensor, network: torch.nn.Module) -> Weights:
        """A copy of parameters and of a network's buffers."""
        return Weights(values.clone(), {name: buffer.clone() for name, buffer in network.named_buffers()})

    @contextmanager
    def in_place(self, learner: Learner) -> Iterator[None]:
        """The network has these meanwhile, and its own afterwards."""
        own = Weights.at(learner.parameters.values, learner.network)
        self._put(learner)
        try:
            yield
        finally:
            own._put(learner)

    def _put(self, learner: Learner) -> None:
        learner.parameters.values.copy_(self.values)
        for name, buffer in learner.network.named_buffers():
            buffer.copy_(self.buffers[name])
