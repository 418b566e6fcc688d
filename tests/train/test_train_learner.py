from __future__ import annotations

import math

import pytest
import torch

from holdfast.train.learner import Learner
from holdfast.train.losses import cross_entropy
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.settings import Settings

X = torch.linspace(-2.0, 2.0, 33, dtype=torch.float64).reshape(11, 3).sin()
T = torch.nn.functional.one_hot(torch.arange(11) % 2, 2).double()


def learner(**values: object) -> Learner:
    shape = MLPArchitecture(3, 2, depth=1, width=5, dropout=0.0)
    network = shape.build(torch.Generator().manual_seed(0)).double()
    return Learner(network, Settings(**values), cross_entropy)  # type: ignore[arg-type]


def steps(subject: Learner, count: int = 5) -> list[float]:
    return [subject.learn(X, T, step, 0.05)[0] for step in range(1, count + 1)]


@pytest.mark.parametrize("parts", [2, 3, 4, 11, 50])
def test_a_batch_in_parts_is_the_batch(parts: int) -> None:
    """Parts of unequal sizes among them, and no more parts than rows."""
    whole, parted = learner(), learner(accumulation=parts)
    assert steps(whole) == pytest.approx(steps(parted), abs=1e-13)
    torch.testing.assert_close(whole.parameters.values, parted.parameters.values, rtol=1e-11, atol=1e-13)


def test_the_average_of_weights_follows_them() -> None:
    """Against the sum that defines it, with a memory that grows to 0.5 and stays there."""
    subject = learner(ema=0.5)
    expected = subject.parameters.values.clone()
    for step in range(1, 20):
        subject.learn(X, T, step, 0.05)
        memory = min(0.5, (1 + step) / (10 + step))
        expected = memory * expected + (1 - memory) * subject.parameters.values
    torch.testing.assert_close(subject.predicting, expected, rtol=1e-12, atol=1e-14)
    assert not torch.equal(subject.predicting, subject.parameters.values)
    assert learner().predicting.data_ptr() != subject.predicting.data_ptr()


def test_a_batch_that_is_no_number_changes_nothing() -> None:
    subject = learner()
    before = subject.parameters.values.clone()
    loss, _ = subject.learn(X * torch.nan, T, 1, 0.05)
    assert math.isnan(loss)
    assert torch.equal(subject.parameters.values, before)
    assert not any(tensor.any() for tensor in subject.state.values())
