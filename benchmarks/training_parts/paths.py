"""What a step of one network takes by each path of holdfast's, for networks that have no steps written out."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from statistics import median

import torch
from benchmarks.training_parts import rivals, rows, shape
from benchmarks.training_parts.rounds import seconds_of, table

from holdfast.train.losses import unweighted
from holdfast.train.stacked.chooser import PLAIN
from holdfast.train.stacked.stack import Path, Row, Stack
from holdfast.train.stacked.vmapped import Template, by_compiling, by_vmap
from holdfast.train.training import Training

SIZES = (4, 16, 64)
COMPILED = 16


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    steps = 3 if options.quick else 30
    found = [_line(case, steps) for case in shape.cases(options.quick) if case.family != "mlp"]
    print("Microseconds for a step of one network, batches of 32; the median of some steps of each\n")
    sizes = [f"vmap of {size}" for size in SIZES]
    table(["", "(b)", "plain", *sizes, f"compiled of {COMPILED}", "seconds to compile"], found)


def _line(case: shape.Case, steps: int) -> list[str]:
    configs = shape.configs_of(max(SIZES))
    runs = [
        rows.start(case.family, case.config(config), case.table, seed, epochs=1, side=case.side)
        for seed, config in enumerate(configs)
    ]
    loss = unweighted(runs[0].loss)
    template = Template.of(runs[0])
    vmap = by_vmap(template, loss)
    times = [_rival(case), _micro(runs[:1], PLAIN, steps)]
    times += [_micro(runs[:size], vmap, steps) for size in SIZES]
    compiled = by_compiling(template, loss, COMPILED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        Stack([Row(run) for run in runs[:COMPILED]], compiled).rehearse(1)
        took = time.perf_counter() - began
        times.append(_micro(runs[:COMPILED], compiled, steps))
    return [case.name, *(f"{value:,.0f}" for value in times), f"{took:.0f}"]


def _micro(runs: Sequence[Training], path: Path, steps: int) -> float:
    seen = Stack([Row(run) for run in runs], path).rehearse(steps + 1)
    return median(seen.seconds[1:]) / len(runs) * 1e6


def _rival(case: shape.Case) -> float:
    X, y = torch.from_numpy(case.table[0]), torch.from_numpy(case.table[1])
    shaped = X if case.side is None else X.reshape(-1, 1, case.side, case.side)
    config = shape.configs_of(1)[0]
    job = rivals.Job(case.network(config), config, shaped[:960], y[:960], 2)
    return min(seconds_of(lambda: rivals.tuned(job)) for _ in range(3)) / 60 * 1e6
