"""Configurations drawn from the default space of mlp: shapes, widths and batch sizes mixed, early stopping on."""

from __future__ import annotations

import argparse
import functools
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from benchmarks.training_parts import rivals, rows
from benchmarks.training_parts.rounds import seconds_of, table

from holdfast.train.mlp import mlp_space
from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance_together
from holdfast.train.task import Task

TIMED_EPOCHS = 8
"""A rival trains no more of each configuration; an epoch of it takes as long as any other."""


def configs_of(count: int) -> list[dict[str, Any]]:
    """Random configurations."""
    train = rows.digits()[0]
    space = mlp_space(Task("multiclass", len(train[0]), train[0].shape[1], 10))
    draw = np.random.default_rng(3)
    return [space.sample(draw) for _ in range(count)]


def train_all(configs: list[dict[str, Any]]) -> list[int]:
    """Train by holdfast with early stopping; the epochs that each took."""
    train, _ = rows.digits()
    found = [Row(rows.start("mlp", config, train, seed)) for seed, config in enumerate(configs)]
    advance_together(found)
    return [row.run.progress.epoch for row in found]


def _warm(_: int) -> None:
    torch.set_num_threads(1)
    train_all(configs_of(1))


def rival(loop: rivals.Loop, configs: list[dict[str, Any]], epochs: list[int]) -> float:
    """Seconds for the same by a rival: a few epochs of each, with a look at the watched rows after each, times all."""
    X, y = (torch.from_numpy(part) for part in rows.digits()[0])
    watched = torch.arange(len(X)) % 10 == 0
    total = 0.0
    for config, most in zip(configs, epochs, strict=True):
        network = rivals.perceptron([64, *[config["width"]] * config["depth"], 10], config)
        few = min(most, TIMED_EPOCHS)
        job = rivals.Job(network, config, X[~watched], y[~watched], few, (X[watched], y[watched]))
        total += seconds_of(functools.partial(loop, job)) * most / few
    return total


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    configs = configs_of(6 if options.quick else 64)
    epochs: list[int] = []
    ours = [seconds_of(lambda: epochs.extend(train_all(configs)))]
    slow, fast = ([rival(loop, configs, epochs)] for loop in (rivals.tutorial, rivals.tuned))
    order = sorted(range(len(configs)), key=lambda i: -epochs[i] * configs[i]["width"] ** 2 * configs[i]["depth"])
    halves = [[configs[i] for i in order[part::2]] for part in range(2)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_warm, range(2)))
        both = [seconds_of(lambda: list(pool.map(train_all, halves)))]
    print(f"{len(configs)} configurations of mlp's default space on digits, {sum(epochs):,} epochs in all\n")
    table(
        ["", "seconds", "(a) to it", "(b) to it"],
        [
            ["(a)", _seconds(slow), "", ""],
            ["(b)", _seconds(fast), _times(slow, fast), ""],
            ["holdfast, one process", _seconds(ours), _times(slow, ours), _times(fast, ours)],
            ["holdfast, two processes", _seconds(both), _times(slow, both), _times(fast, both)],
        ],
    )
    print(f"(a) and (b) trained {TIMED_EPOCHS} epochs of each at most; their seconds are times all epochs.\n")


def _times(slow: list[float], fast: list[float]) -> str:
    return f"{slow[0] / fast[0]:.2f}"


def _seconds(found: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in found)
