from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from holdfast.errors import RequestError
from holdfast.train.learner import Learner
from holdfast.train.losses import cross_entropy
from holdfast.train.models.layers import seed_dropout
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.settings import Settings

X = torch.linspace(-2.0, 2.0, 33, dtype=torch.float64).reshape(11, 3).sin()
T = torch.nn.functional.one_hot(torch.arange(11) % 2, 2).double()


def learner(**values: Any) -> Learner:
    shape = MLPArchitecture(3, 2, depth=1, width=5, dropout=0.0)
    network = shape.build(torch.Generator().manual_seed(0)).double()
    return Learner(network, Settings(**values), cross_entropy)


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


class Short(torch.nn.Module):
    """A network for which memory is short: more rows than ``most`` at a time fail as torch fails."""

    def __init__(self, inner: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        if len(x) > self.most and self.training:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return out


def short_learner(most: int, **shape: Any) -> Learner:
    made = MLPArchitecture(3, 2, depth=2, width=8, **shape)
    network = Short(made.build(torch.Generator().manual_seed(0)).double(), most)
    seed_dropout(network, 7)
    return Learner(network, Settings(), cross_entropy)


def test_where_memory_is_short_the_step_is_that_of_the_whole_batch() -> None:
    """Dropout of half of the units included: a batch that is taken anew has the same masks."""
    whole, short = short_learner(99, dropout=0.5), short_learner(4, dropout=0.5)
    for step in range(1, 6):
        for subject in (whole, short):
            subject.learn(X[:8], T[:8], step, 0.05)
    assert (whole.parts, short.parts) == (1, 2)
    torch.testing.assert_close(whole.parameters.values, short.parameters.values, rtol=1e-11, atol=1e-13)
    assert whole.notes == []
    assert short.notes == ["memory was short, so the gradient of a batch was taken in 2 parts and summed"]


def test_batch_norm_has_two_rows_in_a_part_and_the_note_says_so() -> None:
    short = short_learner(3, batch_norm=True)
    short.learn(X, T, 1, 0.05)
    assert short.parts == 4
    assert short.notes[0].endswith("taken in 4 parts and summed; batch norm takes the means of a part")
    with pytest.raises(RequestError, match="of two rows needs more memory than there is"):
        short_learner(1, batch_norm=True).learn(X, T, 1, 0.05)


def test_one_row_that_does_not_fit_is_one_sentence_and_other_errors_are_theirs() -> None:
    with pytest.raises(RequestError, match="the gradient of one row needs more memory than there is"):
        short_learner(0).learn(X, T, 1, 0.05)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        learner().learn(X[:, :2], T, 1, 0.05)
