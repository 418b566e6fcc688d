"""What a stack learns from in an epoch, some batches at a time: rows in the order of each run, and its dropout masks.

Everything is drawn from the streams that each run has by itself, in the same order, so that a run has the same batches
and masks in a stack as alone.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence

import torch

from holdfast.train.epochs import epoch_order, smoothed
from holdfast.train.losses import weighted_targets
from holdfast.train.models.layers import dropout_layers
from holdfast.train.stacked import native
from holdfast.train.training import Training, rows_of_epoch

WINDOW_BYTES = 1 << 22
"""About as much is laid out at a time: enough for some batches, whose draws are then one call."""

Batch = tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]
"""Features (k, size, ...), targets (k, size, outputs) and masks of a batch of k runs."""


class Windows:
    """The batches of the next epoch of some runs, which all have batches of ``size`` rows.

    Args:
        runs: in the order of the stack, those with more batches first.
        size: rows of a batch.
        shapes: what each layer of dropout is given, (rows, *units); none where the layers draw their masks themselves.
        prepare: what is done to features (k, batches, size, ...) in place once they are laid out.
    """

    def __init__(
        self,
        runs: Sequence[Training],
        size: int,
        shapes: Sequence[tuple[int, ...]],
        prepare: Callable[[torch.Tensor], object],
    ) -> None:
        self._runs, self._size, self._shapes, self._prepare = list(runs), size, list(shapes), prepare
        rows = runs[0].rows
        numbers = size * (rows.features[0].numel() + rows.targets.shape[1]) + sum(map(math.prod, shapes))
        bytes_of_batch = len(runs) * numbers * rows.features.element_size()
        self.length = max(1, min(WINDOW_BYTES // bytes_of_batch, runs[0].batches[1]))

        def room(*shape: int, dtype: torch.dtype = rows.features.dtype) -> torch.Tensor:
            return torch.empty(len(runs), self.length, *shape, dtype=dtype)

        self._features = room(size, *rows.features.shape[1:])
        self._targets = room(size, rows.targets.shape[1])
        self._masks = [room(*shape) for shape in shapes]
        self._draws = [room(-(-math.prod(shape) // 4), dtype=torch.int64) for shape in shapes]
        self._views: dict[tuple[int, int], Batch] = {}
        self._begin = 0
        self._sources: list[_Source] = []

    def start(self) -> None:
        """Begin the next epoch of every run."""
        self._sources = [_Source(run) for run in self._runs]
        self._begin = -self.length

    def batch(self, number: int, k: int) -> Batch:
        """That of so many of the first runs; good until the next one is asked for."""
        at = number - self._begin
        if at >= self.length:
            self._begin, at = number, 0
            self._fill(k)
        views = self._views.get((at, k))
        if views is None:
            views = self._features[:k, at], self._targets[:k, at], [mask[:k, at] for mask in self._masks]
            self._views[at, k] = views
        return views

    def keep(self, stay: Sequence[int]) -> None:
        """Go on with some of the runs."""
        index = list(stay)
        self._runs, self._sources = [self._runs[i] for i in index], [self._sources[i] for i in index if self._sources]
        self._features, self._targets = self._features[index], self._targets[index]
        self._masks, self._draws = [m[index] for m in self._masks], [d[index] for d in self._draws]
        self._views = {}

    def _fill(self, k: int) -> None:
        """Lay out the next batches of the first k runs."""
        for row in range(k):
            source = self._sources[row]
            count = min(self.length, source.rows_left // self._size)
            source.rows(count * self._size, self._features[row].flatten(0, 1), self._targets[row].flatten(0, 1))
            for layer, draws in zip(source.dropouts, self._draws, strict=False):
                draws[row, :count].random_(-(2**63), None, generator=layer.generator)
        for index in range(len(self._shapes)):
            self._lay_out_masks(index, [source.dropouts[index].kept for source in self._sources[:k]])
        self._prepare(self._features[:k])

    def _lay_out_masks(self, index: int, kept: Sequence[int]) -> None:
        """Make the masks of a layer of dropout from the numbers that were drawn for it."""
        size, k = math.prod(self._shapes[index]), len(kept)
        masks, draws = self._masks[index], self._draws[index]
        library = native.native(masks.dtype).library
        if library is None:
            share = torch.tensor(kept).view(k, 1, 1)
            bits = draws[:k].view(torch.int16)[:, :, :size]
            mask = masks[:k].view(k, self.length, size)
            mask.copy_(bits).lt_((share - 32768).to(mask.dtype)).mul_((65536.0 / share.double()).to(mask.dtype))
            return
        make = native.function("masks", masks.dtype)
        step = 4 * draws.shape[-1]
        for row, number in enumerate(kept):
            numbers = map(ctypes.c_long, (self.length, size, step, number))
            make(ctypes.c_void_p(draws[row].data_ptr()), *numbers, ctypes.c_void_p(masks[row].data_ptr()))


class _Source:
    """The rows of one run in the order of its next epoch, and its generators of masks."""

    def __init__(self, run: Training) -> None:
        self._run = run
        epoch = run.progress.epoch + 1
        self._classification = run.targets.classes is not None
        self._at = 0
        self._order: torch.Tensor | None = None
        features, targets, settings = run.rows.features, run.rows.targets, run.settings
        if settings.augmentation == "none":
            self._features = features
            targets = smoothed(targets, settings.label_smoothing) if self._classification else targets
            self._order = epoch_order(run.streams, epoch, len(features))
        else:
            self._features, targets = rows_of_epoch(run, epoch)
        self._targets = weighted_targets(run.learner.loss, targets)
        seed = run.streams.integer(epoch, "dropout")
        self.dropouts = dropout_layers(run.learner.network)
        for index, layer in enumerate(self.dropouts):
            layer.generator.manual_seed(seed + index)

    @property
    def rows_left(self) -> int:
        """Rows of the epoch that have not been laid out."""
        return len(self._features) - self._at

    def rows(self, count: int, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Write the next rows into the beginning of tensors of their shape."""
        part = slice(self._at, self._at + count)
        self._at += count
        for source, room in ((self._features, features), (self._targets, targets)):
            if self._order is None:
                room[:count] = source[part]
            else:
                torch.index_select(source, 0, self._order[part], out=room[:count])


def dropout_shapes(run: Training) -> list[tuple[int, ...]]:
    """What each layer of dropout is given for a batch of a run, (rows, *units), in their order."""
    return [calls[-1] for calls in dropout_calls(run)]


def dropout_calls(run: Training) -> list[list[tuple[int, ...]]]:
    """The shapes that each layer of dropout is given in a pass over one batch of a run, call by call."""
    network = run.learner.network
    layers = dropout_layers(network)
    found: dict[int, list[tuple[int, ...]]] = {id(layer): [] for layer in layers}
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: found[id(layer)].append(tuple(out.shape))) for layer in layers
    ]
    if layers:
        network.eval()
        with torch.no_grad():
            network(run.rows.features[: run.batches[0]].to(run.device))
    for hook in hooks:
        hook.remove()
    return [found[id(layer)] for layer in layers]
