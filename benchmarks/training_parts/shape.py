"""Configurations of one shape: a small perceptron, a larger one, convolutional networks, a module of somebody's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import torch
from benchmarks.training_parts import rivals, rows
from benchmarks.training_parts.rounds import gemm_peak, ratio, seconds_of, table, take_turns
from torch import nn

from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance_together
from holdfast.train.training import Training


@dataclass(frozen=True)
class Case:
    """A shape: how holdfast and a rival build it, and how much of it is trained."""

    name: str
    table: rows.Table
    family: str
    shape: dict[str, Any]
    network: Callable[[dict[str, Any]], nn.Module]
    operations: float
    """Of a forward and a backward pass for one row."""
    configs: int
    rivals: int
    """Configurations that a rival trains in a round."""
    epochs: int
    side: int | None = None

    def config(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """A configuration of holdfast's; a module of one's own has no rate of dropout that is a hyperparameter."""
        return {
            name: value for name, value in drawn.items() if name != "dropout" or ":" not in self.family
        } | self.shape


def cases(quick: bool) -> list[Case]:
    """All of them."""
    digits, large, small = (
        rows.digits()[0],
        rows.images(2_000 if quick else 20_000),
        rows.images(400 if quick else 2_000),
    )
    return [
        _perceptron("digits, 64-128-64-10", digits, [64, 128, 64, 10], 64, 4, 2 if quick else 10),
        _perceptron("20,000 images, 784-256-128-10", large, [784, 256, 128, 10], 4 if quick else 16, 1, 1),
        Case(
            "2,000 images of 28 × 28, small cnn",
            small,
            "cnn",
            {"channels": 8, "blocks": 2, "dropout": 0.0},
            lambda _: rivals.convolutional(8, 28, 10),
            6.0 * (9 * 8 * 784 + 9 * 8 * 16 * 196 + 784 * 10),
            2 if quick else 16,
            1,
            1,
            side=28,
        ),
        Case(
            "digits, 8 × 8, small cnn",
            digits,
            "cnn",
            {"channels": 8, "blocks": 2, "dropout": 0.0},
            lambda _: rivals.convolutional(8, 8, 10),
            6.0 * (9 * 8 * 64 + 9 * 8 * 16 * 16 + 64 * 10),
            4 if quick else 64,
            2,
            2 if quick else 10,
            side=8,
        ),
        Case(
            "digits, a module of one's own",
            digits,
            "benchmarks.training_parts.rivals:own_network",
            {},
            rivals.own_network,
            6.0 * (64 * 128 + 128 * 64 + 64 * 10),
            4 if quick else 64,
            2,
            2 if quick else 10,
        ),
    ]


def _perceptron(name: str, rows_of: rows.Table, sizes: list[int], configs: int, some: int, epochs: int) -> Case:
    shape = {"width": sizes[1], "taper": sizes[2] / sizes[1], "depth": 2}
    operations = 6.0 * sum(before * after for before, after in pairwise(sizes))
    return Case(name, rows_of, "mlp", shape, lambda c: rivals.perceptron(sizes, c), operations, configs, some, epochs)


def configs_of(count: int) -> list[dict[str, Any]]:
    """Hyperparameters that may differ within a stack."""
    draw = np.random.default_rng(1)
    return [
        {
            "learning_rate": float(10 ** draw.uniform(-4, -2)),
            "weight_decay": float(10 ** draw.uniform(-4, -1)),
            "dropout": float(draw.uniform(0.05, 0.5)),
            "label_smoothing": float(draw.uniform(0, 0.1)),
            "batch_size": 32,
        }
        for _ in range(count)
    ]


def stacked(runs: Sequence[Training]) -> str:
    """Train runs by holdfast; by which path."""
    rows_of = [Row(run) for run in runs]
    advance_together(rows_of)
    choice = rows_of[0].choice
    return "" if choice is None else f"{choice.path} of {choice.size}"


def _ways(case: Case, paths: list[str]) -> dict[str, Callable[[], float]]:
    """Seconds for each configuration, by each way; ``paths`` keeps what holdfast chose, round by round."""
    configs = configs_of(case.configs)
    X, y = torch.from_numpy(case.table[0]), torch.from_numpy(case.table[1])
    shaped = X if case.side is None else X.reshape(-1, 1, case.side, case.side)

    def rival(loop: rivals.Loop) -> float:
        jobs = [rivals.Job(case.network(config), config, shaped, y, case.epochs) for config in configs[: case.rivals]]
        return seconds_of(lambda: [loop(job) for job in jobs]) / len(jobs)

    def ours() -> float:
        def run() -> None:
            made = [
                rows.start(case.family, case.config(config), case.table, seed, epochs=case.epochs, side=case.side)
                for seed, config in enumerate(configs)
            ]
            paths.append(stacked(made))

        return seconds_of(run) / len(configs)

    return {"(a)": lambda: rival(rivals.tutorial), "(b)": lambda: rival(rivals.tuned), "holdfast": ours}


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    found = []
    for case in cases(options.quick):
        peak = gemm_peak()
        paths: list[str] = []
        times = take_turns(_ways(case, paths), 2 if options.quick else 7)
        passes = case.epochs * (len(case.table[0]) // 32) * 32
        shares = [f"{passes * case.operations / median(times[way]) / peak:.0%}" for way in times]
        steps = case.epochs * (len(case.table[0]) // 32)
        micro = [f"{median(times[way]) / steps * 1e6:,.0f}" for way in times]
        found.append(
            [
                case.name,
                *micro,
                ratio(times["(a)"], times["holdfast"]),
                ratio(times["(b)"], times["holdfast"]),
                *shares,
                " → ".join(dict.fromkeys(paths)),
            ]
        )
    print("Configurations of one shape: microseconds for a step of one configuration, batches of 32\n")
    head = ["", "(a)", "(b)", "holdfast", "(a) to holdfast", "(b) to holdfast", "peak (a)", "(b)", "holdfast", "path"]
    table(head, found)
    print("Rehearsals and compiling count in the round that they fall in.\n")
