from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from holdfast.errors import RequestError
from holdfast.train.losses import WeightedCrossEntropy, balanced_weights
from holdfast.train.mlp import MLP, MLP_NETWORK
from holdfast.train.networks import start_training
from holdfast.train.task import Task

Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]

OUTPUTS = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 0.0], [0.3, 0.2, 0.1], [2.0, 1.0, 0.0]], dtype=torch.float64)
TARGETS = torch.eye(3, dtype=torch.float64)[[0, 0, 0, 2]]


def test_weights_count_each_class_also_in_soft_targets() -> None:
    weights = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
    soft = 0.8 * TARGETS + 0.2 / 3
    expected = -(weights * soft * OUTPUTS.log_softmax(dim=1)).sum() / 4
    torch.testing.assert_close(WeightedCrossEntropy(weights)(OUTPUTS, soft), expected)


def test_balanced_weights_give_every_class_the_same_total() -> None:
    targets = torch.eye(3)[[0, 0, 0, 1, 2, 2]]
    weights = balanced_weights(targets)
    torch.testing.assert_close(targets.sum(dim=0) * weights, torch.full((3,), 2.0))


def test_a_rare_class_is_found_when_classes_are_balanced(make_table: MakeTable, make_task: MakeTask) -> None:
    X, _ = make_table("binary", n=600)
    y = (X[:, 0] + np.random.default_rng(0).normal(size=600) > 2.2).astype(int)
    found = {}
    for weights in ("none", "balanced"):
        run = start_training(MLP_NETWORK, {"class_weights": weights}, make_task("binary"), X, y, seed=0)
        run.advance(10)
        found[weights] = run.predict(X)[y == 1].mean()
    assert found["balanced"] > found["none"] + 0.2


def test_a_regression_has_no_classes_to_weigh(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("regression")
    with pytest.raises(RequestError, match="a regression has no classes"):
        start_training(MLP_NETWORK, {"class_weights": "balanced"}, make_task("regression"), X, y, seed=0)
    with pytest.raises(RequestError, match="a regression has no classes"):
        MLP.build({"class_weights": "balanced"}, make_task("regression"), seed=0)
