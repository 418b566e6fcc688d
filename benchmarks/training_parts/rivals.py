"""Two loops that networks are usually trained by, one configuration after another. They know nothing of holdfast.

`tutorial` is what tutorials of PyTorch and Optuna do: a `DataLoader`, the optimiser as it comes, `loss.item()` at every
step. `tuned` is the same with `fused=True`, batches by index and no `item()`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU, "sigmoid": nn.Sigmoid}

Loop = Callable[["Job"], nn.Module]


@dataclass(frozen=True)
class Job:
    """One configuration: its network, its rows (n, ...) and classes (n,), and how long it trains.

    ``watched`` rows, where there are any, are looked at after every epoch, and the best weights are kept.
    """

    network: nn.Module
    config: Mapping[str, Any]
    X: torch.Tensor
    y: torch.Tensor
    epochs: int
    watched: tuple[torch.Tensor, torch.Tensor] | None = None
    patience: int | None = None
    optimizer: torch.optim.Optimizer | None = None


def perceptron(sizes: list[int], config: Mapping[str, Any]) -> nn.Module:
    """A multilayer perceptron of these sizes, inputs and outputs among them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        if config.get("layer_norm"):
            layers.append(nn.LayerNorm(outputs))
        layers.append(ACTIVATIONS[config.get("activation", "relu")]())
        if config.get("dropout"):
            layers.append(nn.Dropout(config["dropout"]))
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def convolutional(channels: int, side: int, classes: int) -> nn.Module:
    """Two blocks of a 3 × 3 convolution, batch norm, relu and halving, and a linear layer, on images of one colour."""
    blocks: list[nn.Module] = []
    for before, after in ((1, channels), (channels, 2 * channels)):
        blocks += [
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(2 * channels * (side // 4) ** 2, classes))


def own_network(_config: Mapping[str, Any] | None = None) -> nn.Module:
    """A module of somebody's own for digits, 64-128-64-10, with layers that holdfast has no steps for."""
    return nn.Sequential(
        nn.Linear(64, 128),
        nn.BatchNorm1d(128),
        nn.LeakyReLU(),
        nn.Dropout(0.1),
        nn.Linear(128, 64),
        nn.LayerNorm(64),
        nn.LeakyReLU(),
        nn.Linear(64, 10),
    )


def tutorial(job: Job) -> nn.Module:
    """As a tutorial does it."""
    rows = torch.utils.data.TensorDataset(job.X, job.y)
    size = min(int(job.config["batch_size"]), len(job.X))
    loader = torch.utils.data.DataLoader(rows, batch_size=size, shuffle=True, drop_last=True)
    return _train(job, lambda: iter(loader), fused=False, watch_losses=True)


def tuned(job: Job) -> nn.Module:
    """As somebody does it who has looked at a profile."""
    size = min(int(job.config["batch_size"]), len(job.X))

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(job.X))
        for begin in range(0, len(order) - size + 1, size):
            rows = order[begin : begin + size]
            yield job.X[rows], job.y[rows]

    return _train(job, batches, fused=True, watch_losses=False)


LOOPS: dict[str, Loop] = {"tutorial": tutorial, "tuned": tuned}


def _train(
    job: Job, batches: Callable[[], Iterator[tuple[torch.Tensor, torch.Tensor]]], *, fused: bool, watch_losses: bool
) -> nn.Module:
    config, network = job.config, job.network
    optimizer = job.optimizer or make_optimizer(network, config, fused=fused)
    function = nn.CrossEntropyLoss(label_smoothing=config.get("label_smoothing", 0.0))
    best, best_loss, best_epoch = None, math.inf, 0
    for epoch in range(1, job.epochs + 1):
        network.train()
        total = 0.0
        for X, y in batches():
            optimizer.zero_grad()
            loss = function(network(X), y)
            loss.backward()
            optimizer.step()
            if watch_losses:
                total += loss.item()
        if job.watched is not None:
            network.eval()
            with torch.no_grad():
                value = function(network(job.watched[0]), job.watched[1]).item()
            if value < best_loss:
                best_loss, best_epoch = value, epoch
                best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            if job.patience is not None and epoch - best_epoch >= job.patience:
                break
    if best is not None:
        network.load_state_dict(best)
    return network


def make_optimizer(network: nn.Module, config: Mapping[str, Any], *, fused: bool) -> torch.optim.Optimizer:
    """The optimiser that a config names."""
    rate, decay = config["learning_rate"], config.get("weight_decay", 0.01)
    if config.get("optimizer", "adamw") == "sgd":
        momentum = config.get("momentum", 0.9)
        return torch.optim.SGD(
            network.parameters(), rate, momentum, weight_decay=decay, nesterov=momentum > 0, fused=fused
        )
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay, fused=fused)


def accuracy(network: nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """The part of rows whose class is right."""
    network.eval()
    with torch.no_grad():
        return float((network(X).argmax(1) == y).float().mean())
