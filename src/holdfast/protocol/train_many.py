"""A ready ``train_many`` for `Study.optimize_batch`: the networks of a batch of trials, trained as one program."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import DataError, RequestError
from holdfast.evaluate.metrics import Metric, metric_named
from holdfast.protocol.learn import DEFAULT_METRICS, predict
from holdfast.protocol.stacked import with_choice
from holdfast.records import Verdict
from holdfast.study.handle import LiveTrial
from holdfast.study.results import Result
from holdfast.train.kinds import NetworkKind
from holdfast.train.networks import NetworkEstimator, resume_training, start_training
from holdfast.train.registry import family_named
from holdfast.train.task import Task, TaskKind

if TYPE_CHECKING:
    from holdfast.train.stacked.stack import Row

Table = tuple[np.ndarray, np.ndarray]
"""Features (n, d), numbers on comparable scales, and targets (n,)."""


def train_many(
    family: str,
    train: Table,
    *,
    validation: Table,
    metric: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    image: tuple[int, ...] = (),
    deterministic: bool = False,
) -> Callable[[list[LiveTrial]], Sequence[Result]]:
    """What trains the trials of a batch together, each on the same rows, and judges each on the validation rows.

    ``study.optimize_batch(holdfast.train_many("mlp", (X, y), validation=(Xv, yv)), n_trials=256, batch=64)``. Every
    trial has its own seed, and keeps its row scores, so that the study can correct its estimate. In a study with a
    fidelity trials pause and resume at epochs, and a population is trained in stacks; hyperparameters of shape have to
    be kept by its clones then, as in ``PopulationBasedTraining(keep=("width",))``.

    Args:
        family: of networks: mlp, cnn, transformer, softmax, linear-gd.
        train: the rows to learn from; a tenth of them decides when training stops.
        validation: the rows that a trial is judged on.
        metric: as in a plan; by default accuracy, or rmse where the targets are no classes.
        fixed: hyperparameters that every trial has beside its own.
        image: colours, height and width, for families of images.
        deterministic: let no clock decide how networks are trained, so that the same trials give the same bits (see
            docs/stacks.md); how they were trained is their attribute ``stack``.

    Raises:
        RequestError: if there is no such family of networks, or it cannot learn the task.
        DataError: if features and targets do not fit together, or the validation rows have a class that no training
            row has.
    """
    found = family_named(family)
    if found.network is None:
        raise RequestError(
            f"the models of '{family}' are no networks; train_many trains mlp, cnn, transformer and such"
        )
    rows = [_table(part, name) for part, name in ((train, "train"), (validation, "validation"))]
    task, targets = _task(rows, image)
    found.check(task)
    judge = metric_named(metric or DEFAULT_METRICS[task.kind], task.kind, task.n_classes or None)
    bench = ManyBench(
        found.network, task, (rows[0][0], targets[0]), (rows[1][0], targets[1]), judge, dict(fixed or {}), deterministic
    )
    return functools.partial(_train, bench)


@dataclass(frozen=True, eq=False)
class ManyBench:
    """What all trials have in common."""

    kind: NetworkKind
    task: Task
    train: Table
    validation: Table
    metric: Metric
    fixed: Mapping[str, Any]
    deterministic: bool


def _train(bench: ManyBench, trials: list[LiveTrial]) -> list[Result]:
    from holdfast.train.stacked.together import advance_together

    rows = [_start(bench, trial) for trial in trials]
    advance_together(rows, deterministic=bench.deterministic)
    return [_judged(bench, trial, row) for trial, row in zip(trials, rows, strict=True)]


def _start(bench: ManyBench, trial: LiveTrial) -> Row:
    from holdfast.train.stacked.stack import Row

    config = {**bench.fixed, **trial.config}
    if trial.checkpoint is not None:
        run = resume_training(bench.kind, trial.checkpoint, *bench.train, bench.validation, config=config)
        return Row(run, trial.until_step)
    run = start_training(bench.kind, config, bench.task, *bench.train, trial.seed, judged=bench.validation)
    return Row(run, trial.until_step)


def _judged(bench: ManyBench, trial: LiveTrial, row: Row) -> Result:
    """The metric of a trial; NaN for one that diverged."""
    trial.share = max(row.seconds, 1e-9)
    trial.user_attrs.update(with_choice({}, [row]))
    if row.diverged is not None:
        trial.set_user_attr("diverged", str(row.diverged))
        return math.nan
    model = NetworkEstimator.of(row.run)
    prediction = predict(model, bench.metric, bench.validation[0], bench.task.n_classes)
    value = bench.metric.value(bench.validation[1], prediction)
    trial.rows = bench.metric.rows(bench.validation[1], prediction)
    trial.set_user_attr("epochs", row.run.epochs_used)
    trial.set_user_attr("seconds", row.seconds)
    if row.run.curve is not None:
        trial.set_user_attr("curve", row.run.curve)
    if trial.until_step is not None and trial.report(value, trial.until_step) is Verdict.PAUSE:
        trial.save(row.run.checkpoint(), trial.until_step)
    return value


def _table(part: Table, name: str) -> Table:
    X, y = np.asarray(part[0], dtype=float), np.asarray(part[1])
    if X.ndim != 2 or y.shape != (len(X),):
        raise DataError(
            f"the {name} rows have features of shape {X.shape} and targets of shape {y.shape}; they have to "
            "be (n, d) and (n,)"
        )
    return X, y


def _task(rows: Sequence[Table], image: tuple[int, ...]) -> tuple[Task, list[np.ndarray]]:
    """The task, and the targets as a metric takes them: classes as 0 to K-1."""
    (X, y), (_, yv) = rows
    if y.dtype.kind == "f":
        return Task("regression", len(X), X.shape[1], image=image), [y, yv]
    classes = np.unique(y)
    strange = np.setdiff1d(yv, classes)
    if len(strange):
        raise DataError(f"the validation rows have the class '{strange[0]}', which no training row has")
    kind: TaskKind = "binary" if len(classes) == 2 else "multiclass"
    return Task(kind, len(X), X.shape[1], len(classes), image=image), [
        np.searchsorted(classes, part) for part in (y, yv)
    ]
