from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from holdfast.train.models.layers import Dropout, seed_dropout
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.optimisers import (
    FlatParameters,
    Rule,
    clip_gradients,
    flatten_parameters,
    new_state,
    shrink,
    update,
)
from holdfast.train.settings import Settings


def small_network() -> torch.nn.Module:
    shape = MLPArchitecture(3, 2, depth=2, width=5, dropout=0.0)
    return shape.build(torch.Generator().manual_seed(0)).double()


def gradients(network: torch.nn.Module, X: torch.Tensor) -> None:
    torch.autograd.backward(network(X).square().sum())


def reference(rule: Rule, network: torch.nn.Module, rate: float) -> torch.optim.Optimizer:
    """The same by torch, which decays all parameters of a group."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim == 1]
    decay = float(rule.weight_decay)
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    betas = (float(rule.beta1), float(rule.beta2))
    if rule.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=float(rule.momentum), nesterov=rule.nesterov)
    if rule.coupled:
        return torch.optim.Adam(groups, lr=rate, betas=betas)
    return torch.optim.AdamW(groups, lr=rate, betas=betas)


RULES = {
    "sgd without momentum": Rule("sgd", 0.1, coupled=True, momentum=0.0, nesterov=False),
    "sgd with momentum": Rule("sgd", 0.1, coupled=True, momentum=0.8, nesterov=False),
    "sgd with Nesterov's": Rule("sgd", 0.1, coupled=True, momentum=0.8, nesterov=True),
    "adam": Rule("adam", 0.1, coupled=True, beta1=0.8, beta2=0.95),
    "adamw": Rule("adamw", 0.1, beta1=0.8, beta2=0.95),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_flat_step_is_the_step_of_torch(rule: Rule) -> None:
    ours, theirs = small_network(), small_network()
    flat = flatten_parameters(ours)
    state, optimizer = new_state(rule, flat.values), reference(rule, theirs, 0.03)
    X = torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).reshape(4, 3)
    for count in range(1, 11):
        flat.gradients.zero_()
        gradients(ours, X)
        with torch.no_grad():
            update(rule, flat, state, count, 0.03)
        optimizer.zero_grad()
        gradients(theirs, X)
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("rule", [*RULES.values(), Rule("sgd", 0.2, l1=0.3)], ids=[*RULES.keys(), "l1"])
def test_a_stack_takes_the_steps_of_its_rows(rule: Rule) -> None:
    """Three runs with hyperparameters of their own, updated together and one by one."""
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(3, 7, generator=draw, dtype=torch.float64)
    slopes = torch.randn(6, 3, 7, generator=draw, dtype=torch.float64)
    decay = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    factor = torch.tensor([[0.5], [1.0], [0.9]], dtype=torch.float64)
    names = ("weight_decay", "l1", "momentum", "beta1", "beta2")
    many = replace(rule, **{name: getattr(rule, name) * factor for name in names})
    stack = FlatParameters(start.clone(), torch.zeros_like(start), decay)
    state = new_state(rule, stack.values)
    rows = [FlatParameters(row.clone(), torch.zeros_like(row), decay) for row in start]
    states = [new_state(rule, row.values) for row in rows]
    for count, slope in enumerate(slopes, start=1):
        stack.gradients.copy_(slope)
        update(many, stack, state, count, 0.1 * factor)
        for k, row in enumerate(rows):
            row.gradients.copy_(slope[k])
            one = replace(rule, **{name: getattr(rule, name) * factor[k].item() for name in names})
            update(one, row, states[k], count, 0.1 * factor[k].item())
    torch.testing.assert_close(stack.values, torch.stack([row.values for row in rows]), rtol=1e-12, atol=1e-14)


def test_weight_decay_shrinks_matrices_and_leaves_biases() -> None:
    network = small_network()
    flat = flatten_parameters(network)
    with torch.no_grad():
        flat.values.fill_(1.0)
        update(Rule("sgd", 0.5, momentum=0.0), flat, new_state(Rule("sgd"), flat.values), 1, 0.1)
    for parameter in network.parameters():
        expected = 0.95 if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter, torch.full_like(parameter, expected))


def test_weight_decay_is_coupled_for_adam_alone_unless_one_says_so() -> None:
    assert Settings(optimizer="adam").coupled
    assert not Settings(optimizer="adamw").coupled
    assert not Settings(optimizer="sgd").coupled
    assert Settings(optimizer="sgd", decay="coupled").coupled
    assert not Settings(optimizer="adam", decay="decoupled").coupled


def test_an_l1_penalty_finds_the_sparse_solution() -> None:
    """The least of (x - a)^2 / 2 + 0.5 |x| is a drawn towards zero by 0.5, or zero; without decay it is a."""
    target = torch.tensor([2.0, 0.3, -0.4, -3.0, 0.3], dtype=torch.float64)
    flat = FlatParameters(torch.ones(5, dtype=torch.float64), torch.zeros(5), torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]))
    state = new_state(Rule("sgd"), flat.values)
    for count in range(1, 400):
        flat.gradients.copy_(flat.values - target)
        update(Rule("sgd", l1=0.5, momentum=0.5), flat, state, count, 0.1)
    torch.testing.assert_close(flat.values, torch.tensor([1.5, 0.0, 0.0, -2.5, 0.3], dtype=torch.float64))
    assert flat.values.count_nonzero() == 3


def test_shrinking_stops_at_zero() -> None:
    values = torch.tensor([2.0, -0.2, 0.1, -5.0])
    shrink(values, torch.tensor([0.5, 0.5, 0.1, 0.0]))
    assert values.tolist() == [1.5, 0.0, 0.0, -5.0]


def test_long_gradients_are_shortened_and_short_ones_left() -> None:
    slope = torch.tensor([3.0, 4.0])
    assert clip_gradients(slope, 0.0) == pytest.approx(5.0)
    assert clip_gradients(slope, 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(slope, torch.tensor([0.6, 0.8]))
    assert clip_gradients(slope, 1.0) == pytest.approx(1.0)
    torch.testing.assert_close(slope, torch.tensor([0.6, 0.8]))


def test_each_row_of_a_stack_has_a_bound_of_its_own() -> None:
    slopes = torch.tensor([[3.0, 4.0], [3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    norms = clip_gradients(slopes, torch.tensor([[1.0], [0.0], [10.0], [1.0]]))
    torch.testing.assert_close(norms, torch.tensor([[5.0], [5.0], [5.0], [0.0]]))
    torch.testing.assert_close(slopes, torch.tensor([[0.6, 0.8], [3.0, 4.0], [3.0, 4.0], [0.0, 0.0]]))


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
