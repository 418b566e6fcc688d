"""Training a network step by step: advance to an epoch, pause into bytes, resume elsewhere as if nothing had happened.

Every random draw comes from a stream named by (seed, epoch, purpose), so the state of a run is its tensors and the
number of its epoch. Batches are slices of tensors that lie in memory; augmentation is drawn for a whole epoch at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
import torch._dynamo  # the first optimizer imports it, which takes a second that is no part of a trial

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.rng import Streams
from holdfast.train.batches import at_batch
from holdfast.train.checkpoint import pack, unpack
from holdfast.train.clones import check_clone
from holdfast.train.curves import Curve, JudgedRows, Point, curve_of_points
from holdfast.train.devices import device_of
from holdfast.train.divergence import Guard
from holdfast.train.epochs import epoch_rows, torch_generator
from holdfast.train.failures import Diverged
from holdfast.train.kinds import NetworkKind
from holdfast.train.learner import Learner, Weights
from holdfast.train.losses import (
    LossFunction,
    WeightedCrossEntropy,
    balanced_weights,
    cross_entropy,
    squared_error,
)
from holdfast.train.models.layers import seed_dropout
from holdfast.train.monitor import Monitor
from holdfast.train.rows import FEWEST_ROWS, Targets, as_matrix, fingerprint, inner_split
from holdfast.train.schedules import learning_rate_at
from holdfast.train.settings import Settings, check_task
from holdfast.train.task import Task
from holdfast.train.trained import TrainedNetwork, one_exact_thread, shaped


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What one epoch brought: the mean loss over its batches, and the loss on the watched rows (None without them)."""

    epoch: int
    train_loss: float
    validation_loss: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made from, apart from its rows; ``epochs`` is None where early stopping decides."""

    config: Config
    task: Task
    seed: int
    epochs: int | None
    family: str = "mlp"

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        """The plan that `asdict` made JSON values of; one without a family is of a multilayer perceptron."""
        task = Task(**{**data["task"], "categorical": tuple(data["task"]["categorical"])})
        return Plan(**{**data, "task": task})


@dataclass(frozen=True, eq=False)
class Rows:
    """Features and target matrices of the rows that are fitted, shape (n, *row) and (n, k), and of those watched."""

    features: torch.Tensor
    targets: torch.Tensor
    watched_features: torch.Tensor
    watched_targets: torch.Tensor


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: epochs done, and the best epoch so far with its loss on the watched rows."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float | None = None

    def after(self, loss: float | None) -> Progress:
        """The progress after one more epoch; without watched rows the latest epoch is the best."""
        epoch = self.epoch + 1
        if loss is None or self.best_loss is None or loss < self.best_loss:
            return Progress(epoch, epoch, loss)
        return replace(self, epoch=epoch)


class Training:
    """One run of a network of any kind. Make it with `Training.start` or `Training.resume`.

    A tenth of the training rows (stratified by class) is watched: the run stops when the loss on them has not improved
    for ``patience`` epochs, and predicts with the weights of the best epoch. These rows are not the ones that rank
    trials. With ``epochs`` given, all rows are fitted for exactly that many epochs and nothing is watched; the schedule
    of the learning rate keeps its horizon, so a refit walks the same path. Given the rows that trials are judged on, it
    keeps the curve of its losses; what it learns is the same to the bit.
    """

    def __init__(
        self, kind: NetworkKind, plan: Plan, X: np.ndarray, y: np.ndarray, judged: JudgedRows | None = None
    ) -> None:
        self.kind = kind
        self.plan = plan
        self._given = X, y, judged
        self.settings = kind.settings(plan.config)
        check_task(self.settings, classification=plan.task.is_classification)
        self.targets = Targets.of(plan.task, y)
        dtype = np.float64 if self.settings.precision == "float64" else np.float32
        matrix, encoded = as_matrix(X, dtype), self.targets.encode(y, dtype)
        self.streams = Streams(plan.seed)
        if plan.epochs is None:
            draw = self.streams.generator(0, "inner split")
            fit, watch = inner_split(y, plan.task.is_classification, draw)
        else:
            fit, watch = np.arange(len(y)), np.empty(0, dtype=np.intp)
        classes = self.targets.outputs if plan.task.is_classification else 0
        self.architecture = kind.architecture(
            plan.config, replace(plan.task, n_features=matrix.shape[1], n_classes=classes)
        )
        self.device = device_of(self.settings)
        features, targets = shaped(torch.from_numpy(matrix), self.architecture), torch.from_numpy(encoded)
        watched = features[watch].to(self.device), targets[watch].to(self.device)
        self.rows = Rows(features[fit], targets[fit], *watched)
        self.fitted = fit
        self.settings = at_batch(self.settings, self.batches[0])
        network = self.architecture.build(torch_generator(self.streams, 0, "initialisation"))
        self.learner = Learner(network.to(self.device, features.dtype), self.settings, self._make_loss())
        if self.learner.has_batch_norm and self.batches[0] < 2:
            raise RequestError(
                "batch norm was given batches of one row, which has no variance; take batches of two rows or more, or "
                "another norm"
            )
        self.network, self.loss = self.learner.network, self.learner.loss
        self.parameters, self.state = self.learner.parameters, self.learner.state
        self.best = Weights.of(self.learner)
        self.progress = Progress()
        self.guard = Guard()
        self._points: list[Point] = []
        self.monitor = None
        if judged is not None:
            rows = self.rows
            monitor = Monitor.of(rows.features, rows.targets, judged, self.targets, self.settings.batch_size)
            self.monitor = None if monitor is None else monitor.to(self.device)

    @staticmethod
    def start(
        kind: NetworkKind,
        config: Config,
        task: Task,
        X: np.ndarray,
        y: np.ndarray,
        seed: int,
        *,
        epochs: int | None = None,
        judged: JudgedRows | None = None,
    ) -> Training:
        """A run before its first epoch.

        Args:
            kind: of network.
            config: hyperparameters of its family.
            task: what is learned.
            X: features, shape (n, d), finite numbers on comparable scales.
            y: labels or values, shape (n,).
            seed: every random draw follows from it.
            epochs: fit for this many epochs without early stopping; None for early stopping within the config's epochs.
            judged: the rows that the run is judged on, for its curve.

        Raises:
            RequestError: if the config has an unknown key or a value that cannot be, also with these rows.
            DataError: if the rows cannot be learned from.
        """
        return Training(kind, Plan(dict(config), task, seed, epochs, kind.name), X, np.asarray(y), judged)

    def whole(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, *row) and targets (n, k) of all rows that were given, of which ``fitted`` are fitted."""
        rows = self.rows
        return (
            _as_given(rows.features, rows.watched_features, self.fitted),
            _as_given(rows.targets, rows.watched_targets, self.fitted),
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """The sha256 of all rows that were given, in hex; taken when it is first asked for, as it takes its time."""
        features, targets = self.whole()
        return fingerprint(features.flatten(1).numpy(), targets.numpy())

    @property
    def last_epoch(self) -> int:
        """The epoch that the run ends with at the latest."""
        return self.settings.epochs if self.plan.epochs is None else self.plan.epochs

    @property
    def horizon(self) -> int:
        """The epochs that the schedule of the learning rate is laid out for: the config's, or more if the run has."""
        return max(self.settings.epochs, self.last_epoch)

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or early stopping has ended the run."""
        progress = self.progress
        return progress.epoch >= self.last_epoch or progress.epoch - progress.best_epoch >= self.settings.patience

    @property
    def batches(self) -> tuple[int, int]:
        """Rows of a batch, all rows at most, and full batches of an epoch."""
        n = len(self.rows.features)
        size = min(self.settings.batch_size, n)
        return size, n // size

    @property
    def epochs_used(self) -> int:
        """The epochs behind the weights that predict: what a refit without early stopping should train for."""
        return self.progress.best_epoch

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the record has to know of this run, in sentences."""
        n, notes = len(self.rows.features), list(self.learner.notes)
        if self.plan.epochs is None and len(self.rows.watched_features) == 0:
            few = f"with {n} training rows, fewer than {FEWEST_ROWS}, none are watched"
            notes.append(f"{few}, so the run does not stop early and its last weights predict")
        return tuple(notes)

    @property
    def curve(self) -> Curve | None:
        """The losses so far, None where no judged rows were given."""
        return curve_of_points(self._points, "epoch", self.epochs_used)

    def advance(self, until_epoch: int | None = None) -> list[EpochMetrics]:
        """Train up to and including ``until_epoch`` (None: to the end), or until early stopping ends the run.

        Raises:
            Diverged: as soon as a loss is NaN or infinite, or has exploded (see `divergence`).
        """
        until = self.last_epoch if until_epoch is None else min(until_epoch, self.last_epoch)
        metrics = []
        with one_exact_thread():
            while self.progress.epoch < until and not self.finished:
                epoch = self.progress.epoch + 1
                metrics.append(self.close_epoch(epoch, self._pass(epoch)))
        return metrics

    def trained(self) -> TrainedNetwork:
        """The network at its best epoch."""
        with self.best.in_place(self.learner):
            state = self.network.state_dict()
            weights = {name: tensor.detach().clone().cpu() for name, tensor in state.items()}
        return TrainedNetwork(self.architecture, self.targets, weights)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The class or value of each row of ``X`` by the weights of the best epoch; shape (n,)."""
        return self.trained().predict(X)

    def checkpoint(self) -> bytes:
        """The whole state of the run as a safetensors file; `resume` goes on from it, equal to the bit."""
        tensors = {"parameters": self.parameters.values, "best": self.best.values}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.state.items()}
        tensors |= {f"buffer.{name}": tensor for name, tensor in self.network.named_buffers()}
        tensors |= {f"best_buffer.{name}": tensor for name, tensor in self.best.buffers.items()}
        plan, progress = asdict(self.plan), asdict(self.progress)
        run = {"guard": asdict(self.guard), "parts": self.learner.parts, "points": self._points}
        return pack(tensors, {"plan": plan, "progress": progress, "rows": self.fingerprint, **run})

    def changed(self, config: Config) -> Training:
        """The run as it goes on with another config: its weights, optimiser, order of rows and schedule continue.

        This run is not to be used further. The curve continues, too. Early stopping begins anew: the best epoch is the
        best of those that the new config has trained.

        Raises:
            RequestError: if the config has another shape of network, or another value of what training cannot change.
        """
        if config == self.plan.config:
            return self
        classes = self.targets.outputs if self.plan.task.is_classification else 0
        task = replace(self.plan.task, n_features=self._given[0].shape[1], n_classes=classes)
        check_clone(self.kind, task, self.plan.config, config)
        run = Training(self.kind, replace(self.plan, config=dict(config)), *self._given)
        epoch = self.progress.epoch
        run.progress, run.guard, run._points = Progress(epoch, best_epoch=epoch), self.guard, self._points
        run.learner.parts = self.learner.parts
        run.parameters.values.copy_(self.parameters.values)
        for name, tensor in run.state.items():  # a moving average that begins now begins with the present weights
            tensor.copy_(self.state.get(name, self.parameters.values))
        # a layer of dropout more or less gives buffers other names, and leaves their order
        for own, buffer in zip(run.network.buffers(), self.network.buffers(), strict=True):
            own.copy_(buffer)
        run.best = Weights.of(run.learner)
        return run

    @staticmethod
    def resume(
        kind: NetworkKind, checkpoint: bytes, X: np.ndarray, y: np.ndarray, judged: JudgedRows | None = None
    ) -> Training:
        """The run that `checkpoint` saved, on the same rows.

        Raises:
            RequestError: if the bytes are no checkpoint, or were saved of another kind of network or on other rows.
        """
        tensors, meta = unpack(checkpoint)
        plan = Plan.from_json(meta["plan"])
        if plan.family != kind.name:
            raise RequestError(f"the checkpoint is of the family '{plan.family}', not of '{kind.name}'")
        training = Training(kind, plan, X, np.asarray(y), judged)
        if training.fingerprint != meta["rows"]:
            raise RequestError("the checkpoint was saved on other training rows; resume with the rows it began with")
        training.progress = Progress(**meta["progress"])
        training._points = [(step, train, judge) for step, train, judge in meta.get("points", ())]
        training.guard = Guard(**meta.get("guard", {}))
        training.learner.parts = meta.get("parts", training.learner.parts)
        training.parameters.values.copy_(tensors["parameters"])
        training.best.values.copy_(tensors["best"])
        buffers = dict(training.network.named_buffers())
        for prefix, found in ("optimizer", training.state), ("buffer", buffers), ("best_buffer", training.best.buffers):
            for name, tensor in found.items():
                tensor.copy_(tensors[f"{prefix}.{name}"])
        return training

    def close_epoch(self, epoch: int, train_loss: float) -> EpochMetrics:
        """Take stock after a pass over the rows: the loss on the watched rows, the best epoch, the curve.

        Raises:
            Diverged: if the loss on the watched rows is NaN or infinite.
        """
        learner = self.learner
        with Weights.of(learner).in_place(learner) if "average" in self.state else nullcontext():
            validation_loss = self._watched_loss()
            point = None if self.monitor is None else self.monitor.point(epoch, self.network, self.loss)
        if self.take_stock(epoch, validation_loss, point):
            self.best = Weights.of(learner)
        return EpochMetrics(epoch, train_loss, validation_loss)

    def take_stock(self, epoch: int, validation_loss: float | None, point: Point | None) -> bool:
        """Note what was found after a pass over the rows; whether the epoch is the best so far.

        Raises:
            Diverged: if the loss on the watched rows is NaN or infinite.
        """
        if validation_loss is not None and not math.isfinite(validation_loss):
            raise Diverged(epoch)
        self.progress = self.progress.after(validation_loss)
        if point is not None:
            self._points.append(point)
        return self.progress.best_epoch == epoch

    def _pass(self, epoch: int) -> float:
        """One pass over the rows that are fitted, less those that fill no batch; the mean loss over its batches."""
        X, T = rows_of_epoch(self, epoch)
        X, T = X.to(self.device), T.to(self.device)
        size, batches = self.batches
        rates = epoch_rates(self.settings, epoch, batches, self.horizon)
        seed_dropout(self.network, self.streams.integer(epoch, "dropout"), self.device)
        self.network.train()
        total = 0.0
        for batch, rate in enumerate(rates):
            part = slice(batch * size, (batch + 1) * size)
            count = (epoch - 1) * batches + batch + 1
            loss, norm = self.learner.learn(X[part], T[part], count, rate)
            self.guard = self.guard.after(loss, norm, epoch, count)
            total += loss
        return total / batches

    def gradients_of_batches(self, batches: int, size: int) -> list[np.ndarray]:
        """The gradients, each of shape (P,), of disjoint batches of rows at the present weights, which stay.

        The network is as it predicts, without dropout and augmentation.
        """
        generator = torch_generator(self.streams, self.progress.epoch, "gradient noise")
        order = torch.randperm(len(self.rows.features), generator=generator)
        self.network.eval()
        found = []
        with one_exact_thread():
            for batch in range(batches):
                rows = order[batch * size : (batch + 1) * size]
                X, T = self.rows.features[rows].to(self.device), self.rows.targets[rows].to(self.device)
                self.learner.slope(X, T)
                found.append(self.parameters.gradients.double().cpu().numpy().copy())
        return found

    def _make_loss(self) -> LossFunction:
        """What is made small."""
        if self.targets.classes is None:
            return squared_error
        if self.settings.class_weights == "none":
            return cross_entropy
        return WeightedCrossEntropy(balanced_weights(self.rows.targets).to(self.device))

    def _watched_loss(self) -> float | None:
        """The loss on the watched rows with the current weights, None without such rows."""
        if len(self.rows.watched_features) == 0:
            return None
        self.network.eval()
        with torch.no_grad():
            return self.loss(self.network(self.rows.watched_features), self.rows.watched_targets).item()


def epoch_rates(settings: Settings, epoch: int, batches: int, horizon: int | None = None) -> list[float]:
    """The learning rate of each batch of an epoch of so many; ``horizon`` epochs in all (None: the config's)."""
    counts = range((epoch - 1) * batches + 1, epoch * batches + 1)
    steps, schedule, peak = (horizon or settings.epochs) * batches, settings.schedule, settings.learning_rate
    bends = settings.bends
    return [learning_rate_at(schedule, peak, count / steps, settings.warmup, bends) for count in counts]


def rows_of_epoch(run: Training, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows that a run fits in the order of an epoch, augmented, and their targets; see `epoch_rows`."""
    rows, classification = run.rows, run.targets.classes is not None
    return epoch_rows(run.settings, run.streams, epoch, rows.features, rows.targets, classification=classification)


def _as_given(fitted: torch.Tensor, watched: torch.Tensor, indices: np.ndarray) -> torch.Tensor:
    """The rows that are fitted, which have these indices, and those that are watched in their order, (n, ...)."""
    if len(watched) == 0:
        return fitted
    whole = fitted.new_empty(len(fitted) + len(watched), *fitted.shape[1:])
    whole[torch.from_numpy(indices)] = fitted
    whole[torch.from_numpy(np.setdiff1d(np.arange(len(whole)), indices))] = watched.cpu()
    return whole
