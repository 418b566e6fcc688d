"""Domains that the default spaces of several families of networks have in common."""

from __future__ import annotations

from holdfast.space import Categorical, Domain, Float, Int
from holdfast.train.settings import Settings
from holdfast.train.task import Task

MANY_ROWS = 20_000
"""From this many training rows on, larger batches are searched too."""


def batch_sizes(task: Task, normal: Settings) -> dict[str, Domain]:
    """``batch_size``: from 16 to 256, or 1024 of many rows, and no more than there are rows."""
    largest = min(1024 if task.n_rows >= MANY_ROWS else 256, max(task.n_rows, 2))
    smallest = min(16, largest - 1)
    return {"batch_size": Int(smallest, largest, log=True, default=max(smallest, min(normal.batch_size, largest)))}


def optimizers(normal: Settings) -> dict[str, Domain]:
    """``optimizer``, with the momentum of the one that has it."""
    return {
        "optimizer": Categorical(["adamw", "sgd"], default=normal.optimizer),
        "momentum": Float(0.5, 0.99, default=normal.momentum, when={"optimizer": ["sgd"]}),
    }


def schedules(normal: Settings) -> dict[str, Domain]:
    """``schedule``, with the warm-up of those that have none of their own."""
    return {
        "schedule": Categorical(["constant", "cosine", "onecycle"], default=normal.schedule),
        "warmup": Float(0.0, 0.2, default=normal.warmup, when={"schedule": ["constant", "cosine"]}),
    }


def smoothing(task: Task, normal: Settings) -> dict[str, Domain]:
    """``label_smoothing``, where there are classes."""
    return {"label_smoothing": Float(0.0, 0.2, default=normal.label_smoothing)} if task.is_classification else {}
