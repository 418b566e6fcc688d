"""The losses of all networks of a stack on rows that they do not learn from, in one call for many of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from holdfast.train.curves import Point, shown
from holdfast.train.losses import LossFunction, unweighted, weighted_targets
from holdfast.train.stacked.stack import Path
from holdfast.train.training import Training

AT_ONCE_BYTES = 1 << 26
"""About as much of inputs is looked at in one call."""

Numbers = Mapping[str, torch.Tensor]
"""Tensors by their names in the network, shape (k, ...)."""


class Judge:
    """A network as it predicts, as a function of its numbers.

    Args:
        network: any one of the stack.
        loss: of outputs and targets.
        path: how they are trained.
    """

    def __init__(self, network: nn.Module, loss: LossFunction, path: Path) -> None:
        self._network, self._function = path.judged(copy.deepcopy(network).eval()), unweighted(loss)

    def watched(self, runs: Sequence[Training], values: Numbers, buffers: Numbers) -> list[float | None]:
        """The loss of each run on its watched rows, None where it has none.

        Args:
            runs: in the order of the numbers.
            values: what each predicts with.
            buffers: of each.
        """
        rows = [(run.rows.watched_features, weighted_targets(run.loss, run.rows.watched_targets)) for run in runs]
        asked = [index for index, (x, _) in enumerate(rows) if len(x)]
        found: list[float | None] = [None] * len(runs)
        for index, (loss,) in self._losses(asked, rows, values, buffers, [0] * len(runs)).items():
            found[index] = loss
        return found

    def points(self, runs: Sequence[Training], values: Numbers, buffers: Numbers) -> list[Point | None]:
        """The point of each run's curve after its next epoch, None where none is due."""
        monitors = [run.monitor for run in runs]
        epochs = [run.progress.epoch + 1 for run in runs]
        pairs = zip(monitors, epochs, strict=True)
        asked = [index for index, (monitor, epoch) in enumerate(pairs) if monitor is not None and monitor.is_due(epoch)]
        nothing = torch.empty(0), torch.empty(0)
        rows = [
            nothing if monitor is None else (monitor.features, weighted_targets(run.loss, monitor.targets))
            for run, monitor in zip(runs, monitors, strict=True)
        ]
        learned = [0 if monitor is None else monitor.learned for monitor in monitors]
        found: list[Point | None] = [None] * len(runs)
        for index, losses in self._losses(asked, rows, values, buffers, learned).items():
            found[index] = (epochs[index], shown(losses[0]), shown(losses[1]))
        return found

    def _losses(
        self,
        asked: Sequence[int],
        rows: Sequence[tuple[torch.Tensor, torch.Tensor]],
        values: Numbers,
        buffers: Numbers,
        cuts: Sequence[int],
    ) -> dict[int, list[float]]:
        """The losses of each that is asked for, on the rows before a cut, where there is one, and on those after it."""
        alike: dict[tuple[int, int], list[int]] = {}
        for index in asked:
            alike.setdefault((len(rows[index][0]), cuts[index]), []).append(index)
        found: dict[int, list[float]] = {}
        for (_, cut), indices in alike.items():
            first = rows[indices[0]][0]
            most = max(1, AT_ONCE_BYTES // (first.numel() * first.element_size()))
            for begin in range(0, len(indices), most):
                part = indices[begin : begin + most]
                x, targets = (torch.stack([rows[index][side] for index in part]) for side in (0, 1))
                losses = self._of_part(torch.tensor(part, device=x.device), values, buffers, x, targets, cut)
                found.update(zip(part, losses.tolist(), strict=True))
        return found

    def _of_part(
        self, part: torch.Tensor, values: Numbers, buffers: Numbers, x: torch.Tensor, targets: torch.Tensor, cut: int
    ) -> torch.Tensor:
        def one(own: Numbers, kept: Numbers, x: torch.Tensor, targets: torch.Tensor) -> Any:
            outputs = torch.func.functional_call(self._network, {**own, **kept}, (x,))
            sides = [slice(None, cut), slice(cut, None)] if cut else [slice(None)]
            return torch.stack([self._function(outputs[side], targets[side]) for side in sides])

        chosen = [{name: rows.index_select(0, part) for name, rows in each.items()} for each in (values, buffers)]
        losses: torch.Tensor = torch.vmap(one)(chosen[0], chosen[1], x, targets)
        return losses
