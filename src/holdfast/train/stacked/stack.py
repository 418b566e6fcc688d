"""Runs of one shape that are trained as one program; each is left as if it had been trained alone.

A run leaves the stack when it has reached the epoch that was asked for, when early stopping ends it, or when it
diverges. What the others learn does not depend on it, to the bit.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from holdfast.train.failures import Diverged
from holdfast.train.losses import LossFunction, unweighted
from holdfast.train.stacked import native
from holdfast.train.stacked.matrices import Matrices
from holdfast.train.stacked.updates import updates_of
from holdfast.train.stacked.windows import Windows, dropout_shapes
from holdfast.train.trained import one_exact_thread
from holdfast.train.training import Training, epoch_rates


class Program(Protocol):
    """The forward and backward passes of some networks as one."""

    def mask(self, masks: Sequence[torch.Tensor]) -> None:
        """Set what the layers of dropout multiply by at the next step, (k, rows, *units) each, in their order."""
        ...

    def step(self, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The losses (k,) of batches (k, rows, *row) with targets (k, rows, outputs); writes the gradients (k, P)."""
        ...


MakeProgram = Callable[[torch.nn.Module, Matrices, int, LossFunction], Program]
"""A program from one of the networks, the matrices of all, the rows of a batch, and what is made small."""


def _itself(network: torch.nn.Module) -> torch.nn.Module:
    """The network."""
    return network


def _nothing(network: torch.nn.Module, features: torch.Tensor) -> None:
    """Leave the features as they are."""


@dataclass(frozen=True)
class Path:
    """A way to train a stack.

    Args:
        name: of it.
        make: its programs.
        prepare: what is done to features (k, batches, rows, ...) in place once they are laid out, for the network.
        alone: whether its programs are of one run, on that run's own numbers, which draws its own masks.
        judged: what is made of a copy of the network that predicts for many.
    """

    name: str
    make: MakeProgram
    prepare: Callable[[torch.nn.Module, torch.Tensor], None] = _nothing
    alone: bool = False
    judged: Callable[[torch.nn.Module], torch.nn.Module] = _itself


@dataclass(frozen=True)
class Choice:
    """How the runs of a bucket are trained, and why.

    Args:
        path: written, vmap, compiled or plain.
        size: rows of a stack.
        text: why, in a sentence.
        probe: microseconds of a step of one network, by path and size, where that was measured.
        compile_seconds: what it took to compile, where that was done.
        failure: why the networks cannot be stacked, as the end of a sentence; None where they can.
    """

    path: str
    size: int
    text: str
    probe: Mapping[str, float] = field(default_factory=dict)
    compile_seconds: float | None = None
    failure: str | None = None

    @staticmethod
    def plain(why: str, probe: Mapping[str, float] | None = None, failure: str | None = None) -> Choice:
        """One by one, because of something."""
        return Choice("plain", 1, f"The networks are trained one by one, because {why}.", probe or {}, failure=failure)


@dataclass(eq=False)
class Row:
    """One run in a stack: where its epoch stands, its share of the time, and why it diverged, if it did.

    The first row of those that were given together and share a bucket keeps the ``choice``.

    ``seconds`` and ``cpu_seconds`` are those of its epochs, divided among the runs that took part by their batches.
    """

    run: Training
    until_epoch: int | None = None
    done: int = 0
    rates: Sequence[float] = ()
    total: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    diverged: Diverged | None = None
    choice: Choice | None = None
    limit: float = -math.inf
    batches: int = field(init=False)

    def __post_init__(self) -> None:
        self.batches = self.run.batches[1]

    def begin(self) -> None:
        """Before the first batch of its next epoch."""
        epoch, batches = self.run.progress.epoch, self.batches
        self.done, self.total = epoch * batches, 0.0
        self.rates = epoch_rates(self.run.settings, epoch + 1, batches, self.run.horizon)

    def survives(self, loss: float, norm: float, step: int) -> bool:
        """Whether the run goes on after the loss and the gradient's norm of one more batch."""
        self.total += loss
        if loss <= self.limit and norm < math.inf:
            return True
        try:
            self.run.guard = self.run.guard.after(loss, norm, self.run.progress.epoch + 1, self.done + step)
        except Diverged as exc:
            self.diverged = exc
        self.limit = self.run.guard.limit
        return self.diverged is None

    def end(self) -> None:
        """After the last batch of its epoch."""
        try:
            self.run.close_epoch(self.run.progress.epoch + 1, self.total / self.batches)
        except Diverged as exc:
            self.diverged = exc

    @property
    def goes_on(self) -> bool:
        """Whether another epoch is due."""
        run = self.run
        reached = self.until_epoch is not None and run.progress.epoch >= self.until_epoch
        return self.diverged is None and not reached and not run.finished


