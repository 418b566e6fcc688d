"""Runs of one shape that are trained as one program; each is left as if it had been trained alone.

A run leaves the stack when it has reached the epoch that was asked for, when early stopping ends it, or when it
diverges. What the others learn does not depend on it, to the bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from holdfast.train.failures import Diverged
from holdfast.train.learner import Learner
from holdfast.train.losses import LossFunction
from holdfast.train.models.layers import Dropout
from holdfast.train.optimisers import FlatParameters
from holdfast.train.stacked.updates import RowUpdate
from holdfast.train.stacked.windows import Windows
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


@dataclass(frozen=True, eq=False)
class Matrices:
    """The numbers of a stack, with one row for each run.

    ``values`` and ``gradients`` have shape (k, P), those of ``state`` too; ``buffers`` (k, ...) go by their names in
    the network; ``counts`` (k,) are the steps done.
    """

    values: torch.Tensor
    gradients: torch.Tensor
    state: Mapping[str, torch.Tensor]
    buffers: Mapping[str, torch.Tensor]
    counts: torch.Tensor

    @staticmethod
    def of(learners: Sequence[Learner]) -> Matrices:
        """Copies of the numbers of each."""
        values = torch.stack([learner.parameters.values for learner in learners])
        state = {name: torch.stack([learner.state[name] for learner in learners]) for name in learners[0].state}
        named = [dict(learner.network.named_buffers()) for learner in learners]
        buffers = {name: torch.stack([own[name] for own in named]) for name in named[0]}
        return Matrices(values, torch.zeros_like(values), state, buffers, torch.zeros(len(learners)))

    @staticmethod
    def own(learner: Learner) -> Matrices:
        """The numbers of one learner themselves, as matrices of one row."""
        state = {name: rows.unsqueeze(0) for name, rows in learner.state.items()}
        buffers = {name: buffer.unsqueeze(0) for name, buffer in learner.network.named_buffers()}
        flat = learner.parameters
        return Matrices(flat.values.unsqueeze(0), flat.gradients.unsqueeze(0), state, buffers, torch.zeros(1))

    def of_rows(self, rows: slice | list[int]) -> Matrices:
        """Some of the rows: views for a slice, copies for a list."""
        state = {name: rows_of[rows] for name, rows_of in self.state.items()}
        buffers = {name: rows_of[rows] for name, rows_of in self.buffers.items()}
        return Matrices(self.values[rows], self.gradients[rows], state, buffers, self.counts[rows])

    def give(self, row: int, learner: Learner) -> None:
        """Copy a row's numbers to a learner of its own."""
        learner.parameters.values.copy_(self.values[row])
        for name, rows in self.state.items():
            learner.state[name].copy_(rows[row])
        for name, buffer in learner.network.named_buffers():
            buffer.copy_(self.buffers[name][row])


MakeProgram = Callable[[torch.nn.Module, Matrices, int, LossFunction], Program]
"""A program from one of the networks, the matrices of all, the rows of a batch, and what is made small."""


@dataclass(eq=False)
class Row:
    """One run in a stack: where its epoch stands, its share of the time, and why it diverged, if it did.

    ``seconds`` and ``cpu_seconds`` are those of its epochs, divided among the runs that took part by their batches.
    """

    run: Training
    until_epoch: int | None = None
    update: RowUpdate | None = None
    done: int = 0
    rates: Sequence[float] = ()
    total: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    diverged: Diverged | None = None

    def begin(self) -> None:
        """Before the first batch of its next epoch."""
        epoch, batches = self.run.progress.epoch, self.run.batches[1]
        self.done, self.total = epoch * batches, 0.0
        self.rates = epoch_rates(self.run.settings, epoch + 1, batches, self.run.horizon)

    def survives(self, loss: float, norm: float, step: int) -> bool:
        """Whether the run goes on after the loss and the gradient's norm of one more batch."""
        try:
            self.run.guard = self.run.guard.after(loss, norm, self.run.progress.epoch + 1, self.done + step)
        except Diverged as exc:
            self.diverged = exc
        self.total += loss
        return self.diverged is None

    def learn(self, norm: float, step: int) -> None:
        """The optimiser's step."""
        assert self.update is not None
        self.update(norm, self.done + step, self.rates[step - 1])

    def end(self) -> None:
        """After the last batch of its epoch."""
        try:
            self.run.close_epoch(self.run.progress.epoch + 1, self.total / self.run.batches[1])
        except Diverged as exc:
            self.diverged = exc

    @property
    def goes_on(self) -> bool:
        """Whether another epoch is due."""
        run = self.run
        reached = self.until_epoch is not None and run.progress.epoch >= self.until_epoch
        return self.diverged is None and not reached and not run.finished


