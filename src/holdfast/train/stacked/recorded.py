"""The steps of a stack on an accelerator, which are recorded once and replayed.

They are all the same but for a number, which lies on the device; on CUDA they become a graph, so that a step costs one
call, and nothing waits for the processor.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch

from holdfast.train.losses import unweighted
from holdfast.train.stacked.device_updates import device_updates
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.pooled import Masks, source_of
from holdfast.train.stacked.stack import Path, Program, Row
from holdfast.train.stacked.windows import dropout_shapes
from holdfast.train.training import Training

WARM = 3
"""Steps that are made one operation at a time before one is recorded."""

WORTH_RECORDING = 10
"""Steps to come, from which recording one pays."""


class Steps:
    """The steps of some runs on the rows of matrices, and what they lost.

    Args:
        runs: in the order of the matrices, those with more batches first.
        numbers: of the runs.
        path: how they are trained.
        stream: where the work is queued; None where there are no streams, and nothing is recorded.
    """

    def __init__(
        self, runs: Sequence[Training], numbers: Matrices, path: Path, stream: torch.cuda.Stream | None
    ) -> None:
        self._runs, self._numbers, self._path, self._stream = runs, numbers, path, stream
        self._size, batches = runs[0].batches
        self._programs: dict[int, Program] = {}
        self._updates = device_updates([run.learner for run in runs], numbers)
        self._source = source_of(runs, functools.partial(path.prepare, runs[0].learner.network))
        self._masks = Masks(runs, dropout_shapes(runs[0]))
        self._losses, self._norms = (numbers.values.new_zeros(batches, len(runs)) for _ in range(2))
        self._number = torch.zeros(1, dtype=torch.int64, device=numbers.values.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._made = 0

    def start(self, rows: Sequence[Row]) -> None:
        """Begin an epoch; ``rows`` know the steps that they have done, and the learning rates of those to come."""
        self._source.start()
        self._masks.start()
        self._updates.begin([row.done for row in rows], [row.rates for row in rows])
        self._number.zero_()

    def make(self, number: int, k: int, to_come: int) -> None:
        """Step ``number`` of the epoch, from 0, of the first k rows; ``to_come`` steps are left with it."""
        self._source.reach(number)
        if k < len(self._runs):
            self._one(k)
            return
        if self._graph is None and self._stream is not None and self._made >= WARM and to_come >= WORTH_RECORDING:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._stream):
                self._one(k)
            self._graph = graph
        if self._graph is None:
            self._one(k)
            self._made += 1
        else:
            self._graph.replay()

    def lost(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """The losses of some steps, and the norms of their gradients before clipping, both (steps, k)."""
        losses, norms = (kept[begin:end].double().cpu().numpy() for kept in (self._losses, self._norms))
        return losses, norms

    def _one(self, k: int) -> None:
        """A step of the first k rows, operation by operation."""
        features, targets = self._source.batch(self._number, k)
        program = self._program(k)
        program.mask(self._masks.of_batch(self._number, k))
        with mixed(self._runs[0]):
            losses = program.step(features, targets)
        norms = self._updates.step(self._number, k)
        for kept, found in ((self._losses, losses), (self._norms, norms)):
            kept[:, :k].index_copy_(0, self._number, found.unsqueeze(0).to(kept.dtype))
        self._number.add_(1)

    def _program(self, k: int) -> Program:
        """The program of the first k rows."""
        if k not in self._programs:
            learner = self._runs[0].learner
            own = self._numbers.of_rows(slice(0, k))
            self._programs[k] = self._path.make(learner.network, own, self._size, unweighted(learner.loss))
        return self._programs[k]


def mixed(run: Training) -> AbstractContextManager[object]:
    """Mixed precision where a run asks for it, without a cache of weights, which a recorded step cannot have."""
    if run.settings.precision != "amp":
        return nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False)


@contextmanager
def queued_on(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """What is done meanwhile is queued on a stream, if there is one, after what came before and before what follows."""
    if stream is None:
        yield
        return
    outside = torch.cuda.current_stream(stream.device)
    stream.wait_stream(outside)
    with torch.cuda.stream(stream):
        yield
    outside.wait_stream(stream)