def share_time(rows: Sequence[Row], wall: float, cpu: float) -> None:
    """Divide the seconds of an epoch among the runs that took part, by their batches."""
    batches = sum(row.batches for row in rows)
    for row in rows:
        row.seconds += wall * row.batches / batches
        row.cpu_seconds += cpu * row.batches / batches


@dataclass(frozen=True)
class Rehearsal:
    """The seconds of some steps of a stack, and their losses (steps, k)."""

    seconds: Sequence[float]
    losses: Sequence[Sequence[float]]


class Stack:
    """Runs that have the same shape of network, batch size, optimiser and loss (see `buckets`).

    Args:
        rows: one or more runs, and the epoch that each is to reach; they keep what it took.
        path: how they are trained.
    """

    def __init__(self, rows: Sequence[Row], path: Path) -> None:
        self.path, self.rows = path, rows
        self._size = rows[0].run.batches[0]
        self._active = sorted(rows, key=lambda row: -row.batches)
        inside = [row.run for row in self._active]
        if path.alone:
            self._matrices = Matrices.own(inside[0].learner)
        else:
            self._matrices = Matrices.of([run.learner for run in inside])
            if native.takes_products(self._matrices.values.dtype):
                self._matrices = self._matrices.with_products()
        shapes = [] if path.alone else dropout_shapes(inside[0])
        prepare = functools.partial(path.prepare, inside[0].learner.network)
        self._windows = Windows(inside, self._size, shapes, prepare)
        self._arrange()

    def advance(self, fewest: int = 1) -> None:
        """Train every run as `Training.advance` would, or until fewer than so many are left."""
        with one_exact_thread(), torch.no_grad():
            while self._keep(lambda row: row.goes_on) >= fewest and self._active:
                self.epoch()

    def rehearse(self, steps: int) -> Rehearsal:
        """Make the first steps of the next epoch, on the numbers of the stack alone, and measure them."""
        losses, seconds = [], []
        with one_exact_thread(), torch.no_grad():
            self._windows.start()
            for row in self._active:
                row.begin()
            self._begin_updates()
            k = len(self._active)
            program = self._program(k)
            for number in range(min(steps, self._active[-1].batches)):
                began = time.thread_time()
                features, targets, masks = self._windows.batch(number, k)
                laid_out = time.thread_time()
                program.mask(masks)
                losses.append(program.step(features, targets).tolist())
                self._updates.step(number, k)
                share = (laid_out - began) / self._windows.length if number == 0 else 0.0
                seconds.append(time.thread_time() - laid_out + share)
        return Rehearsal(seconds, losses)

    def epoch(self) -> None:
        """One epoch of every run."""
        wall, cpu = time.perf_counter(), time.process_time()
        took_part = list(self._active)
        self._pass()
        for index, row in enumerate(self._active):
            self._matrices.give(index, row.run.learner)
            row.end()
        share_time(took_part, time.perf_counter() - wall, time.process_time() - cpu)

    def _pass(self) -> None:
        """One pass of every run over its rows; those with fewer batches end before the others."""
        self._windows.start()
        for row in self._active:
            row.begin()
        self._begin_updates()
        for number in range(self._active[0].batches):
            k = sum(row.batches > number for row in self._active)
            if k == 0:
                return
            features, targets, masks = self._windows.batch(number, k)
            program = self._program(k)
            program.mask(masks)
            losses = program.step(features, targets).tolist()
            norms = self._updates.step(number, k)
            pairs = zip(self._active, losses, norms, strict=False)
            left = [row.survives(loss, norm, number + 1) for row, loss, norm in pairs]
            if not all(left):
                self._keep(lambda row: row.diverged is None)
                self._begin_updates()

    def _keep(self, stays: Callable[[Row], bool]) -> int:
        """Give their numbers to the runs that leave, and close the ranks; how many stay."""
        stay = [index for index, row in enumerate(self._active) if stays(row)]
        if len(stay) == len(self._active):
            return len(stay)
        for index, row in enumerate(self._active):
            if index not in stay:
                self._matrices.give(index, row.run.learner)
        self._active = [self._active[index] for index in stay]
        if not stay:
            return 0
        self._matrices = self._matrices.of_rows(stay)
        self._windows.keep(stay)
        self._arrange()
        return len(stay)

    def _arrange(self) -> None:
        """Point the updates to the rows; programs are made as they are used, one for each number of rows."""
        self._programs: dict[int, Program] = {}
        self._updates = updates_of([row.run.learner for row in self._active], self._matrices)

    def _begin_updates(self) -> None:
        """Tell the updates where every row stands in its epoch."""
        if self._active:
            self._updates.begin([row.done for row in self._active], [row.rates for row in self._active])

    def _program(self, k: int) -> Program:
        """The program of the first k rows."""
        if k not in self._programs:
            learner = self._active[0].run.learner
            own = self._matrices.of_rows(slice(0, k))
            self._programs[k] = self.path.make(learner.network, own, self._size, unweighted(learner.loss))
        return self._programs[k]