class Stack:
    """Runs that have the same shape of network, batch size, optimiser and loss (see `buckets`).

    Args:
        rows: one or more runs, and the epoch that each is to reach; they keep what it took.
        make: the program that they are trained by.
        alone: whether it is the program of one run, on that run's own numbers, which draws its own masks.
    """

    def __init__(self, rows: Sequence[Row], make: MakeProgram, *, alone: bool = False) -> None:
        self._make = make
        self._size = rows[0].run.batches[0]
        self._active = sorted(rows, key=lambda row: -row.run.batches[1])
        inside = [row.run for row in self._active]
        if alone:
            self._matrices = Matrices.own(inside[0].learner)
        else:
            self._matrices = Matrices.of([run.learner for run in inside])
        self._windows = Windows(inside, self._size, [] if alone else dropout_shapes(inside[0]))
        self._arrange()

    def advance(self) -> None:
        """Train every run as `Training.advance` would."""
        with one_exact_thread(), torch.no_grad():
            while self._keep(lambda row: row.goes_on):
                self.epoch()

    def epoch(self) -> None:
        """One epoch of every run."""
        wall, cpu = time.perf_counter(), time.process_time()
        took_part = list(self._active)
        self._pass()
        for index, row in enumerate(self._active):
            self._matrices.give(index, row.run.learner)
            row.end()
        batches = sum(row.run.batches[1] for row in took_part)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        for row in took_part:
            row.seconds += wall * row.run.batches[1] / batches
            row.cpu_seconds += cpu * row.run.batches[1] / batches

    def _pass(self) -> None:
        """One pass of every run over its rows; those with fewer batches end before the others."""
        self._windows.start()
        for index, row in enumerate(self._active):
            row.begin()
            self._matrices.counts[index] = row.done
        for number in range(self._active[0].run.batches[1]):
            k = sum(row.run.batches[1] > number for row in self._active)
            if k == 0:
                return
            features, targets, masks = self._windows.batch(number, k)
            program = self._program(k)
            program.mask(masks)
            losses = program.step(features, targets).tolist()
            norms = torch.linalg.vector_norm(self._matrices.gradients[:k], dim=1).tolist()
            self._learn(losses, norms, number + 1)

    def _learn(self, losses: Sequence[float], norms: Sequence[float], step: int) -> None:
        """Take out the runs that have diverged in this batch; the others make their step."""
        pairs = list(zip(self._active, losses, norms, strict=False))
        left = [(row, norm) for row, loss, norm in pairs if row.survives(loss, norm, step)]
        if len(left) < len(pairs):
            self._keep(lambda row: row.diverged is None)
        self._matrices.counts[: len(left)] += 1
        for row, norm in left:
            row.learn(norm, step)

    def _keep(self, stays: Callable[[Row], bool]) -> int:
        """Give their numbers to the runs that leave, and close the ranks; how many stay."""
        stay = [index for index, row in enumerate(self._active) if stays(row)]
        if len(stay) == len(self._active):
            return len(stay)
        for index, row in enumerate(self._active):
            if index not in stay:
                self._matrices.give(index, row.run.learner)
        self._active = [self._active[index] for index in stay]
        self._matrices = self._matrices.of_rows(stay)
        self._windows.keep(stay)
        self._arrange()
        return len(stay)

    def _arrange(self) -> None:
        """Point every update to its row; programs are made as they are used, one for each number of rows."""
        self._programs: dict[int, Program] = {}
        for index, row in enumerate(self._active):
            own = self._matrices
            learner = row.run.learner
            flat = FlatParameters(own.values[index], own.gradients[index], learner.parameters.decay)
            state = {name: rows[index] for name, rows in own.state.items()}
            row.update = RowUpdate(learner.rule, flat, state, learner.network, own.counts[index])

    def _program(self, k: int) -> Program:
        """The program of the first k rows."""
        if k not in self._programs:
            learner = self._active[0].run.learner
            own = self._matrices.of_rows(slice(0, k))
            self._programs[k] = self._make(learner.network, own, self._size, learner.loss)
        return self._programs[k]


def dropout_shapes(run: Training) -> list[tuple[int, ...]]:
    """What each layer of dropout is given for a batch of a run, (rows, *units), in their order."""
    found: dict[int, tuple[int, ...]] = {}
    network = run.learner.network
    layers = [layer for layer in network.modules() if isinstance(layer, Dropout)]
    if not layers:
        return []
    hooks = [
        layer.register_forward_hook(lambda layer, _, out: found.update({id(layer): tuple(out.shape)}))
        for layer in layers
    ]
    network.eval()
    with torch.no_grad():
        network(run.rows.features[: run.batches[0]])
    for hook in hooks:
        hook.remove()
    return [found[id(layer)] for layer in layers]
