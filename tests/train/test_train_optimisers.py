from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from holdfast.train.models.layers import Dropout, seed_dropout
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.optimisers import (
    FlatParameters,
    clip_gradients,
    flatten_parameters,
    new_state,
    step_function,
)
from holdfast.train.settings import Optimizer


def small_network() -> torch.nn.Module:
    return MLPArchitecture(3, 2, depth=2, width=5, dropout=0.0).build(torch.Generator().manual_seed(0))


def gradients(network: torch.nn.Module, X: torch.Tensor) -> None:
    torch.autograd.backward(network(X).square().sum())


REFERENCES: dict[Optimizer, Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]] = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.0),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_flat_step_is_the_step_of_torch(name: Optimizer) -> None:
    ours, theirs = small_network(), small_network()
    flat = flatten_parameters(ours)
    state, step = new_state(name, flat), step_function(name, weight_decay=0.0, momentum=0.9)
    reference = REFERENCES[name](list(theirs.parameters()))
    X = torch.linspace(-1.0, 1.0, 12).reshape(4, 3)
    for count in range(1, 6):
        flat.gradients.zero_()
        gradients(ours, X)
        step(flat, state, count, 0.01)
        reference.zero_grad()
        gradients(theirs, X)
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_weight_decay_shrinks_matrices_and_leaves_biases() -> None:
    network = small_network()
    flat = flatten_parameters(network)
    with torch.no_grad():
        flat.values.fill_(1.0)
    step_function("sgd", weight_decay=0.5, momentum=0.0)(flat, new_state("sgd", flat), 1, 0.1)
    for parameter in network.parameters():
        expected = 0.95 if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter, torch.full_like(parameter, expected))


def test_long_gradients_are_shortened_and_short_ones_left() -> None:
    flat = FlatParameters(torch.zeros(2), torch.tensor([3.0, 4.0]), torch.ones(2))
    assert clip_gradients(flat) == pytest.approx(5.0)
    torch.testing.assert_close(flat.gradients, torch.tensor([0.6, 0.8]))
    assert clip_gradients(flat) == pytest.approx(1.0)
    torch.testing.assert_close(flat.gradients, torch.tensor([0.6, 0.8]))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_falls_evenly_on_all_entries(rate: float) -> None:
    layer = Dropout(rate)
    seed_dropout(layer, 0)
    dropped = torch.stack([layer(torch.ones(11)) == 0 for _ in range(20_000)]).double().mean(dim=0)
    assert torch.allclose(dropped, torch.full_like(dropped, rate), atol=0.02)


def test_dropout_repeats_its_masks_and_keeps_the_mean() -> None:
    layer = Dropout(0.25)
    x = torch.ones(200, 200)
    seed_dropout(layer, 5)
    first = layer(x)
    seed_dropout(layer, 5)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, layer(x))
    assert float(first.mean()) == pytest.approx(1.0, abs=0.02)
    assert float((first == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    layer.eval()
    assert torch.equal(layer(x), x)
