"""Stacks of up to thousands of networks on a GPU, beside loops that train them there one after another."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

import torch
from benchmarks.training_parts import rivals, rows, shape
from benchmarks.training_parts.rounds import table
from torch import nn

from holdfast.train.failures import Diverged
from holdfast.train.stacked.stack import Row
from holdfast.train.stacked.together import advance_together

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
BATCH = 32
RIVALS = 3
"""Configurations that a rival trains one after another."""

EPOCHS = 10


def main(options: argparse.Namespace) -> None:
    """The table of this item."""
    if not torch.cuda.is_available():
        print("No CUDA device is found here; this item is for machines that have one.")
        return
    print(f"{torch.cuda.get_device_name()}; microseconds for a step of one configuration, batches of {BATCH}\n")
    found: list[list[str]] = []
    for case in shape.cases(quick=False):
        if len(case.table[0]) < 2000:
            found += _lines(case, [size for size in SIZES if not options.quick or size <= 64])
    head = ["", "K", "plain loop", "CUDA graphs", "holdfast", "with set-up", "plain to holdfast", "graphs to holdfast"]
    table([*head, "path"], found)


def _lines(case: shape.Case, sizes: Sequence[int]) -> Iterator[list[str]]:
    """One for each number of configurations; the loops take as long for each however many there are."""
    _holdfast(case, 4)  # what is loaded and compiled once
    plain, graphs = (_seconds_of_rival(case, loop) for loop in (_plain, _graphs))
    for size in sizes:
        alone, whole, path = _holdfast(case, size)
        micro = [f"{seconds * 1e6:,.1f}" for seconds in (plain, graphs, alone, whole)]
        yield [case.name, f"{size:,}", *micro, f"{plain / alone:.1f}", f"{graphs / alone:.1f}", path]


def _holdfast(case: shape.Case, size: int) -> tuple[float, float, str]:
    """Seconds for a step of one network, without and with making the networks, and the path that was taken."""
    configs = shape.configs_of(size)
    torch.cuda.synchronize()
    began = time.perf_counter()
    runs = [
        rows.start(
            case.family, {**case.config(config), "device": "cuda"}, case.table, seed, epochs=EPOCHS, side=case.side
        )
        for seed, config in enumerate(configs)
    ]
    torch.cuda.synchronize()
    made = time.perf_counter()
    of_stack = [Row(run) for run in runs]
    advance_together(of_stack)
    torch.cuda.synchronize()
    ended = time.perf_counter()
    if any(isinstance(row.diverged, Diverged) for row in of_stack):
        raise RuntimeError("a configuration of the benchmark diverged")
    steps = EPOCHS * (len(case.table[0]) // BATCH) * size
    choice = of_stack[0].choice
    path = "" if choice is None else f"{choice.path} of {choice.size}"
    return (ended - made) / steps, (ended - began) / steps, path


def _seconds_of_rival(case: shape.Case, loop: Callable[..., None]) -> float:
    """Seconds for a step of one network, the median of some configurations, after one that warms up."""
    X, y = (torch.from_numpy(side).cuda() for side in case.table)
    X = X if case.side is None else X.reshape(-1, 1, case.side, case.side)
    seconds = []
    for config in shape.configs_of(RIVALS + 1):
        torch.cuda.synchronize()
        began = time.perf_counter()
        loop(case.network(config).cuda(), config, X, y)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:]) / (EPOCHS * (len(X) // BATCH))


def _batches(X: torch.Tensor, y: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = torch.randperm(len(X), device=X.device)
    for begin in range(0, len(order) - BATCH + 1, BATCH):
        rows_of = order[begin : begin + BATCH]
        yield X[rows_of], y[rows_of]


def _plain(network: nn.Module, config: dict[str, Any], X: torch.Tensor, y: torch.Tensor) -> None:
    """The loop with its rows on the device, a fused optimiser, and no number read back."""
    optimizer = rivals.make_optimizer(network, config, fused=True)
    function = nn.CrossEntropyLoss(label_smoothing=config["label_smoothing"])
    for _ in range(EPOCHS):
        for features, targets in _batches(X, y):
            optimizer.zero_grad()
            function(network(features), targets).backward()
            optimizer.step()


def _graphs(network: nn.Module, config: dict[str, Any], X: torch.Tensor, y: torch.Tensor) -> None:
    """The same with a step that is recorded as a graph, and replayed on rows that are copied to where it looks."""
    rate, decay = config["learning_rate"], config["weight_decay"]
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=True, capturable=True)
    function = nn.CrossEntropyLoss(label_smoothing=config["label_smoothing"])
    features, targets = X[:BATCH].clone(), y[:BATCH].clone()

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        function(network(features), targets).backward()
        optimizer.step()

    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    for _ in range(EPOCHS):
        for some, classes in _batches(X, y):
            features.copy_(some)
            targets.copy_(classes)
            graph.replay()
