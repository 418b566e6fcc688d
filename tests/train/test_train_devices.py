from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from holdfast.errors import RequestError
from holdfast.records import Config
from holdfast.train.devices import device_of
from holdfast.train.mlp import MLP, MLP_NETWORK
from holdfast.train.networks import resume_training, start_training
from holdfast.train.settings import Settings
from holdfast.train.task import Task


def test_cuda_that_is_absent_and_mixed_precision_without_it_are_refused(
    monkeypatch: pytest.MonkeyPatch, make_task: Callable[..., Task]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RequestError, match="torch finds no CUDA device here; take 'cpu', or 'auto'"):
        device_of(Settings(device="cuda"))
    with pytest.raises(RequestError, match="torch finds no CUDA device here; take 'cpu', or 'auto'"):
        MLP.build({"device": "cuda"}, make_task("binary"), seed=0)
    with pytest.raises(RequestError, match="'amp', mixed precision, which is for CUDA, and torch finds no"):
        MLP.build({"precision": "amp"}, make_task("binary"), seed=0)
    assert device_of(Settings(device="auto")).type == "cpu"


def test_mixed_precision_is_not_for_the_cpu_of_a_machine_with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(RequestError, match="take 'float32', or the device 'cuda'"):
        device_of(Settings(precision="amp"))
    assert device_of(Settings(precision="amp", device="auto")).type == "cuda"


def test_automatic_takes_cuda_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of(Settings(device="auto")).type == "cuda"
    assert device_of(Settings()).type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
def test_a_run_on_cuda_is_that_on_the_cpu_to_rounding_and_is_resumed_to_the_bit(
    make_table: Callable[..., tuple[np.ndarray, np.ndarray]], make_task: Callable[..., Task]
) -> None:
    X, y = make_table("multiclass")
    task, scores = make_task("multiclass"), {}
    for device, precision in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "amp")):
        config: Config = {"device": device, "precision": precision, "dropout": 0.0, "augmentation": "mixup", "ema": 0.9}
        run = start_training(MLP_NETWORK, config, task, X, y, seed=0, judged=(X, y))
        run.advance(3)
        again = resume_training(MLP_NETWORK, run.checkpoint(), X, y, (X, y))
        for each in (run, again):
            each.advance(5)
        assert run.checkpoint() == again.checkpoint()
        scores[device, precision] = run.trained().scores(X)
    np.testing.assert_allclose(scores["cuda", "float32"], scores["cpu", "float32"], atol=2e-3)
    np.testing.assert_allclose(scores["cuda", "amp"], scores["cpu", "float32"], atol=0.2)
