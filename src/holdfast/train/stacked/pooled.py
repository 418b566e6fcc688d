"""What a stack on an accelerator learns from: rows that lie there, and for each run the order it takes them in.

A batch is told by a number that lies on the device, too, so that a step can be recorded once and replayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol

import torch

from holdfast.train.epochs import epoch_order
from holdfast.train.losses import WeightedCrossEntropy
from holdfast.train.models.counting import counted_bits
from holdfast.train.models.layers import dropout_layers
from holdfast.train.training import Training, rows_of_epoch

LAID_OUT_BYTES = 1 << 28
"""About as much of augmented rows is on the device at a time."""

Prepare = Callable[[torch.Tensor], object]
"""What is done to features in place before a network sees them."""


class Source(Protocol):
    """The batches of the next epoch of some runs."""

    def start(self) -> None:
        """Begin the next epoch of every run."""
        ...

    def reach(self, number: int) -> None:
        """Have batch ``number`` ready on the device."""
        ...

    def batch(self, number: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (k, size, *row) and targets (k, size, outputs) of a batch of the first k runs.

        Args:
            number: of the batch, from 0, int64 of shape (1,) on the device.
            k: how many runs.
        """
        ...


class Pooled:
    """Rows that no run augments: those of all runs lie on the device once, and a batch picks its own.

    Args:
        runs: in the order of the stack, those with more batches first.
        prepare: what is done to features once they lie there.
    """

    def __init__(self, runs: Sequence[Training], prepare: Prepare) -> None:
        device, self._runs = runs[0].device, runs
        self._size, self._batches = runs[0].batches
        different = {run.fingerprint: run for run in runs}
        tables = [[side.to(device) for side in run.whole()] for run in different.values()]
        ends = accumulate((len(features) for features, _ in tables), initial=0)
        begins = dict(zip(different, ends, strict=False))
        self._features, self._targets = (torch.cat([table[side] for table in tables]) for side in (0, 1))
        prepare(self._features)
        self._places = [torch.from_numpy(run.fitted) + begins[run.fingerprint] for run in runs]
        self._orders = torch.zeros(len(runs), self._batches * self._size, dtype=torch.int64, device=device)
        self._within = torch.arange(self._size, device=device)
        self._smooth = _smoothing(runs)
        self._weights = _class_weights(runs)

    def start(self) -> None:
        """Draw the orders."""
        orders = torch.zeros(self._orders.shape, dtype=torch.int64)
        for order, places, run in zip(orders, self._places, self._runs, strict=True):
            drawn = epoch_order(run.streams, run.progress.epoch + 1, len(places))[: self._batches * self._size]
            order[: len(drawn)] = places[drawn]
        self._orders.copy_(orders)

    def reach(self, number: int) -> None:
        """Nothing: all of them are there."""

    def batch(self, number: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Picked by the orders of the epoch."""
        rows = self._orders[:k].index_select(1, self._within + number * self._size).flatten()
        x = self._features.index_select(0, rows).view(k, self._size, *self._features.shape[1:])
        targets = self._targets.index_select(0, rows).view(k, self._size, -1)
        if self._smooth is not None:
            targets = targets * (1.0 - self._smooth[:k]) + self._smooth[:k] / targets.shape[-1]
        return x, targets if self._weights is None else targets * self._weights[:k]


class LaidOut:
    """Rows that runs augment, each for itself: some batches at a time are laid out on the device.

    Args:
        runs: in the order of the stack, those with more batches first.
        prepare: what is done to features once they lie there.
    """

    def __init__(self, runs: Sequence[Training], prepare: Prepare) -> None:
        self._runs, self._prepare = runs, prepare
        self._size, self._batches = runs[0].batches
        rows, device = runs[0].rows, runs[0].device
        bytes_of_row = (rows.features[0].numel() + rows.targets.shape[1]) * rows.features.element_size()
        self._length = max(1, min(LAID_OUT_BYTES // (bytes_of_row * self._size * len(runs)), self._batches))
        room = (len(runs), self._length, self._size)
        self._features = torch.zeros(*room, *rows.features.shape[1:], dtype=rows.features.dtype, device=device)
        self._targets = torch.zeros(*room, rows.targets.shape[1], dtype=rows.targets.dtype, device=device)
        self._begin = torch.zeros(1, dtype=torch.int64, device=device)
        self._end = 0
        self._rows: list[tuple[torch.Tensor, torch.Tensor]] = []

    def start(self) -> None:
        """Draw and augment the rows of the epoch."""
        self._rows, self._end = [_augmented(run) for run in self._runs], 0

    def reach(self, number: int) -> None:
        """Lay out the next batches where those before are used up."""
        if number < self._end:
            return
        self._begin.fill_(number)
        self._end = number + self._length
        for row, rows in enumerate(self._rows):
            for source, room in zip(rows, (self._features[row], self._targets[row]), strict=True):
                part = source[number * self._size : min(self._end, self._runs[row].batches[1]) * self._size]
                room.flatten(0, 1)[: len(part)].copy_(part)
        self._prepare(self._features)

    def batch(self, number: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """From where it was laid out."""
        at = number - self._begin
        return self._features[:k].index_select(1, at).squeeze(1), self._targets[:k].index_select(1, at).squeeze(1)


def source_of(runs: Sequence[Training], prepare: Prepare) -> Source:
    """The batches of runs that all augment their rows, or all do not."""
    return (Pooled if runs[0].settings.augmentation == "none" else LaidOut)(runs, prepare)


class Masks:
    """The masks of the layers of dropout of a stack, counted: a run has the same ones alone.

    Args:
        runs: in the order of the stack.
        shapes: what each layer is given, (rows, *units).
    """

    def __init__(self, runs: Sequence[Training], shapes: Sequence[tuple[int, ...]]) -> None:
        self._runs, self._shapes = runs, shapes
        device, self._dtype = runs[0].device, runs[0].rows.features.dtype
        kept = [[layer.kept for layer in dropout_layers(run.learner.network)] for run in runs]
        self._kept = torch.tensor(kept, device=device).view(len(runs), len(shapes), 1)
        self._seeds = torch.zeros(len(runs), len(shapes), 1, dtype=torch.int64, device=device)

    def start(self) -> None:
        """Begin the next epoch of every run."""
        if self._shapes:
            seeds = torch.tensor([run.streams.integer(run.progress.epoch + 1, "dropout") for run in self._runs])
            self._seeds.copy_((seeds[:, None] + torch.arange(len(self._shapes)))[:, :, None])

    def of_batch(self, number: torch.Tensor, k: int) -> list[torch.Tensor]:
        """One for each layer, (k, rows, *units), of a batch of the first k runs."""
        found = []
        for layer, shape in enumerate(self._shapes):
            size = math.prod(shape)
            draws, kept = -(-size // 4), self._kept[:k, layer]
            bits = counted_bits(self._seeds[:k, layer], number * draws, draws).view(torch.int16)[:, :size]
            mask = (bits < kept - 32768).to(self._dtype) * (65536.0 / kept.double()).to(self._dtype)
            found.append(mask.view(k, *shape))
        return found


def _smoothing(runs: Sequence[Training]) -> torch.Tensor | None:
    """How far the targets of each run are drawn to equal ones, shape (k, 1, 1); None where none are."""
    if runs[0].targets.classes is None or all(run.settings.label_smoothing == 0.0 for run in runs):
        return None
    amounts = [run.settings.label_smoothing for run in runs]
    return torch.tensor(amounts, dtype=runs[0].rows.targets.dtype, device=runs[0].device).view(-1, 1, 1)


def _class_weights(runs: Sequence[Training]) -> torch.Tensor | None:
    """What the targets of each run are multiplied by, shape (k, 1, classes); None where classes have no weights."""
    weights = [run.learner.loss.weights for run in runs if isinstance(run.learner.loss, WeightedCrossEntropy)]
    return torch.stack(weights).unsqueeze(1) if weights else None


def _augmented(run: Training) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of a run in the order of its next epoch."""
    X, T = rows_of_epoch(run, run.progress.epoch + 1)
    loss = run.learner.loss
    return X, T * loss.weights.cpu() if isinstance(loss, WeightedCrossEntropy) else T
