from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.architectures import Architecture
from holdfast.train.checkpoint import unpack
from holdfast.train.mlp import MLP_NETWORK
from holdfast.train.models import architecture_from_json, architecture_named, architecture_to_json
from holdfast.train.models.mlp import MLPArchitecture
from holdfast.train.networks import resume_training, start_training
from holdfast.train.task import Task
from holdfast.train.trained import TrainedNetwork

HERE = Path(__file__).parent
Table = tuple[np.ndarray, np.ndarray]
MakeTable = Callable[..., Table]
MakeTask = Callable[..., Task]


def test_an_architecture_goes_to_json_and_back() -> None:
    shape = MLPArchitecture(3, 2, depth=1, activation="gelu")
    assert isinstance(shape, Architecture)
    assert architecture_from_json(architecture_to_json(shape)) == shape
    assert architecture_named("mlp") is MLPArchitecture


def test_an_unknown_kind_or_field_is_refused() -> None:
    with pytest.raises(RequestError, match="of the kind 'perceptron'"):
        architecture_from_json({"kind": "perceptron", "inputs": 3})
    with pytest.raises(RequestError, match="has 'wings'"):
        architecture_from_json({"kind": "mlp", "inputs": 3, "outputs": 2, "wings": 2})


def test_a_network_draws_from_its_generator_alone() -> None:
    shape = MLPArchitecture(3, 2)
    built = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        built.append(shape.build(torch.Generator().manual_seed(5)).state_dict())
    assert all(torch.equal(tensor, built[1][name]) for name, tensor in built[0].items())


def test_a_network_of_the_first_format_predicts_as_it_did(make_table: MakeTable) -> None:
    """Written by the first format: 6 inputs, one layer of 4, two classes, trained for two epochs."""
    network = TrainedNetwork.from_bytes((HERE / "network_format1.safetensors").read_bytes())
    X, _ = make_table("binary", n=60)
    assert network.architecture == MLPArchitecture(6, 2, depth=1, width=4, dropout=0.1)
    assert TrainedNetwork.from_bytes(network.to_bytes()).architecture == network.architecture
    np.testing.assert_allclose(network.scores(X)[0], [1.789778, -1.723669], rtol=1e-5)


def test_a_checkpoint_from_before_there_were_families_goes_on(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("binary", n=60)
    resumed = resume_training(MLP_NETWORK, (HERE / "checkpoint_first.safetensors").read_bytes(), X, y)
    straight = start_training(MLP_NETWORK, {"depth": 1, "width": 4}, make_task("binary", n=60), X, y, seed=0)
    straight.advance(4)
    resumed.advance(4)
    ours, theirs = (unpack(run.checkpoint())[0] for run in (straight, resumed))
    for name, tensor in ours.items():  # the file was written on another machine, which rounds sums otherwise
        torch.testing.assert_close(theirs[name], tensor, rtol=1e-5, atol=1e-6)


def test_in_float64_a_run_is_the_same_to_rounding(make_table: MakeTable, make_task: MakeTask) -> None:
    X, y = make_table("multiclass")
    scores = []
    for precision in ("float32", "float64"):
        config: Config = {"precision": precision, "width": 16, "augmentation": "mixup"}
        run = start_training(MLP_NETWORK, config, make_task("multiclass"), X, y, seed=0)
        run.advance(3)
        scores.append(run.trained().scores(X))
        assert {tensor.dtype for tensor in run.trained().weights.values()} == {getattr(torch, precision)}
    np.testing.assert_allclose(scores[0], scores[1], atol=2e-4)
    assert np.abs(scores[0] - scores[1]).max() > 0.0
