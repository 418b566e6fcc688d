"""Successive halving, and the brackets of a hyperband in shared stacks, on digits, 64-128-64-10."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from benchmarks.training_parts import rivals, rows
from benchmarks.training_parts.rounds import ratio, seconds_of, table, take_turns
from benchmarks.training_parts.shape import configs_of

from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance_together
from holdfast.train.training import Training

SHAPE = {"width": 128, "taper": 0.5, "depth": 2, "epochs": 81, "patience": 81}
ETA = 3

Bracket = list[tuple[int, int]]
"""Rungs: how many are trained, and up to which epoch."""


def bracket(first: int, epochs: int, last: int) -> Bracket:
    """Rungs from ``first`` configurations at ``epochs`` epochs on, up to ``last`` epochs."""
    rungs = [(first, epochs)]
    while rungs[-1][1] < last:
        rungs.append((max(rungs[-1][0] // ETA, 1), rungs[-1][1] * ETA))
    return rungs


def work(rungs: Bracket) -> int:
    """Epochs of all configurations together."""
    return sum(
        count * (until - before)
        for (count, until), before in zip(rungs, [0, *[until for _, until in rungs]], strict=False)
    )


def run_ours(brackets: Sequence[Bracket]) -> None:
    """All brackets side by side: rungs of all of them share stacks, and survivors resume from their checkpoints."""
    train, _ = rows.digits()
    alive: list[list[bytes | Training]] = []
    seed = 0
    for rungs in brackets:
        configs = configs_of(rungs[0][0])
        alive.append([rows.start("mlp", config | SHAPE, train, seed + i) for i, config in enumerate(configs)])
        seed += len(configs)
    for rung in range(max(map(len, brackets))):
        stack: list[list[Row]] = []
        for runs, rungs in zip(alive, brackets, strict=True):
            if rung < len(rungs):
                stack.append([Row(_run(item, train), rungs[rung][1]) for item in runs[: rungs[rung][0]]])
            else:
                stack.append([])
        advance_together([row for part in stack for row in part])
        alive = [_survivors(part, rungs, rung) for part, rungs in zip(stack, brackets, strict=True)]


def _run(item: bytes | Training, train: rows.Table) -> Training:
    return item if isinstance(item, Training) else Training.resume(rows.kind_of("mlp"), item, *train)


def _survivors(part: list[Row], rungs: Bracket, rung: int) -> list[bytes | Training]:
    if rung + 1 >= len(rungs):
        return []
    ranked = sorted((row for row in part if row.diverged is None), key=lambda row: row.run.progress.best_loss or 0.0)
    return [row.run.checkpoint() for row in ranked[: rungs[rung + 1][0]]]


def run_rival(loop: rivals.Loop, rungs: Bracket) -> None:
    """One configuration after another, rung by rung; networks and optimisers stay in memory."""
    X, y = (torch.from_numpy(part) for part in rows.digits()[0])
    watched = torch.arange(len(X)) % 10 == 0
    configs = configs_of(rungs[0][0])
    networks = [rivals.perceptron([64, 128, 64, 10], config) for config in configs]
    optimizers = [
        rivals.make_optimizer(network, config, fused=loop is rivals.tuned)
        for network, config in zip(networks, configs, strict=True)
    ]
    alive, before = list(range(len(configs))), 0
    for count, until in rungs:
        alive = alive[:count]
        scores = {}
        for index in alive:
            job = rivals.Job(
                networks[index], configs[index], X[~watched], y[~watched], until - before, optimizer=optimizers[index]
            )
            scores[index] = rivals.accuracy(loop(job), X[watched], y[watched])
        alive.sort(key=lambda index: -scores[index])
        before = until


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    top = 9 if options.quick else 81
    one = bracket(top, 1, top)
    hyperband, epochs = [], top
    while epochs >= 1:
        level = len(bracket(1, epochs, top)) - 1
        first = -(-(len(bracket(1, 1, top)) * ETA**level) // (level + 1))
        hyperband.append(bracket(first, epochs, top))
        epochs //= ETA
    ways = {
        "(a)": lambda: seconds_of(lambda: run_rival(rivals.tutorial, one)),
        "(b)": lambda: seconds_of(lambda: run_rival(rivals.tuned, one)),
        "holdfast": lambda: seconds_of(lambda: run_ours([one])),
        "packed": lambda: seconds_of(lambda: run_ours(hyperband)),
    }
    times = take_turns(ways, 1 if options.quick else 3)
    share = sum(map(work, hyperband)) / work(one)
    slow, fast = ([value * share for value in times[way]] for way in ("(a)", "(b)"))
    print(f"Successive halving of {top} configurations, digits, 64-128-64-10\n")
    table(
        ["", "epochs", "(a), seconds", "(b)", "holdfast", "(a) to holdfast", "(b) to holdfast"],
        [
            _line(" → ".join(str(count) for count, _ in one), work(one), times["(a)"], times["(b)"], times["holdfast"]),
            _line(
                f"{len(hyperband)} brackets of a hyperband, packed",
                sum(map(work, hyperband)),
                slow,
                fast,
                times["packed"],
            ),
        ],
    )
    print("For the hyperband the seconds of (a) and (b) are those of the halving, times the epochs.\n")


def _line(name: str, epochs: int, slow: list[float], fast: list[float], ours: list[float]) -> list[str]:
    middle = [f"{sorted(times)[len(times) // 2]:.1f}" for times in (slow, fast, ours)]
    return [name, f"{epochs:,}", *middle, ratio(slow, ours), ratio(fast, ours)]
