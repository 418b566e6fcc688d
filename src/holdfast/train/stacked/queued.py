"""Runs of one shape that an accelerator trains as one program: an epoch is queued whole, and its losses are read after.

A run that diverges is found out at the end of its epoch, or earlier in a long one, and is said to have diverged at its
own step; what the others learn does not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from holdfast.train.failures import Diverged
from holdfast.train.learner import Weights
from holdfast.train.stacked.judging import Judge
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.recorded import Steps, mixed, queued_on
from holdfast.train.stacked.stack import Path, Rehearsal, Row, share_time
from holdfast.train.stacked.vmapped import parameters_of
from holdfast.train.trained import one_exact_thread
from holdfast.train.training import Training

LOOK_AFTER = 256
"""Steps after which the losses of a long epoch are looked at."""

CROWDED = 0.75
"""The ranks are closed when less than this part of them is left: recorded steps are of one number of rows."""


class Queued:
    """Runs that have the same shape of network, batch size, optimiser, loss and precision, and all augment or none.

    Args:
        rows: one or more runs, and the epoch that each is to reach; they keep what it took.
        path: how they are trained.
    """

    def __init__(self, rows: Sequence[Row], path: Path) -> None:
        self._path = path
        self._device = rows[0].run.device
        self.epochs = 0
        self._active = sorted(rows, key=lambda row: -row.batches)
        runs = [row.run for row in self._active]
        self._numbers = Matrices.of([run.learner for run in runs])
        self._best = torch.stack([run.best.values for run in runs])
        names = self._numbers.buffers
        self._best_buffers = {name: torch.stack([run.best.buffers[name] for run in runs]) for name in names}
        self._judge = Judge(runs[0].learner.network, runs[0].learner.loss, path)
        self._stream: torch.cuda.Stream | None = None
        if self._device.type == "cuda":
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._arrange()

    def advance(self) -> None:
        """Train every run as `Training.advance` would."""
        with one_exact_thread(), torch.no_grad(), queued_on(self._stream):
            while self._keep():
                self._epoch()

    def rehearse(self, steps: int) -> Rehearsal:
        """Make the first steps of the next epoch, on the numbers of the stack alone, and measure them."""
        seconds = []
        with one_exact_thread(), torch.no_grad(), queued_on(self._stream):
            self._begin()
            most = self._active[-1].batches
            for number in range(min(steps, most)):
                began = time.perf_counter()
                self._steps.make(number, len(self._active), most - number)
                if self._stream is not None:
                    self._stream.synchronize()
                seconds.append(time.perf_counter() - began)
        return Rehearsal(seconds, self._steps.lost(0, len(seconds))[0].tolist())

    def _epoch(self) -> None:
        """One epoch of every run."""
        wall, cpu = time.perf_counter(), time.process_time()
        took_part = [row for row, idle in zip(self._active, self._idle, strict=True) if not idle]
        self._begin()
        self._pass()
        self._take_stock()
        self.epochs += 1
        share_time(took_part, time.perf_counter() - wall, time.process_time() - cpu)

    def _begin(self) -> None:
        """Before the first batch of an epoch."""
        for row, idle in zip(self._active, self._idle, strict=True):
            if not idle:
                row.begin()
        self._steps.start(self._active)

    def _pass(self) -> None:
        """One pass of every run over its rows; those with fewer batches end before the others."""
        most, read = self._active[0].batches, 0
        for number in range(most):
            k = sum(row.batches > number for row in self._active)
            self._steps.make(number, k, most - number)
            if number + 1 - read >= LOOK_AFTER or number + 1 == most:
                self._look(read, number + 1)
                read = number + 1
                if not any(map(self._goes_on, range(len(self._active)))):
                    return

    def _look(self, begin: int, end: int) -> None:
        """Read the losses of some steps, and see who goes on."""
        losses, norms = self._steps.lost(begin, end)
        for index, row in enumerate(self._active):
            count = max(min(end, row.batches) - begin, 0)
            if count == 0 or not self._goes_on(index):
                continue
            own, long = losses[:count, index], norms[:count, index]
            if row.limit > own.max() and long.max() < np.inf:
                row.total += float(own.sum())
                continue
            for step, (loss, norm) in enumerate(zip(own.tolist(), long.tolist(), strict=True), start=begin + 1):
                if not row.survives(loss, norm, step):
                    break

    def _take_stock(self) -> None:
        """Take the losses of every run on its watched and its judged rows, and keep the best numbers."""
        if not any(map(self._goes_on, range(len(self._active)))):
            return
        runs, average = self._runs, self._numbers.state.get("average", self._numbers.values)
        values = parameters_of(average, runs[0].learner.network)
        with mixed(runs[0]):
            watched = self._judge.watched(runs, values, self._numbers.buffers)
            points = self._judge.points(runs, values, self._numbers.buffers)
        improved = []
        for index, (row, loss, point) in enumerate(zip(self._active, watched, points, strict=True)):
            if not self._goes_on(index):
                continue
            try:
                if row.run.take_stock(row.run.progress.epoch + 1, loss, point):
                    improved.append(index)
            except Diverged as exc:
                row.diverged = exc
        chosen = torch.tensor(improved, dtype=torch.int64, device=self._device)
        self._best.index_copy_(0, chosen, average.index_select(0, chosen))
        for name, best in self._best_buffers.items():
            best.index_copy_(0, chosen, self._numbers.buffers[name].index_select(0, chosen))

    def _keep(self) -> bool:
        """Let the runs go that have ended, and close the ranks where they are thin; whether any go on."""
        for index, row in enumerate(self._active):
            if not self._idle[index] and not row.goes_on:
                self._idle[index] = True
                self._give(index, row.run)
        going = [index for index, idle in enumerate(self._idle) if not idle]
        if not going or len(going) > CROWDED * len(self._active):
            return bool(going)
        self._active = [self._active[index] for index in going]
        self._numbers = self._numbers.of_rows(going)
        self._best = self._best[going]
        self._best_buffers = {name: best[going] for name, best in self._best_buffers.items()}
        self._arrange()
        return True

    def _goes_on(self, index: int) -> bool:
        """Whether a row takes part in this epoch and has not diverged."""
        return not self._idle[index] and self._active[index].diverged is None

    def _give(self, index: int, run: Training) -> None:
        """Give a run its numbers."""
        self._numbers.give(index, run.learner)
        buffers = {name: best[index].clone() for name, best in self._best_buffers.items()}
        run.best = Weights(self._best[index].clone(), buffers)

    def _arrange(self) -> None:
        """Point everything to the rows that are left; programs are made as they are used."""
        self._idle = [False] * len(self._active)
        self._runs = [row.run for row in self._active]
        self._steps = Steps(self._runs, self._numbers, self._path, self._stream)
